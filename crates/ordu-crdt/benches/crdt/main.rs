//! The figures of the map and its protocol, beside their goals and what others need.
//!
//! `cargo bench -p ordu-crdt`; `cargo xtask bench crdt` collects them. Each figure is a line of JSON, the rest is for
//! people.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a measurement fails by panicking"
)]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock"
)]

mod cluster;

use std::time::Instant;

use cluster::{Node, connect, exchange, node, put};
use counting_allocator::{Counting, live_bytes};
use ordu_crdt::SyncConfig;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PAYLOAD: usize = 300;
const MANY: u64 = 1_000_000;
const SOME: u64 = 50_000;

fn main() {
    println!("{:<34} {:>12} {:>12}  elsewhere", "", "measured", "goal");
    put_and_memory();
    joins();
    small_difference();
    losses();
}

fn report(key: &str, value: f64, goal: f64, elsewhere: &str) {
    println!("{key:<34} {value:>12.1} {goal:>12.0}  {elsewhere}");
    println!(
        "{}",
        serde_json::json!({ "key": key, "value": (value * 10.0).round() / 10.0, "goal": goal })
    );
}

fn filled(number: u128, entries: u64) -> Node {
    let mut replica = node(number);
    for entry in 0..entries {
        put(&mut replica, entry, PAYLOAD);
    }
    replica
}

/// Overwrites of random entries, the payload's allocation and the polling of the change included. The median of
/// short batches: what else runs on the machine is not measured.
fn nanoseconds_a_put(replica: &mut Node, entries: u64) -> f64 {
    const BATCH: u64 = 2_000;
    let mut random = 1_u64;
    let mut batches = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        for _ in 0..BATCH {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            put(replica, (random >> 33) % entries, PAYLOAD);
        }
        batches.push(start.elapsed().as_nanos() as f64 / BATCH as f64);
    }
    batches.sort_by(f64::total_cmp);
    batches[batches.len() / 2]
}

fn put_and_memory() {
    let empty = live_bytes();
    let mut replica = filled(1, SOME);
    let bytes = (live_bytes() - empty) as f64 / SOME as f64;
    let at_some = nanoseconds_a_put(&mut replica, SOME);
    drop(replica);
    report("crdt.put_ns", at_some, 1_000.0, "30,000 to 98,000");
    report("crdt.bytes_per_entry", bytes, 450.0, "1,800 to 6,600");

    let empty = live_bytes();
    let mut replica = filled(1, MANY);
    let bytes = (live_bytes() - empty) as f64 / MANY as f64;
    let at_many = nanoseconds_a_put(&mut replica, MANY);
    report("crdt.put_ns_at_1m", at_many, 2_000.0, "");
    report("crdt.put_growth_50k_to_1m", at_many / at_some, 2.0, "");
    report("crdt.bytes_per_entry_at_1m", bytes, 450.0, "");
}

/// Until the states are equal; the best of three.
fn joins() {
    for (entries, key, goal, elsewhere) in [
        (SOME, "sync.join_50k_ms", 100.0, "1,280 to 7,200"),
        (MANY, "sync.join_1m_ms", 2_000.0, ""),
    ] {
        let mut full = filled(1, entries);
        let join = |_| {
            let mut empty = node(2);
            connect(&mut full, &mut empty);
            let start = Instant::now();
            empty.sync_with(full.id());
            exchange(&mut full, &mut empty);
            let elapsed = start.elapsed();
            assert_eq!(empty.map().len() as u64, entries);
            assert_eq!(empty.map().fingerprint(), full.map().fingerprint());
            full.remove_peer(empty.id());
            elapsed
        };
        let elapsed = (0..3).map(join).min().unwrap();
        report(key, elapsed.as_secs_f64() * 1e3, goal, elsewhere);
    }
}

/// Ten entries of a million differ, a hundred replicas are known.
fn small_difference() {
    let mut full = filled(1, MANY);
    for number in 2..=100 {
        let mut other = node(number);
        put(&mut other, MANY + u64::try_from(number).unwrap(), PAYLOAD);
        connect(&mut full, &mut other);
        full.sync_with(other.id());
        // The other does not need to take everything to give what it has.
        while let Some((_, message)) = full.poll_message() {
            other.handle(full.id(), message).unwrap();
            if full.map().len() as u64 > MANY + u64::try_from(number).unwrap() - 2 {
                break;
            }
            while let Some((_, message)) = other.poll_message() {
                full.handle(other.id(), message).unwrap();
            }
        }
        full.remove_peer(other.id());
    }
    let mut behind = node(101);
    connect(&mut full, &mut behind);
    behind.sync_with(full.id());
    exchange(&mut full, &mut behind);
    assert_eq!(behind.seen().count(), 100);
    full.remove_peer(behind.id());
    behind.remove_peer(full.id());
    for entry in 0..10 {
        put(&mut full, entry * 1_000, PAYLOAD);
    }

    connect(&mut full, &mut behind);
    behind.sync_with(full.id());
    let cost = exchange(&mut full, &mut behind);
    assert_eq!(behind.digest(), full.digest());
    let elsewhere = "110,000 of 10 k, 295,000 of 50 k";
    report("sync.diff10_of_1m_bytes", cost.bytes as f64, 6_000.0, elsewhere);
    report(
        "sync.diff10_of_1m_rounds",
        cost.round_trips as f64,
        1.0,
        "7 messages",
    );

    behind.sync_with(full.id());
    let cost = exchange(&mut full, &mut behind);
    report("sync.equal_check_bytes", cost.bytes as f64, 64.0, "");
}

fn losses() {
    let mut one = cluster::node_with(
        1,
        SyncConfig {
            frame_bytes: 4 << 10,
            window: 2,
            ..SyncConfig::default()
        },
    );
    let mut two = cluster::node_with(
        2,
        SyncConfig {
            frame_bytes: 4 << 10,
            window: 2,
            ..SyncConfig::default()
        },
    );
    (0..5_000).for_each(|entry| put(&mut one, entry, 10));
    connect(&mut one, &mut two);
    one.sync_with(two.id());
    exchange(&mut one, &mut two);
    report("sync.left_of_5000", two.map().len() as f64, 5_000.0, "456");

    let (mut one, mut two) = (node(1), node(2));
    connect(&mut one, &mut two);
    one.sync_with(two.id());
    exchange(&mut one, &mut two);
    for entry in 0..10_000 {
        put(&mut one, 2 * entry + 1, 10);
        put(&mut two, 2 * entry + 2, 10);
        put(&mut one, 0, 10);
        put(&mut two, 0, 10);
        if entry % 10 == 0 {
            exchange(&mut one, &mut two);
        }
    }
    exchange(&mut one, &mut two);
    report(
        "sync.left_of_20001",
        two.map().len() as f64,
        20_001.0,
        "16,944 of 20,000",
    );
}
