//! Each invariant notices who breaks its rule: nodes that lie, double and dawdle are caught by name.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ordu_core::{
    Answer, CallError, Channel, ChildId, ChildInfo, ChildSpec, ChildState, Command, Config, ConnId, Event,
    ExitCause, HordeName, Input, Kept, Life, MemberInfo, MemberState, NodeId, Now, Output, RequestId,
    Restart, StartId, StateDigest, Time, Token,
};
use ordu_sim::invariants::Violation;
use ordu_sim::{Fault, HostId, Machine, PlannedCall, Setup, Simulation, Trace};

/// What a bad node does with a request to start a child.
type Vice = fn(&mut Bad, RequestId, Arc<ChildInfo>);

/// A node with one vice, which is chosen by the capacity it is configured with.
#[derive(Debug)]
struct Bad {
    config: Config,
    id: NodeId,
    epoch: u64,
    conn: Option<ConnId>,
    /// Who answered its dial.
    peer: Option<NodeId>,
    /// What it answers once a child is up.
    owed: Option<(RequestId, Arc<ChildInfo>)>,
    outputs: VecDeque<Output>,
}

/// Says that it is starting what it has never heard of.
const LIES: Vice = |bad, request, mut child| {
    Arc::make_mut(&mut child).state = ChildState::Starting;
    bad.reply(request, Err(CallError::AlreadyStarted(child)));
};

/// Says that it does not know what came of it.
const KNOWS_NOTHING: Vice = |bad, request, _| bad.knows_nothing(request);

const VICES: [(&str, Vice); 25] = [
    ("answered", |_, _, _| {}),
    ("sense", |bad, request, _| {
        bad.knows_nothing(request);
        bad.knows_nothing(request);
    }),
    ("outcome-truth", |bad, request, child| {
        bad.reply(request, Err(CallError::AlreadyStarted(child)));
    }),
    ("ready-is-ready", |bad, _, _| {
        bad.outputs.push_back(Output::Event(Event::CatchingUp));
        bad.outputs.push_back(Output::Member {
            node: bad.id,
            info: Some(Arc::new(MemberInfo {
                id: bad.id,
                name: bad.config.name.clone(),
                addr: bad.config.addr,
                state: MemberState::Alive,
                children: 0,
            })),
        });
    }),
    ("outcome-truth", |bad, request, child| {
        bad.started(request, child);
    }),
    ("outcome-truth", |bad, request, child| {
        bad.start(&child, child.token.expect("given"));
        bad.reply(request, Err(CallError::Leaving));
    }),
    ("found-at-once", |bad, request, child| {
        bad.start(&child, child.token.expect("given"));
        bad.owed = Some((request, child));
    }),
    ("token-order", |bad, _, child| {
        let token = child.token.expect("given");
        bad.start(&child, token);
        bad.outputs.push_back(Output::KillChild {
            start: StartId(bad.epoch),
        });
        bad.epoch += 1;
        bad.start(&child, token);
    }),
    ("token-order", |bad, _, child| {
        let mut token = child.token.expect("given");
        token.owner = NodeId(1);
        bad.start(&child, token);
    }),
    ("one-start-a-node", |bad, _, child| {
        for epoch in [5, 6] {
            bad.epoch = epoch;
            bad.start(&child, Token { epoch, owner: bad.id });
        }
    }),
    ("conflict-spares-last", |bad, _, child| {
        let winner = Token {
            epoch: 99,
            owner: NodeId(9),
        };
        bad.start(&child, child.token.expect("given"));
        bad.outputs.push_back(Output::Event(Event::Conflict {
            horde: child.horde.clone(),
            id: child.id.clone(),
            loser: child.token.expect("given"),
            winner,
        }));
    }),
    ("bounded-messages", |bad, _, _| {
        let conn = bad.conn.expect("it is connected to itself");
        bad.outputs.push_back(Output::Send {
            conn,
            channel: Channel::Bulk,
            bytes: vec![0; 70_000],
        });
    }),
    ("exactly-one-after-heal", |bad, request, child| {
        bad.show(&child);
        bad.knows_nothing(request);
    }),
    ("just-exits", |bad, _, _| {
        bad.outputs.push_back(Output::Exit {
            cause: ExitCause::Cloned,
        });
    }),
    ("no-flapping", |bad, _, _| {
        for _ in 0..31 {
            bad.outputs.push_back(Output::Event(Event::CatchingUp));
        }
    }),
    ("just-exits", |bad, _, _| {
        bad.outputs.push_back(Output::Exit {
            cause: ExitCause::Left,
        });
    }),
    ("just-exits", |bad, _, _| {
        bad.outputs.push_back(Output::Exit {
            cause: ExitCause::NotListed {
                name: bad.config.name.clone(),
                listed: Vec::new(),
                addr: bad.config.addr,
            },
        });
    }),
    ("one-list", |bad, _, _| {
        let name = bad.config.name.clone();
        bad.outputs.push_back(Output::MemberList {
            names: Some(vec![name.clone()]),
        });
        bad.outputs.push_back(Output::Event(Event::NotListed {
            names: Vec::new(),
            by: name,
        }));
    }),
    ("silence-removes-nobody", |bad, _, _| {
        bad.outputs.push_back(Output::Member {
            node: bad.id,
            info: Some(Arc::new(MemberInfo {
                id: bad.id,
                name: bad.config.name.clone(),
                addr: bad.config.addr,
                state: MemberState::Removed,
                children: 0,
            })),
        });
    }),
    ("catching-up-is-silent", |bad, _, child| {
        bad.outputs.push_back(Output::Event(Event::CatchingUp));
        bad.start(&child, child.token.expect("given"));
    }),
    ("catching-up-is-silent", |bad, request, child| {
        bad.outputs.push_back(Output::Event(Event::CatchingUp));
        let (horde, id) = (child.horde.clone(), child.id.clone());
        bad.reply(request, Err(CallError::NotFound { horde, id }));
    }),
    ("equal-vectors-equal-states", |bad, _, _| {
        bad.outputs.push_back(Output::Event(Event::AuditFailed {
            peer: NodeId(9),
            name: bad.config.name.clone(),
            times: 1,
        }));
    }),
    ("ghosts", |bad, request, _| {
        bad.sees(NodeId(9), MemberState::Alive);
        bad.knows_nothing(request);
    }),
    ("take-over-bounded", |bad, _, child| {
        for state in [MemberState::Alive, MemberState::Down] {
            for node in 11..15 {
                bad.sees(NodeId(node), state);
            }
        }
        for epoch in 0..101 {
            bad.outputs.push_back(Output::Event(Event::ChildStarted {
                horde: child.horde.clone(),
                id: ChildId::new(format!("taken-{epoch}")).expect("valid"),
                token: Token { epoch, owner: bad.id },
                previous: Some(GONE.owner),
            }));
        }
    }),
    ("runs-where-it-can", |bad, _, child| {
        let mut spec = ChildSpec::clone(&child.spec);
        spec.version += 1;
        let spec = Arc::new(spec);
        let child = Arc::new(ChildInfo {
            spec,
            ..ChildInfo::clone(&child)
        });
        bad.start(&child, child.token.expect("given"));
    }),
];

/// What does no harm at once, or not alone.
const PATIENT: [Vice; 13] = [
    TWICE,
    SHOWS,
    TAKES,
    LEAVES,
    BELIEVES,
    STOPS,
    HOARDS,
    LIES,
    KNOWS_NOTHING,
    PLACES,
    RUNS,
    CLAIMS,
    HEAPS,
];

/// It sees its peer, and starts what it is asked for later.
const PLACES: Vice = |bad, _, child| {
    if bad.epoch == 1 {
        bad.sees_its_peer();
    } else {
        bad.start(&child, child.token.expect("given"));
    }
    bad.epoch += 1;
};

/// It runs a child and says so.
const RUNS: Vice = |bad, request, child| {
    bad.show(&child);
    bad.start(&child, child.token.expect("given"));
    bad.knows_nothing(request);
};

/// It shows that its peer runs a child, and claims it when it is asked again.
const CLAIMS: Vice = |bad, request, mut child| {
    let info = Arc::make_mut(&mut child);
    if bad.epoch == 1 {
        let owner = bad.peer.expect("it is connected");
        info.token = Some(Token { epoch: 5, owner });
    } else {
        info.state = ChildState::Starting;
    }
    bad.epoch += 1;
    bad.show(&child);
    bad.knows_nothing(request);
};

/// It has a dozen children, and takes one more when it is asked again; the other has none.
const HEAPS: Vice = |bad, request, child| {
    if bad.epoch == 1 {
        bad.sees_its_peer();
        if bad.config.name == HostId(0).name() {
            bad.claims(&child, 12);
        }
    } else {
        bad.start(&child, child.token.expect("given"));
    }
    bad.epoch += 1;
    bad.knows_nothing(request);
};

const TWICE: Vice = |bad, request, child| {
    bad.show(&child);
    if bad.epoch == 1 {
        bad.start(&child, child.token.expect("given"));
        bad.epoch += 1;
        bad.owed = Some((request, child));
    } else {
        bad.started(request, child);
    }
};

/// What it shows was started by a node that is gone.
const SHOWS: Vice = |bad, request, mut child| {
    Arc::make_mut(&mut child).token = Some(GONE);
    bad.show(&child);
    bad.knows_nothing(request);
};

const TAKES: Vice = |bad, request, mut child| {
    SHOWS(bad, request, child.clone());
    Arc::make_mut(&mut child).state = ChildState::Starting;
    bad.show(&child);
    bad.sees_its_peer();
    bad.start(&child, child.token.expect("given"));
};

/// It knows that nobody runs the child, and starts one that it says nothing of.
const LEAVES: Vice = |bad, request, mut child| {
    let token = child.token.expect("given");
    if bad.config.name == HostId(0).name() {
        Arc::make_mut(&mut child).state = ChildState::Unclaimed;
        bad.show(&child);
    } else {
        bad.start(&child, token);
    }
    bad.knows_nothing(request);
};

/// It stops a child that runs once only as soon as it is up.
const STOPS: Vice = |bad, request, mut child| {
    let mut spec = ChildSpec::clone(&child.spec);
    spec.restart = Restart::Temporary;
    Arc::make_mut(&mut child).spec = Arc::new(spec);
    bad.start(&child, child.token.expect("given"));
    bad.owed = Some((request, child));
};

/// It is ready as soon as it sees anybody.
const BELIEVES: Vice = |bad, request, _| bad.knows_nothing(request);

/// It keeps a remove for ever.
const HOARDS: Vice = |bad, request, _| {
    bad.epoch += 1;
    bad.knows_nothing(request);
};

const GONE: Token = Token {
    epoch: 4,
    owner: NodeId(9),
};

/// The capacity of one that says of every child it is asked for, and of as many others as it may own, that they are
/// its own.
const GREEDY: u32 = 100;

impl Machine for Bad {
    fn boot(config: Config, id: NodeId, _: u64) -> Self {
        let dial = Output::Dial {
            dial: ordu_core::DialId(1),
            addr: config.seeds[0],
            timeout: Duration::from_secs(1),
        };
        let is_ready = config.capacity != index(BELIEVES);
        let ready = is_ready.then_some(Output::Event(Event::Ready));
        Self {
            config,
            id,
            epoch: 1,
            conn: None,
            peer: None,
            owed: None,
            outputs: [dial].into_iter().chain(ready).collect(),
        }
    }

    fn handle(&mut self, _: Now, input: Input) {
        match input {
            Input::Connected { conn, peer, .. } => {
                (self.conn, self.peer) = (Some(conn), Some(peer));
                if self.config.capacity == index(BELIEVES) {
                    self.believes();
                }
            }
            Input::ChildStarted { start, .. } if self.config.capacity == index(STOPS) => {
                if let Some((_, child)) = self.owed.take() {
                    let (horde, id) = (child.horde.clone(), child.id.clone());
                    self.outputs.push_back(Output::Event(Event::ChildStarted {
                        horde,
                        id,
                        token: child.token.expect("given"),
                        previous: None,
                    }));
                }
                self.outputs.push_back(Output::ShutdownChild { start });
            }
            Input::ChildStarted { .. } => {
                if let Some((request, child)) = self.owed.take() {
                    self.started(request, child);
                }
            }
            Input::Request {
                request,
                command: Command::StartChild { horde, id, spec },
                ..
            } => {
                let child = self.child(horde, id, spec);
                if self.config.capacity == Some(GREEDY) {
                    return self.claim_too_many(&child);
                }
                let vice = self.config.capacity.and_then(|vice| usize::try_from(vice).ok());
                let vices = VICES.iter().map(|(_, vice)| vice).chain(&PATIENT);
                vices.collect::<Vec<_>>()[vice.expect("given")](self, request, child);
            }
            _ => {}
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }

    fn kept(&self) -> Option<Kept> {
        let removes = usize::from(self.config.capacity == index(HOARDS));
        Some(Kept {
            removes,
            ..Kept::default()
        })
    }

    /// All of them have seen the same, and each holds something else.
    fn state_digest(&self) -> Option<StateDigest> {
        self.config.capacity.is_none().then_some(StateDigest {
            vector: 7,
            fingerprint: self.id.boot_ms(),
        })
    }
}

impl Bad {
    fn child(&self, horde: HordeName, id: ChildId, spec: Arc<ChildSpec>) -> Arc<ChildInfo> {
        Arc::new(ChildInfo {
            horde,
            id,
            spec,
            state: ChildState::Running,
            is_stopping: false,
            node: Some(self.config.name.clone()),
            token: Some(Token {
                epoch: 5,
                owner: self.id,
            }),
            os_pid: None,
            restarts: 0,
            reason: None,
        })
    }

    /// The first node has a child when it is ready; who sees it believes to be ready as well.
    fn believes(&mut self) {
        if self.config.name == HostId(0).name() {
            let Command::StartChild { horde, id, spec } = start() else {
                unreachable!("it starts a child")
            };
            let child = self.child(horde, id, spec);
            self.show(&child);
        } else {
            self.sees_its_peer();
        }
        self.outputs.push_back(Output::Event(Event::Ready));
    }

    fn reply(&mut self, request: RequestId, result: Result<Answer, CallError>) {
        self.outputs.push_back(Output::Reply { request, result });
    }

    fn started(&mut self, request: RequestId, child: Arc<ChildInfo>) {
        let held_by = vec![self.config.name.clone()];
        self.reply(
            request,
            Ok(Answer::Started {
                child,
                held_by,
                durable: false,
            }),
        );
    }

    fn knows_nothing(&mut self, request: RequestId) {
        let detail = "it does not say".into();
        self.reply(request, Err(CallError::Unknown { detail }));
    }

    fn sees_its_peer(&mut self) {
        self.sees(self.peer.expect("it is connected"), MemberState::Alive);
    }

    fn sees(&mut self, node: NodeId, state: MemberState) {
        self.outputs.push_back(Output::Member {
            node,
            info: Some(Arc::new(MemberInfo {
                id: node,
                name: HostId(0).name(),
                addr: HostId(0).addr(),
                state,
                children: 0,
            })),
        });
    }

    fn show(&mut self, child: &Arc<ChildInfo>) {
        self.outputs.push_back(Output::Child {
            horde: child.horde.clone(),
            id: child.id.clone(),
            life: None,
            info: Some(child.clone()),
        });
    }

    fn claim_too_many(&mut self, child: &ChildInfo) {
        self.claims(child, GREEDY);
        self.show(&Arc::new(child.clone()));
    }

    /// Says of so many others that they are its own.
    fn claims(&mut self, child: &ChildInfo, others: u32) {
        for id in (0..others).filter_map(|other| ChildId::new(format!("other-{other}")).ok()) {
            self.outputs.push_back(Output::Child {
                horde: child.horde.clone(),
                id: id.clone(),
                life: None,
                info: Some(Arc::new(ChildInfo { id, ..child.clone() })),
            });
        }
    }

    fn start(&mut self, child: &Arc<ChildInfo>, token: Token) {
        self.outputs.push_back(Output::StartChild {
            start: StartId(self.epoch),
            horde: child.horde.clone(),
            id: child.id.clone(),
            life: Life::new(1, token.owner),
            token,
            spec: child.spec.clone(),
        });
    }
}

#[test]
fn every_vice_is_caught_by_the_invariant_of_its_rule() {
    for (vice, (expected, _)) in VICES.iter().enumerate() {
        let mut setup = Setup::lan(1, 1);
        setup.hosts[0].capacity = u32::try_from(vice).ok();
        let mut simulation = Simulation::<Bad>::new(setup, Trace::Off);
        simulation.inflict(Fault::Boot(HostId(0)));
        simulation
            .run_for(Duration::from_secs(1))
            .expect("nothing happened yet");
        let outcome = simulation
            .ask(HostId(0), start(), Duration::from_secs(2))
            .and_then(|_| simulation.run_for(Duration::from_secs(5)))
            .and_then(|()| {
                simulation.calm();
                simulation.settle(Duration::from_secs(10))
            });
        let caught = outcome.expect_err("the vice is caught").invariant;
        assert_eq!(caught, *expected, "vice {vice}");
    }
}

#[test]
fn a_node_that_stood_still_and_places_a_child_by_itself_is_caught() {
    let mut simulation = patient(&[LIES, PLACES], SECOND);
    let ask = |simulation: &mut Simulation<Bad>| {
        let call = PlannedCall {
            host: HostId(1),
            command: start(),
            timeout: SECOND * 60,
            retries: 0,
        };
        simulation.plan(simulation.now(), call);
        simulation.run_for(SECOND / 10)
    };
    assert!(ask(&mut simulation).is_ok());
    simulation.inflict(Fault::Pause(HostId(1)));
    simulation.run_for(SECOND * 3).expect("it is stopped");
    simulation.inflict(Fault::Resume(HostId(1)));
    assert_eq!(caught_by(ask(&mut simulation)), "woken-decides-nothing");
}

/// The first of three is killed, which runs a child as the others show.
fn killed_in_the_calm() -> Simulation<Bad> {
    let mut simulation = patient(&[RUNS, CLAIMS, CLAIMS], SECOND);
    for host in [0, 1, 2] {
        assert!(simulation.ask(HostId(host), start(), SECOND).is_ok());
    }
    simulation.run_for(SECOND / 10).expect("it comes up");
    simulation.calm();
    simulation.inflict(Fault::Crash(HostId(0)));
    simulation.run_for(SECOND / 10).expect("it is killed");
    simulation
}

#[test]
fn a_child_of_a_killed_node_that_nobody_starts_soon_is_caught() {
    let mut simulation = killed_in_the_calm();
    assert_eq!(caught_by(simulation.run_for(SECOND * 5)), "one-claimant");
}

#[test]
fn a_child_of_a_killed_node_that_two_claim_is_caught() {
    let mut simulation = killed_in_the_calm();
    assert!(simulation.ask(HostId(1), start(), SECOND).is_ok());
    let outcome = simulation.ask(HostId(2), start(), SECOND);
    assert_eq!(caught_by(outcome), "one-claimant");
}

#[test]
fn a_node_that_takes_one_more_child_where_others_have_none_is_caught() {
    let mut setup = Setup::lan(2, 1);
    for (host, other) in [(0, 1), (1, 0)] {
        setup.hosts[host].capacity = index(HEAPS);
        setup.hosts[host].seeds = vec![HostId(other)];
    }
    let mut simulation = Simulation::<Bad>::new(setup, Trace::Off);
    simulation.boot_all();
    simulation.run_for(SECOND).expect("nothing happened yet");
    for host in [1, 0] {
        assert!(simulation.ask(HostId(host), start(), SECOND).is_ok());
    }
    simulation.run_for(SECOND * 20).expect("it may have them");
    let outcome = simulation.ask(HostId(0), start(), SECOND);
    assert_eq!(caught_by(outcome), "load-is-bounded");
}

#[test]
fn a_call_that_is_given_up_though_only_a_connection_broke_is_caught() {
    let mut simulation = patient(&[KNOWS_NOTHING], SECOND * 15);
    let outcome = simulation.ask(HostId(0), start(), SECOND);
    assert_eq!(caught_by(outcome), "calls-outlive-connections");
}

/// The capacity that stands for a patient vice.
fn index(vice: Vice) -> Option<u32> {
    let index = PATIENT
        .iter()
        .position(|other| std::ptr::fn_addr_eq(*other, vice));
    u32::try_from(VICES.len() + index.expect("it is listed")).ok()
}

/// `hosts` nodes, each with one of the patient vices, that were left alone for a while.
fn patient(vices: &[Vice], idle: Duration) -> Simulation<Bad> {
    let mut setup = Setup::lan(vices.len(), 1);
    for (host, vice) in setup.hosts.iter_mut().zip(vices) {
        host.capacity = index(*vice);
    }
    let mut simulation = Simulation::<Bad>::new(setup, Trace::Off);
    simulation.boot_all();
    simulation.run_for(idle).expect("nothing happened yet");
    simulation
}

fn start() -> Command {
    Command::StartChild {
        horde: Setup::horde(),
        id: ChildId::new("c").expect("valid"),
        spec: Arc::new(Setup::spec(0, 0)),
    }
}

fn caught_by(outcome: Result<impl std::fmt::Debug, Violation>) -> &'static str {
    outcome.expect_err("it is caught").invariant
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn two_calls_that_are_told_of_one_start_are_caught() {
    let mut simulation = patient(&[TWICE], SECOND * 40);
    let mut ask = || simulation.ask(HostId(0), start(), SECOND);
    assert!(ask().is_ok());
    assert_eq!(caught_by(ask()), "one-start-passes");
}

#[test]
fn a_take_over_that_starts_before_anybody_has_its_claim_is_caught() {
    let mut simulation = patient(&[SHOWS, TAKES], SECOND);
    assert!(simulation.ask(HostId(0), start(), SECOND).is_ok());
    let outcome = simulation.ask(HostId(1), start(), SECOND);
    assert_eq!(caught_by(outcome), "held-before-started");
}

#[test]
fn a_child_that_runs_once_only_and_is_stopped_unasked_is_caught() {
    let mut simulation = patient(&[STOPS], SECOND * 40);
    let outcome = simulation.ask(HostId(0), start(), SECOND);
    assert_eq!(caught_by(outcome), "temporary-is-spared");
}

#[test]
fn a_child_that_gets_no_owner_is_caught_while_the_chaos_goes_on() {
    let mut simulation = patient(&[LEAVES], SECOND);
    assert!(simulation.ask(HostId(0), start(), SECOND).is_ok());
    simulation.run_for(SECOND * 5).expect("it may take a while");
    assert_eq!(caught_by(simulation.run_for(SECOND * 60)), "owned");
}

#[test]
fn a_newcomer_that_is_ready_because_of_others_and_knows_nothing_of_theirs_is_caught() {
    let mut setup = Setup::lan(2, 1);
    setup.hosts[0].capacity = index(BELIEVES);
    setup.hosts[1].capacity = index(BELIEVES);
    setup.hosts[1].seeds.truncate(1);
    let mut simulation = Simulation::<Bad>::new(setup, Trace::Off);
    simulation.inflict(Fault::Boot(HostId(0)));
    simulation.run_for(SECOND).expect("nothing happened yet");
    simulation.inflict(Fault::Boot(HostId(1)));
    assert_eq!(caught_by(simulation.run_for(SECOND)), "ready-has-caught-up");
}

#[test]
fn a_second_copy_that_stays_is_caught_while_the_chaos_goes_on() {
    let mut simulation = patient(&[TWICE, LEAVES, LEAVES], SECOND);
    for host in [1, 2] {
        assert!(simulation.ask(HostId(host), start(), SECOND).is_ok());
    }
    simulation.run_for(SECOND * 5).expect("it may take a while");
    assert_eq!(
        caught_by(simulation.run_for(SECOND * 60)),
        "exactly-one-after-heal"
    );
}

#[test]
fn a_node_that_takes_one_more_child_though_it_was_full_for_long_is_caught() {
    let mut setup = Setup::lan(1, 1);
    setup.hosts[0].capacity = Some(GREEDY);
    let mut simulation = Simulation::<Bad>::new(setup, Trace::Off);
    simulation.inflict(Fault::Boot(HostId(0)));
    simulation
        .run_for(Duration::from_secs(1))
        .expect("nothing happened yet");
    // The first may be one too many by the deciders' ignorance of each other, the second may not.
    for (id, expected) in [("c1", None), ("c2", Some("runs-where-it-can"))] {
        let command = Command::StartChild {
            horde: Setup::horde(),
            id: ChildId::new(id).expect("valid"),
            spec: Arc::new(Setup::spec(0, 0)),
        };
        let call = PlannedCall {
            host: HostId(0),
            command,
            timeout: Duration::from_mins(2),
            retries: 0,
        };
        simulation.plan(simulation.now(), call);
        let outcome = simulation.run_for(Duration::from_secs(20));
        assert_eq!(outcome.err().map(|violation| violation.invariant), expected);
    }
}

#[test]
fn a_node_that_keeps_for_ever_what_all_have_seen_is_caught() {
    let mut simulation = patient(&[HOARDS], SECOND);
    simulation.calm();
    let settles = simulation.settle(SECOND * 10);
    assert!(settles.is_ok(), "it may take a while: {settles:?}");
    assert!(simulation.ask(HostId(0), start(), SECOND).is_ok());
    assert_eq!(caught_by(simulation.settle(SECOND * 10)), "bounded-state");
}

#[test]
fn nodes_that_have_seen_the_same_and_hold_different_things_are_caught() {
    let mut simulation = Simulation::<Bad>::new(Setup::lan(2, 1), Trace::Off);
    for host in [0, 1] {
        simulation.inflict(Fault::Boot(HostId(host)));
        let outcome = simulation.run_for(Duration::from_secs(3));
        assert_eq!(outcome.is_ok(), host == 0, "{outcome:?}");
        if let Err(violation) = outcome {
            assert_eq!(violation.invariant, "equal-vectors-equal-states");
        }
    }
}

#[test]
fn a_child_that_nobody_knows_and_that_is_said_to_run_is_caught_once_all_has_settled() {
    let mut simulation = patient(&[LIES], SECOND);
    assert!(simulation.ask(HostId(0), start(), SECOND).is_ok(), "it may be so");
    let mut simulation = patient(&[LIES], SECOND);
    assert!(simulation.serve().is_ok());
    let outcome = simulation.ask(HostId(0), start(), SECOND);
    assert_eq!(caught_by(outcome), "answered-in-turn");
}

#[test]
fn a_node_that_does_not_know_what_came_of_a_call_is_caught_once_all_has_settled() {
    let mut simulation = patient(&[KNOWS_NOTHING], SECOND);
    assert!(simulation.serve().is_ok());
    let outcome = simulation.ask(HostId(0), start(), SECOND);
    assert_eq!(caught_by(outcome), "answered-in-turn");
}
