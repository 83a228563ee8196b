//! Calls that come at the very moment at which something goes wrong, or at which others come about the same child.

use std::sync::Arc;
use std::time::Duration;

use ordu_core::{ChildId, ChildSpec, Command, HordeName};

use super::Chaos;
use crate::random::{Random, Rate};
use crate::simulation::PlannedCall;
use crate::{Fault, HostId, Moment, Plan, Setup};

/// What comes at the same instant comes so much before or after it at the most.
const INSTANT: Duration = Duration::from_millis(3);

/// Calls asked of a node in the moment in which it is told to leave: what it writes last.
pub(super) fn last_writes(plan: &mut Plan, chaos: Chaos) {
    let mut random = Random::new(plan.setup.seed, "extra: last writes");
    // What chaos costs is measured without.
    if chaos == Chaos::Full || !random.chance(Rate::percent(10)) {
        return;
    }
    let hosts = plan.setup.hosts.len();
    for _ in 0..random.between(1, 3) {
        let at = moment(&mut random, plan, Duration::ZERO);
        let leaver = HostId(random.index(hosts));
        let back = at + random.magnitude(Duration::from_millis(200), Duration::from_secs(20));
        plan.faults.push((at, Fault::Leave(leaver)));
        plan.faults.push((back, Fault::Boot(leaver)));
    }
    let leaves = plan.faults.iter().filter_map(|(at, fault)| match fault {
        Fault::Leave(leaver) => Some((*at, *leaver)),
        _ => None,
    });
    for (at, leaver) in leaves.collect::<Vec<_>>() {
        for _ in 0..random.between(1, 6) {
            let (child, wish) = (child(&mut random, plan), random.below(WISHES));
            let when = near(&mut random, at);
            // Most is asked of the leaver, the rest of whom it may be the owner for.
            let asked = if random.chance(Rate::percent(75)) {
                leaver
            } else {
                HostId(random.index(hosts))
            };
            plan.calls
                .push((when, call(&mut random, asked, child.command(wish))));
        }
    }
    sort(plan);
}

/// Several clients ask several nodes different things about one child at the instant at which something happens.
pub(super) fn crowds(plan: &mut Plan, chaos: Chaos) {
    let mut random = Random::new(plan.setup.seed, "extra: crowds");
    // What chaos costs is measured without.
    if chaos == Chaos::Full || !random.chance(Rate::percent(10)) {
        return;
    }
    let is_instant = |fault: &Fault| {
        matches!(
            fault,
            Fault::Split(_)
                | Fault::Heal
                | Fault::Crash(_)
                | Fault::Boot(_)
                | Fault::Resume(_)
                | Fault::Wake(_)
                | Fault::Leave(_)
        )
    };
    let instants = plan.faults.iter().filter(|(_, fault)| is_instant(fault));
    let instants: Vec<Moment> = instants.map(|(at, _)| *at).collect();
    let hosts = plan.setup.hosts.len();
    for _ in 0..random.between(3, 12) {
        let Some(at) = random.pick(&instants).copied() else {
            return;
        };
        let child = child(&mut random, plan);
        for _ in 0..random.between(2, 5) {
            let (when, wish) = (near(&mut random, at), random.below(WISHES));
            let asked = HostId(random.index(hosts));
            plan.calls
                .push((when, call(&mut random, asked, child.command(wish))));
        }
    }
    sort(plan);
}

/// A child is deleted on one side of a split while it is started, stopped or restarted on the other; they meet soon, or
/// late.
pub(super) fn sides(plan: &mut Plan, chaos: Chaos) {
    let mut random = Random::new(plan.setup.seed, "extra: sides");
    // What chaos costs is measured without.
    if chaos == Chaos::Full || !random.chance(Rate::percent(10)) {
        return;
    }
    let hosts = plan.setup.hosts.len();
    for _ in 0..random.between(1, 3) {
        let mut all: Vec<HostId> = (0..hosts).map(HostId).collect();
        random.shuffle(&mut all);
        let other = all.split_off(random.index(hosts - 1) + 1);
        let (Some(one), Some(another)) = (random.pick(&all).copied(), random.pick(&other).copied()) else {
            return;
        };
        let at = moment(&mut random, plan, Duration::from_secs(4));
        // Some are asked before the sides miss each other, others when each is a cluster of its own.
        let asked_at = at + random.magnitude(Duration::from_micros(50), Duration::from_secs(6));
        let until = asked_at + random.magnitude(Duration::from_millis(1), Duration::from_secs(20));
        plan.faults.push((at, Fault::Split(vec![all, other])));
        plan.faults.push((until, Fault::Heal));
        for _ in 0..random.between(1, 4) {
            let child = child(&mut random, plan);
            // What runs cannot be deleted.
            let before = Moment(at.0.saturating_sub(random.between(1_000, 3_000_000)));
            if random.chance(Rate::percent(80)) {
                let stop = call(&mut random, one, child.command(TERMINATE));
                plan.calls.push((before, stop));
            }
            let (first, second) = if random.chance(Rate::percent(50)) {
                (one, another)
            } else {
                (another, one)
            };
            let delete = call(&mut random, first, child.command(DELETE));
            plan.calls.push((near(&mut random, asked_at), delete));
            for _ in 0..random.between(1, 3) {
                let wish = random.below(WISHES);
                let call = call(&mut random, second, child.command(wish));
                plan.calls.push((near(&mut random, asked_at), call));
            }
            // Often the id is used again where it was deleted.
            if random.chance(Rate::percent(40)) {
                let again = call(&mut random, first, child.command(START));
                let when = asked_at + random.magnitude(Duration::from_millis(1), Duration::from_secs(3));
                plan.calls.push((when, again));
            }
        }
    }
    sort(plan);
}

/// A child that the calls of a plan are about.
#[derive(Clone)]
struct Child {
    horde: HordeName,
    id: ChildId,
    spec: Arc<ChildSpec>,
}

/// The numbers of what can be asked for about it.
const WISHES: u64 = 5;
const START: u64 = 0;
const TERMINATE: u64 = 1;
const DELETE: u64 = 3;

impl Child {
    fn command(&self, wish: u64) -> Command {
        let Self { horde, id, spec } = self.clone();
        match wish {
            START => Command::StartChild { horde, id, spec },
            TERMINATE => Command::TerminateChild { horde, id },
            2 => Command::RestartChild { horde, id },
            DELETE => Command::DeleteChild { horde, id },
            _ => Command::UpdateChild {
                horde,
                id,
                spec: Arc::new(ChildSpec {
                    start_timeout: Some(Duration::from_secs(4)),
                    ..ChildSpec::clone(&spec)
                }),
            },
        }
    }
}

/// One of the children, the first ones most: of them most is asked anyway.
fn child(random: &mut Random, plan: &Plan) -> Child {
    let starts = plan.calls.iter().filter_map(|(_, call)| match &call.command {
        Command::StartChild { horde, id, spec } => Some(Child {
            horde: horde.clone(),
            id: id.clone(),
            spec: spec.clone(),
        }),
        _ => None,
    });
    let starts: Vec<Child> = starts.take(8).collect();
    random.pick(&starts).cloned().unwrap_or_else(|| Child {
        horde: Setup::horde(),
        id: ChildId::new("c0").expect("a letter and a digit are a valid id"),
        spec: Arc::new(Setup::spec(0, 0)),
    })
}

fn call(random: &mut Random, host: HostId, command: Command) -> PlannedCall {
    PlannedCall {
        host,
        command,
        timeout: random.magnitude(Duration::from_millis(200), Duration::from_secs(8)),
        retries: u32::try_from(random.below(3)).unwrap_or(0),
    }
}

/// A moment of the chaos at which clients have asked for something already, so much before it included.
fn moment(random: &mut Random, plan: &Plan, before: Duration) -> Moment {
    Moment(random.between(3_000_000, plan.calm_at.0.max(3_000_001))) + before
}

/// A moment of the same instant.
fn near(random: &mut Random, at: Moment) -> Moment {
    let earliest = Moment(at.0.saturating_sub(crate::random::micros(INSTANT)));
    earliest + random.duration(Duration::ZERO, 2 * INSTANT)
}

fn sort(plan: &mut Plan) {
    plan.faults.sort_by_key(|(at, _)| *at);
    plan.calls.sort_by_key(|(at, _)| *at);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::quiet;

    /// The plans of some seeds that have an extra, with nothing else in them.
    fn with(extra: fn(&mut Plan, Chaos)) -> Vec<Plan> {
        let plans = (0..400).filter_map(|seed| {
            let mut plan = quiet(seed, 5, 20, Duration::from_secs(30));
            let before = plan.calls.len();
            extra(&mut plan, Chaos::Drawn);
            (plan.calls.len() > before).then_some(plan)
        });
        let plans: Vec<Plan> = plans.collect();
        assert!((20..60).contains(&plans.len()), "{} seeds have it", plans.len());
        plans
    }

    fn apart(one: Moment, another: Moment) -> Duration {
        one.max(another).since(one.min(another))
    }

    #[test]
    fn a_node_is_asked_for_something_in_the_moment_in_which_it_is_to_leave() {
        for plan in with(last_writes) {
            let leaves = plan.faults.iter().filter_map(|(at, fault)| match fault {
                Fault::Leave(host) => Some((*at, *host)),
                _ => None,
            });
            let asked =
                |(at, _): (Moment, HostId)| plan.calls.iter().any(|(when, _)| apart(*when, at) <= INSTANT);
            let leaves: Vec<_> = leaves.collect();
            assert!(!leaves.is_empty() && leaves.into_iter().all(asked));
        }
    }

    #[test]
    fn several_ask_about_one_child_in_one_moment() {
        for plan in with(crowds) {
            let beside = |(at, call): &(Moment, PlannedCall)| {
                let same = plan.calls.iter().filter(|(when, other)| {
                    other.command.child() == call.command.child() && apart(*when, *at) <= 2 * INSTANT
                });
                same.count() > 1
            };
            assert!(plan.calls.iter().any(beside));
        }
    }

    #[test]
    fn a_child_is_deleted_on_one_side_of_a_split_while_the_other_is_asked_about_it() {
        for plan in with(sides) {
            let splits = plan
                .faults
                .iter()
                .filter(|(_, fault)| matches!(fault, Fault::Split(_)));
            let heals = plan.faults.iter().filter(|(_, fault)| *fault == Fault::Heal);
            assert_eq!(splits.count(), heals.count());
            let deletes = plan
                .calls
                .iter()
                .filter(|(_, call)| matches!(call.command, Command::DeleteChild { .. }));
            let raced = |(at, delete): &(Moment, PlannedCall)| {
                plan.calls.iter().any(|(when, call)| {
                    call.host != delete.host
                        && call.command.child() == delete.command.child()
                        && apart(*when, *at) <= 2 * INSTANT
                })
            };
            assert!(deletes.into_iter().any(raced));
        }
    }
}
