use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ordu_core::{ConnId, Input, NodeId, RequestId, StartId};

use super::happening::Happening;
use super::link::{LinkId, Side};
use super::workers::Worker;
use crate::{CallId, Clock, CopyId, HostId, Moment};

/// One machine: a clock, and perhaps a process of a node.
#[derive(Debug)]
pub(super) struct Host<M> {
    pub(super) clock: Clock,
    /// Without power: no kernel answers anything.
    pub(super) dark: bool,
    /// Suspended: nothing on it runs, no kernel answers.
    pub(super) asleep: bool,
    pub(super) boots: u32,
    /// The boot time in the id of its last node, in milliseconds.
    pub(super) last_boot_ms: u64,
    /// Whom its node was last told to dial, if it was.
    pub(super) told: Option<Vec<HostId>>,
    pub(super) process: Option<Process<M>>,
    /// The number of the address it has.
    pub(super) address: usize,
    /// The number of the one at which its node was last.
    pub(super) was_at: usize,
    /// How late its processes get to what happens, if they do.
    pub(super) slow: Option<Duration>,
    /// A manager of services is about to start its node again.
    pub(super) starts_again: bool,
    /// What is wrong with how its next node is set up.
    pub(super) made: Made,
    /// The identity of its first boot, where every later one takes it again.
    #[cfg(feature = "planted-bugs")]
    pub(super) first_id: Option<NodeId>,
}

/// What is wrong with how a node is set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Made {
    /// It has the name of that host's node.
    pub(super) named_like: Option<HostId>,
    /// Its next boot takes the identity of the node that runs there.
    pub(super) clone_of: Option<HostId>,
    /// It is of another version.
    pub(super) is_of_another_version: bool,
}

/// One process of a node, with what its shell keeps.
#[derive(Debug)]
pub(super) struct Process<M> {
    pub(super) number: u32,
    pub(super) node: NodeId,
    pub(super) machine: M,
    /// What is wrong with how it was set up.
    pub(super) made: Made,
    /// Stopped by a signal: the kernel answers for it, inputs wait.
    pub(super) paused: bool,
    /// It leaves, and ends before long.
    pub(super) leaving: bool,
    /// Whether another process is to take its place once it has left.
    pub(super) replaced: bool,
    pub(super) inbox: VecDeque<Held>,
    pub(super) datagrams_held: usize,
    pub(super) conns: BTreeMap<ConnId, (LinkId, Side)>,
    pub(super) next_conn: u64,
    pub(super) next_request: u64,
    pub(super) calls: BTreeMap<RequestId, CallId>,
    /// Removals that it was asked for.
    pub(super) removals: BTreeMap<RequestId, HostId>,
    /// The times that it was told who may be a member.
    pub(super) listings: BTreeSet<RequestId>,
    pub(super) workers: BTreeMap<StartId, Worker>,
    /// Workers that ended without the node having taken it in yet.
    pub(super) ended: BTreeMap<StartId, CopyId>,
    pub(super) timer_at: Option<Moment>,
    /// What a slow process has not got to yet, and when it does.
    pub(super) late: VecDeque<(Moment, Input)>,
    /// How often it was handed something at one and the same moment, to notice one that spins.
    pub(super) handled: (Moment, u32),
}

/// What waits until a process goes on.
#[derive(Debug)]
pub(super) enum Held {
    Input(Input),
    Happening(Happening),
}

impl<M> Host<M> {
    pub(super) fn new(clock: Clock, address: usize) -> Self {
        Self {
            clock,
            address,
            was_at: address,
            slow: None,
            starts_again: false,
            made: Made::default(),
            dark: false,
            asleep: false,
            boots: 0,
            last_boot_ms: 0,
            told: None,
            process: None,
            #[cfg(feature = "planted-bugs")]
            first_id: None,
        }
    }

    /// Whether its kernel answers packets.
    pub(super) fn answers(&self) -> bool {
        !self.dark && !self.asleep
    }
}

impl<M> Process<M> {
    pub(super) fn new(number: u32, node: NodeId, machine: M, made: Made) -> Self {
        Self {
            number,
            node,
            machine,
            made,
            paused: false,
            leaving: false,
            replaced: false,
            inbox: VecDeque::new(),
            datagrams_held: 0,
            conns: BTreeMap::new(),
            next_conn: 0,
            next_request: 0,
            calls: BTreeMap::new(),
            removals: BTreeMap::new(),
            listings: BTreeSet::new(),
            workers: BTreeMap::new(),
            ended: BTreeMap::new(),
            timer_at: None,
            late: VecDeque::new(),
            handled: (Moment::default(), 0),
        }
    }

    pub(super) fn connect(&mut self, link: LinkId, side: Side) -> ConnId {
        self.next_conn += 1;
        let conn = ConnId(self.next_conn);
        self.conns.insert(conn, (link, side));
        conn
    }
}
