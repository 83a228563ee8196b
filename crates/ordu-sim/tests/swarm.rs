//! A short swarm: every seed another cluster, another network, other troubles. `cargo xtask sim` runs more.

use std::ops::Range;

use ordu_core::Node;
use ordu_sim::{Report, Trace, run, swarm};

/// The seeds every run of the tests goes through.
const SEEDS: Range<u64> = 0..200;

fn report(seed: u64) -> Report {
    run::<Node>(&swarm::plan(seed), Trace::Off)
}

fn holds(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        if let Some(violation) = report(seed).violation {
            panic!("seed {seed}: {violation}\nrepeat it with: cargo xtask sim --seed {seed} --trace");
        }
    }
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
