use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long what was pushed waits for more, so that a busy node does not write frame by frame. What a killed
/// process loses is at most this old.
const GATHER: Duration = Duration::from_millis(100);

/// With this much there is no waiting for more.
const ENOUGH: usize = 256 * 1024;

/// More than this is not kept for a disk that does not take it.
const LIMIT: usize = 64 * 1024 * 1024;

/// What is still to be written: filled by the loop, which never waits for the disk, and emptied by a thread.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// Nothing is pushed any more.
    closed: bool,
    /// Nothing is written any more.
    done: bool,
}

/// The backlog has grown too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooSlow;

impl Backlog {
    /// Adds what `fill` appends; `false` if nobody writes it any more.
    pub(super) fn push(&self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<bool, TooSlow> {
        let mut state = self.lock();
        if state.done {
            return Ok(false);
        }
        if state.bytes.len() > LIMIT {
            return Err(TooSlow);
        }
        let (was_empty, had_enough) = (state.bytes.is_empty(), state.bytes.len() >= ENOUGH);
        fill(&mut state.bytes);
        if was_empty || (!had_enough && state.bytes.len() >= ENOUGH) {
            self.changed.notify_all();
        }
        Ok(true)
    }

    /// Waits for something to write, exchanges it for the empty `buffer`, and says whether more may come.
    pub(super) fn take(&self, buffer: &mut Vec<u8>) -> bool {
        let idle = |state: &mut State| state.bytes.is_empty() && !state.closed;
        let state = self.lock();
        let state = self
            .changed
            .wait_while(state, idle)
            .unwrap_or_else(PoisonError::into_inner);
        let gathers = |state: &mut State| state.bytes.len() < ENOUGH && !state.closed;
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, GATHER, gathers)
            .unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut state.bytes, buffer);
        !state.closed
    }

    /// Nothing is pushed any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Nothing is written any more.
    pub(super) fn done(&self) {
        let mut state = self.lock();
        state.done = true;
        state.bytes = Vec::new();
        self.changed.notify_all();
    }

    /// Waits until nothing is written any more; `false` if that takes longer than `limit`.
    pub(super) fn await_done(&self, limit: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, limit, |state| !state.done)
            .unwrap_or_else(PoisonError::into_inner);
        state.done
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_before_the_end_is_taken_and_then_no_more_comes() {
        let backlog = Backlog::default();
        assert_eq!(backlog.push(|bytes| bytes.push(1)), Ok(true));
        assert_eq!(backlog.push(|bytes| bytes.push(2)), Ok(true));
        backlog.close();
        let mut taken = Vec::new();
        assert!(!backlog.take(&mut taken));
        assert_eq!(taken, [1, 2]);
    }

    #[test]
    fn a_disk_that_takes_nothing_in_ends_the_recording_and_not_the_memory() {
        let backlog = Backlog::default();
        assert_eq!(backlog.push(|bytes| bytes.resize(LIMIT + 1, 0)), Ok(true));
        assert_eq!(backlog.push(|bytes| bytes.push(0)), Err(TooSlow));
        backlog.done();
        assert_eq!(backlog.push(|bytes| bytes.push(0)), Ok(false));
    }
}
