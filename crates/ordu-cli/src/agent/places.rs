use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// How long a caller has its place for itself while it is sent an answer; then a newcomer may have it.
const UNHURRIED: Duration = Duration::from_secs(1);

/// How often a newcomer looks again whether a place has become worth taking.
const PERIOD: Duration = Duration::from_millis(100);

/// The places of those who are served at once at one door. They are bounded, so that whoever comes, and however
/// many, takes no more than these; and when all are taken a newcomer gets the place of whoever can best be missed,
/// so that those who only sit there keep nobody out.
#[derive(Clone, Debug)]
pub(super) struct Places {
    most: usize,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    taken: Mutex<Taken>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    /// In the order in which they came.
    guests: BTreeMap<u64, Guest>,
    next: u64,
}

#[derive(Debug)]
struct Guest {
    doing: Doing,
    since: Instant,
    shown_out: Arc<Notify>,
    out: bool,
}

/// What somebody does who has a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// It has not said yet what it wants, and can be shown out.
    Asking,
    /// It waits for what it asked for, and is never shown out.
    Waiting,
    /// It is sent an answer; one that takes long over it can be shown out.
    Taking,
}

/// Its holder was shown out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShownOut;

impl Places {
    /// So many.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            shared: Arc::default(),
        }
    }

    /// Waits for a place, and shows somebody out if none is free. Dropping the future gives up the wait.
    pub(super) async fn enter(&self, doing: Doing) -> Place {
        loop {
            // Before looking: nobody leaves unseen in between.
            let left = self.shared.left.notified();
            if let Some(place) = self.try_enter(doing) {
                return place;
            }
            let _ = timeout(PERIOD, left).await;
        }
    }

    fn try_enter(&self, doing: Doing) -> Option<Place> {
        let mut taken = self.shared.lock();
        if taken.guests.len() >= self.most {
            if let Some(guest) = taken.least_missed(Instant::now()) {
                guest.out = true;
                guest.shown_out.notify_one();
            }
            return None;
        }
        let number = taken.next;
        taken.next += 1;
        let shown_out = Arc::new(Notify::new());
        let guest = Guest {
            doing,
            since: Instant::now(),
            shown_out: Arc::clone(&shown_out),
            out: false,
        };
        taken.guests.insert(number, guest);
        Some(Place {
            number,
            shared: Arc::clone(&self.shared),
            shown_out,
        })
    }
}

impl Taken {
    /// Who is shown out for a newcomer: the first of those that have not asked for anything, else of those that let
    /// their answer wait. Nobody, while somebody is on the way out already.
    fn least_missed(&mut self, now: Instant) -> Option<&mut Guest> {
        if self.guests.values().any(|guest| guest.out) {
            return None;
        }
        let slow =
            |guest: &Guest| guest.doing == Doing::Taking && now.duration_since(guest.since) >= UNHURRIED;
        let asking = self.first(|guest| guest.doing == Doing::Asking);
        let number = asking.or_else(|| self.first(slow))?;
        self.guests.get_mut(&number)
    }

    fn first(&self, which: impl Fn(&Guest) -> bool) -> Option<u64> {
        let mut guests = self.guests.iter();
        guests.find(|(_, guest)| which(guest)).map(|(number, _)| *number)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is taken; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    shared: Arc<Shared>,
    shown_out: Arc<Notify>,
}

impl Place {
    /// Begins to do something else, from now on; fails if its holder has been shown out already.
    pub(super) fn begin(&self, doing: Doing) -> Result<(), ShownOut> {
        match self.shared.lock().guests.get_mut(&self.number) {
            Some(guest) if !guest.out => {
                (guest.doing, guest.since) = (doing, Instant::now());
                Ok(())
            }
            _ => Err(ShownOut),
        }
    }

    /// Waits until its holder is shown out; for one waiter at a time.
    pub(super) async fn shown_out(&self) {
        self.shown_out.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.lock().guests.remove(&self.number);
        self.shared.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits until it is shown out, which a newcomer waits for as well.
    async fn until_out(place: &Place) {
        timeout(Duration::from_mins(1), place.shown_out())
            .await
            .expect("nobody is shown out");
    }

    /// Whether it has been shown out by now.
    async fn is_out(place: &Place) -> bool {
        timeout(Duration::ZERO, place.shown_out()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_newcomer_gets_the_place_of_the_first_that_has_not_asked_for_anything() {
        let places = Places::new(3);
        let waiting = places.enter(Doing::Waiting).await;
        let first = places.enter(Doing::Asking).await;
        let second = places.enter(Doing::Asking).await;

        let newcomer = tokio::spawn(async move { places.enter(Doing::Asking).await });
        until_out(&first).await;
        assert_eq!(
            first.begin(Doing::Waiting),
            Err(ShownOut),
            "it does nothing any more"
        );
        drop(first);
        let _newcomer = newcomer.await.unwrap();

        assert!(!is_out(&waiting).await && !is_out(&second).await);
        assert_eq!(second.begin(Doing::Waiting), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_lets_its_answer_wait_goes_only_after_a_while() {
        let places = Places::new(1);
        let slow = places.enter(Doing::Taking).await;
        let begun = Instant::now();
        let newcomer = tokio::spawn(async move { places.enter(Doing::Asking).await });
        until_out(&slow).await;
        assert!(begun.elapsed() >= UNHURRIED, "{:?}", begun.elapsed());
        drop(slow);
        newcomer.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_waits_for_what_it_asked_for_is_never_shown_out() {
        let places = Places::new(1);
        let waiting = places.enter(Doing::Waiting).await;
        assert!(
            timeout(Duration::from_mins(1), places.enter(Doing::Asking))
                .await
                .is_err()
        );
        assert!(!is_out(&waiting).await);
        drop(waiting);
        places.enter(Doing::Asking).await;
    }
}
