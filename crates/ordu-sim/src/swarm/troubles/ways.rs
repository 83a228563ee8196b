use std::time::Duration;

use super::{millis, moment, seconds, two};
use crate::random::{Random, Rate};
use crate::{Fault, Path, Plan};

/// Two nodes that cannot reach each other while all others reach both, some such pairs, for long.
pub(super) fn pairs(random: &mut Random, plan: &mut Plan) {
    if plan.setup.hosts.len() < 3 {
        return;
    }
    let at = moment(random, plan);
    for _ in 0..random.between(1, 3) {
        let Some((one, other)) = two(random, plan) else {
            return;
        };
        let at = at + random.duration(Duration::ZERO, seconds(5));
        let until = at + random.magnitude(seconds(3), seconds(45));
        for (from, to) in [(one, other), (other, one)] {
            plan.faults.push((at, Fault::Cut(from, to)));
            plan.faults.push((until, Fault::Mend(from, to)));
        }
    }
}

/// Ways that lose much while those back lose nothing.
pub(super) fn lossy(random: &mut Random, plan: &mut Plan) {
    let at = moment(random, plan);
    for _ in 0..random.between(1, 3) {
        let Some((from, to)) = two(random, plan) else {
            return;
        };
        let path = Path {
            loss: Rate(u32::try_from(random.between(300_000, 950_000)).unwrap_or(0)),
            ..plan.setup.path(from, to)
        };
        plan.faults.push((at, Fault::Disturb(from, to, path)));
    }
    let until = at + random.magnitude(seconds(1), seconds(30));
    plan.faults.push((until, Fault::Clear));
}

/// Ways that take small packets alone: what is longer than the path's MTU vanishes, and nobody hears of it.
pub(super) fn narrow(random: &mut Random, plan: &mut Plan) {
    let at = moment(random, plan);
    for _ in 0..random.between(1, 3) {
        let Some((from, to)) = two(random, plan) else {
            return;
        };
        let largest = usize::try_from(random.between(250, 1_190)).unwrap_or(1_190);
        plan.faults.push((at, Fault::Narrow(from, to, largest)));
        if random.chance(Rate::percent(50)) {
            plan.faults.push((at, Fault::Narrow(to, from, largest)));
        }
    }
    let until = at + random.magnitude(seconds(1), seconds(30));
    plan.faults.push((until, Fault::Clear));
}

/// Connections that are closed one by one, some of them shortly after each other.
pub(super) fn breaks(random: &mut Random, plan: &mut Plan) {
    for _ in 0..random.between(1, 8) {
        let Some((one, other)) = two(random, plan) else {
            return;
        };
        let mut at = moment(random, plan);
        for _ in 0..random.between(1, 3) {
            let (at_one, with) = if random.chance(Rate::percent(50)) {
                (one, other)
            } else {
                (other, one)
            };
            plan.faults.push((at, Fault::Break(at_one, with)));
            at = at + random.magnitude(Duration::from_micros(50), seconds(1));
        }
    }
}

/// Connections that hear nothing live for seconds, not for minutes: two nodes that live hear of each other sooner.
pub(super) fn idle(random: &mut Random, plan: &mut Plan) {
    let hosts = u32::try_from(plan.setup.hosts.len()).unwrap_or(u32::MAX);
    let quiet = plan.setup.timing.probe_period * hosts * 2;
    let low = seconds(3).max(quiet);
    plan.setup.idle_timeout = random.magnitude(low, low.max(seconds(30)));
}

/// A firewall that refuses what one node dials at another's, sometimes also what it sends on connections that stand,
/// and sometimes right when something in between resets lifelines.
pub(super) fn refusals(random: &mut Random, plan: &mut Plan) {
    let at = moment(random, plan);
    let until = at + random.magnitude(seconds(1), seconds(30));
    let Some((observer, refused)) = two(random, plan) else {
        return;
    };
    plan.faults.push((at, Fault::Reject(observer, refused)));
    plan.faults.push((until, Fault::Allow(observer, refused)));
    if random.chance(Rate::percent(30)) {
        plan.faults.push((at, Fault::Cut(observer, refused)));
        plan.faults.push((until, Fault::Mend(observer, refused)));
    }
    if random.chance(Rate::percent(50)) {
        let reset = at + random.magnitude(millis(1), seconds(5));
        plan.faults.push((reset, Fault::ResetLifelines(refused)));
    }
    if random.chance(Rate::percent(30)) {
        let breaks = at + random.magnitude(millis(1), seconds(5));
        plan.faults.push((breaks, Fault::Break(observer, refused)));
    }
}
