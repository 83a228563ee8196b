//! What clients ask for once all has settled: a cluster that nothing is wrong with serves them all (S5.1).

use std::sync::Arc;
use std::time::Duration;

use ordu_core::{ChildId, ChildSpec, Command, HordeName, Restart, Shutdown};

use crate::random::{Random, Rate};
use crate::simulation::PlannedCall;
use crate::{HostId, Plan, Setup};

/// How long the calm goes on. What is only certain when nothing went wrong for long ([`AFTERMATH`](crate::AFTERMATH)) is
/// judged in the last part of it.
const LENGTH: Duration = Duration::from_secs(45);
/// How long it goes on in most seeds: quiet time costs, too.
const SHORT: Duration = Duration::from_secs(9);
/// Most of what is asked for is asked for by then.
const DENSE: Duration = Duration::from_secs(6);
/// And most of the rest between these.
const LATE: (Duration, Duration) = (Duration::from_secs(33), Duration::from_secs(39));
/// How long a caller waits where whatever children do is a matter of moments.
const PATIENCE: Duration = Duration::from_secs(5);
/// And where a start, or a stop, takes seconds, and calls of one child wait for each other.
const LONG_PATIENCE: Duration = Duration::from_secs(40);

/// Several scenes, each about one child: most about children that went through the chaos, others about fresh ones, or
/// such as nobody knows. Which they are is decided by the whole plan, so that no smaller plan has others.
pub(super) fn calls(plan: &mut Plan) {
    let mut random = Random::new(plan.setup.seed, "calm calls");
    let few = plan.setup.hosts.len() <= 7;
    let is_long = random.chance(Rate::percent(if few { 33 } else { 10 }));
    plan.calm_for = if is_long { LENGTH } else { SHORT };
    let known = known(plan);
    let mut calls = Vec::new();
    for number in 0..random.between(6, 14) {
        let at = match random.below(10) {
            _ if !is_long => random.duration(Duration::ZERO, DENSE),
            0..6 => random.duration(Duration::ZERO, DENSE),
            6..8 => random.duration(DENSE, LATE.0),
            _ => random.duration(LATE.0, LATE.1),
        };
        let child = match random.below(10) {
            0..7 => random.pick(&known).cloned(),
            _ => None,
        };
        let mut scene = Scene {
            setup: &plan.setup,
            child: child.unwrap_or_else(|| stranger(number)),
            at,
            calls: &mut calls,
        };
        scene.play(&mut random);
    }
    calls.sort_by_key(|(after, _)| *after);
    plan.calm_calls = calls;
}

/// In some seeds one node is killed when all is over.
pub(super) fn last_crash(plan: &mut Plan) {
    let mut random = Random::new(plan.setup.seed, "last crash");
    plan.last_crash = random.chance(Rate::percent(25)).then(|| random.number());
}

/// A child, as calls of the chaos were about it.
#[derive(Clone)]
struct Child {
    horde: HordeName,
    id: ChildId,
    spec: Arc<ChildSpec>,
}

fn known(plan: &Plan) -> Vec<Child> {
    let mut known: Vec<Child> = Vec::new();
    for (_, call) in &plan.calls {
        if let Command::StartChild { horde, id, spec } = &call.command
            && !known.iter().any(|child| child.horde == *horde && child.id == *id)
        {
            known.push(Child {
                horde: horde.clone(),
                id: id.clone(),
                spec: spec.clone(),
            });
        }
    }
    known
}

/// One that nobody knows.
fn stranger(number: u64) -> Child {
    Child {
        horde: Setup::horde(),
        id: ChildId::new(format!("calm-{number}")).expect("letters and digits are a valid id"),
        spec: Arc::new(Setup::spec(0, 0)),
    }
}

/// What happens to one child.
struct Scene<'a> {
    setup: &'a Setup,
    child: Child,
    at: Duration,
    calls: &'a mut Vec<(Duration, PlannedCall)>,
}

/// What is asked for.
#[derive(Clone, Copy)]
enum Wish {
    /// A start with the spec of before.
    Start,
    /// A start with another spec.
    StartAnother,
    Terminate,
    Restart,
    Delete,
    /// Another policy.
    Update,
    /// More than another policy.
    UpdateMore,
}

use Wish::{Delete, Restart as Again, Start, StartAnother, Terminate, Update, UpdateMore};

const WISHES: [Wish; 9] = [
    Start,
    StartAnother,
    StartAnother,
    Terminate,
    Terminate,
    Again,
    Delete,
    Update,
    UpdateMore,
];

impl Scene<'_> {
    fn play(&mut self, random: &mut Random) {
        let millis = Duration::from_millis;
        // From calls that overlap to such as come when all is done.
        let pause = *random
            .pick(&[millis(2), millis(30), millis(400), millis(1_500)])
            .unwrap_or(&PATIENCE);
        match random.below(8) {
            0 => self.asked(random, pause, &[Terminate, Delete, StartAnother, Start]),
            1 => self.asked(random, pause, &[Terminate, Again, Again, Terminate]),
            2 => self.asked(random, pause, &[Update, Terminate, Again, UpdateMore]),
            3 => {
                self.asked(random, millis(400), &[Terminate, Delete]);
                self.crowd(random, &[StartAnother]);
                self.asked(random, pause, &[Terminate, Delete]);
            }
            4 => {
                let wish = *random.pick(&WISHES).unwrap_or(&Start);
                self.crowd(random, &[wish]);
            }
            5 => {
                self.crowd(random, &WISHES);
                self.crowd(random, &WISHES);
            }
            6 => self.asked(random, pause, &[Delete, Again, Update, Terminate]),
            _ => {
                for _ in 0..random.between(2, 5) {
                    let wish = *random.pick(&WISHES).unwrap_or(&Start);
                    self.asked(random, pause, &[wish]);
                }
            }
        }
    }

    /// One after the other is asked for, whether or not what was asked for before is done.
    fn asked(&mut self, random: &mut Random, pause: Duration, wishes: &[Wish]) {
        for wish in wishes {
            self.ask(random, *wish);
            self.at += random.duration(pause / 2, pause);
        }
    }

    /// Several ask at one moment.
    fn crowd(&mut self, random: &mut Random, wishes: &[Wish]) {
        let at = self.at;
        for _ in 0..random.between(2, 5) {
            self.at = at + random.duration(Duration::ZERO, Duration::from_millis(3));
            let wish = *random.pick(wishes).unwrap_or(&Start);
            self.ask(random, wish);
        }
        self.at = at + random.duration(Duration::ZERO, Duration::from_millis(400));
    }

    fn ask(&mut self, random: &mut Random, wish: Wish) {
        let Child { horde, id, spec } = self.child.clone();
        let command = match wish {
            Start => Command::StartChild { horde, id, spec },
            StartAnother => {
                let spec = Arc::new(self.another(random));
                // What is updated later is often what was started last.
                self.child.spec = spec.clone();
                Command::StartChild { horde, id, spec }
            }
            Terminate => Command::TerminateChild { horde, id },
            Again => Command::RestartChild { horde, id },
            Delete => Command::DeleteChild { horde, id },
            Update => {
                let spec = Arc::new(treated(random, &spec));
                Command::UpdateChild { horde, id, spec }
            }
            UpdateMore => {
                let spec = Arc::new(self.another(random));
                Command::UpdateChild { horde, id, spec }
            }
        };
        let timeout = if self.setup.has_quick_workers() {
            PATIENCE
        } else {
            LONG_PATIENCE
        };
        let call = PlannedCall {
            host: HostId(random.index(self.setup.hosts.len())),
            command,
            timeout,
            retries: 0,
        };
        self.calls.push((self.at, call));
    }

    /// Another worker, treated otherwise, that is as particular about where it runs or not at all.
    fn another(&self, random: &mut Random) -> ChildSpec {
        let mut spec = Setup::spec(random.index(self.setup.behaviours.len()), random.index(200));
        if random.chance(Rate::percent(70)) {
            spec.constraints.clone_from(&self.child.spec.constraints);
            (spec.kind, spec.version) = (self.child.spec.kind.clone(), self.child.spec.version);
        }
        spec.restart = match random.below(5) {
            0..2 => Restart::Permanent,
            2..4 => Restart::Transient,
            _ => Restart::Temporary,
        };
        treated(random, &spec)
    }
}

/// The same, treated otherwise.
fn treated(random: &mut Random, spec: &ChildSpec) -> ChildSpec {
    let mut spec = ChildSpec::clone(spec);
    spec.restart = match (spec.restart, random.below(2)) {
        // What is temporary stays so, and nothing else becomes it.
        (Restart::Temporary, _) => Restart::Temporary,
        (_, 0) => Restart::Permanent,
        _ => Restart::Transient,
    };
    spec.shutdown = match random.below(4) {
        0 => Shutdown::BrutalKill,
        1 => Shutdown::Timeout(random.duration(Duration::from_millis(50), Duration::from_secs(2))),
        _ => Shutdown::Timeout(Duration::from_secs(5)),
    };
    let longer = random.chance(Rate::percent(20));
    spec.start_timeout = longer.then(|| random.duration(Duration::from_secs(1), Duration::from_secs(6)));
    spec
}
