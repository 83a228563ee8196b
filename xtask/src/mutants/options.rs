//! What the command line may say.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// A parsed command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) seed: u64,
    pub(super) count: usize,
    /// How long the simulator looks at a mutant that the unit tests have not found.
    pub(super) simulated: Duration,
    pub(super) jobs: usize,
    pub(super) journal: Option<PathBuf>,
    /// The numbers of the mutants that are tried, and no others; empty: the sample.
    pub(super) only: BTreeSet<u32>,
    pub(super) list: bool,
}

impl Options {
    pub(super) fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self {
            seed: 1,
            count: 100,
            simulated: Duration::from_mins(2),
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            journal: None,
            only: BTreeSet::new(),
            list: false,
        };
        let mut args = args.iter();
        while let Some(flag) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--seed" => options.seed = number(flag, value()?)?,
                "--count" => options.count = number(flag, value()?)?,
                "--minutes" => options.simulated = Duration::from_mins(number(flag, value()?)?),
                "--jobs" => options.jobs = number::<usize>(flag, value()?)?.max(1),
                "--journal" => options.journal = Some(value()?.into()),
                "--only" => {
                    let numbers = value()?.split(',').map(|one| number(flag, one));
                    options.only.extend(numbers.collect::<Result<Vec<u32>, _>>()?);
                }
                "--list" => options.list = true,
                other => {
                    return Err(format!(
                        "unexpected argument {other:?}; `cargo xtask help` says more"
                    ));
                }
            }
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(flag: &str, text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{flag} needs a number, not {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&args)
    }

    #[test]
    fn a_command_line_says_which_mutants_are_tried() {
        let options = parse("--seed 7 --count 12 --minutes 1 --only 3,5 --jobs 0 --list").unwrap();
        assert_eq!((options.seed, options.count, options.jobs), (7, 12, 1));
        assert_eq!(options.simulated, Duration::from_mins(1));
        assert_eq!(options.only, BTreeSet::from([3, 5]));
        assert!(options.list);
        assert_eq!(parse("").unwrap().count, 100);
    }

    #[test]
    fn a_wrong_command_line_is_refused_with_a_reason() {
        assert!(parse("--seed").unwrap_err().contains("--seed"));
        assert!(parse("--only 3,x").unwrap_err().contains("\"x\""));
        assert!(parse("--sneed 3").unwrap_err().contains("--sneed"));
    }
}
