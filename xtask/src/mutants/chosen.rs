//! The mutants that are compiled in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::build::{self, Failure, Program};
use super::journal;
use super::options::Options;
use super::sample::Sample;
use super::site::Site;
use super::sources::{FOLDERS, Sources};
use super::tree::Tree;

/// What was built, and for whom.
#[derive(Debug)]
pub(super) struct Built<'a> {
    /// The mutants that are to be tried, all of which compile.
    pub(super) sites: Vec<&'a Site>,
    pub(super) tree: Tree,
    pub(super) tests: Vec<Program>,
    /// `None`: it is not asked.
    pub(super) simulator: Option<PathBuf>,
}

/// The sites that are known not to compile, as long as the sources stay the same.
#[derive(Debug)]
struct Dead {
    file: PathBuf,
    sources: String,
    keys: BTreeSet<String>,
}

impl Dead {
    fn open(folder: &Path, sources: &Sources) -> Self {
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let bytes = sources.texts.values().flat_map(|text| text.bytes());
        let digest = format!("{:016x}", bytes.fold(0xcbf2_9ce4_8422_2325, hash));
        let file = folder.join("do-not-compile.json");
        let there = std::fs::read(&file).ok();
        let there: Option<Value> = there.and_then(|there| serde_json::from_slice(&there).ok());
        let keys = there.filter(|there| there["sources"] == *digest);
        let keys = keys
            .as_ref()
            .and_then(|there| there["sites"].as_array())
            .into_iter()
            .flatten();
        Self {
            keys: keys.filter_map(Value::as_str).map(str::to_owned).collect(),
            file,
            sources: digest,
        }
    }

    fn has(&self, site: &Site) -> bool {
        self.keys.contains(&site.key())
    }

    fn add(&mut self, sites: &[&Site]) -> Result<(), String> {
        self.keys.extend(sites.iter().map(|site| site.key()));
        let text = serde_json::json!({"sources": self.sources, "sites": self.keys});
        write(&self.file, &format!("{text}\n"))
    }
}

/// Builds a copy of the workspace with the sample in it, and with those that step in for mutants that do not compile.
pub(super) fn build<'a>(
    sources: &'a Sources,
    options: &Options,
    root: &Path,
    folder: &Path,
) -> Result<Built<'a>, String> {
    let sample = Sample {
        seed: options.seed,
        count: options.count,
    };
    let mut dead = Dead::open(folder, sources);
    let reserve = options.count / FOLDERS.len() / 3 + 3;
    let mut tree = Tree::new(root, &folder.join("tree"));
    let only = sources
        .sites
        .iter()
        .filter(|site| options.only.contains(&site.number));
    let only: Vec<&Site> = only.collect();
    if only.len() < options.only.len() {
        return Err(format!("there are mutants from 1 to {}", sources.sites.len()));
    }
    loop {
        let (drawn, spare) = sample.draw(&sources.sites, reserve, |site| dead.has(site));
        let mut compiled: Vec<&Site> = drawn.into_iter().chain(spare).collect();
        for site in &only {
            if !compiled.contains(site) {
                compiled.push(site);
            }
        }
        let (tests, simulator) = living(sources, options, &mut compiled, &mut tree, folder, &mut dead)?;
        let (drawn, _) = sample.draw(&sources.sites, reserve, |site| dead.has(site));
        // More do not compile than could step in.
        if !drawn.iter().all(|site| compiled.contains(site)) {
            continue;
        }
        let lines: Vec<String> = compiled
            .iter()
            .map(|site| journal::described(site).to_string() + "\n")
            .collect();
        write(
            &folder.join(format!("seed-{}.sites.jsonl", options.seed)),
            &lines.concat(),
        )?;
        if let Some(site) = only.iter().find(|site| dead.has(site)) {
            return Err(format!("{} does not compile: {}", site.number, site.change()));
        }
        return Ok(Built {
            sites: if only.is_empty() { drawn } else { only },
            tree,
            tests,
            simulator,
        });
    }
}

/// Builds with these sites, without those of them that do not compile.
fn living(
    sources: &Sources,
    options: &Options,
    compiled: &mut Vec<&Site>,
    tree: &mut Tree,
    folder: &Path,
    dead: &mut Dead,
) -> Result<(Vec<Program>, Option<PathBuf>), String> {
    let target = folder.join("build");
    compiled.retain(|site| !dead.has(site));
    loop {
        let began = std::time::Instant::now();
        let marks = tree.mutate(sources, compiled)?;
        let build = |what| build::build(what, &tree.folder, &target, &marks);
        let simulator = || {
            if options.simulated.is_zero() {
                return Ok(Vec::new());
            }
            build(build::SIMULATOR)
        };
        let built = build(build::TESTS).and_then(|tests| Ok((tests, simulator()?)));
        let took = began.elapsed().as_secs_f64();
        let failure = match built {
            Ok((tests, simulator)) => {
                println!("{} mutants are compiled in, in {took:.0} s", compiled.len());
                let simulator = simulator.into_iter().find(|program| program.name == "ordu-sim");
                return Ok((tests, simulator.map(|program| program.path)));
            }
            Err(failure) => failure,
        };
        let numbers = match failure {
            Failure::Mutants(numbers) => numbers,
            Failure::Other(why) => return Err(format!("the copy does not build:\n{why}")),
        };
        let guilty: Vec<&Site> = compiled
            .iter()
            .copied()
            .filter(|site| numbers.contains(&site.number))
            .collect();
        println!("{} mutants do not compile, found in {took:.0} s:", guilty.len());
        for site in &guilty {
            println!("  {:>5} {}: {}", site.number, site.place(), site.change());
        }
        dead.add(&guilty)?;
        compiled.retain(|site| !numbers.contains(&site.number));
    }
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}
