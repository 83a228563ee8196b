//! Worlds in which one thing goes wrong again and again, at the moment at which it can do harm: what chaos of every kind
//! meets once in thousands of seeds.

mod breaks;
mod minorities;
mod namesakes;
mod newcomers;
mod old_words;
mod removals;
mod returns;

use std::sync::Arc;
use std::time::Duration;

use ordu_core::{ChildId, ChildSpec, Command, Restart};

use super::{SETTLE_WITHIN, faults};
use crate::random::{Random, Rate};
use crate::simulation::PlannedCall;
use crate::{Behaviour, Ending, Fault, HostId, Moment, Path, Plan, Setup};

/// What a world is biased to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// Children are stopped, and others started, right before a node dies, whose last packets do not come to everybody;
    /// those that were started are asked for again (S5.9, S5.13).
    LastWords,
    /// A copy dies while the claim of a take-over of it waits for its holders (S3.2).
    UnheldClaims,
    /// Calls are stuck in connections that are cut, and done elsewhere meanwhile (S5.8).
    LateCalls,
    /// Members are away for longer than the others wait for them, and come back with what nobody else has; some never
    /// do (S1.4, S1.5, S2.1).
    Returns,
    /// Nodes are out of sight, and what was said before lies there when they are back: machines sleep while their clocks
    /// are set, and ways fail again as soon as they are whole (S4.5).
    OldWords,
    /// Several boots of a name in a row, of which those before the last die before they were taken in (S6.2).
    Namesakes,
    /// Nodes boot together and exchange states before they have any (S4.6).
    Newcomers,
    /// Operators on both sides of a split remove nodes of the other (S2.4).
    Removals,
    /// Connections break while calls are under way, and nothing else goes wrong (S5.7).
    Breaks,
    /// A node is alone with the children of all the others (S4.7).
    Minorities,
}

impl Bias {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::LastWords,
        Self::UnheldClaims,
        Self::LateCalls,
        Self::Returns,
        Self::OldWords,
        Self::Namesakes,
        Self::Newcomers,
        Self::Removals,
        Self::Breaks,
        Self::Minorities,
    ];

    /// What to call it on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LastWords => "last-words",
            Self::UnheldClaims => "unheld-claims",
            Self::LateCalls => "late-calls",
            Self::Returns => "returns",
            Self::OldWords => "old-words",
            Self::Namesakes => "namesakes",
            Self::Newcomers => "newcomers",
            Self::Removals => "removals",
            Self::Breaks => "breaks",
            Self::Minorities => "minorities",
        }
    }

    /// The bias of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bias| bias.name() == name)
    }
}

/// How often what it is biased to happens in one world.
const CYCLES: u64 = 6;

/// The plan of a seed.
pub fn biased(seed: u64, bias: Bias) -> Plan {
    let mut random = Random::new(seed, bias.name());
    let mut plan = match bias {
        Bias::LastWords => last_words(&mut random, seed),
        Bias::UnheldClaims => unheld_claims(&mut random, seed),
        Bias::LateCalls => late_calls(&mut random, seed),
        Bias::Returns => returns::plan(&mut random, seed),
        Bias::OldWords => old_words::plan(&mut random, seed),
        Bias::Namesakes => namesakes::plan(&mut random, seed),
        Bias::Newcomers => newcomers::plan(&mut random, seed),
        Bias::Removals => removals::plan(&mut random, seed),
        Bias::Breaks => breaks::plan(&mut random, seed),
        Bias::Minorities => minorities::plan(&mut random, seed),
    };
    plan.faults.sort_by_key(|(at, _)| *at);
    plan.calls.sort_by_key(|(at, _)| *at);
    plan
}

/// All hosts boot, and nothing else happens until `calm_at`.
fn uneventful(random: &mut Random, setup: Setup, calm_at: Moment) -> Plan {
    Plan {
        faults: faults::boots(random, &setup, Duration::from_millis(200)),
        calls: Vec::new(),
        calm_at,
        revived: (0..setup.hosts.len()).map(HostId).collect(),
        joined: Vec::new(),
        settle_within: SETTLE_WITHIN,
        rounds: 1,
        calm_for: Duration::ZERO,
        calm_calls: Vec::new(),
        last_crash: None,
        setup,
    }
}

/// So many children are started through one host or another, once all have met.
fn start_children(random: &mut Random, plan: &mut Plan, hosts: usize, children: u64) {
    let spec = Arc::new(Setup::spec(0, 0));
    for child in 0..children {
        let at = Moment(3_000_000);
        plan.calls.push((at, call(random, hosts, start(child, &spec))));
    }
}

fn last_words(random: &mut Random, seed: u64) -> Plan {
    const CHILDREN: u64 = 24;
    const CYCLE: Duration = Duration::from_secs(25);
    let mut setup = Setup::lan(7, seed);
    setup.near.latency.jitter = Duration::from_millis(2);
    let bad = Path {
        loss: Rate::percent(95),
        ..setup.near
    };
    let mut plan = uneventful(random, setup, Moment(12_000_000) + CYCLE * 4);
    let spec = Arc::new(Setup::spec(0, 0));
    let mut of_starts = Random::new(seed, "starts of last words");
    for cycle in 0..4 {
        let at = Moment(12_000_000) + CYCLE * u32::try_from(cycle).unwrap_or(0);
        let victim = HostId(random.index(7));
        for child in 0..CHILDREN {
            let (horde, id) = (Setup::horde(), id(cycle * CHILDREN + child));
            let start = Command::StartChild {
                horde: horde.clone(),
                id: id.clone(),
                spec: spec.clone(),
            };
            plan.calls
                .push((Moment(at.0 - 8_000_000), call(random, 7, start)));
            let stop = Command::TerminateChild { horde, id };
            let when = at + random.duration(Duration::ZERO, Duration::from_millis(30));
            plan.calls.push((when, call(random, 7, stop)));
        }
        let dies = at + random.duration(Duration::from_millis(5), Duration::from_millis(45));
        for child in 0..CHILDREN {
            let random = &mut of_starts;
            let (horde, id) = (Setup::horde(), id(1_000 + cycle * CHILDREN + child));
            let start = Command::StartChild {
                horde: horde.clone(),
                id: id.clone(),
                spec: spec.clone(),
            };
            let when = at + random.duration(Duration::ZERO, Duration::from_millis(45));
            let started = call(random, 7, start);
            let stop = PlannedCall {
                command: Command::TerminateChild { horde, id },
                ..started.clone()
            };
            plan.calls.push((when, started));
            let when = dies + random.duration(Duration::from_millis(100), Duration::from_secs(2));
            plan.calls.push((when, stop));
        }
        for other in (0..7).map(HostId).filter(|other| *other != victim) {
            if random.chance(Rate::percent(50)) {
                plan.faults.push((at, Fault::Disturb(victim, other, bad)));
            }
        }
        plan.faults.push((dies, Fault::Crash(victim)));
        plan.faults.push((dies, Fault::Clear));
        plan.faults
            .push((at + Duration::from_secs(8), Fault::Boot(victim)));
    }
    plan
}

fn unheld_claims(random: &mut Random, seed: u64) -> Plan {
    const CYCLE: Duration = Duration::from_secs(16);
    let mut setup = Setup::lan(3, seed);
    setup.near = Path::wan(Duration::from_millis(20));
    let start = Moment(8_000_000);
    let mut plan = uneventful(random, setup, start + CYCLE * u32::try_from(CYCLES).unwrap_or(1));
    let spec = Arc::new(Setup::spec(0, 0));
    for child in 0..20 {
        let start = Command::StartChild {
            horde: Setup::horde(),
            id: id(child),
            spec: spec.clone(),
        };
        plan.calls.push((Moment(3_000_000), call(random, 3, start)));
    }
    for cycle in 0..CYCLES {
        let at = start + CYCLE * u32::try_from(cycle).unwrap_or(0);
        let mut order = [HostId(0), HostId(1), HostId(2)];
        random.shuffle(&mut order);
        // Each runs every child. Then the second hears of the first's claims, which dies; then the third hears of them.
        let [first, second, third] = order;
        let mut then = at;
        let faults = &mut plan.faults;
        faults.push((then, Fault::Split(order.map(|host| vec![host]).into())));
        then = then + Duration::from_secs(4);
        faults.push((then, Fault::Split(vec![vec![first, second], vec![third]])));
        then = then + Duration::from_millis(2_500);
        faults.push((then, Fault::Heal));
        let dies = Moment(then.0 - 300_000) + random.duration(Duration::ZERO, Duration::from_millis(600));
        faults.push((dies, Fault::Crash(first)));
        let cut = then + random.duration(Duration::ZERO, Duration::from_millis(1_500));
        faults.push((cut, Fault::Cut(third, second)));
        let kill = cut + random.duration(Duration::ZERO, Duration::from_millis(700));
        faults.push((kill, Fault::KillKeeper(third)));
        faults.push((cut + Duration::from_millis(2_500), Fault::Mend(third, second)));
        faults.push((cut + Duration::from_secs(3), Fault::Boot(first)));
    }
    plan
}

fn late_calls(random: &mut Random, seed: u64) -> Plan {
    const CYCLE: Duration = Duration::from_secs(16);
    let mut setup = Setup::lan(3, seed);
    setup.behaviours = vec![
        Behaviour::steady(),
        Behaviour {
            ends: Some((
                Ending::Finishes,
                Duration::from_millis(50),
                Duration::from_millis(300),
            )),
            ..Behaviour::steady()
        },
    ];
    let start = Moment(6_000_000);
    let mut plan = uneventful(random, setup, start + CYCLE * u32::try_from(CYCLES).unwrap_or(1));
    let mut spec = Setup::spec(1, 0);
    spec.restart = Restart::Transient;
    let spec = Arc::new(spec);
    for cycle in 0..CYCLES {
        let at = start + CYCLE * u32::try_from(cycle).unwrap_or(0);
        let alone = HostId(random.index(3));
        let others = (0..3).map(HostId).filter(|host| *host != alone).collect();
        plan.faults.push((at, Fault::Split(vec![vec![alone], others])));
        let heals = at + random.duration(Duration::from_millis(3_500), Duration::from_secs(7));
        plan.faults.push((heals, Fault::Heal));
        for child in 0..8 {
            let start = Command::StartChild {
                horde: Setup::horde(),
                id: id(cycle * 8 + child),
                spec: spec.clone(),
            };
            let when = at + random.duration(Duration::ZERO, Duration::from_millis(600));
            let call = PlannedCall {
                host: alone,
                timeout: Duration::from_secs(20),
                ..call(random, 3, start)
            };
            plan.calls.push((when, call));
        }
    }
    plan
}

/// A start of a child of that number.
fn start(child: u64, spec: &Arc<ChildSpec>) -> Command {
    Command::StartChild {
        horde: Setup::horde(),
        id: id(child),
        spec: spec.clone(),
    }
}

/// A client asks somebody, once.
fn call(random: &mut Random, hosts: usize, command: Command) -> PlannedCall {
    PlannedCall {
        host: HostId(random.index(hosts)),
        command,
        timeout: Duration::from_secs(4),
        retries: 0,
    }
}

fn id(child: u64) -> ChildId {
    ChildId::new(format!("c{child}")).expect("a letter and digits are a valid id")
}
