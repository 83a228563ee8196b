use std::time::Duration;

use super::{start_children, uneventful};
use crate::random::Random;
use crate::{Fault, HostId, Moment, Plan, Setup};

const HOSTS: usize = 4;
const CYCLES: u32 = 3;
const CYCLE: Duration = Duration::from_secs(24);

/// In each cycle an operator on each side of a split has a node of the other removed, often the one that was asked there;
/// who has ended by that is booted anew once the sides have met.
pub(super) fn plan(random: &mut Random, seed: u64) -> Plan {
    let millis = Duration::from_millis;
    let setup = Setup::lan(HOSTS, seed);
    let begin = Moment(6_000_000);
    let mut plan = uneventful(random, setup, begin + CYCLE * CYCLES);
    start_children(random, &mut plan, HOSTS, 6);
    for cycle in 0..CYCLES {
        let at = begin + CYCLE * cycle;
        let mut order: Vec<HostId> = (0..HOSTS).map(HostId).collect();
        random.shuffle(&mut order);
        let other = order.split_off(HOSTS / 2);
        let (one, another) = (order[0], other[0]);
        plan.faults
            .push((at, Fault::Split(vec![order.clone(), other.clone()])));
        // Each side must have missed the other first: who is alive is asked to leave.
        let missed = at + millis(4_000);
        for (asked, removed) in [(one, another), (another, one)] {
            let when = missed + random.duration(Duration::ZERO, millis(1_500));
            plan.faults.push((when, Fault::Remove(asked, removed)));
        }
        let heals = missed + random.duration(millis(2_000), millis(6_000));
        plan.faults.push((heals, Fault::Heal));
        for host in (0..HOSTS).map(HostId) {
            plan.faults.push((heals + millis(6_000), Fault::Boot(host)));
        }
    }
    plan
}
