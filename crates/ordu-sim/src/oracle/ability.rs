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
        self.living().any(|record| {
            let host = record.boot.host;
            let capacity = self.setup().hosts[host.0].capacity;
            let is_full = || {
                capacity.is_some_and(|capacity| {
                    load(view, record, child) >= usize::try_from(capacity).unwrap_or(usize::MAX)
                })
            };
            able(self.setup(), record, child, spec).is_ok() && !is_full()
        })
    }
}
