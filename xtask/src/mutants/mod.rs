//! `cargo xtask mutants`: whether the tests and the simulator notice when the code is wrong.
//!
//! A sample of small changes, *mutants*, is compiled into one copy of the workspace; a variable of the environment
//! chooses one at run time, because a build for each would take far longer than the tests. `docs/testing.md` says more.

mod build;
mod change;
mod chosen;
mod find;
mod journal;
mod options;
mod outcome;
mod process;
mod render;
mod report;
mod sample;
mod sim;
mod site;
mod sources;
mod tree;
mod unit;

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use journal::{Entry, Journal};
use options::Options;
use outcome::Outcome;
use sim::Sim;
use site::Site;
use sources::{FOLDERS, Sources};
use tree::Tree;
use unit::Units;

use crate::cargo;

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let options = Options::parse(args)?;
    let root = cargo::root();
    let folder = root.join("target/mutants");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let sources = Sources::read(&root)?;
    println!("{} mutants in {} files", sources.sites.len(), sources.texts.len());
    if options.list {
        list(&sources, &options);
        return Ok(());
    }
    let path = options
        .journal
        .clone()
        .unwrap_or_else(|| folder.join(format!("seed-{}.jsonl", options.seed)));
    let lock = File::create(folder.join("lock")).map_err(|error| format!("the lock: {error}"))?;
    lock.try_lock()
        .map_err(|error| format!("mutants are tried already, in {}: {error}", folder.display()))?;
    let mut journal = Journal::open(&path)?;
    let built = chosen::build(&sources, &options, &root, &folder)?;
    let is_done = |entry: &Entry| entry.is_final() || options.simulated.is_zero();
    let is_open = |site: &&Site| !options.only.is_empty() || !journal.entry(site).is_some_and(is_done);
    let open: Vec<&Site> = built.sites.iter().copied().filter(is_open).collect();
    println!(
        "{} of {} are in {} already",
        built.sites.len() - open.len(),
        built.sites.len(),
        path.display()
    );
    if !open.is_empty() {
        let units = Units::new(built.tests, &built.tree, folder.clone(), options.jobs)?;
        let sim = built
            .simulator
            .map(|program| Sim::new(program, folder, options.jobs));
        let sim = sim.transpose()?;
        if sim.is_none() && !options.simulated.is_zero() {
            return Err("no simulator was built".to_owned());
        }
        for (index, site) in open.iter().enumerate() {
            print!(
                "{}/{} {:>5} {}: {} … ",
                index + 1,
                open.len(),
                site.number,
                site.place(),
                site.change()
            );
            std::io::stdout()
                .flush()
                .map_err(|error| format!("standard output: {error}"))?;
            let entry = ask(site, &units, sim.as_ref(), &built.tree, options.simulated)?;
            println!("{} ({:.0} s)", entry.outcome, entry.seconds);
            for note in &entry.notes {
                println!("      not because of the mutant: {note}");
            }
            journal.note(site, entry)?;
        }
    }
    print!("{}", report::report(&built.sites, &journal));
    Ok(())
}

/// Asks the unit tests about a mutant, and if they do not mind it the simulator.
fn ask(
    site: &Site,
    units: &Units,
    sim: Option<&Sim>,
    tree: &Tree,
    simulated: Duration,
) -> Result<Entry, String> {
    let began = Instant::now();
    let by_units = units.ask(FOLDERS[site.folder].package, site.number, tree)?;
    let mut entry = Entry {
        outcome: match by_units.found {
            Some(how) => Outcome::Unit(how),
            None if by_units.reached => Outcome::Survived,
            None => Outcome::NeverReached,
        },
        reached_by_units: by_units.reached,
        reached_by_sim: None,
        seeds: 0,
        seconds: 0.0,
        notes: by_units.notes,
    };
    if entry.outcome.is_survival()
        && let Some(sim) = sim
    {
        let by_sim = sim.ask(site.number, simulated)?;
        match by_sim.found {
            Some((worlds, seed, how)) => entry.outcome = Outcome::Sim { worlds, seed, how },
            None if by_sim.reached => entry.outcome = Outcome::Survived,
            None => {}
        }
        entry.reached_by_sim = Some(by_sim.reached);
        entry.seeds = by_sim.seeds as u64;
        entry.notes.extend(by_sim.notes);
    }
    entry.seconds = began.elapsed().as_secs_f64();
    Ok(entry)
}

/// The sample before it is known what of it compiles.
fn list(sources: &Sources, options: &Options) {
    let sample = sample::Sample {
        seed: options.seed,
        count: options.count,
    };
    let (drawn, _) = sample.draw(&sources.sites, 0, |_| false);
    let only = |site: &&Site| options.only.contains(&site.number);
    let sites = if options.only.is_empty() {
        drawn
    } else {
        sources.sites.iter().filter(only).collect()
    };
    for site in sites {
        println!(
            "{:>5} {:<12} {}: {}",
            site.number,
            site.found.operator,
            site.place(),
            site.change()
        );
    }
    let mut counts = std::collections::BTreeMap::<_, usize>::new();
    for site in &sources.sites {
        *counts
            .entry((FOLDERS[site.folder].name, site.found.operator))
            .or_default() += 1;
    }
    for ((folder, operator), count) in counts {
        println!("{folder}: {count} of {operator}");
    }
}
