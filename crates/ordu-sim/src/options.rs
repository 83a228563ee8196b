use std::path::PathBuf;
use std::time::Duration;

use ordu_sim::Moment;
#[cfg(feature = "planted-bugs")]
use ordu_sim::planted::{self, Planted};
use ordu_sim::shrink::Kept;
use ordu_sim::swarm::{Bias, Worlds};

use crate::one::One;

/// What the command line may say.
pub(crate) const USAGE: &str = "\
Runs ordu nodes in simulated worlds, each decided by its seed, and says which rules they break.

ordu-sim --seeds N [--from SEED]    N seeds, from SEED (default 0)
ordu-sim --minutes M [--from SEED]  as many seeds as fit into M minutes
ordu-sim --seed SEED [--trace] [--state]
                                    one seed, with everything that happens in it, and with all
                                    that each node knows at the end
ordu-sim --seed SEED --shrink [--budget SECONDS]
                                    leaves out of a seed that fails what it does not need to fail
                                    (default: tries for 60 seconds), and says how to repeat that:
ordu-sim --seed SEED --keep 0-3,7 [--calm-at MICROSECONDS] [--trace]
                                    one seed with these of its faults and calls alone
ordu-sim --chaos [--hosts N] ...     seeds of worlds of N nodes (default 10) in which all goes wrong that a
                                    seed can choose, as often as a seed can have it
ordu-sim --wild [--hosts N] ...      the same, and on top of it most of the troubles of networks, machines and
                                    set-ups that only some seeds have
ordu-sim --biased NAME ...           seeds of worlds in which one thing goes wrong, at the moment at which it can do
                                    harm: last-words, unheld-claims, late-calls, returns,
                                    old-words or namesakes
ordu-sim --quiet [--hosts N] [--children N]
                                    nodes in which nothing goes wrong, to measure their cost
ordu-sim --planted NAME|all [--seeds N] [--from SEED]
                                    after how many seeds a planted bug is found, or each in turn;
                                    with --seed one seed with the bug (needs the feature
                                    planted-bugs, which `cargo xtask sim` turns on)
ordu-sim --replay FILE [--trace] [--state] [--until N]
                                    the recording of a real node, or its first N inputs: whether
                                    it answers all as it did then

--jobs N   how many seeds run at once (default: one for each core)
--keep-going   do not stop at the first seed that fails
--journal FILE write down every seed that was run; run again with the same file, go on after those";

/// A parsed command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// What to do.
    pub(crate) what: What,
    /// Which worlds the seeds stand for.
    pub(crate) worlds: Worlds,
    /// How many seeds at once.
    pub(crate) jobs: usize,
    /// Whether to go on after a seed failed.
    pub(crate) keep_going: bool,
    /// Where to write down which seeds were run.
    pub(crate) journal: Option<PathBuf>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Print the usage.
    Help,
    /// Run one seed, or make it smaller.
    One(One),
    /// Run many seeds.
    Many {
        /// The first.
        from: u64,
        /// How many at the most.
        seeds: u64,
        /// For how long at the most.
        length: Option<Duration>,
    },
    /// Plant bugs and say after how many seeds each is found.
    #[cfg(feature = "planted-bugs")]
    Hunt {
        /// Which.
        bugs: Vec<&'static Planted>,
        /// The first seed.
        from: u64,
        /// How many at the most.
        seeds: u64,
    },
    /// Run quiet clusters.
    Quiet {
        /// Of so many nodes.
        hosts: usize,
        /// With so many children.
        children: usize,
    },
}

impl Options {
    /// Reads the command line; the error says what was wrong with it.
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = args;
        let (mut seed, mut seeds, mut minutes, mut from) = (None, None, None, 0);
        let mut one = One::default();
        let (mut smaller, mut budget) = (false, 60);
        let (mut keep_going, mut quiet, mut help) = (false, false, false);
        #[cfg(feature = "planted-bugs")]
        let mut bugs = Vec::new();
        let (mut hosts, mut children) = (10, 100);
        let (mut chaos, mut wild) = (false, false);
        let mut bias = None;
        let mut journal = None;
        let mut jobs = std::thread::available_parallelism().map_or(1, usize::from);
        while let Some(flag) = args.next() {
            let mut number = |flag: &str| -> Result<u64, String> {
                let value = args.next().ok_or_else(|| format!("{flag} needs a number"))?;
                value
                    .parse()
                    .map_err(|_| format!("{flag} needs a number, not {value:?}"))
            };
            let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
            match flag.as_str() {
                "--seed" => seed = Some(number("--seed")?),
                "--seeds" => seeds = Some(number("--seeds")?),
                "--minutes" => minutes = Some(number("--minutes")?),
                "--from" => from = number("--from")?,
                "--jobs" => jobs = size(number("--jobs")?).max(1),
                "--hosts" => hosts = size(number("--hosts")?).max(1),
                "--children" => children = size(number("--children")?),
                "--biased" => {
                    let name = args.next().ok_or("--biased needs the name of a bias")?;
                    bias = Some(Bias::named(&name).ok_or_else(|| no_bias(&name))?);
                }
                "--journal" => {
                    let path = args.next().ok_or("--journal needs the path of a file")?;
                    journal = Some(PathBuf::from(path));
                }
                "--trace" => one.trace = true,
                "--state" => one.state = true,
                "--shrink" => smaller = true,
                "--budget" => budget = number("--budget")?,
                "--calm-at" => one.calm_at = Some(Moment(number("--calm-at")?)),
                "--keep" => {
                    let elements = args.next().ok_or("--keep needs numbers")?;
                    one.keep = Some(Kept::parse_elements(&elements).map_err(|wrong| wrong.to_string())?);
                }
                #[cfg(feature = "planted-bugs")]
                "--planted" => {
                    let name = args.next().ok_or("--planted needs a name, or `all`")?;
                    bugs = planted::named(&name).ok_or_else(|| unknown(&name))?;
                }
                #[cfg(not(feature = "planted-bugs"))]
                "--planted" => return Err("--planted needs the feature planted-bugs".into()),
                "--chaos" => chaos = true,
                "--wild" => wild = true,
                "--quiet" => quiet = true,
                "--keep-going" => keep_going = true,
                "--help" | "-h" => help = true,
                other => return Err(format!("unknown option {other:?}")),
            }
        }
        if smaller && (one.keep.is_some() || one.calm_at.is_some()) {
            return Err("--shrink begins with all of a seed: --keep and --calm-at do not go with it".into());
        }
        one.shrink = smaller.then_some(Duration::from_secs(budget));
        one.worlds = match bias {
            Some(bias) => Worlds::Biased(bias),
            None if wild => Worlds::Wild { hosts },
            None if chaos => Worlds::Chaos { hosts },
            None => Worlds::Swarm,
        };
        let worlds = one.worlds;
        #[cfg(feature = "planted-bugs")]
        {
            one.planted = bugs.first().copied();
        }
        let what = if help {
            What::Help
        } else if quiet {
            What::Quiet { hosts, children }
        } else if let Some(seed) = seed {
            What::One(One { seed, ..one })
        } else {
            #[cfg(feature = "planted-bugs")]
            if !bugs.is_empty() {
                let seeds = seeds.unwrap_or(planted::WITHIN);
                return Ok(Self {
                    what: What::Hunt { bugs, from, seeds },
                    worlds,
                    jobs,
                    keep_going,
                    journal,
                });
            }
            if seeds.is_none() && minutes.is_none() {
                return Err("say which seeds to run".into());
            }
            What::Many {
                from,
                seeds: seeds.unwrap_or(u64::MAX),
                length: minutes.map(|minutes| Duration::from_secs(minutes * 60)),
            }
        };
        Ok(Self {
            what,
            worlds,
            jobs,
            keep_going,
            journal,
        })
    }
}

fn no_bias(name: &str) -> String {
    let names = Bias::ALL.map(Bias::name).join(", ");
    format!("no bias {name:?}; there are: {names}")
}

#[cfg(feature = "planted-bugs")]
fn unknown(name: &str) -> String {
    let names: Vec<_> = planted::ALL.iter().map(|planted| planted.name).collect();
    format!("no bug {name:?}; there are: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<What, String> {
        Options::parse(line.split_whitespace().map(str::to_owned)).map(|options| options.what)
    }

    #[test]
    fn a_command_line_says_which_seeds_run() {
        let many = What::Many {
            from: 7,
            seeds: 1_000,
            length: None,
        };
        assert_eq!(parse("--seeds 1000 --from 7"), Ok(many));
        let one = One {
            seed: 3,
            trace: true,
            ..One::default()
        };
        assert_eq!(parse("--seed 3 --trace"), Ok(What::One(one)));
    }

    #[test]
    fn a_seed_is_made_smaller_and_repeated_as_it_is_then() {
        let smaller = One {
            seed: 3,
            shrink: Some(Duration::from_secs(5)),
            ..One::default()
        };
        assert_eq!(parse("--seed 3 --shrink --budget 5"), Ok(What::One(smaller)));
        let again = One {
            seed: 3,
            keep: Some([0, 1, 7].into()),
            calm_at: Some(Moment(12)),
            ..One::default()
        };
        assert_eq!(parse("--seed 3 --keep 0-1,7 --calm-at 12"), Ok(What::One(again)));
    }

    #[test]
    fn the_worlds_of_a_command_line_are_said_as_they_were_asked_for() {
        let worlds = |line: &str| {
            let options = Options::parse(line.split_whitespace().map(str::to_owned)).unwrap();
            options.worlds.to_string()
        };
        assert_eq!(worlds("--seeds 3"), "");
        assert_eq!(worlds("--seeds 3 --chaos --hosts 7"), " --chaos --hosts 7");
        assert_eq!(worlds("--seeds 3 --wild --hosts 7"), " --wild --hosts 7");
        assert_eq!(worlds("--seeds 3 --biased late-calls"), " --biased late-calls");
    }

    #[test]
    fn a_wrong_command_line_is_refused_with_a_reason() {
        assert!(parse("").is_err());
        assert!(parse("--seeds").unwrap_err().contains("needs a number"));
        assert!(parse("--sneeds 3").unwrap_err().contains("--sneeds"));
        assert!(parse("--seed 3 --keep 3-1").unwrap_err().contains("3-1"));
        assert!(
            parse("--seed 3 --keep 1 --shrink")
                .unwrap_err()
                .contains("--keep")
        );
    }
}
