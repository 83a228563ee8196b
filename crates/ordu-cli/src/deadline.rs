use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Until when all steps of a command may go on together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// So much later than now; what is too long to be told is without end.
    pub(crate) fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time))
    }

    /// How much time is left; none once it is over.
    pub(crate) fn left(self) -> Duration {
        self.0
            .map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// What comes of work that only computes, and so cannot be told to hurry; `None` once time is over, and then it goes on
    /// for nobody until this process ends.
    pub(crate) fn or_late<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (done, end) = mpsc::channel();
        let worker = thread::spawn(move || {
            // Nobody waits for what is late.
            let _ = done.send(work());
        });
        match end.recv_timeout(self.left()) {
            Ok(outcome) => Some(outcome),
            Err(RecvTimeoutError::Timeout) => None,
            // It has panicked, and goes on doing so here.
            Err(RecvTimeoutError::Disconnected) => match worker.join() {
                Ok(()) => None,
                Err(panic) => resume_unwind(panic),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_is_done_in_time_gives_what_comes_of_it_and_no_other_is_waited_for() {
        assert_eq!(Deadline::after(Duration::MAX).or_late(|| 7), Some(7));
        let (_held, open) = mpsc::channel::<()>();
        let endless = move || open.recv().is_err();
        assert_eq!(Deadline::after(Duration::from_millis(20)).or_late(endless), None);
    }

    #[test]
    fn a_panic_of_the_work_is_one_of_whoever_waits_for_it() {
        let panics = || Deadline::after(Duration::MAX).or_late(|| panic!("on purpose"));
        assert!(std::panic::catch_unwind(panics).is_err());
    }
}
