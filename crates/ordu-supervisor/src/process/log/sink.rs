use std::io;

use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use super::RotatingFile;

/// The file, how many of the bytes to be written were not, and why.
pub(super) type Written = (RotatingFile, u64, io::Result<()>);

/// Where the file is.
pub(super) enum Sink {
    Idle(RotatingFile),
    Busy {
        task: JoinHandle<Written>,
        since: Instant,
    },
    /// Only between two of the others.
    Away,
}

impl Sink {
    pub(super) fn take_idle(&mut self) -> Option<RotatingFile> {
        match std::mem::replace(self, Self::Away) {
            Self::Idle(file) => Some(file),
            other => {
                *self = other;
                None
            }
        }
    }

    pub(super) fn busy_since(&self) -> Option<Instant> {
        match self {
            Self::Busy { since, .. } => Some(*since),
            Self::Idle(_) | Self::Away => None,
        }
    }

    /// Waits for the end of a write; for ever if there is none.
    pub(super) async fn written(&mut self) -> Result<Written, JoinError> {
        match self {
            Self::Busy { task, .. } => task.await,
            Self::Idle(_) | Self::Away => std::future::pending().await,
        }
    }

    /// Ends the last line, so that the next incarnation begins with one of its own. If that cannot be done, the
    /// next one will do it.
    pub(super) async fn close(mut self) -> io::Result<RotatingFile> {
        let mut file = self.take_idle().ok_or(io::ErrorKind::Other)?;
        let task = tokio::task::spawn_blocking(move || {
            let _ = file.end_line();
            file
        });
        task.await.map_err(io::Error::other)
    }
}
