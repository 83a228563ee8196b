//! What became of a mutant.

use std::fmt;

/// Whether it was found, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// By the unit tests of its package.
    Unit(How),
    /// By the simulator.
    Sim {
        /// Which worlds, as on its command line; empty: ordinary ones.
        worlds: String,
        seed: u64,
        how: How,
    },
    /// Something asked for it, and nothing came of it.
    Survived,
    /// Nothing ever asked for it.
    NeverReached,
}

/// How something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// This test failed, or this invariant was broken.
    Failed(String),
    /// The program ended so, which is not how it ends when something fails.
    Crashed(String),
    /// It did not end.
    TimeOut,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(what) => f.write_str(what),
            Self::Crashed(end) => write!(f, "crash ({end})"),
            Self::TimeOut => f.write_str("time-out"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit(how) => write!(f, "unit: {how}"),
            Self::Sim { worlds, seed, how } => write!(f, "sim: {how} with{worlds} --seed {seed}"),
            Self::Survived => f.write_str("survived"),
            Self::NeverReached => f.write_str("survived, never reached"),
        }
    }
}

impl How {
    fn parse(text: &str) -> Self {
        let crash = text.strip_prefix("crash (");
        match crash.and_then(|end| end.strip_suffix(')')) {
            Some(end) => Self::Crashed(end.to_owned()),
            None if text == "time-out" => Self::TimeOut,
            None => Self::Failed(text.to_owned()),
        }
    }
}

impl Outcome {
    /// Reads what `Display` wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(how) = text.strip_prefix("unit: ") {
            return Some(Self::Unit(How::parse(how)));
        }
        if let Some(rest) = text.strip_prefix("sim: ") {
            let (how, place) = rest.split_once(" with ")?;
            let (worlds, seed) = place.split_once("--seed ")?;
            let worlds = worlds.trim_end();
            return Some(Self::Sim {
                worlds: if worlds.is_empty() {
                    String::new()
                } else {
                    format!(" {worlds}")
                },
                seed: seed.parse().ok()?,
                how: How::parse(how),
            });
        }
        match text {
            "survived" => Some(Self::Survived),
            "survived, never reached" => Some(Self::NeverReached),
            _ => None,
        }
    }

    /// By what it was found, for a summary.
    pub(super) fn by(&self) -> String {
        match self {
            Self::Unit(_) => "unit tests".to_owned(),
            Self::Sim { worlds, .. } => match worlds.split_whitespace().collect::<Vec<_>>()[..] {
                [] => "simulator, ordinary seeds".to_owned(),
                ["--biased", bias] => format!("simulator, --biased {bias}"),
                [first, ..] => format!("simulator, {first}"),
            },
            Self::Survived => "survived".to_owned(),
            Self::NeverReached => "survived, never reached".to_owned(),
        }
    }

    /// Whether nothing has found it.
    pub(super) fn is_survival(&self) -> bool {
        matches!(self, Self::Survived | Self::NeverReached)
    }

    /// Whether it was found because something did not end, or crashed.
    pub(super) fn is_rough(&self) -> bool {
        matches!(
            self,
            Self::Unit(How::TimeOut | How::Crashed(_))
                | Self::Sim {
                    how: How::TimeOut | How::Crashed(_),
                    ..
                }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_read_as_it_was_written() {
        let sim = |worlds: &str, how| Outcome::Sim {
            worlds: worlds.to_owned(),
            seed: 17,
            how,
        };
        let outcomes = [
            (Outcome::Unit(How::Failed("a::b".to_owned())), "unit: a::b"),
            (Outcome::Unit(How::TimeOut), "unit: time-out"),
            (
                Outcome::Unit(How::Crashed("signal 6".to_owned())),
                "unit: crash (signal 6)",
            ),
            (
                sim("", How::Failed("one-list".to_owned())),
                "sim: one-list with --seed 17",
            ),
            (
                sim(" --chaos --hosts 3", How::TimeOut),
                "sim: time-out with --chaos --hosts 3 --seed 17",
            ),
            (Outcome::Survived, "survived"),
            (Outcome::NeverReached, "survived, never reached"),
        ];
        for (outcome, text) in outcomes {
            assert_eq!(outcome.to_string(), text);
            assert_eq!(Outcome::parse(text), Some(outcome));
        }
        assert_eq!(Outcome::parse("lost"), None);
    }
}
