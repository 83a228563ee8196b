use std::sync::Arc;
use std::time::Duration;

use ordu_core::Command;

use super::{call, id, start, uneventful};
use crate::random::Random;
use crate::{Fault, HostId, Moment, Path, Plan, Setup};

const HOSTS: usize = 4;
const CHILDREN: u64 = 60;
const BREAKS: u64 = 60;
const LENGTH: Duration = Duration::from_secs(30);

/// Connections break one after the other while many calls are under way, between hosts that are far from each other, and
/// nothing else goes wrong.
pub(super) fn plan(random: &mut Random, seed: u64) -> Plan {
    let mut setup = Setup::lan(HOSTS, seed);
    setup.near = Path::wan(random.magnitude(Duration::from_millis(5), Duration::from_millis(40)));
    let begin = Moment(15_000_000);
    let mut plan = uneventful(random, setup, begin + LENGTH);
    let spec = Arc::new(Setup::spec(0, 0));
    for child in 0..CHILDREN {
        let at = begin + random.duration(Duration::ZERO, LENGTH / 2);
        plan.calls.push((at, call(random, HOSTS, start(child, &spec))));
        let (horde, id) = (Setup::horde(), id(child));
        let stop = Command::TerminateChild { horde, id };
        // Each is done before the next is asked for.
        plan.calls.push((at + LENGTH / 3, call(random, HOSTS, stop)));
    }
    for _ in 0..BREAKS {
        let at = begin + random.duration(Duration::ZERO, LENGTH);
        let (one, other) = (random.index(HOSTS), random.index(HOSTS - 1));
        let other = if other < one { other } else { other + 1 };
        plan.faults.push((at, Fault::Break(HostId(one), HostId(other))));
    }
    plan
}
