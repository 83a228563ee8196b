use std::fmt;

use super::{Bias, biased, chaos, plan, wild};
use crate::Plan;

/// Which worlds seeds stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Worlds {
    /// Each another.
    #[default]
    Swarm,
    /// All of so many nodes, with every trouble there is.
    Chaos {
        /// How many.
        hosts: usize,
    },
    /// All of so many nodes, with every trouble there is, and most of what only some seeds have.
    Wild {
        /// How many.
        hosts: usize,
    },
    /// All with the same trouble, at the moments at which it can do harm.
    Biased(Bias),
}

impl Worlds {
    /// The plan of a seed.
    pub fn plan(self, seed: u64) -> Plan {
        match self {
            Self::Swarm => plan(seed),
            Self::Chaos { hosts } => chaos(seed, hosts),
            Self::Wild { hosts } => wild(seed, hosts),
            Self::Biased(bias) => biased(seed, bias),
        }
    }
}

impl fmt::Display for Worlds {
    /// The options that stand for them, each with a space before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Swarm => Ok(()),
            Self::Chaos { hosts } => write!(f, " --chaos --hosts {hosts}"),
            Self::Wild { hosts } => write!(f, " --wild --hosts {hosts}"),
            Self::Biased(bias) => write!(f, " --biased {}", bias.name()),
        }
    }
}
