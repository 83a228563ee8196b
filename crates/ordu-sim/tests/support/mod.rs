//! A scripted stand-in that talks to everybody it knows, to test the world itself with.
#![allow(dead_code, reason = "every test file uses another part")]

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use ordu_core::{
    CallError, Channel, Command, Config, ConnId, DialId, ExitCause, Input, Life, NodeId, Now, Output,
    ProbeId, RequestId, StartId, Time, Token,
};
use ordu_sim::Machine;

/// Dials whoever it was told of, sends numbered frames and datagrams on every connection ten times a second,
/// probes its first seed once a second, starts what it is asked to start, leaves a moment after it is asked to, and
/// keeps everything it heard.
#[derive(Debug)]
pub(crate) struct Talker {
    pub(crate) config: Config,
    pub(crate) id: NodeId,
    pub(crate) heard: Vec<(Time, Input)>,
    pub(crate) conns: BTreeMap<ConnId, NodeId>,
    outputs: VecDeque<Output>,
    next: Option<Time>,
    ticks: u64,
    sent: u64,
    pub(crate) started: Vec<(RequestId, StartId)>,
    leaving: bool,
}

const PERIOD: Duration = Duration::from_millis(100);

impl Machine for Talker {
    fn boot(config: Config, id: NodeId, _: u64) -> Self {
        let mut outputs = VecDeque::new();
        for (index, addr) in config.seeds.iter().enumerate() {
            if *addr != config.addr {
                outputs.push_back(dial(index, *addr));
            }
        }
        Self {
            config,
            id,
            heard: Vec::new(),
            conns: BTreeMap::new(),
            outputs,
            next: None,
            ticks: 0,
            sent: 0,
            started: Vec::new(),
            leaving: false,
        }
    }

    fn handle(&mut self, now: Now, input: Input) {
        match &input {
            Input::Timer => self.tick(now),
            Input::Connected { conn, peer, .. } => {
                self.conns.insert(*conn, *peer);
            }
            Input::Disconnected { conn, .. } => {
                self.conns.remove(conn);
            }
            Input::Leave => self.leaving = true,
            Input::Request { request, command, .. } => self.request(*request, command),
            _ => {}
        }
        self.heard.push((now.mono, input));
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_deadline(&self) -> Option<Time> {
        self.next
    }
}

impl Talker {
    /// The numbers of the frames that came on one connection.
    pub(crate) fn frames(&self) -> Vec<u64> {
        self.heard
            .iter()
            .filter_map(|(_, input)| match input {
                Input::Received { bytes, .. } => Some(u64::from_be_bytes(bytes[..8].try_into().ok()?)),
                _ => None,
            })
            .collect()
    }

    /// How many inputs of a kind came.
    pub(crate) fn count(&self, kind: impl Fn(&Input) -> bool) -> usize {
        self.heard.iter().filter(|(_, input)| kind(input)).count()
    }

    fn tick(&mut self, now: Now) {
        if self.next.is_some_and(|next| next > now.mono) {
            return;
        }
        self.next = Some(now.mono + PERIOD);
        if self.leaving {
            let cause = ExitCause::Left;
            return self.outputs.push_back(Output::Exit { cause });
        }
        self.ticks += 1;
        self.sent += 1;
        for conn in self.conns.keys() {
            let bytes = self.sent.to_be_bytes().to_vec();
            self.outputs.push_back(Output::Datagram {
                conn: *conn,
                bytes: bytes.clone(),
            });
            self.outputs.push_back(Output::Send {
                conn: *conn,
                channel: Channel::Control,
                bytes,
            });
        }
        if self.ticks.is_multiple_of(10)
            && let Some(addr) = self.config.seeds.iter().find(|addr| **addr != self.config.addr)
        {
            self.outputs.push_back(Output::Probe {
                probe: ProbeId(self.ticks),
                addr: *addr,
            });
        }
    }

    fn request(&mut self, request: RequestId, command: &Command) {
        match command {
            Command::StartChild { horde, id, spec } => {
                let start = StartId(request.0);
                self.started.push((request, start));
                self.outputs.push_back(Output::StartChild {
                    start,
                    horde: horde.clone(),
                    id: id.clone(),
                    life: Life::new(1, self.id),
                    token: Token {
                        epoch: request.0,
                        owner: self.id,
                    },
                    spec: spec.clone(),
                });
            }
            Command::TerminateChild { .. } => {
                for (_, start) in &self.started {
                    self.outputs.push_back(Output::ShutdownChild { start: *start });
                }
            }
            Command::RestartChild { .. } => {
                for (_, start) in &self.started {
                    self.outputs.push_back(Output::KillChild { start: *start });
                }
            }
            Command::DeleteChild { .. } => {
                for conn in self.conns.keys() {
                    self.outputs.push_back(Output::Close {
                        conn: *conn,
                        reason: ordu_core::CloseReason::Leaving,
                    });
                }
            }
            // It keeps no spec of a child.
            Command::UpdateChild { .. } => {}
        }
        let detail = "only talks".into();
        self.outputs.push_back(Output::Reply {
            request,
            result: Err(CallError::NotReady { detail }),
        });
    }
}

fn dial(index: usize, addr: SocketAddr) -> Output {
    Output::Dial {
        dial: DialId(index as u64),
        addr,
        timeout: Duration::from_millis(1_500),
    }
}
