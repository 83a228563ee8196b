//! How much virtual time passes in a minute, beside its goals.
//!
//! `cargo bench -p ordu-sim --profile campaign`; `cargo xtask bench sim` collects the figures. Each figure is a line of JSON, the rest is
//! for people.

#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock and uses all cores"
)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ordu_core::Node;
use ordu_sim::{Plan, Trace, run, swarm};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// No further seed begins after this long.
const LENGTH: Duration = Duration::from_secs(10);
const HOSTS: usize = 10;
const CHILDREN: usize = 100;

fn main() {
    let quiet = |seed| swarm::quiet(seed, HOSTS, CHILDREN, Duration::from_mins(10));
    measure("quiet", 1_000, quiet);
    measure("chaos", 150, |seed| swarm::chaos(seed, HOSTS));
}

/// Runs seeds on all cores, and goes on after one that fails: the cost is measured here and not whether it holds.
fn measure(name: &str, goal: u32, plan: impl Fn(u64) -> Plan + Sync) {
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let node_time = Mutex::new(Duration::ZERO);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while began.elapsed() < LENGTH {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let report = run::<Node>(&plan(seed), Trace::Off);
                    *node_time.lock().expect("no run panics") += report.node_time;
                }
            });
        }
    });
    let hours = node_time.into_inner().expect("no run panics").as_secs_f64() / 3_600.0;
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let rate = hours / minutes;
    println!(
        "{} {name} clusters of {HOSTS} nodes on {cores} cores: {hours:.0} node-hours in {:.1} s",
        next.into_inner(),
        minutes * 60.0
    );
    println!(r#"{{"key": "sim.node_hours_per_minute.{name}", "value": {rate:.1}, "goal": {goal}}}"#);
}
