//! Whatever a peer sends, a replica answers with an error or goes on: it never panics, and never reserves what a
//! length claims.
//!
//! `corpus/` holds encoded messages of every kind, recorded from real exchanges; each run replays them, and damages
//! them at random.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ordu_crdt::{Chunk, End, Hlc, Message, Replica, ReplicaId, Run, Scope, SyncConfig, WireOp};
use proptest::prelude::*;

type Node = Replica<String, Vec<u8>>;
type Sent = Message<String, Vec<u8>>;

const PEER: ReplicaId = ReplicaId(2);

/// A replica with some state and a peer in mid-exchange.
fn node() -> Node {
    let mut node = Replica::new(ReplicaId(1), SyncConfig::default());
    node.add_peer(PEER);
    for number in 0..20_u64 {
        let (_, outcome) = node.write(number, |unit| unit.put(format!("key {}", number % 7), vec![1; 9]));
        outcome.unwrap();
        node.write(number, |unit| unit.remove(&"key 3".to_owned()));
    }
    node.sync_with(PEER);
    node
}

/// Hands over a message, and sees that the replica still works.
fn survive(node: &mut Node, message: Sent) {
    // Refused or not: what matters is that this returns.
    let _ = node.handle(PEER, message);
    node.sync_with(PEER);
    while node.poll_message().is_some() {}
    while node.poll_change().is_some() {}
    let siblings: usize = node
        .map()
        .keys()
        .map(|key| node.map().siblings(key).count())
        .sum();
    assert!(siblings <= node.map().retained());
    assert_eq!(node.map().iter().count(), node.map().len());
}

fn corpus() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

#[test]
fn every_message_of_the_corpus_is_still_understood() {
    let corpus = corpus();
    assert!(corpus.len() >= 8);
    let mut node = node();
    for bytes in corpus {
        let message: Sent = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(postcard::to_allocvec(&message).unwrap(), bytes);
        survive(&mut node, message);
    }
}

fn chunk() -> impl Strategy<Value = Sent> {
    let origins = prop::collection::vec((0..6_u128).prop_map(ReplicaId), 0..5);
    let pairs = || prop::collection::vec((0..6_u16, prop_oneof![0..40_u64, any::<u64>()]), 0..5);
    let scope = prop_oneof![
        (0..30_u64).prop_map(|after| Scope::Own { after }),
        (0..4_u64).prop_map(|round| Scope::Missing { round }),
        (0..4_u64).prop_map(|round| Scope::Full { round }),
        Just(Scope::Repair),
    ];
    let op = (
        0..6_u16,
        prop_oneof![0..40_u64, any::<u64>()],
        any::<u64>(),
        pairs(),
        0..8_u8,
        any::<bool>(),
    )
        .prop_map(|(origin, seq, hlc, context, key, is_put)| WireOp {
            origin,
            seq,
            hlc: Hlc(hlc),
            context,
            key: format!("key {key}"),
            value: is_put.then(|| vec![2; 5]),
        });
    let held =
        (0..6_u16, any::<u64>(), any::<u64>()).prop_map(|(origin, first, last)| Run { origin, first, last });
    let end = (pairs(), pairs(), pairs()).prop_map(|(vector, floor, retired)| End {
        vector,
        floor,
        retired,
    });
    let lists = (
        prop::collection::vec(op, 0..8),
        prop::collection::vec(held, 0..4),
        prop::option::of(end),
    );
    ((0..9_u64, 0..4_u64, 0..3_u32), scope, origins, lists).prop_map(
        |((serial, transfer, index), scope, origins, lists)| {
            let (ops, held, end) = lists;
            Message::Chunk(Chunk {
                serial,
                transfer,
                index,
                scope,
                origins,
                ops,
                held,
                end,
            })
        },
    )
}

fn message() -> impl Strategy<Value = Sent> {
    let held = || prop::collection::vec(((0..6_u128).prop_map(ReplicaId), 0..50_u64), 0..6);
    prop_oneof![
        8 => chunk(),
        1 => (0..9_u64, held()).prop_map(|(serial, held)| Message::Ack { serial, held }),
        1 => (0..9_u64, held()).prop_map(|(round, held)| {
            Message::Vector { round, vector: held.into_iter().collect() }
        }),
        1 => (0..9_u64).prop_map(|round| Message::UpToDate { round }),
        1 => (0..9_u64).prop_map(|round| Message::Match { round }),
        1 => prop::collection::vec((0..6_u128).prop_map(ReplicaId), 0..6)
            .prop_map(|origins| Message::Departed { origins }),
        1 => (any::<u64>(), any::<u64>()).prop_map(|(round, fingerprint)| {
            Message::Probe { round, digest: u128::from(round), fingerprint }
        }),
    ]
}

fn budget() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases * 8,
        failure_persistence: None,
        ..default
    }
}

proptest! {
    #![proptest_config(budget())]

    #[test]
    fn any_sequence_of_well_formed_nonsense_is_survived(messages in prop::collection::vec(message(), 1..20)) {
        let mut node = node();
        for message in messages {
            survive(&mut node, message);
        }
    }

    #[test]
    fn damaged_messages_are_survived(
        pick in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let corpus = corpus();
        let mut bytes = pick.get(&corpus).clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(message) = postcard::from_bytes(&bytes) {
            survive(&mut node(), message);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(message) = postcard::from_bytes(&bytes) {
            survive(&mut node(), message);
        }
    }
}

/// Writes the corpus anew, after a change of the protocol: `ORDU_RECORD_CORPUS=1 cargo test -p ordu-crdt record`.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "who runs it says so in the environment; nothing under test reads it"
)]
fn record_the_corpus() {
    if std::env::var_os("ORDU_RECORD_CORPUS").is_none() {
        return;
    }
    let (mut one, mut two) = (
        node(),
        Node::new(
            PEER,
            SyncConfig {
                frame_bytes: 1_400,
                window: 2,
            },
        ),
    );
    let mut kinds = std::collections::BTreeMap::new();
    two.write(1, |unit| unit.put("theirs".into(), vec![3; 9]))
        .1
        .unwrap();
    for round in 0..4 {
        two.add_peer(one.id());
        one.add_peer(PEER);
        one.sync_with(PEER);
        two.sync_with(one.id());
        loop {
            let mut sent = Vec::new();
            while let Some((_, message)) = one.poll_message() {
                sent.push((one.id(), message));
            }
            while let Some((_, message)) = two.poll_message() {
                sent.push((PEER, message));
            }
            if sent.is_empty() {
                break;
            }
            for (from, message) in sent {
                let name = match &message {
                    Message::Chunk(chunk) => format!("chunk {:?}", chunk.scope),
                    other => format!("{other:?}"),
                };
                let name: String = name.chars().take_while(|char| *char != '{').collect();
                kinds.insert((name, round), postcard::to_allocvec(&message).unwrap());
                let to = if from == PEER { &mut one } else { &mut two };
                to.handle(from, message).unwrap();
            }
        }
        if round == 1 {
            one.remove_peer(PEER);
            one.write(50, |unit| unit.remove(&"theirs".to_owned()));
            one.write(51, |unit| unit.put("again".into(), vec![4; 4]))
                .1
                .unwrap();
            two.remove_peer(one.id());
        }
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    for ((name, round), bytes) in kinds {
        let file = format!(
            "{folder}/{}-{round}",
            name.trim().to_lowercase().replace(' ', "-")
        );
        std::fs::write(file, bytes).unwrap();
    }
}
