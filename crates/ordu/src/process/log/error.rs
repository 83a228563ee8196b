use std::io;
use std::path::PathBuf;

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The node runs no processes, so it has no logs.
    #[error("this node runs no processes")]
    NoProcesses,
    /// The child has never run on this node, or what it said is not kept any more.
    #[error(
        "child {id:?} has no log on this node: it has not run here, or what it said is not kept any more"
    )]
    NoLog {
        /// The child's id.
        id: String,
    },
    /// The operating system refused.
    #[error("cannot read the log {}: {source}", path.display())]
    Read {
        /// The file that is being written.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}
