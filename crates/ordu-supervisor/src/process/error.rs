use std::io;
use std::path::PathBuf;

/// No keeper could be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// `main` does not call [`keeper::init`](super::keeper::init) first, so this program cannot become a
    /// keeper.
    #[error(
        "operating-system processes need a keeper, and this program cannot become one: \
         call process::keeper::init() first in main"
    )]
    NotInitialised,
    /// The process could not be started.
    #[error("cannot start the keeper: {0}")]
    Spawn(#[source] io::Error),
    /// It was started and ended, or did not report within ten seconds.
    #[error("the keeper was started but did not report: {0}")]
    NotReady(#[source] io::Error),
    /// The record of what ran before could not be read or written.
    #[error("cannot use the record of running processes {path:?}: {source}")]
    Ledger {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// A child was not started; nothing of it is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The program could not be run: it does not exist, is not executable, its arguments are too long…
    #[error("cannot run {program:?}: {source}")]
    Program {
        /// As it was asked for.
        program: String,
        /// What the operating system said; `NotFound` for a missing program.
        source: io::Error,
    },
    /// The working directory does not exist or may not be entered.
    #[error("cannot enter the working directory {path:?}: {source}")]
    WorkingDirectory {
        /// As it was asked for.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The request makes no sense.
    #[error("not a request that can be run: {0}")]
    Invalid(&'static str),
    /// A child of that incarnation runs.
    #[error("incarnation {0} runs already")]
    AlreadyRuns(u64),
    /// The pipes for its output could not be made.
    #[error("cannot make pipes for the output: {0}")]
    Pipe(#[source] io::Error),
    /// The system has no random numbers to tell its processes from others by.
    #[error("cannot draw random numbers: {0}")]
    Mark(#[source] io::Error),
    /// The keeper ended. If it had started the child, that was killed.
    #[error(transparent)]
    KeeperGone(#[from] KeeperGone),
}

impl SpawnError {
    /// What the operating system said, if it was the operating system.
    #[must_use]
    pub fn os_error(&self) -> Option<&io::Error> {
        match self {
            Self::Program { source, .. }
            | Self::WorkingDirectory { source, .. }
            | Self::Pipe(source)
            | Self::Mark(source) => Some(source),
            Self::Invalid(_) | Self::AlreadyRuns(_) | Self::KeeperGone(_) => None,
        }
    }
}

/// The keeper has ended, and all its children with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keeper has ended, and its children with it")]
pub struct KeeperGone;
