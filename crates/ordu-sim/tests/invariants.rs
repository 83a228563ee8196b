//! Each invariant notices who breaks its rule: nodes that lie, double and dawdle are caught by name.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ordu_core::{
    Answer, CallError, Channel, ChildId, ChildInfo, ChildState, Command, Config, ConnId, Event, ExitCause,
    Input, NodeId, Now, Output, RequestId, StartId, StateDigest, Time, Token,
};
use ordu_sim::{Fault, HostId, Machine, Setup, Simulation, Trace};

/// What a bad node does with a request to start a child.
type Vice = fn(&mut Bad, RequestId, Arc<ChildInfo>);

/// A node with one vice, which is chosen by the capacity it is configured with.
#[derive(Debug)]
struct Bad {
    config: Config,
    id: NodeId,
    epoch: u64,
    conn: Option<ConnId>,
    outputs: VecDeque<Output>,
}

const VICES: [(&str, Vice); 14] = [
    ("answered", |_, _, _| {}),
    ("sense", |bad, request, child| {
        bad.reply(request, Err(CallError::AlreadyStarted(child.clone())));
        bad.reply(request, Err(CallError::AlreadyStarted(child)));
    }),
    ("outcome-truth", |bad, request, child| {
        let held_by = vec![bad.config.name.clone()];
        bad.reply(
            request,
            Ok(Answer::Started {
                child,
                held_by,
                durable: false,
            }),
        );
    }),
    ("outcome-truth", |bad, request, child| {
        bad.start(&child, child.token.expect("given"));
        bad.reply(request, Err(CallError::Leaving));
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
        bad.outputs.push_back(Output::Child {
            horde: child.horde.clone(),
            id: child.id.clone(),
            info: Some(child.clone()),
        });
        bad.reply(request, Err(CallError::AlreadyStarted(child)));
    }),
    ("just-exits", |bad, _, _| {
        bad.outputs.push_back(Output::Exit {
            cause: ExitCause::Cloned,
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
];

impl Machine for Bad {
    fn boot(config: Config, id: NodeId, _: u64) -> Self {
        let dial = Output::Dial {
            dial: ordu_core::DialId(1),
            addr: config.addr,
            timeout: Duration::from_secs(1),
        };
        Self {
            config,
            id,
            epoch: 1,
            conn: None,
            outputs: VecDeque::from([dial, Output::Event(Event::Ready)]),
        }
    }

    fn handle(&mut self, _: Now, input: Input) {
        match input {
            Input::Connected { conn, .. } => self.conn = Some(conn),
            Input::Request {
                request,
                command: Command::StartChild { horde, id, spec },
                ..
            } => {
                let child = Arc::new(ChildInfo {
                    horde,
                    id,
                    spec,
                    state: ChildState::Running,
                    node: Some(self.config.name.clone()),
                    token: Some(Token {
                        epoch: 5,
                        owner: self.id,
                    }),
                    os_pid: None,
                    restarts: 0,
                    reason: None,
                });
                let vice = self.config.capacity.and_then(|vice| usize::try_from(vice).ok());
                VICES[vice.expect("given")].1(self, request, child);
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

    /// All of them have seen the same, and each holds something else.
    fn state_digest(&self) -> Option<StateDigest> {
        self.config.capacity.is_none().then_some(StateDigest {
            vector: 7,
            fingerprint: self.id.boot_ms(),
        })
    }
}

impl Bad {
    fn reply(&mut self, request: RequestId, result: Result<Answer, CallError>) {
        self.outputs.push_back(Output::Reply { request, result });
    }

    fn start(&mut self, child: &Arc<ChildInfo>, token: Token) {
        self.outputs.push_back(Output::StartChild {
            start: StartId(self.epoch),
            horde: child.horde.clone(),
            id: child.id.clone(),
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
        let command = Command::StartChild {
            horde: Setup::horde(),
            id: ChildId::new("c").expect("valid"),
            spec: Arc::new(Setup::spec(0, 0)),
        };
        let outcome = simulation
            .ask(HostId(0), command, Duration::from_secs(2))
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
