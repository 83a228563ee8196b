use std::collections::BTreeMap;
use std::path::PathBuf;

use ordu_core::{ChildSpec, Kind};
use ordu_supervisor::process::Signal;
use serde::{Deserialize, Serialize};

/// A program to keep running: the args of the kind `process`, version 1.
///
/// The program gets this environment and nothing else: [`env`](Self::env), `PATH` (the node's own unless
/// `env` has one), and over these `ORDU_ID`, `ORDU_EPOCH`, `ORDU_FENCE` (its fencing token), `ORDU_NODE`
/// (the name of the node) and `ORDU_MARK` (by which the node tells the processes of this start from all others). It runs in a process group of its own, without a terminal, and its output goes to
/// the node's logs.
///
/// ```
/// use ordu::{ChildSpec, ProcessSpec, Restart};
///
/// let web = ProcessSpec::new(["/usr/bin/server", "--port", "80"]).env("MODE", "fast");
/// let spec = ChildSpec { restart: Restart::Transient, ..web.child_spec() };
/// assert_eq!(spec.kind.as_str(), "process");
/// assert_eq!(ProcessSpec::from_child_spec(&spec)?, web);
/// # Ok::<(), ordu::InvalidProcessSpec>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// The program and its arguments, never a shell's command line. A program without a slash is looked up in
    /// PATH on each node.
    pub command: Vec<String>,
    /// Its environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Its working directory; the node's if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// The signal that asks it to stop, by name (`SIGTERM`, `term`) or number.
    #[serde(default = "term", skip_serializing_if = "is_term")]
    pub stop_signal: String,
    /// Whether it may gain privileges by running a program that has them, set-user-id or with file capabilities; if
    /// not, `no_new_privs` is set. What such a program runs as may be out of the node's reach: it must be able to
    /// signal it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_new_privileges: bool,
}

/// The args of a child are not those of a process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProcessSpec {
    /// The child is of another kind, or of another version.
    #[error(
        "expected kind process, version {}, got kind {kind}, version {version}",
        ProcessSpec::VERSION
    )]
    OtherKind {
        /// Its kind.
        kind: Kind,
        /// The version of its args.
        version: u16,
    },
    /// The args are not the JSON of a [`ProcessSpec`].
    #[error("not the args of a process: {0}")]
    Args(String),
    /// There is no program to run.
    #[error("the command is empty; expected the program and its arguments")]
    EmptyCommand,
    /// The working directory cannot be sent to other nodes.
    #[error("the working directory {path:?} is not UTF-8")]
    Cwd {
        /// The directory.
        path: PathBuf,
    },
    /// The stop signal is none.
    #[error("stop_signal: {0}")]
    StopSignal(String),
}

impl ProcessSpec {
    /// The kind's name.
    pub const KIND: &'static str = "process";

    /// The version of args that this type stands for.
    pub const VERSION: u16 = 1;

    /// A program with its arguments, and nothing else.
    pub fn new<W: Into<String>>(command: impl IntoIterator<Item = W>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            cwd: None,
            stop_signal: term(),
            allow_new_privileges: false,
        }
    }

    /// With a variable in its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// In this working directory.
    #[must_use]
    pub fn cwd(mut self, path: impl Into<PathBuf>) -> Self {
        self.cwd = Some(path.into());
        self
    }

    /// With another signal to stop it.
    #[must_use]
    pub fn stop_signal(mut self, signal: impl Into<String>) -> Self {
        self.stop_signal = signal.into();
        self
    }

    /// With leave to gain privileges, or without.
    #[must_use]
    pub fn allow_new_privileges(mut self, allow: bool) -> Self {
        self.allow_new_privileges = allow;
        self
    }

    /// A child spec that runs it: permanent, 5 s to stop, 3 restarts within 5 s. Change what should differ.
    ///
    /// # Panics
    ///
    /// If the working directory is not UTF-8, which JSON cannot carry; [`validate`](Self::validate) tells.
    pub fn child_spec(&self) -> ChildSpec {
        let args = serde_json::to_vec(self).expect("the working directory is UTF-8, the rest is text");
        ChildSpec::new(Self::kind(), Self::VERSION, args)
    }

    /// Reads it back from a child spec, checked as [`validate`](Self::validate) does.
    pub fn from_child_spec(spec: &ChildSpec) -> Result<Self, InvalidProcessSpec> {
        if spec.kind.as_str() != Self::KIND || spec.version != Self::VERSION {
            return Err(InvalidProcessSpec::OtherKind {
                kind: spec.kind.clone(),
                version: spec.version,
            });
        }
        let process: Self = serde_json::from_slice(&spec.args)
            .map_err(|error| InvalidProcessSpec::Args(error.to_string()))?;
        process.validate()?;
        Ok(process)
    }

    /// Checks what can be checked anywhere: that there is a program, that the working directory is UTF-8, and
    /// that the signal is one.
    pub fn validate(&self) -> Result<(), InvalidProcessSpec> {
        if let Some(path) = self.cwd.as_ref().filter(|path| path.to_str().is_none()) {
            return Err(InvalidProcessSpec::Cwd { path: path.clone() });
        }
        if self.command.first().is_none_or(String::is_empty) {
            return Err(InvalidProcessSpec::EmptyCommand);
        }
        self.signal().map(drop)
    }

    pub(super) fn signal(&self) -> Result<Signal, InvalidProcessSpec> {
        self.stop_signal
            .parse()
            .map_err(|error: ordu_supervisor::process::UnknownSignal| {
                InvalidProcessSpec::StopSignal(error.to_string())
            })
    }

    pub(super) fn kind() -> Kind {
        Kind::new(Self::KIND).expect("a valid name")
    }
}

fn term() -> String {
    "SIGTERM".to_owned()
}

fn is_term(signal: &str) -> bool {
    signal == "SIGTERM"
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_from_the_usual_is_stored() {
        let spec = ProcessSpec::new(["true"]).child_spec();
        assert_eq!(String::from_utf8(spec.args).unwrap(), r#"{"command":["true"]}"#);
    }

    #[test]
    fn everything_set_is_read_back() {
        let process = ProcessSpec::new(["a", "b"])
            .env("X", "1")
            .cwd("/tmp")
            .stop_signal("int")
            .allow_new_privileges(true);
        assert_eq!(ProcessSpec::from_child_spec(&process.child_spec()), Ok(process));
    }

    #[test]
    fn what_no_node_could_run_is_refused_with_the_reason() {
        let refused = |process: ProcessSpec| ProcessSpec::from_child_spec(&process.child_spec()).unwrap_err();
        assert_eq!(
            refused(ProcessSpec::new::<&str>([])),
            InvalidProcessSpec::EmptyCommand
        );
        assert_eq!(refused(ProcessSpec::new([""])), InvalidProcessSpec::EmptyCommand);
        let error = refused(ProcessSpec::new(["a"]).stop_signal("SIGNOTHING")).to_string();
        assert!(error.contains("SIGNOTHING"), "{error}");

        let mut spec = ProcessSpec::new(["a"]).child_spec();
        spec.args = b"[]".to_vec();
        assert!(matches!(
            ProcessSpec::from_child_spec(&spec),
            Err(InvalidProcessSpec::Args(_))
        ));
        spec.version = 2;
        assert!(matches!(
            ProcessSpec::from_child_spec(&spec),
            Err(InvalidProcessSpec::OtherKind { .. })
        ));
    }
}
