use ordu_core::{ChildState, ChildType};

use crate::published::Children;

/// The children of a horde, counted as OTP's `count_children` counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All children, running or not.
    pub specs: usize,
    /// Those that run.
    pub active: usize,
    /// Those that are supervisors, running or not.
    pub supervisors: usize,
    /// Those that are workers, running or not.
    pub workers: usize,
}

impl Counts {
    pub(super) fn of(children: &Children) -> Self {
        let mut counts = Self::default();
        children.for_each(|child| {
            counts.specs += 1;
            // A zombie is a running copy nobody could stop: counting it out would hide it.
            if matches!(child.state, ChildState::Running | ChildState::Zombie) {
                counts.active += 1;
            }
            match child.spec.child_type {
                ChildType::Supervisor => counts.supervisors += 1,
                ChildType::Worker => counts.workers += 1,
            }
        });
        counts
    }
}
