use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ordu_core::recording::Header;
use ordu_core::{Input, MemberState, NodeId, Output, RequestId};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

use super::children::LocalChildren;
use super::{Call, Clock, Reply, network};
use crate::events::EventLog;
use crate::kind::Kinds;
use crate::node::{Discovery, Exited};
use crate::process::Logs;
use crate::published::Published;
use crate::recording::Recorder;
use crate::transport::{self, Command, ConnId, Transport};

/// How long the end of a node waits for children that were killed to be gone. What is left then goes with its
/// keeper.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// How long it waits for peers to read its last words. One that does not misses them and notices otherwise.
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(1);

/// How many inputs are taken in a row before the published state is announced and the timer armed anew.
const BATCH: usize = 64;

/// What a loop is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) header: Header,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) transport: Transport,
    pub(crate) kinds: Kinds,
    pub(crate) published: Arc<Published>,
    pub(crate) events: EventLog,
    pub(crate) logs: Option<Logs>,
    pub(crate) discovery: Discovery,
    pub(crate) calls: mpsc::UnboundedReceiver<Call>,
}

/// One node at work. Dropping it at any moment ends its connections and its children.
#[derive(Debug)]
pub(crate) struct EventLoop {
    id: NodeId,
    core: ordu_core::Node,
    recorder: Option<Recorder>,
    clock: Clock,
    transport: Transport,
    connections: HashSet<ConnId>,
    children: LocalChildren,
    published: Arc<Published>,
    events: EventLog,
    logs: Option<Logs>,
    discovery: Discovery,
    calls: mpsc::UnboundedReceiver<Call>,
    inputs: mpsc::UnboundedReceiver<Input>,
    replies: HashMap<RequestId, Reply>,
    next_request: u64,
    changed: bool,
    exit: Option<Exited>,
}

impl EventLoop {
    pub(crate) fn new(parts: Parts) -> Self {
        let (sender, inputs) = mpsc::unbounded_channel();
        let Header { config, id, seed } = parts.header;
        let children = LocalChildren::new(config.name.clone(), parts.kinds, sender);
        Self {
            id,
            core: ordu_core::Node::new(config, id, seed),
            recorder: parts.recorder,
            clock: Clock::start(),
            transport: parts.transport,
            connections: HashSet::new(),
            children,
            published: parts.published,
            events: parts.events,
            logs: parts.logs,
            discovery: parts.discovery,
            calls: parts.calls,
            inputs,
            replies: HashMap::new(),
            next_request: 0,
            changed: false,
            exit: None,
        }
    }

    /// Runs until the core says that the node must end, or until nobody holds a handle to it any more.
    pub(crate) async fn run(mut self) -> Exited {
        self.handle(Input::Timer);
        while self.exit.is_none() {
            if std::mem::take(&mut self.changed) {
                self.published.announce();
            }
            let deadline = self
                .core
                .next_deadline()
                .map(|deadline| self.clock.instant(deadline));
            tokio::select! {
                call = self.calls.recv() => match call {
                    Some(call) => self.take_calls(call),
                    None => self.exit = Some(Exited::Dropped),
                },
                Some(input) = self.inputs.recv() => self.take_inputs(input),
                event = self.transport.next_event() => self.take_event(event),
                Some(seeds) = self.discovery.changed() => self.handle(Input::Seeds(seeds)),
                () = sleep_until(deadline.unwrap_or_else(far_away)), if deadline.is_some() => {
                    self.handle(Input::Timer);
                }
            }
        }
        self.end().await
    }

    /// Stops what is left and closes the connections. The core is not asked any more.
    async fn end(mut self) -> Exited {
        self.published.publish_ready(false);
        self.calls.close();
        self.replies.clear();
        self.children.kill_all();
        if self.exit != Some(Exited::Dropped) {
            self.let_peers_read().await;
        }
        let gone = async {
            while !self.children.is_empty() {
                let Some(input) = self.inputs.recv().await else {
                    break;
                };
                self.children.note(&input);
            }
        };
        if timeout(KILL_LIMIT, gone).await.is_err() {
            tracing::warn!("some children did not end when killed; they end with their keeper");
        }
        self.transport.shutdown("the node ends").await;
        self.published.announce();
        if let Some(recorder) = self.recorder.take() {
            recorder.end(&self.core);
        }
        self.exit.unwrap_or(Exited::Dropped)
    }

    /// Closes every connection once its peer has read what the core said last.
    async fn let_peers_read(&mut self) {
        for conn in &self.connections {
            self.transport.execute(Command::Close {
                conn: *conn,
                after_streams_end: true,
                reason: "the node ends".to_owned(),
            });
        }
        let closed = async {
            while !self.connections.is_empty() {
                if let transport::Event::Closed { conn, .. } = self.transport.next_event().await {
                    self.connections.remove(&conn);
                }
            }
        };
        if timeout(LAST_WORDS_LIMIT, closed).await.is_err() {
            tracing::debug!("some peers did not read the last words of this node");
        }
    }

    fn take_calls(&mut self, first: Call) {
        self.take_call(first);
        for _ in 1..BATCH {
            let Ok(call) = self.calls.try_recv() else { return };
            self.take_call(call);
        }
    }

    fn take_call(&mut self, call: Call) {
        match call {
            Call::Request {
                command,
                timeout,
                reply,
            } => {
                let request = self.answered_by(reply);
                self.handle(Input::Request {
                    request,
                    timeout,
                    command,
                });
            }
            Call::RemoveMember { name, timeout, reply } => {
                let request = self.answered_by(reply);
                self.handle(Input::Remove {
                    request,
                    timeout,
                    name,
                });
            }
            Call::SetMembers {
                names,
                timeout,
                reply,
            } => {
                let request = self.answered_by(reply);
                self.handle(Input::SetMembers {
                    request,
                    timeout,
                    names,
                });
            }
            Call::Join(addresses) => self.discovery.add(addresses),
            Call::Renew(credentials) => match self.transport.renew(&credentials) {
                Ok(()) => tracing::info!(cluster = %credentials.fingerprint(), "the key is renewed"),
                Err(error) => tracing::error!(%error, "the key is not renewed"),
            },
            Call::Leave => self.handle(Input::Leave),
            Call::Fail(what) => self.exit = Some(Exited::Failed(what)),
        }
    }

    /// Takes note of where the answer to a call goes, under a number of its own.
    fn answered_by(&mut self, reply: Reply) -> RequestId {
        let request = RequestId(self.next_request);
        self.next_request += 1;
        self.replies.insert(request, reply);
        request
    }

    fn take_inputs(&mut self, first: Input) {
        self.take_input(first);
        for _ in 1..BATCH {
            let Ok(input) = self.inputs.try_recv() else { return };
            self.take_input(input);
        }
    }

    fn take_input(&mut self, input: Input) {
        self.children.note(&input);
        self.handle(input);
    }

    fn take_event(&mut self, event: transport::Event) {
        match &event {
            transport::Event::Connected { conn, .. } => drop(self.connections.insert(*conn)),
            transport::Event::Closed { conn, .. } => drop(self.connections.remove(conn)),
            _ => {}
        }
        let heard = network::heard(event);
        if let Some(event) = heard.event {
            self.events.record(event);
        }
        if let Some(input) = heard.input {
            self.handle(input);
        }
    }

    fn handle(&mut self, input: Input) {
        if self.exit.is_some() {
            return;
        }
        let now = self.clock.now();
        if let Some(recorder) = &mut self.recorder {
            recorder.input(now, &input);
        }
        self.core.handle(now, input);
        while let Some(output) = self.core.poll_output() {
            if let Some(recorder) = &mut self.recorder {
                recorder.output(&output);
            }
            self.execute(output);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.answered();
        }
    }

    fn execute(&mut self, output: Output) {
        match output {
            Output::Dial { dial, addr, timeout } => {
                let attempt = dial.0;
                self.transport.execute(Command::Dial {
                    attempt,
                    addr,
                    timeout,
                });
            }
            Output::Close { conn, reason } => self.transport.execute(network::close(conn, reason)),
            Output::Datagram { conn, bytes } => {
                let conn = network::conn(conn);
                self.transport.execute(Command::SendDatagram { conn, bytes });
            }
            Output::Send { conn, channel, bytes } => {
                let (conn, channel) = (network::conn(conn), network::channel(channel));
                self.transport.execute(Command::Send { conn, channel, bytes });
            }
            Output::Probe { probe, addr } => {
                self.transport.execute(Command::Probe { probe: probe.0, addr });
            }
            Output::StartChild {
                start,
                horde,
                id,
                life,
                token,
                spec,
            } => {
                self.children.start(start, horde, id, life, token, spec);
            }
            Output::ShutdownChild { start } => self.children.shutdown(start),
            Output::KillChild { start } => self.children.kill(start),
            Output::Reply { request, result } => {
                if let Some(reply) = self.replies.remove(&request) {
                    reply.send(result);
                }
            }
            Output::Child {
                horde,
                id,
                life,
                info,
            } => {
                self.changed = true;
                if let Some(logs) = &self.logs {
                    logs.note_child(&horde, &id, life);
                }
                self.published.publish_child(&horde, id, info);
            }
            Output::Member { node, info } => {
                self.changed = true;
                if node == self.id {
                    // It falls again, when the node leaves.
                    let state = info.as_ref().map(|info| info.state);
                    self.published.publish_ready(state == Some(MemberState::Alive));
                }
                self.published.publish_member(node, info);
            }
            Output::Event(event) => self.events.record(event),
            Output::MemberList { names } => {
                self.changed = true;
                self.published.publish_member_list(names);
            }
            Output::Exit { cause } => self.exit = Some(cause.into()),
        }
    }
}

/// Stands for "no deadline" in a branch that is switched off then.
fn far_away() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_hours(1)
}
