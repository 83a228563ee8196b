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
}
