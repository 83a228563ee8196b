use std::collections::BTreeSet;

use crate::HostId;

/// The ways that no packet gets through.
#[derive(Debug, Default)]
pub(super) struct Cuts(BTreeSet<(HostId, HostId)>);

impl Cuts {
    pub(super) fn cut(&mut self, from: HostId, to: HostId) {
        self.0.insert((from, to));
    }

    pub(super) fn mend(&mut self, from: HostId, to: HostId) {
        self.0.remove(&(from, to));
    }

    pub(super) fn open(&self, from: HostId, to: HostId) -> bool {
        self.0.is_empty() || !self.0.contains(&(from, to))
    }

    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }
}
