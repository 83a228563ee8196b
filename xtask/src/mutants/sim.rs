//! Asks the simulator whether a mutant is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::outcome::How;
use super::process::{End, Ran, Run};

/// The worlds that go wrong in one thing.
const BIASES: [&str; 6] = [
    "last-words",
    "unheld-claims",
    "late-calls",
    "returns",
    "old-words",
    "namesakes",
];

/// Worlds in the order in which they are tried, then again: ordinary ones, chaos of 3 to 8 hosts, one bias.
fn worlds() -> impl Iterator<Item = String> {
    (3..).zip(BIASES).flat_map(|(hosts, bias)| {
        [
            String::new(),
            format!(" --chaos --hosts {hosts}"),
            format!(" --biased {bias}"),
        ]
    })
}

/// The simulator.
#[derive(Debug)]
pub(super) struct Sim {
    program: PathBuf,
    notes: PathBuf,
    jobs: usize,
    /// How many seeds of these worlds it runs in a second.
    rates: BTreeMap<String, f64>,
}

/// What the simulator said of a mutant.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// In which worlds, by which seed, and how.
    pub(super) found: Option<(String, u64, How)>,
    pub(super) reached: bool,
    /// So many seeds came to an end.
    pub(super) seeds: usize,
    pub(super) notes: Vec<String>,
}

/// Some seeds in a row.
struct Slice<'a> {
    worlds: &'a str,
    from: u64,
    seeds: u64,
    mutant: Option<u32>,
    limit: Duration,
}

/// What came of them.
struct Sliced {
    ran: Ran,
    /// The seeds that came to an end.
    done: BTreeSet<u64>,
    /// Those that failed, with the invariant.
    failed: Vec<(u64, String)>,
}

impl Sim {
    /// Measures how fast it is with no mutant chosen, and sees to it that it runs at all.
    pub(super) fn new(program: PathBuf, notes: PathBuf, jobs: usize) -> Result<Self, String> {
        let mut sim = Self {
            program,
            notes,
            jobs,
            rates: BTreeMap::new(),
        };
        for worlds in worlds().collect::<BTreeSet<_>>() {
            let slice = Slice {
                worlds: &worlds,
                from: 0,
                seeds: 24,
                mutant: None,
                limit: Duration::from_mins(10),
            };
            let sliced = sim.slice(&slice)?;
            for (seed, invariant) in &sliced.failed {
                println!("with no mutant chosen{worlds} --seed {seed} breaks {invariant}");
            }
            let is_sane = matches!(sliced.ran.end, End::Exited(0 | 1)) && !sliced.done.is_empty();
            if !is_sane {
                let end = sliced.ran.end;
                return Err(format!(
                    "with no mutant chosen the simulator ends with {end}{worlds}"
                ));
            }
            #[allow(clippy::cast_precision_loss)]
            let rate = sliced.done.len() as f64 / sliced.ran.took.as_secs_f64().max(0.001);
            println!("simulator{worlds}: {rate:.0} seeds a second");
            sim.rates.insert(worlds, rate);
        }
        Ok(sim)
    }

    /// Runs seeds of all kinds with a mutant until one fails because of it, or the time is over.
    pub(super) fn ask(&self, mutant: u32, time: Duration) -> Result<Tried, String> {
        let began = Instant::now();
        let mut tried = Tried::default();
        let mut next = BTreeMap::<String, u64>::new();
        // Most of what is found at all is found at once: each kind has its turn soon, and longer turns later.
        for turn in [1, 2, 4, 8].into_iter().chain(std::iter::repeat(16)) {
            for worlds in worlds() {
                let left = time.saturating_sub(began.elapsed());
                if left.is_zero() {
                    return Ok(tried);
                }
                let length = left.min(Duration::from_secs(turn));
                let from = *next.entry(worlds.clone()).or_default();
                let slice = Slice {
                    worlds: &worlds,
                    from,
                    seeds: self.seeds(&worlds, length),
                    mutant: Some(mutant),
                    limit: length * 4 + Duration::from_secs(30),
                };
                let sliced = self.slice(&slice)?;
                tried.reached |= sliced.ran.reached;
                tried.seeds += sliced.done.len();
                // Only one that failed ends it early.
                let ended = sliced
                    .done
                    .last()
                    .max(sliced.failed.iter().map(|(seed, _)| seed).max());
                let after = match ended {
                    Some(last) if sliced.ran.end == End::Exited(1) => last + 1,
                    _ => from + slice.seeds,
                };
                next.insert(worlds.clone(), after);
                let found = self.judge(&slice, &sliced, mutant, &mut tried)?;
                tried.found = found.map(|(seed, how)| (worlds.clone(), seed, how));
                if tried.found.is_some() {
                    return Ok(tried);
                }
            }
        }
        Ok(tried)
    }

    /// How many seeds of these worlds fit into a time, at least one for each job.
    fn seeds(&self, worlds: &str, time: Duration) -> u64 {
        let rate = self.rates.get(worlds).copied().unwrap_or(1.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let seeds = (rate * time.as_secs_f64()) as u64;
        seeds.max(u64::try_from(self.jobs).unwrap_or(1))
    }

    /// Whether one of these seeds shows that the mutant is wrong.
    fn judge(
        &self,
        slice: &Slice<'_>,
        sliced: &Sliced,
        mutant: u32,
        tried: &mut Tried,
    ) -> Result<Option<(u64, How)>, String> {
        let end = &sliced.ran.end;
        let (suspects, how): (Vec<u64>, _) = match end {
            End::Exited(0) => return Ok(None),
            End::Exited(1) => (sliced.failed.iter().map(|(seed, _)| *seed).collect(), None),
            End::Exited(2) => {
                return Err(format!("the simulator does not understand{}", slice.worlds));
            }
            // The seeds that were begun last and did not come to an end.
            _ => {
                let ended = sliced.done.last().map_or(slice.from, |last| last + 1);
                let begun = (ended + u64::try_from(self.jobs).unwrap_or(1)).min(slice.from + slice.seeds);
                let open = (slice.from..begun).filter(|seed| !sliced.done.contains(seed));
                (open.collect(), Some(end))
            }
        };
        for &seed in &suspects {
            let alone = |mutant, limit| {
                self.slice(&Slice {
                    worlds: slice.worlds,
                    from: seed,
                    seeds: 1,
                    mutant,
                    limit,
                })
            };
            let without = alone(None, Duration::from_mins(5))?;
            if without.ran.end != End::Exited(0) {
                let line = format!("{} --seed {seed} fails without the mutant, too", slice.worlds);
                tried.notes.push(line.trim_start().to_owned());
                continue;
            }
            let limit = without.ran.took * 20 + Duration::from_mins(1);
            let with = alone(Some(mutant), limit)?;
            tried.reached |= with.ran.reached;
            let how = match (&with.ran.end, with.failed.first()) {
                (End::Exited(0), _) => None,
                (End::Exited(1), Some((_, invariant))) => Some(How::Failed(invariant.clone())),
                (End::TimeOut, _) => Some(How::TimeOut),
                (end, _) => Some(How::Crashed(end.to_string())),
            };
            match how {
                Some(how) if with.ran.reached => return Ok(Some((seed, how))),
                Some(_) => tried
                    .notes
                    .push(format!("seed {seed} fails and does not reach the mutant")),
                None => {}
            }
        }
        if suspects.is_empty() || how.is_none_or(|end| *end != End::TimeOut) {
            let what = format!(
                "{} from {}: {end}, and no seed does so alone",
                slice.worlds, slice.from
            );
            tried.notes.push(what.trim_start().to_owned());
        }
        Ok(None)
    }

    fn slice(&self, slice: &Slice<'_>) -> Result<Sliced, String> {
        let journal = self.notes.join(format!("seeds-{}", std::process::id()));
        let _ = std::fs::remove_file(&journal);
        let mut args: Vec<String> = slice.worlds.split_whitespace().map(str::to_owned).collect();
        let numbers = [
            ("--from", slice.from),
            ("--seeds", slice.seeds),
            ("--jobs", u64::try_from(self.jobs).unwrap_or(1)),
        ];
        args.extend(
            numbers
                .iter()
                .flat_map(|(name, number)| [(*name).to_owned(), number.to_string()]),
        );
        args.extend(["--journal".to_owned(), journal.to_string_lossy().into_owned()]);
        let run = Run {
            program: &self.program,
            folder: &self.notes,
            args,
            mutant: slice.mutant,
            limit: slice.limit,
            notes: &self.notes,
        };
        let ran = run.run(|_| false)?;
        let done = std::fs::read_to_string(&journal).unwrap_or_default();
        let done = done
            .lines()
            .filter_map(|line| line.split(' ').next()?.parse().ok());
        Ok(Sliced {
            done: done.collect(),
            failed: ran.lines.iter().filter_map(|line| failed(line)).collect(),
            ran,
        })
    }
}

/// The seed that failed and the invariant that it broke, if a line says so.
fn failed(line: &str) -> Option<(u64, String)> {
    let (seed, violation) = line.strip_prefix("seed ")?.split_once(" fails: ")?;
    let invariant = violation.split(" (").next().unwrap_or(violation);
    Some((seed.parse().ok()?, invariant.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_that_fails_is_known_with_its_invariant() {
        let line = "seed 17 fails: one-list (S6.4) at 12.5 s: two lists (of two)";
        assert_eq!(failed(line), Some((17, "one-list".to_owned())));
        assert_eq!(failed("3 seeds, 0 failed, in 1.0 s"), None);
        assert_eq!(failed("seed 3: settled after 4 s"), None);
    }

    #[test]
    fn every_kind_of_worlds_has_its_turn() {
        let all: Vec<_> = worlds().collect();
        assert_eq!(all.len(), 18);
        assert_eq!(all[1], " --chaos --hosts 3");
        assert_eq!(all[16], " --chaos --hosts 8");
        for bias in BIASES {
            assert!(all.contains(&format!(" --biased {bias}")));
        }
    }

    /// A simulator of so many seeds of which each does what `script` says for its number `$s`.
    fn sim(folder: &std::path::Path, script: &str) -> Sim {
        use std::os::unix::fs::PermissionsExt;
        let program = folder.join("sim");
        let script = format!(
            "#!/bin/sh\nwhile [ $# -gt 0 ]; do case $1 in --from) f=$2;; --seeds) n=$2;; --journal) j=$2;; esac; \
             shift; done\nm=${{ORDU_MUTANT-0}}; [ $m = 0 ] || echo 1 > $ORDU_MUTANT_REACHED\n\
             s=$f; while [ $s -lt $((f + n)) ]; do {script}; echo $s >> $j; s=$((s + 1)); done\n"
        );
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        Sim {
            program,
            notes: folder.to_owned(),
            jobs: 1,
            rates: worlds().map(|worlds| (worlds, 5.0)).collect(),
        }
    }

    #[test]
    fn a_seed_that_fails_with_the_mutant_alone_is_what_found_it() {
        let folder = tempfile::tempdir().unwrap();
        let fail = "echo \"seed $s fails: owned (S4.4) at 1 s: x\"; exit 1";
        let script = format!("[ $s = 1 ] && {{ {fail}; }}; [ $s = 3 ] && [ $m != 0 ] && {{ {fail}; }}");
        let tried = sim(folder.path(), &script)
            .ask(7, Duration::from_secs(20))
            .unwrap();
        assert_eq!(
            tried.found,
            Some((String::new(), 3, How::Failed("owned".to_owned())))
        );
        assert!(tried.reached);
        assert!(
            tried
                .notes
                .contains(&"--seed 1 fails without the mutant, too".to_owned())
        );
    }

    #[test]
    fn a_crash_is_pinned_to_its_seed() {
        let folder = tempfile::tempdir().unwrap();
        let script = "[ $s = 2 ] && [ $m != 0 ] && kill -9 $$";
        let tried = sim(folder.path(), script)
            .ask(7, Duration::from_secs(20))
            .unwrap();
        assert_eq!(
            tried.found,
            Some((String::new(), 2, How::Crashed("signal 9".to_owned())))
        );
    }

    #[test]
    fn where_nothing_fails_the_mutant_survives() {
        let folder = tempfile::tempdir().unwrap();
        let tried = sim(folder.path(), ":").ask(7, Duration::from_secs(1)).unwrap();
        assert_eq!((tried.found, tried.reached), (None, true));
        assert!(tried.notes.is_empty() && tried.seeds > 0);
    }
}
