use std::time::Duration;

use super::{start_children, uneventful};
use crate::random::Random;
use crate::{Fault, HostId, Moment, Plan, Setup};

const HOSTS: usize = 4;
const CYCLES: u32 = 5;
const CYCLE: Duration = Duration::from_secs(16);

/// In each cycle two nodes are killed and boot at one moment. The first meets the second alone, which meets the others a
/// moment later: when the two exchanged states neither had anything to tell.
pub(super) fn plan(random: &mut Random, seed: u64) -> Plan {
    let millis = Duration::from_millis;
    let setup = Setup::lan(HOSTS, seed);
    let begin = Moment(8_000_000);
    let mut plan = uneventful(random, setup, begin + CYCLE * CYCLES);
    start_children(random, &mut plan, HOSTS, 12);
    for cycle in 0..CYCLES {
        let at = begin + CYCLE * cycle;
        let mut order: Vec<HostId> = (0..HOSTS).map(HostId).collect();
        random.shuffle(&mut order);
        let [first, second] = [order[0], order[1]];
        let faults = &mut plan.faults;
        for newcomer in [first, second] {
            faults.push((at, Fault::Crash(newcomer)));
        }
        // Everybody has given them up by then.
        let boot = at + millis(4_000);
        let meets = boot + random.magnitude(millis(20), millis(600));
        let whole = meets + random.magnitude(millis(400), millis(4_000));
        for other in &order[2..] {
            for (newcomer, until) in [(first, whole), (second, meets)] {
                for (from, to) in [(newcomer, *other), (*other, newcomer)] {
                    faults.push((boot, Fault::Cut(from, to)));
                    faults.push((until, Fault::Mend(from, to)));
                }
            }
        }
        for newcomer in [first, second] {
            let when = boot + random.duration(Duration::ZERO, millis(10));
            faults.push((when, Fault::Boot(newcomer)));
        }
    }
    plan
}
