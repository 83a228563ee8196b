use ordu_core::NodeId;

use super::World;
use crate::{HostId, Machine};

impl<M: Machine> World<M> {
    /// The identity of the next boot on a host: `fresh`, if its shell does what it must (S1.6).
    #[cfg_attr(not(feature = "planted-bugs"), allow(clippy::unused_self))]
    pub(super) fn identity(&mut self, at: HostId, fresh: NodeId) -> NodeId {
        #[cfg(feature = "planted-bugs")]
        if self.setup.planted == Some(crate::planted::Bug::IdReused) {
            return *self.hosts[at.0].first_id.get_or_insert(fresh);
        }
        let _ = at;
        fresh
    }

    /// Makes a machine as wrong as all are.
    #[cfg_attr(not(feature = "planted-bugs"), allow(clippy::unused_self))]
    pub(super) fn plant(&self, machine: &mut M) {
        #[cfg(feature = "planted-bugs")]
        if let Some(crate::planted::Bug::Node(bug)) = self.setup.planted {
            machine.plant(bug);
        }
        let _ = machine;
    }
}
