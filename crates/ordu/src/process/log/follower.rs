use std::io;

use ordu_supervisor::process::log::Follower;

use super::{ChildLog, LogError};

/// The longest line that is told in one piece, in bytes. Output without line ends must not be gathered for ever.
const LONGEST: usize = 64 << 10;

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
    /// How much after `told` is known to hold no end of a line.
    scanned: usize,
}

impl LogFollower {
    pub(super) fn new(log: ChildLog, lines: usize) -> Self {
        Self {
            log,
            lines,
            follower: None,
            bytes: Vec::new(),
            told: 0,
            scanned: 0,
        }
    }

    /// The next line, without its end. Waits until there is one. Bytes that are not UTF-8 are replaced. A line
    /// of more than 64 KiB comes in pieces of that length. Dropping the future loses nothing.
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
        let searched = &rest[..rest.len().min(LONGEST + 1)];
        let found = searched[self.scanned..].iter().position(|byte| *byte == b'\n');
        let (line, taken) = match found {
            Some(end) => (&rest[..self.scanned + end], self.scanned + end + 1),
            None if rest.len() > LONGEST => {
                let end = boundary(rest, LONGEST);
                (&rest[..end], end)
            }
            None => {
                self.scanned = rest.len();
                self.bytes.drain(..self.told);
                self.told = 0;
                return None;
            }
        };
        let line = String::from_utf8_lossy(line).into_owned();
        self.told += taken;
        self.scanned = 0;
        Some(line)
    }
}

/// The last place up to `at` where no character of UTF-8 is cut; `at` itself if there is none near.
fn boundary(bytes: &[u8], at: usize) -> usize {
    let continues = |at: &usize| {
        bytes
            .get(*at)
            .is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000)
    };
    (at.saturating_sub(3)..=at)
        .rev()
        .find(|at| !continues(at))
        .unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use ordu_supervisor::process::log::LogFiles;

    use super::*;

    fn follower(bytes: &[u8]) -> LogFollower {
        let mut follower = LogFollower::new(ChildLog::new(LogFiles::new("/nowhere", "a"), None), 0);
        follower.bytes = bytes.to_vec();
        follower
    }

    #[test]
    fn lines_come_out_whole_whatever_pieces_they_came_in() {
        let mut follower = follower(b"one\ntw");
        assert_eq!(follower.take_line().as_deref(), Some("one"));
        assert_eq!(follower.take_line(), None);
        follower.bytes.extend(b"o\n\nthree");
        assert_eq!(follower.take_line().as_deref(), Some("two"));
        assert_eq!(follower.take_line().as_deref(), Some(""));
        assert_eq!(follower.take_line(), None);
        assert_eq!(follower.bytes, b"three");
    }

    #[test]
    fn a_line_of_the_greatest_length_is_whole_and_a_longer_one_comes_in_pieces() {
        let mut long = vec![b'x'; LONGEST];
        long.push(b'\n');
        assert_eq!(follower(&long).take_line().map(|line| line.len()), Some(LONGEST));

        let mut follower = follower(&vec![b'x'; LONGEST]);
        assert_eq!(follower.take_line(), None, "its end may come next");
        follower.bytes.extend(b"yy");
        assert_eq!(follower.take_line().map(|line| line.len()), Some(LONGEST));
        follower.bytes.push(b'\n');
        assert_eq!(follower.take_line().as_deref(), Some("yy"));
    }

    #[test]
    fn a_long_line_is_not_cut_inside_a_character() {
        let text = format!("x{}", "ä".repeat(LONGEST));
        let mut follower = follower(text.as_bytes());
        let mut got = String::new();
        while let Some(piece) = follower.take_line() {
            got.push_str(&piece);
        }
        assert_eq!(format!("{got}{}", String::from_utf8_lossy(&follower.bytes)), text);
    }
}
