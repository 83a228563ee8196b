use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// When a child is started again after it ended, by the words of the command line, of files and of JSON: a
/// contract of its own, whatever the library calls them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Restart {
    /// Always
    #[default]
    Permanent,
    /// Only after a failure
    Transient,
    /// Never
    Temporary,
}

impl Restart {
    /// The word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Transient => "transient",
            Self::Temporary => "temporary",
        }
    }
}

impl From<Restart> for ordu::Restart {
    fn from(restart: Restart) -> Self {
        match restart {
            Restart::Permanent => Self::Permanent,
            Restart::Transient => Self::Transient,
            Restart::Temporary => Self::Temporary,
        }
    }
}

impl From<ordu::Restart> for Restart {
    fn from(restart: ordu::Restart) -> Self {
        match restart {
            ordu::Restart::Permanent => Self::Permanent,
            ordu::Restart::Transient => Self::Transient,
            ordu::Restart::Temporary => Self::Temporary,
        }
    }
}
