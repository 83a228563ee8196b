use std::fmt;

use serde::{Deserialize, Serialize};

use super::Signal;

/// How the first process of a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProcessExit {
    /// It ended by itself with this code, 0 to 255.
    Code(i32),
    /// This signal ended it.
    Signal(Signal),
    /// It was ended because its keeper was gone, so nobody learnt its status.
    Lost,
}

impl ProcessExit {
    /// Whether it ended by itself with code 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for ProcessExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "killed by {signal}"),
            Self::Lost => f.write_str("ended with its keeper"),
        }
    }
}
