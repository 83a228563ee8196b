//! The corpus: messages of every kind, from real exchanges.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use ordu_crdt::Message;

use crate::scene::{HONEST, LIAR, NODE, Node, SMALL, Sent, exchange, large, put};

const FOLDER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/decoder/__fuzz__/messages/corpus"
);

/// The kinds that must be in it.
const KINDS: [&str; 9] = [
    "ack",
    "chunk-full",
    "chunk-missing",
    "chunk-own",
    "chunk-repair",
    "match",
    "probe",
    "uptodate",
    "vector",
];

/// Every file of the corpus, in the order of their names.
pub(crate) static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut files: Vec<_> = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let files = files.into_iter().map(|file| std::fs::read(file).unwrap());
    files.filter(|bytes| !bytes.is_empty()).collect()
});

fn kind(message: &Sent) -> String {
    let name = match message {
        Message::Chunk(chunk) => format!("chunk {:?}", chunk.scope),
        other => format!("{other:?}"),
    };
    let name: String = name.chars().take_while(|char| *char != '{').collect();
    name.trim().to_lowercase().replace(' ', "-")
}

/// A story in which every kind of message is sent, in the order of the story.
fn story() -> Vec<Sent> {
    let (mut one, mut two) = (large(NODE), Node::new(LIAR, SMALL));
    let mut said = Vec::new();
    // A third that wrote something, was told to both, and is gone.
    let mut gone = Node::new(HONEST, SMALL);
    put(&mut gone, 1, "short-lived", vec![6; 9]);
    put(&mut two, 1, "theirs", vec![3; 9]);
    gone.add_peer(NODE);
    one.add_peer(HONEST);
    let mut meet = |one: &mut Node, two: &mut Node| {
        one.add_peer(two.id());
        two.add_peer(one.id());
        one.sync_with(two.id());
        two.sync_with(one.id());
        exchange(one, two, |_, message| said.push(message.clone())).unwrap();
    };
    meet(&mut one, &mut gone);
    one.remove_peer(HONEST);
    // First contact, a push, and a quiet round.
    meet(&mut one, &mut two);
    put(&mut one, 2, "pushed", vec![5; 9]);
    meet(&mut one, &mut two);
    meet(&mut one, &mut two);
    // Long away: what was removed meanwhile is forgotten.
    one.remove_peer(LIAR);
    two.remove_peer(NODE);
    one.write(50, |unit| unit.remove(&"theirs".to_owned()));
    one.write(50, |unit| unit.remove(&"short-lived".to_owned()));
    put(&mut one, 51, "again", vec![4; 4]);
    one.set_members([], [LIAR]);
    one.collect();
    assert_eq!(one.folded(), 1);
    one.set_members([LIAR], []);
    meet(&mut one, &mut two);
    meet(&mut one, &mut two);
    // A probe that says that the states differ.
    let probe = Message::Probe {
        round: 99,
        digest: one.digest(),
        fingerprint: !one.map().fingerprint(),
    };
    one.handle(LIAR, probe.clone()).unwrap();
    meet(&mut one, &mut two);
    said.push(probe);
    said
}

#[test]
fn every_message_of_the_corpus_is_still_understood() {
    let whole = |bytes: &Vec<u8>| postcard::from_bytes::<Sent>(bytes).ok();
    let kinds: BTreeSet<_> = CORPUS.iter().filter_map(whole).map(|sent| kind(&sent)).collect();
    for expected in KINDS {
        assert!(
            kinds.iter().any(|kind| kind.starts_with(expected)),
            "{expected}: {kinds:?}"
        );
    }
}

/// Writes one message of each kind anew, after a change of the protocol:
/// `ORDU_RECORD_CORPUS=1 cargo test -p ordu-crdt record`.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "who runs it says so in the environment; nothing under test reads it"
)]
fn record_the_corpus() {
    let said = story();
    let mut files = BTreeMap::new();
    let mut count = BTreeMap::<_, usize>::new();
    for message in said {
        let kind = kind(&message);
        let number = count.entry(kind.clone()).or_default();
        *number += 1;
        if *number <= 3 {
            files.insert(
                format!("{kind}-{number}"),
                postcard::to_allocvec(&message).unwrap(),
            );
        }
    }
    for expected in KINDS {
        assert!(
            files.keys().any(|name| name.starts_with(expected)),
            "{expected}: {:?}",
            files.keys()
        );
    }
    if std::env::var_os("ORDU_RECORD_CORPUS").is_some() {
        std::fs::create_dir_all(FOLDER).unwrap();
        for (name, bytes) in files {
            std::fs::write(format!("{FOLDER}/{name}"), bytes).unwrap();
        }
    }
}
