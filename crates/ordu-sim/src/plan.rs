use std::time::Duration;

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
    /// How long all may take to settle then.
    pub settle_within: Duration,
    /// How many rounds of calls a settled cluster must serve without a flaw.
    pub rounds: u32,
}
