use std::io;

use ordu_supervisor::process::log::Follower;

use super::{ChildLog, LogError};

/// Reads the log of a child as it grows, across restarts of the child and rotations of its files.
#[derive(Debug)]
pub struct LogFollower {
    log: ChildLog,
    /// How many lines of before are wanted.
    lines: usize,
    /// `None` until the first line is asked for.
    follower: Option<Follower>,
    /// Read and not told yet; the last line of it may be unfinished.
    bytes: Vec<u8>,
    told: usize,
}

impl LogFollower {
    pub(super) fn new(log: ChildLog, lines: usize) -> Self {
        Self {
            log,
            lines,
            follower: None,
            bytes: Vec::new(),
            told: 0,
        }
    }

    /// The next line, without its end. Waits until there is one. Bytes that are not UTF-8 are replaced.
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<String, LogError> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(line);
            }
            match &mut self.follower {
                Some(follower) => {
                    let more = follower.next().await.map_err(|source| self.log.error(source))?;
                    self.bytes.extend(more);
                }
                None => self.start().await?,
            }
        }
    }

    async fn start(&mut self) -> Result<(), LogError> {
        let (files, lines) = (self.log.files().clone(), self.lines);
        let started = tokio::task::spawn_blocking(move || Follower::start(files, lines)).await;
        let started = started.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        let (bytes, follower) = started.map_err(|source| self.log.error(source))?;
        self.bytes = bytes;
        self.follower = Some(follower);
        Ok(())
    }

    fn take_line(&mut self) -> Option<String> {
        let rest = &self.bytes[self.told..];
        if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&rest[..end]).into_owned();
            self.told += end + 1;
            return Some(line);
        }
        self.bytes.drain(..self.told);
        self.told = 0;
        None
    }
}
