use std::time::Duration;

use super::{death, host, millis, moment, seconds, two};
use crate::random::{Random, Rate};
use crate::{Fault, Moment, Plan};

/// A node that is back at another address, its old one sometimes taken by another.
pub(super) fn addresses(random: &mut Random, plan: &mut Plan) {
    let at = moment(random, plan);
    let moves = host(random, plan);
    let gone = at + random.magnitude(millis(5), seconds(10));
    plan.faults.push((at, death(random, moves)));
    let mut back = vec![moves];
    // Numbers from that of the last host on are nobody's at first.
    let mut address = plan.setup.hosts.len() + random.index(3);
    if random.chance(Rate::percent(50))
        && let Some((_, other)) = two(random, plan).filter(|(_, other)| *other != moves)
    {
        address = other.0;
        plan.faults.push((at, death(random, other)));
        back.push(other);
    }
    let then = Moment(gone.0.saturating_sub(1));
    plan.faults.push((then, Fault::Readdress(moves, address)));
    for host in back {
        let boots = gone + random.magnitude(Duration::from_micros(1), seconds(5));
        plan.faults.push((boots, Fault::Boot(host)));
    }
}

/// A node that is set up with the name of another, which lives, stands still, is cut off or is gone meanwhile.
pub(super) fn namesake(random: &mut Random, plan: &mut Plan) {
    let Some((wrong, right)) = two(random, plan) else {
        return;
    };
    let at = moment(random, plan);
    let until = at + random.magnitude(seconds(2), seconds(25));
    plan.faults.push((at, Fault::Misname(wrong, right)));
    plan.faults.push((at, Fault::Crash(wrong)));
    let boots = at + random.magnitude(millis(1), seconds(2));
    plan.faults.push((boots, Fault::Boot(wrong)));
    let before = at + random.duration(Duration::ZERO, seconds(1));
    let after = before + random.magnitude(millis(100), seconds(10));
    let others = |one| {
        let all = (0..plan.setup.hosts.len()).map(crate::HostId);
        all.filter(move |host| *host != one).collect::<Vec<_>>()
    };
    match random.below(6) {
        0 => {
            plan.faults.push((before, Fault::Pause(right)));
            plan.faults.push((after, Fault::Resume(right)));
        }
        1 => {
            plan.faults.push((before, Fault::Crash(right)));
            plan.faults.push((after, Fault::Boot(right)));
        }
        2 => {
            let groups = vec![vec![right], others(right)];
            plan.faults.push((before, Fault::Split(groups)));
            plan.faults.push((after, Fault::Heal));
        }
        3 => {
            let groups = vec![vec![wrong], others(wrong)];
            plan.faults.push((before, Fault::Split(groups)));
            plan.faults.push((after, Fault::Heal));
        }
        _ => {}
    }
    plan.faults.push((until, Fault::Repair(wrong)));
}

/// A machine that is a copy of another, entropy and all: its node takes the identity of that one's.
pub(super) fn clone(random: &mut Random, plan: &mut Plan) {
    let Some((copy, original)) = two(random, plan) else {
        return;
    };
    let at = moment(random, plan);
    let until = at + random.magnitude(seconds(1), seconds(15));
    plan.faults.push((at, Fault::Crash(copy)));
    plan.faults.push((at, Fault::Clone(copy, original)));
    let boots = at + random.magnitude(millis(1), seconds(2));
    // Whoever boots where nobody can tell it of the original spoils the world for all rules (S1.6).
    plan.faults.push((boots, Fault::Heal));
    plan.faults.push((boots, Fault::Resume(original)));
    plan.faults.push((boots, Fault::Boot(copy)));
    plan.faults.push((until, Fault::Repair(copy)));
}

/// A node of another version among the others, for a while.
pub(super) fn version(random: &mut Random, plan: &mut Plan) {
    let at = moment(random, plan);
    let until = at + random.magnitude(seconds(1), seconds(25));
    let other = host(random, plan);
    plan.faults.push((at, Fault::Crash(other)));
    plan.faults.push((at, Fault::Upgrade(other)));
    let boots = at + random.magnitude(millis(1), seconds(3));
    plan.faults.push((boots, Fault::Boot(other)));
    plan.faults.push((until, Fault::Repair(other)));
}
