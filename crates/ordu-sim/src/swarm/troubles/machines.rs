use super::{host, millis, moment, seconds};
use crate::random::{Random, Rate};
use crate::{Fault, HostId, Plan};

/// Nodes that get to all that happens a little late.
pub(super) fn slow(random: &mut Random, plan: &mut Plan) {
    for _ in 0..random.between(1, 2) {
        let (slow, at) = (host(random, plan), moment(random, plan));
        let by = random.magnitude(millis(10), seconds(2));
        let until = at + random.magnitude(seconds(1), seconds(30));
        plan.faults.push((at, Fault::Slow(slow, by)));
        plan.faults.push((until, Fault::Quick(slow)));
    }
}

/// A node that is stopped and goes on again many times in a row.
pub(super) fn flapping(random: &mut Random, plan: &mut Plan) {
    let flaps = host(random, plan);
    let mut at = moment(random, plan);
    for _ in 0..random.between(3, 12) {
        plan.faults.push((at, Fault::Pause(flaps)));
        at = at + random.magnitude(millis(200), seconds(5));
        plan.faults.push((at, Fault::Resume(flaps)));
        at = at + random.magnitude(millis(20), seconds(3));
    }
}

/// Members that are written off after seconds and come back later than that: they stood still, were cut off or asleep.
pub(super) fn absence(random: &mut Random, plan: &mut Plan) {
    let forget_after = &mut plan.setup.timing.forget_after;
    *forget_after = (*forget_after).min(random.magnitude(seconds(5), seconds(12)));
    let forget_after = *forget_after;
    let at = moment(random, plan);
    let until = at + forget_after + random.magnitude(millis(500), seconds(10));
    let away = host(random, plan);
    match random.below(3) {
        0 => {
            plan.faults.push((at, Fault::Pause(away)));
            plan.faults.push((until, Fault::Resume(away)));
        }
        1 => {
            plan.faults.push((at, Fault::Suspend(away)));
            plan.faults.push((until, Fault::Wake(away)));
        }
        _ => {
            let others = (0..plan.setup.hosts.len()).map(HostId);
            let others = others.filter(|host| *host != away).collect();
            plan.faults.push((at, Fault::Split(vec![vec![away], others])));
            plan.faults.push((until, Fault::Heal));
        }
    }
    plan.calm_at = plan.calm_at.max(until + seconds(3));
}

/// Clocks whose rate changes while nodes run, as when they are set right little by little.
pub(super) fn slew(random: &mut Random, plan: &mut Plan) {
    for _ in 0..random.between(1, 6) {
        let (at, slewed) = (moment(random, plan), host(random, plan));
        let most = if random.chance(Rate::percent(25)) {
            8_000
        } else {
            500
        };
        let ppm = i64::try_from(random.between(0, 2 * most)).unwrap_or(0);
        let ppm = ppm - i64::try_from(most).unwrap_or(0);
        plan.faults.push((at, Fault::Slew(slewed, ppm)));
    }
}
