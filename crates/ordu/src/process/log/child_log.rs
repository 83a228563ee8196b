use std::io;
use std::path::PathBuf;

use ordu_supervisor::process::log::LogFiles;

use super::{DroppedOutput, LogError, LogFollower};

/// The output of one process child on this node, of all its runs here in one life of its id: standard output and standard error,
/// line by line as they came, in three files of 10 MB at the most.
#[derive(Clone, Debug)]
pub struct ChildLog {
    files: LogFiles,
    dropped: Option<DroppedOutput>,
}

impl ChildLog {
    pub(super) fn new(files: LogFiles, dropped: Option<DroppedOutput>) -> Self {
        Self { files, dropped }
    }

    /// What of the output was dropped because the disk did not take it, as of the moment this log was asked for. Where
    /// that was, a line in the log says so as soon as the disk takes one.
    pub fn dropped(&self) -> Option<&DroppedOutput> {
        self.dropped.as_ref()
    }

    /// The file that is being written; older ones have `.1` and `.2` appended.
    pub fn path(&self) -> PathBuf {
        self.files.path(0)
    }

    /// The last lines, oldest first; fewer if there are fewer, or if they are longer than 4 MiB. Bytes that are
    /// not UTF-8 are replaced.
    pub async fn tail(&self, lines: usize) -> Result<Vec<String>, LogError> {
        let files = self.files.clone();
        let read = tokio::task::spawn_blocking(move || files.last_lines(lines)).await;
        let bytes = read
            .unwrap_or_else(|panic| Err(io::Error::other(panic)))
            .map_err(|source| self.error(source))?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// The last lines, and then every line as it is written.
    pub fn follow(&self, lines: usize) -> LogFollower {
        LogFollower::new(self.clone(), lines)
    }

    pub(super) fn files(&self) -> &LogFiles {
        &self.files
    }

    pub(super) fn error(&self, source: io::Error) -> LogError {
        LogError::Read {
            path: self.path(),
            source,
        }
    }
}
