//! Who may be started while the number of children is limited.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::collections::btree_map::Entry;

use super::child::{Child, Phase};
use super::{DynamicAction, DynamicCore, Refusal};
use crate::decisions::intensity::RestartWindow;
use crate::decisions::{AutoShutdown, ChildPolicy, Incarnation, Time};

/// What the limit depends on beside the number of children, and those who wait for a place.
#[derive(Debug, Clone)]
pub(super) struct Places<K, P> {
    /// Children that may yet come to nothing.
    undecided: usize,
    /// Children whose places may be taken while they stop.
    leaving: usize,
    /// Starts that wait for what comes of those before them, first come, first served.
    waiting: VecDeque<NewChild<K, P>>,
}

/// A child to be started for the first time.
#[derive(Debug, Clone)]
pub(super) struct NewChild<K, P> {
    pub(super) key: K,
    pub(super) policy: ChildPolicy,
    pub(super) payload: P,
    pub(super) restarts: u32,
}

/// Whether there is a place.
enum Room {
    Free,
    /// Not before one of the starts under way came to nothing.
    Perhaps,
    None,
}

impl<K, P> Default for Places<K, P> {
    fn default() -> Self {
        Self {
            undecided: 0,
            leaving: 0,
            waiting: VecDeque::new(),
        }
    }
}

impl<K, P> Places<K, P> {
    /// A child went from one phase to another.
    pub(super) fn changed(&mut self, before: &Phase, after: &Phase) {
        self.left(before);
        self.undecided += usize::from(after.is_undecided());
        self.leaving += usize::from(after.is_leaving());
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn undecided(&self) -> usize {
        self.undecided
    }

    /// A child in this phase was forgotten.
    pub(super) fn left(&mut self, phase: &Phase) {
        self.undecided -= usize::from(phase.is_undecided());
        self.leaving -= usize::from(phase.is_leaving());
    }
}

impl<K: Ord + Clone, P: Clone> DynamicCore<K, P> {
    /// Starts a new child, keeps it waiting, or refuses it.
    pub(super) fn start_child(&mut self, child: NewChild<K, P>, now: Time) {
        if let Err(refusal) = self.admits(&child) {
            return self.refuse(child.key, refusal);
        }
        match self.room() {
            Room::Free if self.books.places.waiting.is_empty() => self.add(child, now),
            _ if self.children.contains_key(&child.key) => self.refuse(child.key, Refusal::AlreadyPresent),
            Room::Free | Room::Perhaps => self.books.places.waiting.push_back(child),
            Room::None => self.refuse(child.key, Refusal::MaxChildren),
        }
    }

    /// Takes back a start that waits.
    pub(super) fn withdraw(&mut self, key: K) {
        let waiting = &mut self.books.places.waiting;
        // Mostly one of the last.
        match waiting.iter().rposition(|child| child.key == key) {
            Some(at) => drop(waiting.remove(at)),
            None => self.refuse(key, Refusal::NotFound),
        }
    }

    /// Decides about those that wait, as far as that is known by now.
    pub(super) fn serve_waiting(&mut self, now: Time) {
        while !self.books.places.waiting.is_empty() {
            let room = match self.room() {
                _ if self.ending.is_some() => Err(Refusal::Stopping),
                Room::Free => Ok(()),
                Room::Perhaps => return,
                Room::None => Err(Refusal::MaxChildren),
            };
            let Some(child) = self.books.places.waiting.pop_front() else {
                return;
            };
            match room.and_then(|()| self.admits(&child)) {
                Ok(()) => self.add(child, now),
                Err(refusal) => self.refuse(child.key, refusal),
            }
        }
    }

    /// Whether it may be a child here, unless it is one already.
    fn admits(&self, child: &NewChild<K, P>) -> Result<(), Refusal> {
        if self.ending.is_some() {
            return Err(Refusal::Stopping);
        }
        child
            .policy
            .validate(Some(AutoShutdown::Never))
            .map_err(Refusal::InvalidSpec)
    }

    /// Whether there is a place for one more, whatever comes of those that are being started.
    pub(super) fn has_room(&self) -> bool {
        matches!(self.room(), Room::Free)
    }

    fn room(&self) -> Room {
        let Some(max) = self.flags.max_children else {
            return Room::Free;
        };
        // Derived from the map, which also holds those being restarted: a counter of its own drifts.
        let taken = self.children.len() - self.books.places.leaving;
        if taken < max {
            Room::Free
        } else if taken - self.books.places.undecided < max {
            Room::Perhaps
        } else {
            Room::None
        }
    }

    fn add(&mut self, new: NewChild<K, P>, now: Time) {
        let policy = self.shared(new.policy);
        let place = match self.children.entry(new.key) {
            Entry::Vacant(place) => place,
            Entry::Occupied(known) => {
                let key = known.key().clone();
                return self.refuse(key, Refusal::AlreadyPresent);
            }
        };
        let mut child = Box::new(Child {
            policy,
            payload: Some(new.payload),
            incarnation: Incarnation::new(0),
            ran: None,
            phase: Phase::Running { since: now },
            restarts: new.restarts,
            failures: 0,
            window: RestartWindow::default(),
        });
        self.books.launch(place.key(), &mut child, true, now);
        place.insert(child);
    }

    pub(super) fn refuse(&mut self, key: K, refusal: Refusal) {
        self.books
            .actions
            .push_back(DynamicAction::Refused { key, refusal });
    }
}
