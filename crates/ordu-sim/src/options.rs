use std::fmt;
use std::time::Duration;

use ordu_sim::{Plan, swarm};

/// What the command line may say.
pub(crate) const USAGE: &str = "\
Runs ordu nodes in simulated worlds, each decided by its seed, and says which rules they break.

ordu-sim --seeds N [--from SEED]    N seeds, from SEED (default 0)
ordu-sim --minutes M [--from SEED]  as many seeds as fit into M minutes
ordu-sim --seed SEED [--trace] [--state]
                                    one seed, with everything that happens in it, and with all
                                    that each node knows at the end
ordu-sim --chaos [--hosts N] ...     seeds of worlds of N nodes (default 10) in which all goes wrong that a
                                    seed can choose, as often as a seed can have it
ordu-sim --quiet [--hosts N] [--children N]
                                    nodes in which nothing goes wrong, to measure their cost

--jobs N   how many seeds run at once (default: one for each core)
--keep-going   do not stop at the first seed that fails";

/// A parsed command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// What to do.
    pub(crate) what: What,
    /// Which worlds the seeds stand for.
    pub(crate) worlds: Worlds,
    /// How many seeds at once.
    pub(crate) jobs: usize,
    /// Whether to go on after a seed failed.
    pub(crate) keep_going: bool,
}

/// Which worlds the seeds stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worlds {
    /// Each another.
    Swarm,
    /// All of so many nodes, with every trouble there is.
    Chaos {
        /// How many.
        hosts: usize,
    },
}

impl Worlds {
    /// The plan of a seed.
    pub(crate) fn plan(self, seed: u64) -> Plan {
        match self {
            Self::Swarm => swarm::plan(seed),
            Self::Chaos { hosts } => swarm::chaos(seed, hosts),
        }
    }
}

impl fmt::Display for Worlds {
    /// The options that stand for them, each with a space before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Swarm => Ok(()),
            Self::Chaos { hosts } => write!(f, " --chaos --hosts {hosts}"),
        }
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Print the usage.
    Help,
    /// Run one seed.
    One {
        /// Which.
        seed: u64,
        /// Whether to print everything that happens.
        trace: bool,
        /// Whether to print all that each node knows at the end.
        state: bool,
    },
    /// Run many seeds.
    Many {
        /// The first.
        from: u64,
        /// How many at the most.
        seeds: u64,
        /// For how long at the most.
        length: Option<Duration>,
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
        let mut args = args.peekable();
        let (mut seed, mut seeds, mut minutes, mut from) = (None, None, None, 0);
        let (mut trace, mut state, mut keep_going, mut quiet, mut help) = (false, false, false, false, false);
        let (mut hosts, mut children, mut chaos) = (10, 100, false);
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
                "--trace" => trace = true,
                "--state" => state = true,
                "--chaos" => chaos = true,
                "--quiet" => quiet = true,
                "--keep-going" => keep_going = true,
                "--help" | "-h" => help = true,
                other => return Err(format!("unknown option {other:?}")),
            }
        }
        let what = if help {
            What::Help
        } else if quiet {
            What::Quiet { hosts, children }
        } else if let Some(seed) = seed {
            What::One { seed, trace, state }
        } else if seeds.is_some() || minutes.is_some() {
            What::Many {
                from,
                seeds: seeds.unwrap_or(u64::MAX),
                length: minutes.map(|minutes| Duration::from_secs(minutes * 60)),
            }
        } else {
            return Err("say which seeds to run".into());
        };
        let worlds = if chaos {
            Worlds::Chaos { hosts }
        } else {
            Worlds::Swarm
        };
        Ok(Self {
            what,
            worlds,
            jobs,
            keep_going,
        })
    }
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
        let one = What::One {
            seed: 3,
            trace: true,
            state: false,
        };
        assert_eq!(parse("--seed 3 --trace"), Ok(one));
    }

    #[test]
    fn the_worlds_of_a_command_line_are_said_as_they_were_asked_for() {
        let worlds = |line: &str| {
            let options = Options::parse(line.split_whitespace().map(str::to_owned)).unwrap();
            options.worlds.to_string()
        };
        assert_eq!(worlds("--seeds 3"), "");
        assert_eq!(worlds("--seeds 3 --chaos --hosts 7"), " --chaos --hosts 7");
    }

    #[test]
    fn a_wrong_command_line_is_refused_with_a_reason() {
        assert!(parse("").is_err());
        assert!(parse("--seeds").unwrap_err().contains("needs a number"));
        assert!(parse("--sneeds 3").unwrap_err().contains("--sneeds"));
    }
}
