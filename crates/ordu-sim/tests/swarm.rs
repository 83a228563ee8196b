//! A short swarm: every seed another cluster, another network, other troubles. `cargo xtask sim` runs more.

use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ordu_core::Node;
use ordu_sim::swarm::{self, Bias, Worlds};
use ordu_sim::{Report, Trace, run};

/// The seeds every run of the tests goes through.
const SEEDS: Range<u64> = 0..1_000;

/// The seeds of each kind of biased worlds.
const BIASED: Range<u64> = 0..20;

/// The seeds of each size of chaotic worlds.
const CHAOS: Range<u64> = 0..30;

/// A seed, and the worlds that it is one of.
#[derive(Clone, Copy)]
struct Seed {
    worlds: Worlds,
    seed: u64,
}

impl Seed {
    /// As it stands in the list of those that once failed: `7`, `chaos-6:7`, `wild-5:7` or `late-calls:7`.
    fn parse(text: &str) -> Option<Self> {
        let (worlds, seed) = text.split_once(':').unwrap_or(("", text));
        let of = |kind: &str| worlds.strip_prefix(kind)?.parse().ok();
        let worlds = match (of("chaos-"), of("wild-")) {
            (Some(hosts), _) => Worlds::Chaos { hosts },
            (_, Some(hosts)) => Worlds::Wild { hosts },
            _ if worlds.is_empty() => Worlds::Swarm,
            _ => Worlds::Biased(Bias::named(worlds)?),
        };
        let seed = seed.parse().ok()?;
        Some(Self { worlds, seed })
    }

    fn report(self) -> Report {
        run::<Node>(&self.worlds.plan(self.seed), Trace::Off)
    }
}

impl fmt::Display for Seed {
    /// The options that repeat it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} --seed {}", self.worlds, self.seed)
    }
}

/// Runs seeds on all cores; if any fail, says of each what it breaks.
fn holds(seeds: impl Iterator<Item = Seed>) {
    let seeds: Vec<Seed> = seeds.collect();
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(violation) = seed.report().violation {
                        failed.lock().expect("no run panics").push(format!(
                            "{violation}\nrepeat it with: cargo xtask sim{seed} --trace"
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
    let worlds = Worlds::Swarm;
    holds(SEEDS.map(|seed| Seed { worlds, seed }));
}

#[test]
fn every_rule_holds_where_one_thing_goes_wrong_at_the_worst_moment() {
    let of = |bias| {
        BIASED.map(move |seed| Seed {
            worlds: Worlds::Biased(bias),
            seed,
        })
    };
    holds(Bias::ALL.into_iter().flat_map(of));
}

#[test]
fn every_rule_holds_where_everything_goes_wrong() {
    let of = |hosts| {
        CHAOS.map(move |seed| Seed {
            worlds: Worlds::Chaos { hosts },
            seed,
        })
    };
    holds((3..=8).flat_map(of));
}

#[test]
fn every_seed_that_ever_failed_holds() {
    let seeds = include_str!("regression-seeds.txt");
    let lines = seeds
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    holds(lines.map(|line| {
        let seed = line.split_whitespace().next().and_then(Seed::parse);
        seed.unwrap_or_else(|| panic!("no seed: {line}"))
    }));
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
