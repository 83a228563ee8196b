//! Replicas in the middle of things: one that a liar talks to, and an honest one beside it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use ordu_crdt::{Message, Replica, ReplicaId, SyncConfig, SyncError};

pub(crate) type Node = Replica<String, Vec<u8>>;
pub(crate) type Sent = Message<String, Vec<u8>>;

/// The replica that is lied to.
pub(crate) const NODE: ReplicaId = ReplicaId(1);
pub(crate) const LIAR: ReplicaId = ReplicaId(2);
pub(crate) const HONEST: ReplicaId = ReplicaId(3);
/// Comes last, with nothing.
const JOINER: ReplicaId = ReplicaId(0x6a6f_696e);

/// Small frames and few of them on the way, so that there is a middle of a transfer to be in.
pub(crate) const SMALL: SyncConfig = SyncConfig {
    frame_bytes: 1_400,
    window: 2,
    collected_at_once: 1_024,
};

/// A replica in some state, and another that it is honest with.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) node: Node,
    pub(crate) honest: Node,
}

/// Every state in which a message may meet a replica.
pub(crate) static SCENES: LazyLock<Vec<Scene>> =
    LazyLock::new(|| vec![empty(), filled(), collected(), asking(), receiving(), sending()]);

pub(crate) fn put(node: &mut Node, wall_ms: u64, key: impl Into<String>, value: Vec<u8>) {
    node.write(wall_ms, |unit| unit.put(key.into(), value)).1.unwrap();
}

/// Nothing was ever written or said.
fn empty() -> Scene {
    let (mut node, mut honest) = (Node::new(NODE, SMALL), Node::new(HONEST, SMALL));
    for peer in [LIAR, HONEST] {
        node.add_peer(peer);
    }
    honest.add_peer(NODE);
    let name = "empty";
    Scene { name, node, honest }
}

/// Both hold what both wrote: values, siblings, removes that wait for the liar.
fn filled() -> Scene {
    let mut scene = Scene {
        name: "filled",
        ..empty()
    };
    scene.write_and_meet();
    scene
}

/// Everything is known everywhere and compacted; then the liar comes, and lacks what was forgotten.
fn collected() -> Scene {
    let mut scene = empty();
    scene.name = "collected";
    scene.node.remove_peer(LIAR);
    scene.write_and_meet();
    for _ in 0..3 {
        meet(&mut scene.node, &mut scene.honest).unwrap();
    }
    assert!(!scene.node.floor().is_empty());
    scene.node.add_peer(LIAR);
    scene
}

/// The liar is being asked for what is missing.
fn asking() -> Scene {
    let mut scene = Scene {
        name: "asking",
        ..filled()
    };
    scene.node.sync_with(LIAR);
    drain(&mut scene.node);
    scene
}

/// The first part of a transfer from the liar is staged.
fn receiving() -> Scene {
    let mut scene = Scene {
        name: "receiving",
        ..filled()
    };
    let mut liar = large(LIAR);
    liar.add_peer(NODE);
    scene.node.sync_with(LIAR);
    for message in drain(&mut scene.node) {
        liar.handle(NODE, message.1).unwrap();
    }
    let mut chunks = drain(&mut liar).into_iter().map(|(_, message)| message);
    let first = chunks.find(|message| matches!(message, Message::Chunk(chunk) if !chunk.is_last));
    scene.node.handle(LIAR, first.unwrap()).unwrap();
    drain(&mut scene.node);
    assert!(scene.node.is_catching_up());
    scene
}

/// The liar asked, and has given no receipt of what it was sent.
fn sending() -> Scene {
    let mut scene = Scene {
        name: "sending",
        node: large(NODE),
        ..empty()
    };
    scene.node.add_peer(HONEST);
    scene.node.add_peer(LIAR);
    scene.write_and_meet();
    let question = Message::Vector {
        round: 1,
        vector: [(HONEST, 1)].into_iter().collect(),
        rest: 0,
        ranges: Vec::new(),
    };
    scene.node.handle(LIAR, question).unwrap();
    let is_chunk = |(_, message): &(ReplicaId, Sent)| matches!(message, Message::Chunk(_));
    assert_eq!(
        drain(&mut scene.node)
            .iter()
            .filter(|sent| is_chunk(sent))
            .count(),
        2
    );
    scene
}

/// A replica with more than a few frames can hold.
pub(crate) fn large(id: ReplicaId) -> Node {
    let mut node = Node::new(id, SMALL);
    for number in 0..20 {
        put(&mut node, number, format!("large {number}"), vec![7; 300]);
    }
    node
}

/// All that `node` has to say.
pub(crate) fn drain(node: &mut Node) -> Vec<(ReplicaId, Sent)> {
    let messages = std::iter::from_fn(|| node.poll_message()).collect();
    while node.poll_change().is_some() {}
    messages
}

/// Carries what two replicas say to each other until both are quiet. `heard` is told each message.
pub(crate) fn exchange(
    one: &mut Node,
    two: &mut Node,
    mut heard: impl FnMut(ReplicaId, &Sent),
) -> Result<(), SyncError> {
    let (first, second) = (one.id(), two.id());
    for _ in 0..1_000 {
        let from_one = drain(one);
        let from_two = drain(two);
        if from_one.is_empty() && from_two.is_empty() {
            return Ok(());
        }
        for (_, message) in from_one.into_iter().filter(|&(to, _)| to == second) {
            heard(first, &message);
            two.handle(first, message)?;
        }
        for (_, message) in from_two.into_iter().filter(|&(to, _)| to == first) {
            heard(second, &message);
            one.handle(second, message)?;
        }
    }
    panic!("two replicas do not come to rest");
}

fn holds_the_same(one: &Node, two: &Node) -> bool {
    one.digest() == two.digest() && one.map().fingerprint() == two.map().fingerprint()
}

/// Rounds of anti-entropy until both hold the same; a few must be enough.
pub(crate) fn meet(one: &mut Node, two: &mut Node) -> Result<(), SyncError> {
    for _ in 0..8 {
        one.sync_with(two.id());
        two.sync_with(one.id());
        exchange(one, two, |_, _| {})?;
        if holds_the_same(one, two) {
            return Ok(());
        }
    }
    panic!(
        "two replicas do not converge: {:?} {:016x} with {one:?}, and {:?} {:016x} with {two:?}",
        one.vector(),
        one.map().fingerprint(),
        two.vector(),
        two.map().fingerprint()
    );
}

fn siblings(node: &Node) -> BTreeSet<(&String, &Vec<u8>)> {
    let keys = node.map().keys();
    keys.flat_map(|key| node.map().siblings(key).map(move |sibling| (key, sibling.value)))
        .collect()
}

/// Whether two numbers that a replica keeps up to date say what its map holds.
fn assert_adds_up(node: &Node) {
    let map = node.map();
    assert!(map.keys().map(|key| map.siblings(key).count()).sum::<usize>() <= map.retained());
    assert_eq!(map.iter().count(), map.len());
}

impl Scene {
    fn write_and_meet(&mut self) {
        for number in 0..12 {
            put(&mut self.node, number, format!("ours {}", number % 3), vec![1; 9]);
            put(
                &mut self.honest,
                number,
                format!("theirs {}", number % 3),
                vec![2; 9],
            );
        }
        for node in [&mut self.node, &mut self.honest] {
            put(node, 20, "shared", vec![3]);
            put(node, 20, format!("gone {}", node.id().0), vec![4]);
        }
        meet(&mut self.node, &mut self.honest).unwrap();
        put(&mut self.honest, 21, "shared", vec![5]);
        self.node.write(21, |unit| {
            unit.remove(&"gone 1".into());
            unit.remove(&"gone 3".into());
        });
        meet(&mut self.node, &mut self.honest).unwrap();
    }

    /// Hands over what the liar says. An error ends the talk with it, as it would in a node.
    ///
    /// Whatever it was, afterwards the replica adds up, it and the honest one come to hold the same, and what they
    /// wrote is there. A lie that speaks for one of them may have it end with an error, and may have taken what that
    /// one wrote.
    pub(crate) fn lie(&self, lies: impl IntoIterator<Item = Sent>) {
        let Self {
            mut node,
            mut honest,
            name,
        } = self.clone();
        let mut spoken_for = BTreeSet::new();
        for lie in lies {
            spoken_for.extend(named(&lie));
            let outcome = node.handle(LIAR, lie);
            assert_adds_up(&node);
            drain(&mut node);
            if outcome.is_err() {
                node.disconnect(LIAR);
                break;
            }
            node.sync_with(LIAR);
            drain(&mut node);
        }
        put(&mut node, 30, "ours 9", vec![1; 9]);
        put(&mut honest, 30, "theirs 9", vec![2; 9]);
        let refused = |error| match error {
            SyncError::OwnIdElsewhere { held, .. } => spoken_for.contains(&held.origin),
            SyncError::TooManyOrigins { .. } => !spoken_for.is_empty(),
            _ => false,
        };
        if let Err(error) = meet(&mut node, &mut honest) {
            assert!(refused(error), "{name}: an honest peer is refused: {error}");
            return;
        }
        let is_forged = spoken_for.contains(&NODE) || spoken_for.contains(&HONEST);
        // Two operations under one number count as one, as far as replicas can tell.
        assert!(is_forged || siblings(&node) == siblings(&honest), "{name}");
        let written = [(NODE, "ours"), (HONEST, "theirs")];
        for (writer, prefix) in written
            .into_iter()
            .filter(|(writer, _)| !spoken_for.contains(writer))
        {
            let value = &vec![if writer == NODE { 1 } else { 2 }; 9];
            let kept = (0..10).map(|number| format!("{prefix} {number}"));
            let kept = kept.filter(|key| key.ends_with('9') || self.honest.map().contains_key(key));
            for key in kept {
                let is_there = siblings(&honest).contains(&(&key, value));
                assert!(
                    is_there,
                    "{name}: a lie that says nothing of {writer} took {key:?}"
                );
            }
        }
        if spoken_for.is_empty() {
            assert_eq!(honest.audits_failed(), 0, "{name}");
        }

        let mut joiner = Node::new(JOINER, SMALL);
        joiner.add_peer(NODE);
        node.add_peer(JOINER);
        match meet(&mut node, &mut joiner) {
            Ok(()) => assert_eq!(siblings(&node), siblings(&joiner), "{name}"),
            Err(error) => assert!(refused(error), "{name}: a joiner is refused: {error}"),
        }
        assert_adds_up(&joiner);
    }
}

/// Whom a message speaks for: the replicas of which it brings operations.
///
/// Receipts and vectors say only what the liar holds; that may be wrong, but is nobody's loss.
fn named(lie: &Sent) -> Vec<ReplicaId> {
    match lie {
        Message::Chunk(chunk) => chunk.origins.clone(),
        Message::Vector { .. }
        | Message::Ack { .. }
        | Message::Probe { .. }
        | Message::Match { .. }
        | Message::UpToDate { .. } => Vec::new(),
    }
}
