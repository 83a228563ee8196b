use std::sync::Arc;
use std::time::Duration;

use ordu_core::Restart;

use super::{call, start, uneventful};
use crate::random::{Random, Rate};
use crate::simulation::PlannedCall;
use crate::{Behaviour, Ending, Fault, HostId, Moment, Path, Plan, Setup};

const HOSTS: usize = 4;
const CHILDREN: u64 = 8;
const CYCLES: u64 = 5;
const CYCLE: Duration = Duration::from_secs(16);

/// In each cycle a node is out of sight while calls are on their way to it, which others serve meanwhile. One or
/// two hosts run nothing, so what they decide goes elsewhere.
pub(super) fn plan(random: &mut Random, seed: u64) -> Plan {
    let millis = Duration::from_millis;
    let mut setup = Setup::lan(HOSTS, seed);
    setup.near = Path::wan(random.magnitude(Duration::from_micros(200), millis(30)));
    let mut order: Vec<HostId> = (0..HOSTS).map(HostId).collect();
    random.shuffle(&mut order);
    let full = 1 + random.index(2);
    for full in &order[..full] {
        setup.hosts[full.0].capacity = Some(0);
    }
    let finishes = Behaviour {
        ends: Some((Ending::Finishes, millis(50), millis(300))),
        ..Behaviour::steady()
    };
    setup.behaviours = vec![Behaviour::steady(), finishes];
    let begin = Moment(6_000_000);
    let length = CYCLE * u32::try_from(CYCLES).unwrap_or(1);
    let mut plan = uneventful(random, setup, begin + length);
    plan.rounds = 6;
    let mut spec = Setup::spec(1, 0);
    spec.restart = Restart::Transient;
    let (short, steady) = (Arc::new(spec), Arc::new(Setup::spec(0, 0)));
    for cycle in 0..CYCLES {
        let at = begin + CYCLE * u32::try_from(cycle).unwrap_or(0);
        for child in 0..CHILDREN {
            let spec = if child < 2 { &steady } else { &short };
            let command = start(cycle * CHILDREN + child, spec);
            let when = at + random.duration(Duration::ZERO, millis(300));
            let call = PlannedCall {
                timeout: Duration::from_secs(20),
                ..call(random, HOSTS, command)
            };
            plan.calls.push((when, call));
        }
        random.shuffle(&mut order);
        if random.chance(Rate::percent(70)) {
            sleeps(random, order[0], at, &mut plan);
        } else {
            is_cut_off(random, &order, at, &mut plan);
        }
    }
    plan
}

/// A machine sleeps; its clock is set back, or ahead, before it wakes.
fn sleeps(random: &mut Random, sleeper: HostId, at: Moment, plan: &mut Plan) {
    let millis = Duration::from_millis;
    let falls_asleep = at + random.duration(Duration::ZERO, millis(200));
    let wakes = falls_asleep + random.magnitude(millis(1_200), millis(8_000));
    let faults = &mut plan.faults;
    faults.push((falls_asleep, Fault::Suspend(sleeper)));
    faults.push((wakes, Fault::Wake(sleeper)));
    let by = i64::try_from(random.between(15_000, 60_000)).unwrap_or(0);
    let by = match random.below(4) {
        0 => 0,
        1 => by,
        _ => -by,
    };
    if by != 0 {
        faults.push((falls_asleep + millis(500), Fault::StepClock(sleeper, by)));
        faults.push((wakes + millis(5_000), Fault::StepClock(sleeper, -by)));
    }
}

/// The first is cut off from all; as soon as that is over its ways to some fail again, while each connects anew with
/// the other.
fn is_cut_off(random: &mut Random, order: &[HostId], at: Moment, plan: &mut Plan) {
    let millis = Duration::from_millis;
    let faults = &mut plan.faults;
    let (alone, others) = (order[0], order[1..].to_vec());
    let ends = at + random.duration(millis(3_500), millis(6_000));
    faults.push((at, Fault::Split(vec![vec![alone], others.clone()])));
    faults.push((ends, Fault::Heal));
    for other in &others[..2] {
        let fails = ends + random.duration(millis(20), millis(600));
        let whole = fails + random.duration(millis(2_500), millis(7_000));
        for (from, to) in [(alone, *other), (*other, alone)] {
            faults.push((fails, Fault::Cut(from, to)));
            faults.push((whole, Fault::Mend(from, to)));
        }
    }
}
