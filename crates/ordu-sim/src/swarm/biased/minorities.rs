use std::time::Duration;

use super::{start_children, uneventful};
use crate::random::Random;
use crate::{Fault, HostId, Moment, Plan, Setup};

const HOSTS: usize = 5;
const CHILDREN: u64 = 40;
const CYCLES: u32 = 2;
const CYCLE: Duration = Duration::from_secs(16);

/// In each cycle one node is cut off from the others at once, which run most of the children.
pub(super) fn plan(random: &mut Random, seed: u64) -> Plan {
    let mut setup = Setup::lan(HOSTS, seed);
    setup.limits.taken_over_at_least = 2;
    // Each misses the others one after the other: a view that settles in between would be half of the one before.
    setup.timing.settle = Duration::from_secs(1);
    let begin = Moment(8_000_000);
    let mut plan = uneventful(random, setup, begin + CYCLE * CYCLES);
    start_children(random, &mut plan, HOSTS, CHILDREN);
    for cycle in 0..CYCLES {
        let at = begin + CYCLE * cycle;
        let mut few: Vec<HostId> = (0..HOSTS).map(HostId).collect();
        random.shuffle(&mut few);
        let many = few.split_off(1);
        let heals = at + random.duration(CYCLE / 4, CYCLE / 2);
        plan.faults.push((at, Fault::Split(vec![few, many])));
        plan.faults.push((heals, Fault::Heal));
    }
    plan
}
