//! What only some seeds have. Each extra draws from a stream of its own, so that a seed that does not have it is the
//! world it was before there was that extra.

use std::sync::Arc;
use std::time::Duration;

use ordu_core::{ChildSpec, Command, Timing};

use super::Chaos;
use crate::random::{Random, Rate};
use crate::simulation::PlannedCall;
use crate::{Fault, HostId, Moment, Plan, Setup};

/// The longest frame with its bookkeeping: no queue has less room.
const FRAME: u64 = 64 * 1024 + 64;

/// More than some connections can carry: shells that keep less for slow peers, and more or fewer bytes under way to one
/// that does not answer; often large children; hosts whose link is slow for a while.
pub(super) fn flood(plan: &mut Plan, chaos: Chaos) {
    let mut random = Random::new(plan.setup.seed, "extra: flood");
    // Most of what it costs is moving bytes; what chaos costs is measured in events.
    if chaos != Chaos::Drawn || !random.chance(Rate::percent(15)) {
        return;
    }
    let queues = &mut plan.setup.queues;
    queues.limit = size(&mut random, FRAME, 1 << 20);
    queues.under_way = size(&mut random, 1 << 10, 1 << 21);
    queues.window = size(&mut random, 1 << 10, 1 << 18);
    if random.chance(Rate::percent(60)) {
        for (_, call) in &mut plan.calls {
            enlarge(&mut random, call);
        }
    }
    for _ in 0..random.between(1, 3) {
        slow_link(&mut random, plan);
    }
}

/// Nodes that boot without knowing of any other, each a cluster of its own until clients tell them of each other.
pub(super) fn joins(plan: &mut Plan, chaos: Chaos) {
    let mut random = Random::new(plan.setup.seed, "extra: joins");
    // All that goes wrong goes wrong in one cluster.
    if chaos != Chaos::Drawn || !random.chance(Rate::percent(12)) {
        return;
    }
    let hosts = plan.setup.hosts.len();
    for host in &mut plan.setup.hosts {
        host.seeds.clear();
    }
    let latest = Moment(random.between(1_000_000, plan.calm_at.0));
    for _ in 0..random.between(1, 2 * hosts as u64) {
        let at = Moment(random.between(200_000, latest.0));
        let others = (0..random.between(1, 2)).map(|_| HostId(random.index(hosts)));
        let others = others.collect();
        plan.faults
            .push((at, Fault::Join(HostId(random.index(hosts)), others)));
    }
    plan.faults.sort_by_key(|(at, _)| *at);
    // Who came back dead knows of nobody but whom it was told, and in the calm all are told enough.
    plan.revived = (0..hosts).map(HostId).collect();
    plan.joined = (1..hosts)
        .map(|host| (HostId(host), HostId(random.index(host))))
        .collect();
}

/// Nodes that go by other times than the default, each as likely to be shorter as longer; often members that are down
/// are written off while the chaos lasts.
pub(super) fn times(plan: &mut Plan, chaos: Chaos) {
    let mut random = Random::new(plan.setup.seed, "extra: times");
    // What chaos costs is measured with the default.
    if chaos == Chaos::Full || !random.chance(Rate::percent(20)) {
        return;
    }
    let (timing, usual) = (&mut plan.setup.timing, Timing::default());
    let millis = Duration::from_millis;
    let mut draw = |time: &mut Duration, low: Duration, high: Duration| {
        if random.chance(Rate::percent(40)) {
            *time = random.magnitude(low, high);
        }
    };
    draw(&mut timing.settle, millis(30), millis(500));
    draw(&mut timing.suspicion, millis(700), millis(3_000));
    draw(&mut timing.conflict_wait, millis(500), millis(10_000));
    draw(&mut timing.t_own, millis(50), millis(600));
    draw(&mut timing.boot_grace, millis(1_000), millis(15_000));
    draw(&mut timing.forget_after, millis(5_000), millis(60_000));
    let longer = |time: Duration, usual: Duration| time.saturating_sub(usual);
    plan.settle_within += longer(timing.settle, usual.settle)
        + longer(timing.suspicion, usual.suspicion)
        + longer(timing.conflict_wait, usual.conflict_wait)
        + longer(timing.t_own, usual.t_own)
        + longer(timing.boot_grace, usual.boot_grace);
}

/// Operators who remove members, often while these are only out of sight, and each side of a split some of the other.
pub(super) fn removals(plan: &mut Plan, chaos: Chaos) {
    let mut random = Random::new(plan.setup.seed, "extra: removals");
    // What chaos costs is measured without.
    if chaos == Chaos::Full || !random.chance(Rate::percent(10)) {
        return;
    }
    let hosts = plan.setup.hosts.len();
    let mut all: Vec<HostId> = (0..hosts).map(HostId).collect();
    random.shuffle(&mut all);
    let at = Moment(random.between(3_000_000, plan.calm_at.0.max(3_000_001)));
    let length = random.magnitude(Duration::from_secs(3), Duration::from_secs(25));
    let until = at + length;
    let mut removals = Vec::new();
    if random.chance(Rate::percent(70)) {
        let other = all.split_off(all.len() / 2);
        if let (Some(one), Some(another)) = (all.first(), other.first()) {
            removals.push((*one, *another));
            if random.chance(Rate::percent(70)) {
                removals.push((*another, *one));
            }
        }
        plan.faults.push((at, Fault::Split(vec![all, other])));
        plan.faults.push((until, Fault::Heal));
    }
    for _ in 0..random.below(3) {
        removals.push((HostId(random.index(hosts)), HostId(random.index(hosts))));
    }
    for (asked, removed) in removals {
        let moment = at + random.duration(Duration::ZERO, length / 2);
        plan.faults.push((moment, Fault::Remove(asked, removed)));
        plan.faults
            .push((until + Duration::from_secs(1), Fault::Boot(removed)));
    }
    plan.faults.sort_by_key(|(at, _)| *at);
}

/// Operators who say which nodes may be members, often on each side of a split another list.
pub(super) fn lists(plan: &mut Plan, chaos: Chaos) {
    let mut random = Random::new(plan.setup.seed, "extra: lists");
    // What chaos costs is measured without.
    if chaos == Chaos::Full || !random.chance(Rate::percent(10)) {
        return;
    }
    let hosts = plan.setup.hosts.len();
    let mut all: Vec<HostId> = (0..hosts).map(HostId).collect();
    random.shuffle(&mut all);
    let at = Moment(random.between(3_000_000, plan.calm_at.0.max(3_000_001)));
    let length = random.magnitude(Duration::from_secs(3), Duration::from_secs(25));
    let until = at + length;
    let mut asked = vec![all[random.index(hosts)]];
    if random.chance(Rate::percent(70)) {
        let other = all.split_off(all.len() / 2);
        asked = [&all, &other]
            .iter()
            .filter_map(|side| side.first())
            .copied()
            .collect();
        plan.faults.push((at, Fault::Split(vec![all, other])));
        plan.faults.push((until, Fault::Heal));
    }
    for asked in asked {
        let moment = at + random.duration(Duration::ZERO, length / 2);
        let others = (0..hosts).map(HostId).filter(|host| *host != asked);
        let mut listed: Vec<HostId> = others.filter(|_| random.chance(Rate::percent(70))).collect();
        listed.push(asked);
        plan.faults.push((moment, Fault::SetMembers(asked, Some(listed))));
    }
    // Some lists last until the calm.
    if random.chance(Rate::percent(50)) {
        let later = until + random.duration(Duration::from_secs(1), Duration::from_secs(10));
        for host in (0..hosts).map(HostId) {
            plan.faults.push((later, Fault::SetMembers(host, None)));
            plan.faults
                .push((later + Duration::from_secs(2), Fault::Boot(host)));
        }
    }
    plan.faults.sort_by_key(|(at, _)| *at);
}

/// Gives a child that is to be started larger args.
fn enlarge(random: &mut Random, call: &mut PlannedCall) {
    if let Command::StartChild { spec, .. } = &mut call.command {
        let (behaviour, padding) = (
            Setup::behaviour_of(spec),
            random.index(ChildSpec::MAX_ARGS - 1_024),
        );
        let args = Setup::spec(behaviour, padding).args;
        *spec = Arc::new(ChildSpec {
            args,
            ..ChildSpec::clone(spec)
        });
    }
}

fn slow_link(random: &mut Random, plan: &mut Plan) {
    let hosts = plan.setup.hosts.len();
    let slow = HostId(random.index(hosts));
    let at = Moment(random.between(1_000_000, plan.calm_at.0.max(1_000_001)));
    let until = at + random.magnitude(Duration::from_millis(500), Duration::from_secs(25));
    let rate = u32::try_from(random.between(4_000, 200_000)).ok();
    for other in (0..hosts).map(HostId).filter(|other| *other != slow) {
        for (from, to) in [(slow, other), (other, slow)] {
            let mut path = plan.setup.path(from, to);
            path.bytes_per_second = rate;
            plan.faults.push((at, Fault::Disturb(from, to, path)));
        }
    }
    plan.faults.push((until, Fault::Clear));
    plan.faults.sort_by_key(|(at, _)| *at);
}

/// A number of bytes between two, every order of magnitude as likely.
fn size(random: &mut Random, low: u64, high: u64) -> usize {
    let doublings = (high / low).checked_ilog2().unwrap_or(0);
    let top = high >> random.below(u64::from(doublings) + 1);
    usize::try_from(random.between((top / 2).max(low), top.max(low))).unwrap_or(usize::MAX)
}
