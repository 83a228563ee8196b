use std::collections::BTreeSet;
use std::time::Duration;

use crate::shrink::Kept;
use crate::simulation::PlannedCall;
use crate::{Fault, HostId, Moment, Setup};

/// Everything a seed decides: the world, what goes wrong in it and what clients ask for, and for how long.
///
/// A plan is plain data: the same plan gives the same run, and leaving some of its faults or calls out gives
/// a smaller run that still makes sense.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The world.
    pub setup: Setup,
    /// What goes wrong, and what is put right again before the calm.
    pub faults: Vec<(Moment, Fault)>,
    /// What clients ask for.
    pub calls: Vec<(Moment, PlannedCall)>,
    /// When the chaos ends.
    pub calm_at: Moment,
    /// Which of the hosts that are down by then are booted.
    pub revived: Vec<HostId>,
    /// Who is told then whom to dial, where the nodes were told of nobody when they booted. No smaller plan lacks it.
    pub joined: Vec<(HostId, HostId)>,
    /// How long all may take to settle then.
    pub settle_within: Duration,
    /// How many rounds of calls a settled cluster must serve without a flaw.
    pub rounds: u32,
    /// For how long the calm goes on behind that.
    pub calm_for: Duration,
    /// What clients ask for in it, each so long after its beginning.
    pub calm_calls: Vec<(Duration, PlannedCall)>,
    /// Whether one node is killed at the very end, and which of those that can be: the others are to do without it soon.
    pub last_crash: Option<u64>,
}

impl Plan {
    /// Whether somebody says in it who may be a member.
    pub fn has_lists(&self) -> bool {
        let mut faults = self.faults.iter();
        faults.any(|(_, fault)| matches!(fault, Fault::SetMembers(..)))
    }

    /// How many elements can be left out: see [`Kept`].
    pub fn elements(&self) -> usize {
        self.faults.len() + self.calls.len() + self.revived.len() + self.calm_calls.len()
    }

    /// The same with nothing but what is kept.
    #[must_use]
    pub fn keeping(&self, kept: &Kept) -> Self {
        let (calls, revived) = (self.faults.len(), self.faults.len() + self.calls.len());
        let calm_calls = revived + self.revived.len();
        Self {
            setup: self.setup.clone(),
            faults: chosen(&self.faults, 0, &kept.elements),
            calls: chosen(&self.calls, calls, &kept.elements),
            calm_at: kept.calm_at,
            revived: chosen(&self.revived, revived, &kept.elements),
            joined: self.joined.clone(),
            settle_within: self.settle_within,
            rounds: self.rounds,
            calm_for: self.calm_for,
            calm_calls: chosen(&self.calm_calls, calm_calls, &kept.elements),
            last_crash: self.last_crash,
        }
    }

    /// When an element happens; `None`: when the chaos ends, or in the calm behind it.
    pub fn at(&self, element: usize) -> Option<Moment> {
        let fault = self.faults.get(element).map(|(at, _)| *at);
        let call = || self.calls.get(element.checked_sub(self.faults.len())?);
        fault.or_else(|| call().map(|(at, _)| *at))
    }

    /// When the last of some elements happens.
    pub(crate) fn last_of(&self, elements: &BTreeSet<usize>) -> Moment {
        let moments = elements.iter().filter_map(|element| self.at(*element));
        moments.max().unwrap_or_default()
    }
}

fn chosen<T: Clone>(all: &[T], first: usize, elements: &BTreeSet<usize>) -> Vec<T> {
    let numbered = all.iter().enumerate();
    let kept = numbered.filter(|(index, _)| elements.contains(&(first + index)));
    kept.map(|(_, element)| element.clone()).collect()
}
