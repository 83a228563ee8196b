use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Restart;
use crate::duration;

/// What a child is, as it is typed or written in a file, with all paths made absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Definition {
    /// The program, an absolute path or a bare name that each node looks up in its PATH, and its arguments.
    pub(crate) command: Vec<String>,
    /// Its working directory.
    pub(crate) cwd: String,
    /// Its own variables, besides PATH and those that ordu sets.
    pub(crate) env: BTreeMap<String, String>,
    /// When to start it again.
    pub(crate) restart: Restart,
    /// The signal that asks it to stop.
    pub(crate) stop_signal: String,
    /// Whether it may gain privileges by the programs it runs.
    pub(crate) allow_new_privileges: bool,
    /// How long it may take to stop.
    pub(crate) stop_timeout: StopTimeout,
    /// The only node it may run on.
    pub(crate) node: Option<String>,
    /// The labels that its node must carry.
    pub(crate) labels: BTreeMap<String, String>,
    /// How many restarts it may have…
    pub(crate) max_restarts: u32,
    /// … within how many milliseconds.
    pub(crate) within: u64,
}

impl Definition {
    /// The restart intensity, stop signal and so on of a child that says nothing about them.
    pub(crate) fn new(command: Vec<String>, cwd: String) -> Self {
        Self {
            command,
            cwd,
            env: BTreeMap::new(),
            restart: Restart::Permanent,
            stop_signal: "SIGTERM".to_owned(),
            allow_new_privileges: false,
            stop_timeout: StopTimeout::After(Duration::from_secs(5)),
            node: None,
            labels: BTreeMap::new(),
            max_restarts: 3,
            within: 5_000,
        }
    }
}

/// How long a child may take to stop before it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum StopTimeout {
    /// So long.
    After(Duration),
    /// As long as it likes.
    Infinity,
    /// It is not asked but killed.
    Kill,
}

impl StopTimeout {
    /// What is expected where one is.
    pub(crate) const EXPECTED: &str =
        "a time such as \"500ms\", \"10s\", \"1m30s\" or \"1h\", or \"infinity\", or \"kill\"";
}

impl FromStr for StopTimeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "infinity" => Ok(Self::Infinity),
            "kill" => Ok(Self::Kill),
            time => duration::parse(time)
                .map(Self::After)
                .map_err(|_| format!("expected {}", Self::EXPECTED)),
        }
    }
}

impl fmt::Display for StopTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(time) => f.write_str(&duration::show(*time)),
            Self::Infinity => f.write_str("infinity"),
            Self::Kill => f.write_str("kill"),
        }
    }
}

impl TryFrom<String> for StopTimeout {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<StopTimeout> for String {
    fn from(timeout: StopTimeout) -> Self {
        timeout.to_string()
    }
}
