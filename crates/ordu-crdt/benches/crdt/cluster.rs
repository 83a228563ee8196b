//! Replicas that talk in memory.

use std::hint::black_box;

use ordu_crdt::{Message, Replica, ReplicaId, SyncConfig};

pub(crate) type Node = Replica<Box<str>, Box<[u8]>>;

pub(crate) fn node(number: u128) -> Node {
    node_with(number, SyncConfig::default())
}

pub(crate) fn node_with(number: u128, config: SyncConfig) -> Node {
    let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Replica::new(ReplicaId::at_boot(1_700_000_000_000, random), config)
}

/// Puts a payload of so many bytes under the key of that number, and takes the change.
pub(crate) fn put(replica: &mut Node, entry: u64, payload: usize) {
    let key = format!("child-{entry:08}").into_boxed_str();
    let value = vec![7; payload].into_boxed_slice();
    replica
        .write(1_700_000_000_000, |unit| unit.put(key, value))
        .1
        .unwrap();
    while let Some(change) = replica.poll_change() {
        black_box(change);
    }
}

pub(crate) fn connect(one: &mut Node, two: &mut Node) {
    one.add_peer(two.id());
    two.add_peer(one.id());
}

/// What an exchange cost.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    pub(crate) bytes: usize,
    /// Receipts, which nobody waits for, do not count.
    pub(crate) round_trips: usize,
}

/// Carries everything both ways; counts small exchanges as they would be encoded.
pub(crate) fn exchange(one: &mut Node, two: &mut Node) -> Cost {
    let mut cost = Cost::default();
    let (a, b) = (one.id(), two.id());
    loop {
        let mut turns = [false; 2];
        while let Some((_, message)) = two.poll_message() {
            turns[0] |= count(&mut cost, &message);
            one.handle(b, message).unwrap();
        }
        while let Some((_, message)) = one.poll_message() {
            turns[1] |= count(&mut cost, &message);
            two.handle(a, message).unwrap();
        }
        if turns == [false; 2] {
            return cost;
        }
        cost.round_trips += usize::from(turns[1] || turns[0]);
    }
}

fn count(cost: &mut Cost, message: &Message<Box<str>, Box<[u8]>>) -> bool {
    // A large transfer is carried, not measured.
    if cost.bytes < 1 << 20 {
        cost.bytes += postcard::to_allocvec(message).unwrap().len();
    }
    !matches!(message, Message::Ack { .. })
}
