use std::sync::Arc;
use std::time::Duration;

use ordu_core::{ChildId, ChildSpec, Command, Restart, Shutdown};

use super::Chaos;
use crate::random::{Random, Rate};
use crate::simulation::PlannedCall;
use crate::{HostId, Moment, Setup};

type Calls = Vec<(Moment, PlannedCall)>;

/// Starts of `children` steady children, spread over some time.
pub(super) fn starts(random: &mut Random, setup: &Setup, children: usize, over: Duration) -> Calls {
    let spec = Arc::new(Setup::spec(0, 0));
    (0..children)
        .map(|child| {
            let at = Moment(1_500_000) + random.duration(Duration::ZERO, over);
            let call = PlannedCall {
                host: HostId(random.index(setup.hosts.len())),
                command: Command::StartChild {
                    horde: Setup::horde(),
                    id: id(child),
                    spec: spec.clone(),
                },
                timeout: Duration::from_secs(5),
                retries: 5,
            };
            (at, call)
        })
        .collect()
}

pub(super) fn calls(random: &mut Random, setup: &Setup, calm_at: Moment, chaos: Chaos) -> Calls {
    let children = usize::try_from(match chaos.number(random, 0, 9) {
        0..5 => random.between(1, 6),
        5..9 => random.between(7, 40),
        _ => random.between(41, 150),
    })
    .unwrap_or(1);
    let specs: Vec<Arc<ChildSpec>> = (0..children).map(|_| Arc::new(spec(random, setup))).collect();
    let over = random.magnitude(Duration::from_millis(100), Duration::from_secs(10));
    let mut calls = Vec::new();
    for (child, spec) in specs.iter().enumerate() {
        let at = Moment(random.between(200_000, 3_000_000)) + random.duration(Duration::ZERO, over);
        let command = Command::StartChild {
            horde: Setup::horde(),
            id: id(child),
            spec: spec.clone(),
        };
        calls.push((at, planned(random, setup, command)));
    }
    let seconds = calm_at.0 / 1_000_000;
    let pace = chaos.number(random, 1, 4);
    let more = chaos.number(random, 0, (seconds * pace).saturating_sub(1));
    for _ in 0..more {
        let at = Moment(random.between(1_000_000, calm_at.0));
        let child = random.index(children);
        let command = command(random, child, &specs[child]);
        // Now and then several clients ask several nodes for one thing at one time.
        let askers = if random.chance(Rate::percent(15)) { 3 } else { 1 };
        for _ in 0..askers {
            let at = at + random.duration(Duration::ZERO, Duration::from_millis(3));
            calls.push((at, planned(random, setup, command.clone())));
        }
    }
    calls.sort_by_key(|(at, _)| *at);
    calls
}

fn command(random: &mut Random, child: usize, spec: &Arc<ChildSpec>) -> Command {
    let (horde, id) = (Setup::horde(), id(child));
    match random.below(10) {
        0..4 => Command::StartChild {
            horde,
            id,
            spec: spec.clone(),
        },
        4..6 => Command::TerminateChild { horde, id },
        6..8 => Command::RestartChild { horde, id },
        _ => Command::DeleteChild { horde, id },
    }
}

fn planned(random: &mut Random, setup: &Setup, command: Command) -> PlannedCall {
    PlannedCall {
        host: HostId(random.index(setup.hosts.len())),
        command,
        timeout: random.magnitude(Duration::from_millis(50), Duration::from_secs(8)),
        retries: u32::try_from(random.below(5)).unwrap_or(0),
    }
}

fn spec(random: &mut Random, setup: &Setup) -> ChildSpec {
    let padding = if random.chance(Rate::percent(3)) {
        random.index(40_000)
    } else {
        random.index(200)
    };
    let mut spec = Setup::spec(random.index(setup.behaviours.len()), padding);
    spec.restart = match random.below(20) {
        0..14 => Restart::Permanent,
        14..17 => Restart::Transient,
        _ => Restart::Temporary,
    };
    spec.shutdown = match random.below(10) {
        0 => Shutdown::BrutalKill,
        1..4 => Shutdown::Timeout(random.duration(Duration::from_millis(10), Duration::from_secs(1))),
        _ => Shutdown::Timeout(Duration::from_secs(5)),
    };
    if random.chance(Rate::percent(20)) {
        spec.start_timeout = Some(random.duration(Duration::from_millis(200), Duration::from_secs(4)));
    }
    spec
}

fn id(child: usize) -> ChildId {
    ChildId::new(format!("c{child}")).expect("a letter and digits are a valid id")
}
