use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::time::Instant;

use super::lines::Lines;

/// How long an unfinished line is held back, when there are two streams.
pub(super) const UNFINISHED: Duration = Duration::from_millis(200);

/// One output of a child.
pub(super) struct Stream {
    pub(super) pipe: pipe::Receiver,
    /// There is another stream, whose lines must not mix with these.
    hold_back: bool,
    pub(super) lines: Lines,
    /// When to pass on an unfinished line.
    pub(super) flush_at: Option<Instant>,
    /// The last that came was dropped: the rest of that line goes with it.
    dropping: bool,
}

impl Stream {
    pub(super) fn new(pipe: pipe::Receiver, hold_back: bool) -> Self {
        Self {
            pipe,
            hold_back,
            lines: Lines::default(),
            flush_at: None,
            dropping: false,
        }
    }

    /// How much of what was read is the rest of a line whose beginning was dropped.
    pub(super) fn skip(&mut self, bytes: &[u8]) -> usize {
        if !self.dropping {
            return 0;
        }
        let newline = bytes.iter().position(|&byte| byte == b'\n');
        self.dropping = newline.is_none();
        newline.map_or(bytes.len(), |newline| newline + 1)
    }

    /// Passes on what was read.
    pub(super) fn take(&mut self, bytes: &[u8], waiting: &mut Vec<u8>) {
        if self.hold_back {
            self.lines.push(bytes, waiting);
            self.flush_at = (!self.lines.is_empty()).then(|| Instant::now() + UNFINISHED);
        } else {
            waiting.extend_from_slice(bytes);
        }
    }

    /// Drops what was read, and the beginning of its first line if that is held back; returns how much.
    pub(super) fn drop(&mut self, bytes: &[u8]) -> usize {
        self.dropping = !bytes.ends_with(b"\n");
        self.flush_at = None;
        self.lines.clear() + bytes.len()
    }
}
