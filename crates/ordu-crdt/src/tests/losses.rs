//! What the library under Horde loses, kept.

use std::{format, string::String, vec::Vec};

use crate::{Replica, ReplicaId, SyncConfig};

type Node = Replica<String, Vec<u8>>;

fn pair(config: SyncConfig) -> (Node, Node) {
    let (a, b) = (ReplicaId(1), ReplicaId(2));
    let (mut one, mut two) = (Replica::new(a, config), Replica::new(b, config));
    one.add_peer(b);
    two.add_peer(a);
    (one, two)
}

/// Carries everything both ways; returns how many messages that took.
fn exchange(one: &mut Node, two: &mut Node) -> usize {
    let (a, b) = (one.id(), two.id());
    let mut messages = 0;
    loop {
        let before = messages;
        while let Some((_, message)) = one.poll_message() {
            two.handle(a, message).unwrap();
            messages += 1;
        }
        while let Some((_, message)) = two.poll_message() {
            one.handle(b, message).unwrap();
            messages += 1;
        }
        if messages == before {
            return messages;
        }
    }
}

/// There: 456 left.
#[test]
fn five_thousand_puts_in_chunks_all_arrive() {
    let (mut one, mut two) = pair(SyncConfig {
        frame_bytes: 4 << 10,
        window: 2,
        collected_at_once: 1_024,
    });
    for number in 0..5_000 {
        one.write(number, |unit| unit.put(format!("key {number}"), b"value".into()))
            .1
            .unwrap();
    }
    one.sync_with(two.id());
    assert!(exchange(&mut one, &mut two) > 50);
    assert_eq!(two.map().len(), 5_000);
    assert_eq!(one.map().fingerprint(), two.map().fingerprint());
}

/// There: 16,944 left, with unlimited messages.
#[test]
fn twenty_thousand_entries_survive_a_shared_key_that_both_overwrite() {
    let (mut one, mut two) = pair(SyncConfig::default());
    one.sync_with(two.id());
    exchange(&mut one, &mut two);
    for number in 0..10_000 {
        for node in [&mut one, &mut two] {
            let key = format!("{:?} {number}", node.id());
            node.write(number, |unit| unit.put(key, b"value".into()))
                .1
                .unwrap();
            node.write(number, |unit| unit.put("shared".into(), b"again".into()))
                .1
                .unwrap();
        }
        if number % 10 == 0 {
            one.sync_with(two.id());
            exchange(&mut one, &mut two);
        }
    }
    one.sync_with(two.id());
    exchange(&mut one, &mut two);
    assert_eq!(one.map().len(), 20_001);
    assert_eq!(two.map().len(), 20_001);
    assert_eq!(one.map().fingerprint(), two.map().fingerprint());
}
