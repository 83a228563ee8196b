//! Whom this replica asks for what it lacks: one peer at a time.

use alloc::collections::BTreeSet;

use crate::ReplicaId;

/// Asking several peers at once would have each send the same operations, so requests take turns.
///
/// A peer that never answers holds the others up for at most two of the caller's rounds: there is no clock here,
/// but a peer that is asked a second time without any progress in between shows that a round has passed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pulls {
    open: Option<Pull>,
    waiting: BTreeSet<ReplicaId>,
    asked_since_progress: BTreeSet<ReplicaId>,
    /// Counts requests and what came of them.
    steps: u64,
}

#[derive(Clone, Copy, Debug)]
struct Pull {
    peer: ReplicaId,
    round: u64,
}

impl Pulls {
    /// Whether `peer` may be asked now; if not, it waits for its turn or is being asked already.
    pub(crate) fn may_ask(&mut self, peer: ReplicaId) -> bool {
        match self.open {
            None => true,
            Some(pull) => {
                if pull.peer != peer {
                    self.waiting.insert(peer);
                }
                false
            }
        }
    }

    /// The peer was asked.
    pub(crate) fn asked(&mut self, peer: ReplicaId, round: u64) {
        self.open = Some(Pull { peer, round });
        self.steps += 1;
        self.waiting.remove(&peer);
        self.asked_since_progress.clear();
    }

    /// The caller began a round with `peer`. Gives up a pull that has made no progress for a whole round.
    pub(crate) fn round_began(&mut self, peer: ReplicaId) {
        if self.open.is_some() && !self.asked_since_progress.insert(peer) {
            self.open = None;
            self.asked_since_progress.clear();
        }
    }

    pub(crate) fn progressed(&mut self, peer: ReplicaId) {
        if self.open.is_some_and(|pull| pull.peer == peer) {
            self.asked_since_progress.clear();
            self.steps += 1;
        }
    }

    /// Whether a request is open, and how many steps had been made by now.
    pub(crate) fn open(&self) -> Option<u64> {
        self.open.map(|_| self.steps)
    }

    /// Whether this peer is being asked.
    pub(crate) fn is_asking(&self, peer: ReplicaId) -> bool {
        self.open.is_some_and(|pull| pull.peer == peer)
    }

    pub(crate) fn give_up(&mut self) {
        self.open = None;
        self.asked_since_progress.clear();
    }

    /// The exchange `round` with `peer` is complete. Whether that is the one that is open; if so the next may be
    /// asked.
    pub(crate) fn completed(&mut self, peer: ReplicaId, round: u64) -> bool {
        let ours = self
            .open
            .is_some_and(|pull| pull.peer == peer && pull.round == round);
        if ours {
            self.open = None;
        }
        ours
    }

    /// The transfer broke, or the peer is gone.
    pub(crate) fn abandon(&mut self, peer: ReplicaId) {
        if self.open.is_some_and(|pull| pull.peer == peer) {
            self.open = None;
        }
        self.waiting.remove(&peer);
        self.asked_since_progress.remove(&peer);
    }

    /// The next peer to ask, if none is being asked.
    pub(crate) fn next(&mut self) -> Option<ReplicaId> {
        if self.open.is_some() {
            None
        } else {
            self.waiting.pop_first()
        }
    }
}
