use std::io;
use std::time::Duration;

use tokio::time::Instant;

/// How often drops are to be reported at most, but for the first and the last.
const EVERY: Duration = Duration::from_secs(10);

/// Output that a log does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// How many bytes of it that were not told before.
    pub bytes: u64,
    /// How many bytes it is time to report to people, told before or now; 0 while that would be too often.
    pub report: u64,
    /// Why the last of them, for people.
    pub reason: String,
}

/// Tells of drops at once, and of when they are to be reported, which is at a bounded rate.
pub(super) struct Drops<F> {
    tell: F,
    /// What was not reported yet, and why the last of it.
    unreported: Option<(u64, String)>,
    /// When the next may be reported.
    next: Option<Instant>,
}

impl<F: FnMut(Dropped)> Drops<F> {
    pub(super) fn new(tell: F) -> Self {
        Self {
            tell,
            unreported: None,
            next: None,
        }
    }

    pub(super) fn add(&mut self, bytes: u64, reason: impl FnOnce() -> String) {
        if bytes == 0 {
            return;
        }
        let unreported = self.unreported.as_ref().map_or(0, |(bytes, _)| *bytes);
        self.unreported = Some((unreported + bytes, reason()));
        self.tell(bytes);
    }

    /// When to call [`tell_due`](Self::tell_due).
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.unreported.as_ref().and(self.next)
    }

    pub(super) fn tell_due(&mut self) {
        if self.is_due() {
            self.tell(0);
        }
    }

    pub(super) fn tell_all(&mut self) {
        self.next = None;
        self.tell(0);
    }

    fn is_due(&self) -> bool {
        self.next.is_none_or(|next| next <= Instant::now())
    }

    fn tell(&mut self, bytes: u64) {
        let Some((unreported, reason)) = &self.unreported else {
            return;
        };
        let is_due = self.is_due();
        (self.tell)(Dropped {
            bytes,
            report: if is_due { *unreported } else { 0 },
            reason: reason.clone(),
        });
        if is_due {
            self.unreported = None;
            self.next = Some(Instant::now() + EVERY);
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
    async fn every_drop_is_counted_at_once_and_many_are_reported_together() {
        let mut told = Vec::new();
        let mut drops = Drops::new(|dropped: Dropped| told.push((dropped.bytes, dropped.report)));

        for _ in 0..5 {
            drops.add(1, || "full".to_owned());
        }
        let deadline = drops.deadline().unwrap();
        tokio::time::sleep_until(deadline).await;
        drops.tell_due();
        assert_eq!(drops.deadline(), None);
        drops.add(7, || "full".to_owned());
        drops.tell_all();

        let at_once = [(1, 1), (1, 0), (1, 0), (1, 0), (1, 0)];
        assert_eq!(told, [&at_once[..], &[(0, 4), (7, 0), (0, 7)]].concat());
    }

    #[tokio::test(start_paused = true)]
    async fn drops_that_are_reported_together_have_the_reason_of_the_last() {
        let mut told = Vec::new();
        let mut drops = Drops::new(|dropped: Dropped| told.push((dropped.report, dropped.reason)));

        for reason in ["slow", "full", "read-only"] {
            drops.add(1, || reason.to_owned());
        }
        drops.tell_all();

        let told: Vec<_> = told
            .iter()
            .map(|(report, reason)| (*report, reason.as_str()))
            .collect();
        assert_eq!(
            told,
            [(1, "slow"), (0, "full"), (0, "read-only"), (2, "read-only")]
        );
    }
}
