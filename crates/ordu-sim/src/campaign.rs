use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ordu_core::Node;
use ordu_sim::swarm::Worlds;
use ordu_sim::{Report, Trace, run, swarm};

use crate::journal::{Journal, Outcome};
use crate::options::{Options, What};

/// What all seeds of a campaign came to.
#[derive(Debug, Default)]
struct Tally {
    seeds: u64,
    failed: Vec<(u64, String)>,
    node_time: Duration,
    events: u64,
    slowest_settle: (Duration, u64),
}

/// Runs many seeds on all cores and prints each that fails with the command that repeats it.
pub(crate) fn many(options: &Options) -> ExitCode {
    let What::Many { from, seeds, length } = options.what else {
        return ExitCode::from(2);
    };
    let (journal, done) = match options.journal.as_deref().map(Journal::open).transpose() {
        Ok(opened) => opened.map_or((None, BTreeMap::new()), |(journal, done)| (Some(journal), done)),
        Err(error) => {
            eprintln!("the journal cannot be used: {error}");
            return ExitCode::from(2);
        }
    };
    std::panic::set_hook(Box::new(|_| {}));
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let journal = Mutex::new(journal);
    let mut tally = Tally::default();
    for (&seed, outcome) in done.range(from..from.saturating_add(seeds)) {
        tally.add(seed, outcome);
    }
    let before = tally.node_time;
    if tally.seeds > 0 {
        println!("{} seeds of the journal are not run again", tally.seeds);
    }
    let tally = Mutex::new(tally);
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) && length.is_none_or(|length| began.elapsed() < length) {
                    let count = next.fetch_add(1, Ordering::Relaxed);
                    if count >= seeds {
                        return;
                    }
                    let seed = from + count;
                    if done.contains_key(&seed) {
                        continue;
                    }
                    let report = run::<Node>(&options.worlds.plan(seed), Trace::Off);
                    let failed = note(&tally, options.worlds, seed, &report);
                    if let Some(journal) = &mut *unpoisoned(journal.lock())
                        && let Err(error) = journal.note(seed, &Outcome::of(&report))
                    {
                        eprintln!("the journal cannot be written: {error}");
                        stop.store(true, Ordering::Relaxed);
                    }
                    if failed && !options.keep_going {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let tally = unpoisoned(tally.into_inner());
    summary(&tally, began.elapsed(), before);
    if tally.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs quiet clusters for a while and prints what they cost.
pub(crate) fn quiet(hosts: usize, children: usize, jobs: usize) -> ExitCode {
    let began = Instant::now();
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for job in 0..jobs {
            let tally = &tally;
            scope.spawn(move || {
                let seed = u64::try_from(job).unwrap_or(0);
                let plan = swarm::quiet(seed, hosts, children, Duration::from_mins(10));
                let report = run::<Node>(&plan, Trace::Off);
                let traffic = report.traffic;
                println!("seed {seed}: {traffic:?} in {:?} node time", report.node_time);
                note(tally, Worlds::Swarm, seed, &report);
            });
        }
    });
    let tally = unpoisoned(tally.into_inner());
    summary(&tally, began.elapsed(), Duration::ZERO);
    if tally.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn note(tally: &Mutex<Tally>, worlds: Worlds, seed: u64, report: &Report) -> bool {
    unpoisoned(tally.lock()).add(seed, &Outcome::of(report));
    if let Some(violation) = &report.violation {
        println!(
            "seed {seed} fails: {violation}
    repeat it with: cargo xtask sim{worlds} --seed {seed} --trace
    make \
             it smaller with: cargo xtask sim{worlds} --seed {seed} --shrink"
        );
    }
    report.violation.is_some()
}

fn unpoisoned<T>(locked: Result<T, std::sync::PoisonError<T>>) -> T {
    locked.unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Tally {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.seeds += 1;
        self.node_time += outcome.node_time;
        self.events += outcome.events;
        if let Some(after) = outcome.settled_after {
            self.slowest_settle = self.slowest_settle.max((after, seed));
        }
        if let Some(invariant) = &outcome.failed {
            self.failed.push((seed, invariant.clone()));
        }
    }
}

fn summary(tally: &Tally, took: Duration, before: Duration) {
    let hours = |time: Duration| time.as_secs_f64() / 3_600.0;
    let (node_hours, new_hours) = (
        hours(tally.node_time),
        hours(tally.node_time.saturating_sub(before)),
    );
    println!(
        "{} seeds, {} failed, in {:.1} s: {node_hours:.0} node-hours, {:.0} node-hours a minute, {} events; the \
         slowest to settle took {:.1} s (seed {})",
        tally.seeds,
        tally.failed.len(),
        took.as_secs_f64(),
        new_hours * 60.0 / took.as_secs_f64().max(0.001),
        tally.events,
        tally.slowest_settle.0.as_secs_f64(),
        tally.slowest_settle.1
    );
    let mut kinds = BTreeMap::<&str, Vec<u64>>::new();
    for (seed, kind) in &tally.failed {
        kinds.entry(kind).or_default().push(*seed);
    }
    for (kind, mut seeds) in kinds {
        seeds.sort_unstable();
        println!(
            "  {kind}: {} seeds, {:?}",
            seeds.len(),
            &seeds[..seeds.len().min(12)]
        );
    }
}
