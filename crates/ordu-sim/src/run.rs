use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::invariants::Violation;
use crate::oracle::Bounds;
use crate::{Fault, HostId, Machine, Plan, Simulation, Trace, Traffic, World, serving};

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The rule that was broken, if one was.
    pub violation: Option<Violation>,
    /// How long the cluster took to settle once nothing went wrong any more.
    pub settled_after: Option<Duration>,
    /// How much virtual time passed, times the number of hosts.
    pub node_time: Duration,
    /// How many events the world saw.
    pub events: u64,
    /// What the nodes sent.
    pub traffic: Traffic,
    /// What was written down.
    pub trace: String,
    /// All that each node knows at the end, if anything was written down.
    pub state: String,
}

/// Runs a plan: chaos under the safety invariants, then calm, in which the cluster must settle and serve.
///
/// A panic of a node is a broken rule like any other.
pub fn run<M: Machine + Debug>(plan: &Plan, trace: Trace) -> Report {
    let mut simulation = Simulation::<M>::new(plan.setup.clone(), trace);
    let mut settled_after = None;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        phases(plan, &mut simulation, &mut settled_after)
    }));
    let violation = match outcome {
        Ok(verdict) => verdict.err(),
        Err(payload) => Some(Violation {
            at: simulation.now(),
            invariant: "no-panic",
            rule: "the core never fails",
            detail: payload
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_default(),
        }),
    };
    let hosts = u32::try_from(plan.setup.hosts.len()).unwrap_or(u32::MAX);
    let world = simulation.world();
    Report {
        violation,
        settled_after,
        node_time: world.now().since(crate::Moment::default()) * hosts,
        events: world.events(),
        traffic: world.traffic(),
        trace: world.trace().text(),
        state: match world.trace() {
            Trace::Off => String::new(),
            _ => state(world),
        },
    }
}

fn state<M: Machine + Debug>(world: &World<M>) -> String {
    world
        .hosts()
        .filter_map(|host| Some(format!("{}: {:#?}\n", world.running(host)?, world.machine(host)?)))
        .collect()
}

fn phases<M: Machine>(
    plan: &Plan,
    simulation: &mut Simulation<M>,
    settled_after: &mut Option<Duration>,
) -> Result<(), Violation> {
    let (faults, calls) = (plan.faults.iter(), plan.calls.iter());
    for (at, fault) in faults.filter(|(at, _)| *at < plan.calm_at) {
        simulation.inflict_at(*at, fault.clone());
    }
    for (at, call) in calls.filter(|(at, _)| *at < plan.calm_at) {
        simulation.plan(*at, call.clone());
    }
    simulation.run_until(plan.calm_at)?;
    if simulation.history().is_beyond_judging() {
        return Ok(());
    }
    for host in &plan.revived {
        simulation.inflict(Fault::Boot(*host));
        simulation.keep_up(*host);
    }
    for (host, other) in &plan.joined {
        simulation.inflict(Fault::Join(*host, vec![*other]));
    }
    simulation.run_for(Duration::ZERO)?;
    simulation.calm();
    if plan.has_lists() {
        // All that are there are to be members; whoever is not ready yet is one of several that are told.
        for host in (0..plan.setup.hosts.len()).map(HostId) {
            simulation.inflict(Fault::SetMembers(host, None));
        }
    }
    *settled_after = Some(simulation.settle(plan.settle_within)?);
    // A node that stood still decides nothing until it has probed every other once (S4.5).
    let hosts = u32::try_from(plan.setup.hosts.len()).unwrap_or(u32::MAX);
    simulation.run_for(plan.setup.timing.probe_period * (hosts + 3))?;
    if plan.has_lists() {
        // Who heard only now that it is on none has left.
        simulation.settle(plan.settle_within)?;
    }
    for round in 0..plan.rounds {
        serving::round(simulation, round)?;
    }
    serving::calm(simulation, plan)?;
    simulation.settle(plan.settle_within)?;
    last_crash(simulation, plan)
}

/// One more node is killed, which all others know of at once: that is to cost its children moments alone.
fn last_crash<M: Machine>(simulation: &mut Simulation<M>, plan: &Plan) -> Result<(), Violation> {
    let world = simulation.world();
    let watched: Vec<HostId> = world.hosts().filter(|host| world.is_watched(*host)).collect();
    let (Some(drawn), false) = (plan.last_crash, watched.is_empty()) else {
        return Ok(());
    };
    let which = usize::try_from(drawn).unwrap_or(usize::MAX) % watched.len();
    // What callers would be told then is for the chaos to judge.
    simulation.dismiss_clients();
    simulation.inflict(Fault::Crash(watched[which]));
    simulation.run_for(Bounds::of(&plan.setup).taken_over() + 2 * crate::TICK)
}
