use std::io;
use std::path::PathBuf;

use ordu_supervisor::process::log::LogFiles;

use super::{LogError, LogFollower};

/// The output of one process child on this node, of all its runs here: standard output and standard error,
/// line by line as they came, in three files of 10 MB at the most.
#[derive(Clone, Debug)]
pub struct ChildLog {
    files: LogFiles,
}

impl ChildLog {
    pub(super) fn new(files: LogFiles) -> Self {
        Self { files }
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
