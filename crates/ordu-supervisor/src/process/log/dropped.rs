use std::io;
use std::time::Duration;

use tokio::time::Instant;

/// How often drops are told of at most, but for the first and the last.
const EVERY: Duration = Duration::from_secs(10);

/// Output that a log does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// How many bytes of it, since it was last told.
    pub bytes: u64,
    /// Why the last of them, for people.
    pub reason: String,
}

/// Gathers drops, and tells of them at a bounded rate.
pub(super) struct Drops<F> {
    tell: F,
    untold: Option<Dropped>,
    /// When the next may be told.
    next: Option<Instant>,
}

impl<F: FnMut(Dropped)> Drops<F> {
    pub(super) fn new(tell: F) -> Self {
        Self {
            tell,
            untold: None,
            next: None,
        }
    }

    pub(super) fn add(&mut self, bytes: u64, reason: impl FnOnce() -> String) {
        if bytes == 0 {
            return;
        }
        match &mut self.untold {
            Some(untold) => untold.bytes += bytes,
            None => {
                self.untold = Some(Dropped {
                    bytes,
                    reason: reason(),
                });
            }
        }
        self.tell_due();
    }

    /// When to call [`tell_due`](Self::tell_due).
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.untold.as_ref().and(self.next)
    }

    pub(super) fn tell_due(&mut self) {
        let now = Instant::now();
        if self.untold.is_some() && self.next.is_none_or(|next| next <= now) {
            self.tell_all();
            self.next = Some(now + EVERY);
        }
    }

    pub(super) fn tell_all(&mut self) {
        if let Some(dropped) = self.untold.take() {
            (self.tell)(dropped);
        }
    }
}

/// What the operating system said, without its number.
pub(super) fn reason_of(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((text, _)) => text.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_drop_is_told_at_once_and_many_are_told_together() {
        let mut told = Vec::new();
        let mut drops = Drops::new(|dropped: Dropped| told.push(dropped.bytes));

        for _ in 0..5 {
            drops.add(1, || "full".to_owned());
        }
        let deadline = drops.deadline().unwrap();
        tokio::time::sleep_until(deadline).await;
        drops.tell_due();
        assert_eq!(drops.deadline(), None);
        drops.add(7, || "full".to_owned());
        drops.tell_all();

        assert_eq!(told, [1, 4, 7]);
    }
}
