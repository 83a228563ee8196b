//! Children of kinds that only some seeds have, and nodes that go by other times than the rest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ordu_core::{ChildId, ChildSpec, Command, Limits, Shutdown, Timing};

use super::Chaos;
use crate::random::{Random, Rate};
use crate::{Behaviour, Plan, Setup};

/// Children that cannot be killed, most of which do not stop when they are asked to either. Of those that are killed in
/// vain some die in the calm, others never do.
pub(super) fn unkillable(plan: &mut Plan, chaos: Chaos) {
    let mut random = Random::new(plan.setup.seed, "extra: unkillable");
    // In wild worlds alone: what is shown of such a child is not always true yet.
    if chaos != Chaos::Wild || !random.chance(Rate::percent(30)) {
        return;
    }
    let behaviour = Behaviour {
        os_process: random.chance(Rate::percent(60)),
        ignores_stop: Rate::percent(u32::try_from(random.between(50, 100)).unwrap_or(50)),
        survives_kill: Rate::percent(u32::try_from(random.between(20, 100)).unwrap_or(20)),
        ..Behaviour::steady()
    };
    let rate = Rate::percent(u32::try_from(random.between(10, 60)).unwrap_or(10));
    let of_each = |random: &mut Random, spec: &mut ChildSpec| {
        // It is killed soon, so that the chaos sees what comes of it.
        spec.shutdown = match random.below(3) {
            0 => Shutdown::BrutalKill,
            _ => Shutdown::Timeout(random.duration(Duration::from_millis(10), Duration::from_secs(2))),
        };
    };
    behave(plan, &mut random, behaviour, rate, of_each);
}

/// Children that choose not to run, now and then: at a first start, at a restart, or where they are taken over.
pub(super) fn ignored(plan: &mut Plan, chaos: Chaos) {
    let mut random = Random::new(plan.setup.seed, "extra: ignored");
    // What chaos costs is measured without.
    if chaos == Chaos::Full || !random.chance(Rate::percent(10)) {
        return;
    }
    let behaviour = Behaviour {
        os_process: random.chance(Rate::percent(60)),
        start_ignored: Rate::percent(u32::try_from(random.between(5, 50)).unwrap_or(5)),
        ..Behaviour::steady()
    };
    let rate = Rate::percent(u32::try_from(random.between(10, 60)).unwrap_or(10));
    behave(plan, &mut random, behaviour, rate, |_, _| {});
}

/// Nodes that do not go by the same times: they are to, and nothing compares them. The world's own are the longest of all.
pub(super) fn times_apart(plan: &mut Plan, chaos: Chaos) {
    let mut random = Random::new(plan.setup.seed, "extra: times apart");
    // What chaos costs is measured with the default.
    if chaos == Chaos::Full || !random.chance(Rate::percent(10)) {
        return;
    }
    let setup = &mut plan.setup;
    let common = setup.timing.clone();
    for host in &mut setup.hosts {
        if random.chance(Rate::percent(50)) {
            let mut timing = common.clone();
            other_times(&mut random, &mut timing);
            longest(&mut setup.timing, &timing);
            host.timing = Some(timing);
        }
    }
    // Those that have none of their own go on by what they had.
    for host in &mut setup.hosts {
        host.timing.get_or_insert_with(|| common.clone());
    }
    let longer = |of: fn(&Timing) -> Duration| of(&setup.timing).saturating_sub(of(&common));
    plan.settle_within += longer(|timing| timing.settle)
        + longer(|timing| timing.suspicion)
        + longer(|timing| timing.conflict_wait)
        + longer(|timing| timing.t_own)
        + longer(|timing| timing.boot_grace);
}

/// Nodes that do little in one go, as if the cluster were many times larger.
pub(super) fn small_limits(plan: &mut Plan, chaos: Chaos) {
    let mut random = Random::new(plan.setup.seed, "extra: small limits");
    // What chaos costs is measured with the default.
    if chaos == Chaos::Full || !random.chance(Rate::percent(10)) {
        return;
    }
    let mut small = |least: u64, most: u64| random.between(least, most);
    let number = |drawn: u64| usize::try_from(drawn).unwrap_or(1);
    plan.setup.limits = Limits {
        claims_per_message: number(small(1, 4)),
        taken_over_at_least: u32::try_from(small(1, 8)).unwrap_or(1),
        // What is to be done with these is to be done before the calm is judged, a part of it every few seconds.
        adopted_at_once: number(small(8, 40)),
        collected_at_once: number(small(30, 120)),
        window: u32::try_from(small(1, 3)).unwrap_or(1),
    };
}

fn other_times(random: &mut Random, timing: &mut Timing) {
    let millis = Duration::from_millis;
    let mut draw = |time: &mut Duration, low: Duration, high: Duration| {
        if random.chance(Rate::percent(50)) {
            *time = random.magnitude(low, high);
        }
    };
    draw(&mut timing.settle, millis(30), millis(500));
    draw(&mut timing.suspicion, millis(700), millis(3_000));
    draw(&mut timing.conflict_wait, millis(500), millis(10_000));
    draw(&mut timing.t_own, millis(50), millis(600));
    draw(&mut timing.boot_grace, millis(1_000), millis(15_000));
    draw(&mut timing.forget_after, millis(5_000), millis(60_000));
    draw(&mut timing.sync_period, millis(500), millis(8_000));
}

fn longest(all: &mut Timing, one: &Timing) {
    let longer = |all: &mut Duration, one: Duration| *all = one.max(*all);
    longer(&mut all.settle, one.settle);
    longer(&mut all.suspicion, one.suspicion);
    longer(&mut all.conflict_wait, one.conflict_wait);
    longer(&mut all.t_own, one.t_own);
    longer(&mut all.boot_grace, one.boot_grace);
    longer(&mut all.forget_after, one.forget_after);
    longer(&mut all.sync_period, one.sync_period);
}

/// Some of the children behave like this from now on, and are changed otherwise, too.
fn behave(
    plan: &mut Plan,
    random: &mut Random,
    behaviour: Behaviour,
    rate: Rate,
    change: impl Fn(&mut Random, &mut ChildSpec),
) {
    let number = plan.setup.behaviours.len();
    plan.setup.behaviours.push(behaviour);
    let mut changed: BTreeMap<ChildId, Option<Arc<ChildSpec>>> = BTreeMap::new();
    for (_, call) in &mut plan.calls {
        let Command::StartChild { id, spec, .. } = &mut call.command else {
            continue;
        };
        let change_it = |random: &mut Random| {
            let mut other = ChildSpec::clone(spec);
            other.args = Setup::spec(number, 0).args;
            change(random, &mut other);
            Arc::new(other)
        };
        let other = changed
            .entry(id.clone())
            .or_insert_with(|| random.chance(rate).then(|| change_it(random)));
        if let Some(other) = other {
            spec.clone_from(other);
        }
    }
}
