//! What a settled cluster must do without a flaw.

use std::sync::Arc;
use std::time::Duration;

use ordu_core::{Answer, CallError, ChildId, Command, Stopped};

use crate::invariants::Violation;
use crate::{HostId, Machine, Plan, PlannedCall, Setup, Simulation, TICK};

const PATIENCE: Duration = Duration::from_secs(5);

type Outcome = Result<Answer, CallError>;
/// What is asked, in words and as a command, and what must come of it.
type Step = (&'static str, Command, fn(&Outcome) -> bool);

/// The life of one fresh child, each step asked of another node: start, start again, stop, restart, stop,
/// delete, and then it is unknown.
pub(crate) fn round<M: Machine>(simulation: &mut Simulation<M>, round: u32) -> Result<(), Violation> {
    let hosts: Vec<HostId> = simulation
        .world()
        .hosts()
        .filter(|host| simulation.world().running(*host).is_some())
        .collect();
    let Ok(id) = ChildId::new(format!("served-{round}")) else {
        return Ok(());
    };
    let horde = Setup::horde();
    let steady = simulation
        .world()
        .setup()
        .behaviours
        .iter()
        .position(crate::Behaviour::is_steady);
    let (Some(steady), false) = (steady, hosts.is_empty()) else {
        return Ok(());
    };
    let spec = Arc::new(Setup::spec(steady, 0));
    let start = || Command::StartChild {
        horde: horde.clone(),
        id: id.clone(),
        spec: spec.clone(),
    };
    let terminate = || Command::TerminateChild {
        horde: horde.clone(),
        id: id.clone(),
    };
    let restart = || Command::RestartChild {
        horde: horde.clone(),
        id: id.clone(),
    };
    let delete = || Command::DeleteChild {
        horde: horde.clone(),
        id: id.clone(),
    };
    let steps: [Step; 9] = [
        ("a first start", start(), is_started),
        ("a second start", start(), |it| {
            matches!(it, Err(CallError::AlreadyStarted(_)))
        }),
        ("deleting what runs", delete(), |it| {
            matches!(it, Err(CallError::Running(_)))
        }),
        ("a stop", terminate(), is_stopped),
        ("a start of what is stopped", start(), |it| {
            matches!(it, Err(CallError::AlreadyPresent(_)))
        }),
        ("a restart", restart(), is_started),
        ("a second stop", terminate(), is_stopped),
        ("a deletion", delete(), |it| matches!(it, Ok(Answer::Deleted))),
        ("a stop of what is deleted", terminate(), |it| {
            matches!(it, Err(CallError::NotFound { .. }))
        }),
    ];
    let first = usize::try_from(round).unwrap_or(0);
    for (step, (what, command, expected)) in steps.into_iter().enumerate() {
        let host = hosts[(first + step) % hosts.len()];
        let outcome = simulation.ask(host, command, PATIENCE)?;
        if !outcome.as_ref().is_some_and(expected) {
            return Err(Violation {
                at: simulation.now(),
                invariant: "serves",
                rule: "S5.1, S5.3",
                detail: format!("{what} of {id:?}, asked of n{}, came to {outcome:?}", host.0),
            });
        }
    }
    Ok(())
}

/// The calls of the calm, once nobody waits for an answer to a call of the chaos.
pub(crate) fn calm<M: Machine>(simulation: &mut Simulation<M>, plan: &Plan) -> Result<(), Violation> {
    if plan.calm_for == Duration::ZERO {
        return Ok(());
    }
    all_answered(simulation)?;
    // What the last of them were about may not have come up yet.
    simulation.settle(plan.settle_within)?;
    simulation.serve()?;
    let began = simulation.now();
    for (after, call) in &plan.calm_calls {
        if let Some(host) = asked(simulation, call) {
            let call = PlannedCall { host, ..call.clone() };
            simulation.plan(began + *after, call);
        }
    }
    simulation.run_until(began + plan.calm_for)?;
    all_answered(simulation)
}

/// Lets time pass until no call is open.
fn all_answered<M: Machine>(simulation: &mut Simulation<M>) -> Result<(), Violation> {
    while simulation.history().open_calls().next().is_some() {
        simulation.run_for(TICK)?;
    }
    Ok(())
}

/// Who is asked in the place of a host whose node is gone, or is not in the child's horde.
fn asked<M: Machine>(simulation: &Simulation<M>, call: &PlannedCall) -> Option<HostId> {
    let (setup, count) = (simulation.world().setup(), simulation.world().hosts().count());
    let (horde, _) = call.command.child();
    let can_be_asked = |host: &HostId| {
        simulation.world().running(*host).is_some() && setup.config(*host).hordes.contains(horde)
    };
    let mut hosts = (0..count).map(|more| HostId((call.host.0 + more) % count));
    hosts.find(can_be_asked)
}

fn is_started(outcome: &Outcome) -> bool {
    matches!(outcome, Ok(Answer::Started { .. }))
}

fn is_stopped(outcome: &Outcome) -> bool {
    matches!(outcome, Ok(Answer::Terminated(Stopped::Confirmed)))
}
