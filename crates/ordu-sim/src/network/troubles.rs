use std::collections::{BTreeMap, BTreeSet};

use super::Network;
use crate::HostId;

/// What IP, UDP and QUIC put around what is sent.
const OVERHEAD: usize = 60;

/// What is wrong with some ways besides their quality.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// The largest packet that gets through.
    narrow: BTreeMap<(HostId, HostId), usize>,
    /// Who is refused what it dials.
    rejected: BTreeSet<(HostId, HostId)>,
}

impl Troubles {
    pub(super) fn fits(&self, from: HostId, to: HostId, bytes: usize) -> bool {
        let largest = self.narrow.get(&(from, to));
        largest.is_none_or(|largest| bytes + OVERHEAD <= *largest)
    }

    pub(super) fn is_narrow(&self, from: HostId, to: HostId) -> bool {
        self.narrow.contains_key(&(from, to))
    }

    pub(super) fn widen_all(&mut self) {
        self.narrow.clear();
    }

    pub(super) fn allow_all(&mut self) {
        self.rejected.clear();
    }
}

impl Network {
    /// Packets above so many bytes are lost one way.
    pub(crate) fn narrow(&mut self, from: HostId, to: HostId, largest: usize) {
        if from != to {
            self.troubles.narrow.insert((from, to), largest);
        }
    }

    /// Whether one way takes so many bytes in one piece, if it takes any.
    pub(crate) fn fits(&self, from: HostId, to: HostId, bytes: usize) -> bool {
        self.troubles.fits(from, to, bytes)
    }

    /// What the first host dials at the second is refused.
    pub(crate) fn reject(&mut self, from: HostId, to: HostId) {
        if from != to {
            self.troubles.rejected.insert((from, to));
        }
    }

    /// It is not any more.
    pub(crate) fn allow(&mut self, from: HostId, to: HostId) {
        self.troubles.rejected.remove(&(from, to));
    }

    /// Whether what the first host dials at the second is refused.
    pub(crate) fn rejects(&self, from: HostId, to: HostId) -> bool {
        self.troubles.rejected.contains(&(from, to))
    }
}
