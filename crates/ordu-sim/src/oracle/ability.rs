use ordu_core::{ChildInfo, ChildSpec, ChildState, Constraint};

use super::{BootRecord, Child, History};
use crate::Setup;

/// Whether the node of a host may run a child at all: horde, kind, version and constraints, whatever runs there. `Err`
/// says what it lacks.
pub(crate) fn able(
    setup: &Setup,
    record: &BootRecord,
    child: &Child,
    spec: &ChildSpec,
) -> Result<(), String> {
    let config = setup.config(record.boot.host);
    if !config.hordes.contains(&child.0) {
        return Err(format!("is not in horde {}", child.0));
    }
    if !config.kinds.contains(&(spec.kind.clone(), spec.version)) {
        return Err(format!("has no kind {}@{}", spec.kind, spec.version));
    }
    for constraint in &spec.constraints {
        let met = match constraint {
            Constraint::Node(name) => record.name == *name,
            Constraint::Labels(labels) => labels
                .iter()
                .all(|(label, value)| config.labels.get(label) == Some(value)),
        };
        if !met {
            return Err(format!("does not meet {constraint:?}"));
        }
    }
    Ok(())
}

/// How many children beside this one a node owns by what another, or itself, publishes.
fn load(view: &BootRecord, of: &BootRecord, beside: &Child) -> usize {
    let owner = |info: &ChildInfo| info.node.as_ref() == Some(&of.name);
    let owned = view.children.iter().filter(|(_, info)| owner(info));
    owned.filter(|(child, _)| *child != beside).count()
}

impl History {
    /// Whether a child that is to run waits because no living node can take it, be it the one that gave it up.
    pub(crate) fn waits_for_room(&self, view: &BootRecord, child: &Child, info: &ChildInfo) -> bool {
        let waits = matches!(info.state, ChildState::Unclaimed | ChildState::Restarting);
        waits && !self.can_be_taken(view, child, &info.spec)
    }

    /// Whether so many nodes are dead for good that the others may leave children unclaimed (S4.7).
    pub(crate) fn few_are_left(&self) -> bool {
        let least = self.setup().limits.taken_over_at_least;
        let least = usize::try_from(least).unwrap_or(usize::MAX);
        self.living().count() * 2 < self.setup().hosts.len() && self.children().count() > least
    }

    /// Whether some living node can take a child, as far as `view` knows how much they own.
    pub(crate) fn can_be_taken(&self, view: &BootRecord, child: &Child, spec: &ChildSpec) -> bool {
        self.living()
            .any(|record| self.has_room(view, record, child, spec))
    }

    /// Whether a node can take a child, as far as it knows itself how much it owns.
    pub(crate) fn can_take(&self, record: &BootRecord, child: &Child, spec: &ChildSpec) -> bool {
        self.has_room(record, record, child, spec)
    }

    /// Whether a node can take a child, as far as `view` knows how much it owns.
    fn has_room(&self, view: &BootRecord, record: &BootRecord, child: &Child, spec: &ChildSpec) -> bool {
        let capacity = self.setup().hosts[record.boot.host.0].capacity;
        let is_full = || {
            capacity.is_some_and(|capacity| {
                load(view, record, child) >= usize::try_from(capacity).unwrap_or(usize::MAX)
            })
        };
        able(self.setup(), record, child, spec).is_ok() && !is_full()
    }

    /// How many children the node that takes a child may own then at the most, that one included, and how many it owns
    /// without it, as far as it knows itself: a quarter above the mean of all that can take it (S4.2).
    pub(crate) fn load_bound(&self, taker: &BootRecord, child: &Child, spec: &ChildSpec) -> (usize, usize) {
        let loads = { self.living() }
            .filter(|record| self.has_room(taker, record, child, spec))
            .map(|record| load(taker, record, child));
        let (nodes, total) = loads.fold((0, 0), |(nodes, total), load| (nodes + 1, total + load));
        let bound = (5 * (total + 1)).div_ceil(4 * nodes.max(1));
        (bound, load(taker, taker, child))
    }
}
