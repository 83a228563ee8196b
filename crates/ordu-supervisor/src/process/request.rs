use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use super::error::SpawnError;
use super::mark::Mark;
use super::{Signal, environment, wire};

/// What becomes of a child's standard output and standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// A pipe for each.
    #[default]
    Separate,
    /// One pipe for both, which keeps their order.
    Merged,
    /// To `/dev/null`.
    Null,
}

/// A program to start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SpawnRequest {
    /// The caller's name for this one start; no two children that run may share it. Events carry it.
    pub incarnation: u64,
    /// The program and its arguments; never a shell's command line. A program without a slash is looked up
    /// in the PATH of `env`; a relative path with one starts at `cwd`.
    pub command: Vec<OsString>,
    /// The whole environment but for `ORDU_MARK`, by which the keeper knows its processes; see [`environment`]. At
    /// first just PATH.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory; the agent's if there is none.
    pub cwd: Option<PathBuf>,
    /// The soft limit of open files for the child, for agents that raised their own.
    pub open_files: Option<u64>,
    /// Whether it, and what it starts, may gain privileges by running a program that has them: set-user-id, or
    /// with file capabilities (`no_new_privs` is not set). At first not.
    pub allow_new_privileges: bool,
    /// The signal that asks it to stop; SIGTERM at first.
    pub stop_signal: Signal,
    /// When its first process ends unasked, what that leaves behind is sent the stop signal, and has this long to
    /// end before it is killed. Five seconds at first.
    pub leftover_timeout: Duration,
    /// Where its output goes.
    pub output: Output,
}

impl SpawnRequest {
    /// A request with nothing but what is needed.
    pub fn new<W: Into<OsString>>(incarnation: u64, command: impl IntoIterator<Item = W>) -> Self {
        Self {
            incarnation,
            command: command.into_iter().map(Into::into).collect(),
            env: environment::<&str, &str, &str, &str>([], []),
            cwd: None,
            open_files: None,
            allow_new_privileges: false,
            stop_signal: Signal::TERM,
            leftover_timeout: Duration::from_secs(5),
            output: Output::default(),
        }
    }

    /// The program's name, for messages.
    pub(super) fn program(&self) -> String {
        self.command
            .first()
            .map(|word| word.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    pub(super) fn pipes(&self) -> u8 {
        match self.output {
            Output::Separate => 2,
            Output::Merged => 1,
            Output::Null => 0,
        }
    }

    /// Checks it and makes it what the keeper understands.
    pub(super) fn into_wire(self, mark: Mark) -> Result<wire::Spawn, SpawnError> {
        if self.command.first().is_none_or(|program| program.is_empty()) {
            return Err(SpawnError::Invalid("the command is empty"));
        }
        let has_nul = |text: &OsStr| text.as_bytes().contains(&0);
        if self.command.iter().any(|word| has_nul(word))
            || self
                .env
                .iter()
                .any(|(name, value)| has_nul(name) || has_nul(value))
            || self.cwd.as_ref().is_some_and(|cwd| has_nul(cwd.as_os_str()))
        {
            return Err(SpawnError::Invalid(
                "a word, a variable or the directory has a NUL character",
            ));
        }
        let misnamed = |name: &OsStr| name.is_empty() || name.as_bytes().contains(&b'=');
        if self.env.iter().any(|(name, _)| misnamed(name)) {
            return Err(SpawnError::Invalid(
                "the name of a variable is empty or has an '='",
            ));
        }
        let outputs = self.pipes();
        Ok(wire::Spawn {
            incarnation: self.incarnation,
            command: self.command.into_iter().map(OsString::into_vec).collect(),
            env: self
                .env
                .into_iter()
                .map(|(name, value)| (name.into_vec(), value.into_vec()))
                .collect(),
            cwd: self.cwd.map(|cwd| cwd.into_os_string().into_vec()),
            open_files: self.open_files,
            allow_new_privileges: self.allow_new_privileges,
            stop_signal: self.stop_signal,
            leftover_timeout: self.leftover_timeout,
            mark,
            outputs,
        })
    }
}
