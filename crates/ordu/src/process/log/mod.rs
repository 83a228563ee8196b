//! What process children print: written to rotating files by the node, read back by anybody.

mod child_log;
mod error;
mod follower;

use std::path::PathBuf;
use std::sync::Arc;

use ordu_core::HordeName;
use ordu_supervisor::process::log::LogFiles;

pub use child_log::ChildLog;
pub use error::LogError;
pub use follower::LogFollower;

/// The logs of one node: a directory for each horde, a few rotating files for each child.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    dir: Arc<PathBuf>,
}

impl Logs {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir: Arc::new(dir) }
    }

    /// The log of a child that has run on this node.
    pub(crate) fn of(&self, horde: &HordeName, id: &str) -> Result<ChildLog, LogError> {
        let files = self.files(horde, id);
        if files.path(0).exists() {
            Ok(ChildLog::new(files))
        } else {
            Err(LogError::NoLog { id: id.to_owned() })
        }
    }

    pub(super) fn files(&self, horde: &HordeName, id: &str) -> LogFiles {
        // A horde may be called `..`: its name is made safe as a child's is.
        let horde = ordu_supervisor::process::log::file_stem(horde.as_str());
        LogFiles::new(self.dir.join(horde), id)
    }
}
