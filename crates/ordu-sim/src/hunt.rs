use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ordu_core::Node;
use ordu_sim::invariants::Violation;
use ordu_sim::planted::Planted;
use ordu_sim::swarm::Worlds;
use ordu_sim::{Trace, run};

/// Plants one bug after the other and says after how many seeds each is found.
pub(crate) fn hunt(bugs: &[&Planted], from: u64, seeds: u64, jobs: usize) -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    let mut all_found = true;
    for planted in bugs {
        let began = Instant::now();
        let found = first(planted, from, seeds, jobs);
        let took = began.elapsed().as_secs_f64();
        all_found &= found.is_some();
        match found {
            Some((seed, violation)) => println!(
                "{} ({}): found after {} seeds{}, {took:.1} s, by seed {seed}: {violation}",
                planted.name,
                planted.rule,
                seed - from + 1,
                of(planted.worlds)
            ),
            None => println!(
                "{} ({}): not found in {seeds} seeds, {took:.1} s",
                planted.name, planted.rule
            ),
        }
    }
    if all_found {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The first seed that fails with the bug and holds without it.
fn first(planted: &Planted, from: u64, seeds: u64, jobs: usize) -> Option<(u64, Violation)> {
    let next = AtomicU64::new(0);
    let found: Mutex<Option<(u64, Violation)>> = Mutex::new(None);
    let best = || found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let count = next.fetch_add(1, Ordering::Relaxed);
                    let seed = from + count;
                    // Seeds before one that was found go on: the first is wanted, however many run at once.
                    if count >= seeds || best().as_ref().is_some_and(|(first, _)| *first < seed) {
                        return;
                    }
                    let mut plan = planted.plan(seed);
                    let holds = |plan| run::<Node>(plan, Trace::Off).violation.is_none();
                    plan.setup.planted = Some(planted.bug);
                    let Some(violation) = run::<Node>(&plan, Trace::Off).violation else {
                        continue;
                    };
                    plan.setup.planted = None;
                    if holds(&plan) && best().as_ref().is_none_or(|(first, _)| *first > seed) {
                        *best() = Some((seed, violation));
                    }
                }
            });
        }
    });
    found
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Which options a seed that found it is repeated with, if any.
fn of(worlds: Worlds) -> String {
    let options = worlds.to_string();
    if options.is_empty() {
        options
    } else {
        format!(" of{options}")
    }
}
