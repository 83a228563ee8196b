//! A short swarm: every seed another cluster, another network, other troubles. `cargo xtask sim` runs more.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ordu_core::Node;
use ordu_sim::{Report, Trace, run, swarm};

/// The seeds every run of the tests goes through.
const SEEDS: Range<u64> = 0..1_000;

fn report(seed: u64) -> Report {
    run::<Node>(&swarm::plan(seed), Trace::Off)
}

/// Runs seeds on all cores; if any fail, says of each what it breaks.
fn holds(seeds: impl Iterator<Item = u64>) {
    let seeds: Vec<u64> = seeds.collect();
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(violation) = report(*seed).violation {
                        failed.lock().expect("no run panics").push(format!(
                            "seed {seed}: {violation}\nrepeat it with: cargo xtask sim --seed {seed} --trace"
                        ));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no run panics");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_rule_holds_in_a_short_swarm() {
    holds(SEEDS);
}

#[test]
fn every_seed_that_ever_failed_holds() {
    let seeds = include_str!("regression-seeds.txt");
    let seeds = seeds
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok());
    holds(seeds);
}

#[test]
fn the_same_seed_runs_the_same_way_down_to_the_byte() {
    for seed in [3, 11] {
        let trace = || run::<Node>(&swarm::plan(seed), Trace::Full(String::new())).trace;
        let first = trace();
        assert!(first.lines().count() > 1_000);
        assert!(first == trace(), "seed {seed} wrote two different traces");
    }
}
