use std::time::Duration;

use super::{start_children, uneventful};
use crate::random::{Random, Rate};
use crate::{Fault, HostId, Moment, Plan, Setup};

const HOSTS: usize = 4;
const CYCLES: u64 = 7;
const CYCLE: Duration = Duration::from_secs(12);

/// In each cycle a host loses its node, boots and loses the next ones, each before the others took it in, and boots for
/// good. Meanwhile some of the others stand still, and some ways are bad: what a boot said is heard when it is dead.
pub(super) fn plan(random: &mut Random, seed: u64) -> Plan {
    let mut setup = Setup::lan(HOSTS, seed);
    setup.boots_in_order = random.chance(Rate::percent(70));
    let begin = Moment(6_000_000);
    let length = CYCLE * u32::try_from(CYCLES).unwrap_or(1);
    let mut plan = uneventful(random, setup, begin + length);
    start_children(random, &mut plan, HOSTS, 6);
    for cycle in 0..CYCLES {
        let at = begin + CYCLE * u32::try_from(cycle).unwrap_or(0);
        let host = HostId(random.index(HOSTS));
        boots(random, host, at, &mut plan);
    }
    plan
}

fn boots(random: &mut Random, host: HostId, at: Moment, plan: &mut Plan) {
    let millis = Duration::from_millis;
    let mut bad = plan.setup.near;
    bad.loss = Rate::percent(40);
    bad.latency.jitter = millis(150);
    let faults = &mut plan.faults;
    let dies = |random: &mut Random| {
        if random.chance(Rate::percent(60)) {
            Fault::PowerOff(host)
        } else {
            Fault::Crash(host)
        }
    };
    faults.push((at, dies(random)));
    let mut then = at;
    for _ in 0..random.between(1, 3) {
        then = then + random.magnitude(millis(20), millis(1_500));
        faults.push((then, Fault::Boot(host)));
        then = then + random.magnitude(millis(5), millis(1_500));
        faults.push((then, dies(random)));
    }
    then = then + random.magnitude(millis(20), millis(1_500));
    faults.push((then, Fault::Boot(host)));
    for other in (0..HOSTS).map(HostId).filter(|other| *other != host) {
        if random.chance(Rate::percent(30)) {
            let stops = at + random.duration(Duration::ZERO, millis(1_500));
            faults.push((stops, Fault::Pause(other)));
            let lasts = random.magnitude(millis(100), millis(4_000));
            faults.push((stops + lasts, Fault::Resume(other)));
        }
        if random.chance(Rate::percent(50)) {
            faults.push((at, Fault::Disturb(host, other, bad)));
        }
    }
    faults.push((then + random.duration(millis(100), millis(3_000)), Fault::Clear));
}
