use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use core::net::SocketAddr;

use ordu_crdt::{Replica, SyncConfig};
use ordu_supervisor::decisions::{
    DynamicCore, DynamicEvent, DynamicFlags, ExitReason, Incarnation, Started, Time as SupervisorTime,
};
use rand_core::SeedableRng;
use rand_pcg::Pcg64Mcg;

use crate::children::{Children, LAST_MOMENTS};
use crate::claims::Takeovers;
use crate::membership::{
    Backlog, Dialer, Evidence, Identity, Links, Names, Parting, Roster, Settled, Standing, Swim, Unfinished,
};
use crate::planted::{Bug, Planted};
use crate::registers::{ChildKey, Key, MemberList, Status, Value};
use crate::replication::SYNC_FRAME;
use crate::requests::{Answered, Asked, Closed, Decision, Listing, Parked, Removing};
use crate::wire::{MAX_FRAME, Message, Placed};
use crate::{
    CloseReason, Config, ConnId, Event, ExitCause, Input, MemberInfo, NodeId, Now, Output, RequestId,
    StartId, Time,
};

/// One member of a cluster: membership, replica of the state, placement, claims and requests in one state
/// machine.
///
/// Feed it with [`Node::handle`], carry out what [`Node::poll_output`] gives until it gives nothing, and call
/// [`Node::handle`] with [`Input::Timer`] once [`Node::next_deadline`] has come.
///
/// This type only dispatches; each concern owns its state and its rules: `membership/` (S4.3–S4.6, S6),
/// `replication/` (S1), `placement/` (S4.2), `claims/` (S2–S4, S7), `children/` and `requests/` (S5).
#[derive(Debug)]
pub struct Node {
    pub(crate) config: Config,
    pub(crate) id: NodeId,
    pub(crate) now: Now,
    outputs: VecDeque<Output>,
    /// Messages of this node to itself: the decider of a child is often the node that was asked.
    loopback: VecDeque<Message>,
    /// Numbers of pings, probes, proposals and placements.
    pub(crate) numbers: u64,
    /// When something is due next, as found after the last input.
    armed: Option<Time>,
    begun: bool,
    pub(crate) planted: Planted,

    pub(crate) standing: Standing,
    pub(crate) parting: Parting,
    pub(crate) links: Links,
    pub(crate) dialer: Dialer,
    pub(crate) swim: Swim,
    pub(crate) evidence: Evidence,
    pub(crate) names: Names,
    /// Connections that gave way to another, and when they are closed.
    pub(crate) retiring: BTreeMap<ConnId, Time>,
    pub(crate) roster: Roster,
    /// Who may be a member, if that was ever said.
    pub(crate) list: Option<MemberList>,
    pub(crate) settled: Settled,
    /// Something changed from which members, peers or dials are derived.
    pub(crate) members_changed: bool,
    /// How many were written off when that was last looked at.
    pub(crate) written_off: usize,
    /// Who owns more or fewer children than before.
    pub(crate) recount: BTreeSet<NodeId>,
    /// Something changed from which it follows who is ready.
    pub(crate) ready_changed: bool,
    pub(crate) unfinished: Unfinished,
    pub(crate) backlog: Backlog,
    /// Members known dead by proof (S6.3).
    pub(crate) proven: BTreeSet<NodeId>,
    /// Why a member's state will be seen to have changed.
    pub(crate) reasons: BTreeMap<NodeId, String>,
    pub(crate) shown: BTreeMap<NodeId, Arc<MemberInfo>>,
    pub(crate) extra_dials: BTreeSet<SocketAddr>,
    pub(crate) next_courtship: Time,

    pub(crate) replica: Replica<Key, Value>,
    /// The peers the map is exchanged with.
    pub(crate) replicating: BTreeSet<NodeId>,
    pub(crate) next_sync: Time,
    pub(crate) next_resync: Time,
    /// How far the open request for what is missing here had come, and since when.
    pub(crate) pull: Option<(u64, Time)>,
    pub(crate) last_synced: Option<NodeId>,
    pub(crate) next_burial: Time,

    pub(crate) children: Children,
    pub(crate) supervisor: DynamicCore<ChildKey>,
    pub(crate) starts: BTreeMap<StartId, ChildKey>,
    pub(crate) os_pids: BTreeMap<StartId, u32>,
    pub(crate) takeovers: Takeovers,

    pub(crate) asked: BTreeMap<RequestId, Asked>,
    pub(crate) removing: BTreeMap<RequestId, Removing>,
    pub(crate) listing: BTreeMap<RequestId, Listing>,
    /// The highest number of a call here so far.
    pub(crate) last_request: RequestId,
    /// Who has answered calls of this node since it was told what it may forget.
    pub(crate) unacknowledged: BTreeSet<NodeId>,
    /// The calls of others that they need no answers of any more (S5.8).
    pub(crate) closed: BTreeMap<NodeId, Closed>,
    pub(crate) parked: alloc::vec::Vec<Parked>,
    pub(crate) decisions: BTreeMap<ChildKey, VecDeque<Decision>>,
    /// Children whose decider has an answer that waits (S5.9).
    pub(crate) withheld: BTreeSet<ChildKey>,
    pub(crate) answered: BTreeMap<(NodeId, RequestId), Answered>,
    /// The highest request of each node whose answer was forgotten before that node said that it needs it no more.
    pub(crate) forgotten: BTreeMap<NodeId, RequestId>,
    /// What deciders were answered about placements here, for when they ask again, and until when they may.
    pub(crate) placed: BTreeMap<(NodeId, u64), (Time, Placed)>,
}

impl Node {
    /// A node that boots now. `id` must be new; `seed` decides every random choice the node will make.
    #[expect(clippy::missing_panics_doc, reason = "the constants it checks are valid")]
    pub fn new(config: Config, id: NodeId, seed: u64) -> Self {
        let identity = Identity {
            id,
            seniority: id,
            generation: 0,
            name: config.name.clone(),
            addr: config.addr,
        };
        let swim = Swim::new(identity, &config.timing, Pcg64Mcg::seed_from_u64(seed));
        let sync = SyncConfig {
            frame_bytes: SYNC_FRAME,
            window: config.limits.window,
            collected_at_once: config.limits.collected_at_once,
        };
        let flags = DynamicFlags {
            seed: seed.rotate_left(32),
            ..DynamicFlags::default()
        };
        Self {
            config,
            id,
            now: Now::default(),
            outputs: VecDeque::new(),
            loopback: VecDeque::new(),
            numbers: 0,
            armed: None,
            begun: false,
            planted: Planted::default(),
            standing: Standing::Joining { since: Time(0) },
            parting: Parting::default(),
            links: Links::default(),
            dialer: Dialer::default(),
            swim,
            evidence: Evidence::default(),
            names: Names::default(),
            retiring: BTreeMap::new(),
            roster: Roster::default(),
            list: None,
            settled: Settled::new(),
            members_changed: true,
            written_off: 0,
            recount: BTreeSet::new(),
            ready_changed: true,
            unfinished: Unfinished::default(),
            backlog: Backlog::default(),
            proven: BTreeSet::new(),
            reasons: BTreeMap::new(),
            shown: BTreeMap::new(),
            extra_dials: BTreeSet::new(),
            next_courtship: Time(0),
            replica: Replica::new(id.replica(), sync),
            replicating: BTreeSet::new(),
            next_sync: Time(0),
            next_resync: Time(0),
            pull: None,
            last_synced: None,
            next_burial: Time(0),
            children: Children::default(),
            supervisor: DynamicCore::new(flags).expect("the default flags are valid"),
            starts: BTreeMap::new(),
            os_pids: BTreeMap::new(),
            takeovers: Takeovers::default(),
            asked: BTreeMap::new(),
            removing: BTreeMap::new(),
            listing: BTreeMap::new(),
            last_request: RequestId(0),
            unacknowledged: BTreeSet::new(),
            closed: BTreeMap::new(),
            parked: alloc::vec::Vec::new(),
            decisions: BTreeMap::new(),
            withheld: BTreeSet::new(),
            answered: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            placed: BTreeMap::new(),
        }
    }

    /// Takes in what happened. Never fails, never blocks; drain [`Node::poll_output`] after every call. The
    /// first call boots the node, whatever its input.
    pub fn handle(&mut self, now: Now, input: Input) {
        if self.standing == Standing::Gone {
            return;
        }
        self.look_at_the_clocks(now);
        if !self.begun {
            self.begun = true;
            self.standing = Standing::Joining { since: now.mono };
            self.next_sync = now.mono + self.config.timing.sync_period;
            self.write_member(Status::Joining);
        }
        self.dispatch(input);
        self.run_timers();
        self.work();
        self.armed = self.due();
    }

    /// What to do next, until there is nothing left.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Node::handle`] with [`Input::Timer`] if nothing else happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        if self.begun { self.armed } else { self.due() }
    }

    fn due(&self) -> Option<Time> {
        let timing = &self.config.timing;
        let standing = match self.standing {
            Standing::Joining { .. } | Standing::CatchingUp { .. } => Some(self.now.mono + timing.settle),
            Standing::Leaving { until, .. } if self.parting.has_begun() => {
                Some(self.parting.next_deadline().min(until))
            }
            Standing::Leaving { until, .. } | Standing::Left { until } => Some(until),
            Standing::HandingOver { .. } => Some(self.parting.next_deadline()),
            Standing::Ready | Standing::Gone => None,
        };
        [
            standing,
            self.swim.next_deadline(),
            self.dialer.next_deadline(),
            self.evidence.next_deadline(),
            self.names.next_deadline(),
            self.retiring.values().min().copied(),
            self.backlog.next_deadline(|peer| self.links.used(peer).is_some()),
            self.settled.next_deadline(timing),
            self.supervisor.next_deadline().map(|at| Time(at.as_micros())),
            self.children.next_deadline(),
            self.takeovers.next_deadline(),
            self.asked_deadline(),
            self.removals_deadline(),
            self.listings_deadline(),
            (!self.replicating.is_empty()).then_some(self.next_sync),
            (self.unfinished.exchanges || self.replica.pull_progress().is_some()).then_some(self.next_resync),
            self.unfinished.acquaintances.then_some(self.next_courtship),
            self.has_something_to_forget().then_some(self.next_burial),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether time alone makes something superfluous.
    fn has_something_to_forget(&self) -> bool {
        !self.children.graves.is_empty()
            || !self.children.contested.is_empty()
            || !self.children.halves.is_empty()
            || !self.answered.is_empty()
            || !self.placed.is_empty()
            || !self.unacknowledged.is_empty()
    }

    /// This node's identity.
    pub fn id(&self) -> NodeId {
        self.id
    }

    fn dispatch(&mut self, input: Input) {
        match input {
            Input::Timer => {}
            Input::Connected {
                conn,
                peer,
                addr,
                dialled,
                rtt,
            } => self.connected(conn, peer, addr, dialled, rtt),
            Input::DialFailed { dial, .. } => {
                self.dialer.ended(dial);
            }
            Input::Disconnected { conn, .. } => {
                self.disconnected(conn);
            }
            Input::Datagram { conn, bytes } => self.packet_received(conn, &bytes),
            Input::Received { conn, bytes, .. } => self.received(conn, &bytes),
            Input::LifelineClosed { conn } => self.lifeline_closed(conn),
            Input::Probed { probe, outcome } => self.probed(probe, outcome),
            Input::ChildStarted { start, os_pid } => {
                if let Some(pid) = os_pid {
                    self.os_pids.insert(start, pid);
                }
                self.child_started(start, Ok(Started::Running));
            }
            Input::ChildIgnored { start } => self.child_started(start, Ok(Started::Ignore)),
            Input::ChildStartFailed { start, error } => {
                self.child_started(start, Err(ExitReason::Error(shortened(error))));
            }
            Input::ChildExited { start, reason } => {
                let reason = match reason {
                    ExitReason::Error(text) => ExitReason::Error(shortened(text)),
                    ExitReason::Panic(text) => ExitReason::Panic(shortened(text)),
                    other => other,
                };
                self.supervise(DynamicEvent::Exited {
                    incarnation: Incarnation::new(start.0),
                    reason,
                });
                self.starts.remove(&start);
                self.os_pids.remove(&start);
            }
            Input::Request {
                request,
                timeout,
                command,
            } => self.requested(request, timeout, command),
            Input::Remove {
                request,
                timeout,
                name,
            } => self.removal_requested(request, timeout, name),
            Input::SetMembers {
                request,
                timeout,
                names,
            } => self.listing_requested(request, timeout, names),
            Input::Seeds(seeds) => {
                self.config.seeds = seeds;
                self.members_changed = true;
            }
            Input::Leave => self.begin_leaving(),
        }
    }

    fn child_started(&mut self, start: StartId, outcome: Result<Started, ExitReason>) {
        if outcome != Ok(Started::Running) {
            self.starts.remove(&start);
        }
        self.supervise(DynamicEvent::Started {
            incarnation: Incarnation::new(start.0),
            outcome,
        });
    }

    fn received(&mut self, conn: ConnId, bytes: &[u8]) {
        self.heard_on(conn);
        let Some(link) = self.links.link(conn) else { return };
        // One that was let in and connects anew says the same on any connection that was not refused.
        let is_in = !link.is_refused() && self.links.used(link.peer).is_some();
        let (peer, greeted) = (link.peer, link.greeted());
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(detail) => {
                return self.close(
                    conn,
                    CloseReason::Protocol {
                        detail: detail.into(),
                    },
                );
            }
        };
        match message {
            Message::Hello(hello) if !greeted => self.greeted(conn, hello),
            Message::Refused(refusal) => self.refused(conn, refusal),
            Message::HandOver(told) => self.told_to_hand_over(peer, told),
            Message::Pong(nonce) if !greeted && self.newcomer_answered(peer, nonce) => {}
            // It is told once, and be it while the name of the peer is contested: an older boot would stay in this one's way.
            message @ Message::Outrank { .. } => self.message(peer, message, Some(conn)),
            // A peer may answer before its own handshake was judged here: nothing but these counts then.
            _ if !greeted && !is_in => {}
            message => self.message(peer, message, Some(conn)),
        }
    }

    pub(crate) fn message(&mut self, from: NodeId, message: Message, conn: Option<ConnId>) {
        match message {
            Message::Hello(_) | Message::Refused(_) | Message::HandOver(_) => {}
            Message::Sync(message) => {
                let synced = self.has_synced_with(from);
                let outcome = self.sync_received(from, message);
                self.ready_changed |= synced != self.has_synced_with(from);
                if let Err(detail) = outcome
                    && let Some(conn) = conn
                {
                    self.close(conn, CloseReason::Protocol { detail });
                }
            }
            Message::Ping(nonce) => self.pinged(from, nonce),
            Message::Pong(nonce) => {
                self.backlog.answered(from, nonce);
                self.links.answered(from, nonce);
                self.peer_answered(from, nonce);
            }
            Message::Lost => self.lost_what_was_sent(from),
            Message::Down(generation) => self.told_down(generation),
            Message::Outrank {
                seniority,
                generation,
            } => self.told_to_outrank(seniority, generation),
            Message::Leave => self.told_to_leave(from),
            Message::Hears { node, question } => self.hears_asked(from, node, question),
            Message::Heard {
                node,
                question,
                heard,
            } => self.heard(from, node, question, heard),
            Message::Evidence(dead) => self.evidence_of(dead, from),
            Message::Ask(ask) => self.call_came(from, ask, conn),
            Message::Redirect { request, to } => self.redirected(from, request, to),
            Message::Acknowledge(closed) => self.calls_closed(from, &closed),
            Message::IsOpen(request, child) => {
                let open = self.waits_for(request, from);
                self.send(from, &Message::Open { request, child, open });
            }
            Message::Open { request, child, open } => self.is_open(from, request, &child, open),
            Message::Told(told) => self.told(from, told),
            Message::Place(place) => self.place_here(from, place, conn),
            Message::Placed(placed) => self.placed(from, placed),
            Message::Propose(propose) => self.proposed(from, propose),
            Message::Proposed(proposed) => self.proposal_answered(from, proposed),
            Message::Confirm { child, rank } => self.confirm_asked(from, child, rank),
            Message::Verdict { child, rank, verdict } => self.verdict(from, &child, rank, verdict),
        }
    }

    /// A clock that stood still, or a process that was stopped, knows nothing of what happened meanwhile:
    /// nobody may be blamed for it (S4.5).
    fn look_at_the_clocks(&mut self, now: Now) {
        let late = self.armed.map_or(core::time::Duration::ZERO, |armed| {
            now.mono.since(armed.max(self.now.mono))
        });
        let before = core::mem::replace(&mut self.now, now);
        let gap = self.config.timing.gap;
        let jump = now.wall_jump_since(before);
        let jump = jump.filter(|jump| jump.unsigned_abs() > millis(gap));
        if let Some(millis) = jump {
            self.event(Event::WallClockJumped { millis });
        }
        if late >= Names::STALL {
            self.names.renew(now.mono);
            self.evidence.renew(now.mono);
        }
        if late <= gap {
            // A monotonic clock that stands still while the machine sleeps makes nobody late, but what lies here may be
            // old all the same. A wall clock that is set looks like that, or hides it, and costs a question.
            let believes = self.planted.is(Bug::ClockSetBackBelieved);
            if jump.is_some_and(|jump| jump > 0 || !believes) {
                self.mark_the_backlogs();
            }
            return;
        }
        let timing = &self.config.timing;
        if self.planted.is(Bug::WokenNodeBlamesOthers) {
            return self.blame_everybody();
        }
        // Who is down is not probed: a cluster that has seen many boots is no slower to wake.
        let probed = if self.planted.is(Bug::RoundCountsTheDead) {
            self.roster.iter().count()
        } else {
            self.swim.active().count()
        };
        let probed = u32::try_from(probed).unwrap_or(u32::MAX);
        let mut round = timing.probe_period.saturating_mul(probed.saturating_add(1)) + timing.probe_rtt;
        if self.planted.is(Bug::WokenNodeDecides) {
            round = core::time::Duration::ZERO;
        }
        self.swim.postpone(late);
        self.roster.postpone(late, now.mono);
        if let Standing::Joining { since } | Standing::CatchingUp { since } = &mut self.standing {
            *since = *since + late;
        }
        self.settled.void(now.mono + round, now.mono);
        self.mark_the_backlogs();
        let millis = millis(late);
        self.event(Event::ClockGap { millis });
    }

    fn run_timers(&mut self) {
        let now = self.now.mono;
        self.swim.run_timers(now);
        while let Some((dial, addr)) = self.dialer.poll(now, &self.config.timing) {
            let timeout = self.config.timing.dial_timeout;
            self.output(Output::Dial { dial, addr, timeout });
        }
        self.weigh_evidence();
        self.look_at_contests();
        self.close_retired();
        self.court_the_unlisted();
        self.ask_about_backlogs_again();
        self.sync_in_turn();
        self.sync_with_the_unsynced();
        self.bury();
        if self
            .supervisor
            .next_deadline()
            .is_some_and(|at| at.as_micros() <= now.0)
        {
            self.supervisor
                .step(DynamicEvent::Tick, SupervisorTime::from_micros(now.0));
        }
        self.children.run_timers(now);
    }

    /// Follows up on everything the input led to, until nothing more comes of it.
    fn work(&mut self) {
        for round in 0_u32.. {
            debug_assert!(round < 100_000, "this never ends");
            self.drain_swim();
            self.take_changes();
            self.drain_supervisor();
            while let Some(message) = self.loopback.pop_front() {
                self.message(self.id, message, None);
            }
            self.refresh_standing();
            self.members_refresh();
            if self.refresh_settled() {
                self.view_changed();
            }
            self.answer_proposals();
            self.reconcile_children();
            let mut worked = self.advance_takeovers();
            worked |= self.advance_withheld();
            worked |= self.advance_asked();
            worked |= self.advance_removals();
            worked |= self.advance_listings();
            worked |= self.heed_the_member_list();
            worked |= self.advance_leaving();
            worked |= self.advance_left();
            worked |= self.advance_parting();
            self.flush_replication();
            if !worked && self.is_at_rest() {
                break;
            }
        }
        while let Some((dial, addr)) = self.dialer.poll(self.now.mono, &self.config.timing) {
            let timeout = self.config.timing.dial_timeout;
            self.output(Output::Dial { dial, addr, timeout });
        }
    }

    /// Whether no step of [`work`](Self::work) left anything to one that comes before it.
    fn is_at_rest(&self) -> bool {
        let members_changed = self.members_changed || self.ready_changed || !self.recount.is_empty();
        self.loopback.is_empty()
            && !members_changed
            && !self.swim.has_news()
            && !self.supervisor.has_actions()
            && !self.children.any_touched()
    }

    fn view_changed(&mut self) {
        let members = self.settled.view().map_or(0, |view| view.ready.len());
        let owned = self.owned(self.id);
        let least = self.config.limits.taken_over_at_least;
        self.takeovers.view_changed(members, owned, least);
        // Everybody's turn begins anew: those who saw the old view longer have no head start (S4.4).
        for key in &self.children.unsettled {
            if let Some(child) = self.children.all.get_mut(key) {
                child.ownerless = None;
                child.handed = None;
            }
        }
        self.touch_unsettled();
        let waiting: alloc::vec::Vec<_> = self.decisions.keys().cloned().collect();
        for key in waiting {
            self.children.touch(&key);
        }
        self.unpark();
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(crate) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.output(Output::Event(event));
    }

    /// Sends to a node, itself included; what is sent to one without a connection is lost.
    pub(crate) fn send(&mut self, to: NodeId, message: &Message) {
        if to == self.id {
            self.loopback.push_back(message.clone());
        } else if let Some(conn) = self.links.used(to) {
            self.send_on(conn, message);
        }
    }

    pub(crate) fn send_on(&mut self, conn: ConnId, message: &Message) {
        let (channel, bytes) = (message.channel(), message.encode());
        debug_assert!(bytes.len() <= MAX_FRAME, "a frame of {} bytes", bytes.len());
        self.output(Output::Send { conn, channel, bytes });
    }

    /// Moves a leave on: children stopped, `left` written, held by another (S5.2).
    pub(crate) fn advance_leaving(&mut self) -> bool {
        let Standing::Leaving { until, caught_up } = self.standing else {
            return false;
        };
        let late = self.now.mono >= until;
        if late && self.waits_without_end() {
            let until = self.now.mono + LAST_MOMENTS;
            self.standing = Standing::Leaving { until, caught_up };
            return false;
        }
        if !late && !self.nothing_runs_here() {
            return false;
        }
        if !late && !self.is_held_by_those_that_stay() {
            return false;
        }
        // The detector says nothing of it: its datagrams would overtake the record and look like a death.
        self.write_member(Status::Left);
        self.standing = Standing::Left {
            until: self.now.mono + LAST_WORDS,
        };
        true
    }

    /// Goes once all that stay and answer know that this node has left: by who does not hear of it in time it would be
    /// taken for down (S5.10).
    pub(crate) fn advance_left(&mut self) -> bool {
        let Standing::Left { until } = self.standing else {
            return false;
        };
        let left = ordu_crdt::Dot {
            origin: self.id.replica(),
            seq: self.replica.vector().get(self.id.replica()),
        };
        let is_owed = |node| self.answers_still(node) && !self.is_holder(node, left);
        let is_known = !self.roster.ready().any(|(node, _)| is_owed(node));
        if !is_known && self.now.mono < until {
            return false;
        }
        self.flush_replication();
        self.exit(ExitCause::Left);
        true
    }
}

/// How long a node that has left waits until the others know that.
const LAST_WORDS: core::time::Duration = core::time::Duration::from_secs(2);

fn millis(duration: core::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What a child says for itself may be of any length; more than this is not worth sending around.
fn shortened(text: String) -> String {
    const MOST: usize = 2_000;
    if text.len() <= MOST {
        text
    } else {
        text.chars().take(MOST / 4).collect()
    }
}
