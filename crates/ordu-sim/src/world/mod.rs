//! The world: hosts, their clocks and processes, the network between them and the workers on them, on one
//! agenda in virtual time.

mod calls;
mod connections;
mod dialling;
mod happening;
mod host;
mod lifelines;
mod link;
mod packets;
mod planted;
mod processes;
mod refusals;
mod setting_up;
mod slow;
mod upheaval;
mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::agenda::Agenda;
use crate::random::Random;
use crate::{Boot, Clock, Fact, Fault, HostId, Machine, Moment, Network, Setup, Trace, What};
use dialling::{Handshake, HandshakeId};
use happening::Happening;
use host::{Host, Process};
use link::{Link, LinkId};

/// How often [`What::Tick`] is reported.
pub const TICK: Duration = Duration::from_millis(100);

/// How often [`What::Held`] is reported.
const COMPARE_EVERY: Moment = Moment(1_000_000);

/// Many nodes in virtual time.
///
/// The world carries out what its nodes put out, tells them what comes of it, and reports every true
/// [`Fact`]. It judges nothing. Two worlds with the same [`Setup`] that are told the same things behave the
/// same, bit for bit.
#[derive(Debug)]
pub struct World<M> {
    setup: Setup,
    now: Moment,
    agenda: Agenda<Happening>,
    network: Network,
    hosts: Vec<Host<M>>,
    /// Where a process that leaves by itself is followed by another, once: a list may be set on which it is not.
    kept_up: BTreeSet<HostId>,
    links: BTreeMap<LinkId, Link>,
    handshakes: BTreeMap<HandshakeId, Handshake>,
    counters: Counters,
    calm: bool,
    /// Whether what was last handed to a node is something that another said.
    hears: bool,
    facts: Vec<Fact>,
    trace: Trace,
    traffic: Traffic,
    chance: Chance,
}

#[derive(Debug, Default)]
struct Counters {
    links: u64,
    handshakes: u64,
    copies: u64,
    calls: u64,
    os_pids: u32,
}

/// One stream of randomness for each concern.
#[derive(Debug)]
struct Chance {
    shell: Random,
    boots: Random,
    workers: Random,
    lifelines: Random,
    /// Which of several connections breaks, and when news of an address comes.
    troubles: Random,
}

/// What all nodes sent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams.
    pub datagrams: u64,
    /// Their bytes.
    pub datagram_bytes: u64,
    /// Frames.
    pub frames: u64,
    /// Their bytes.
    pub frame_bytes: u64,
    /// Inputs handled by all nodes.
    pub inputs: u64,
}

impl<M: Machine> World<M> {
    /// A world in which no node runs yet.
    pub fn new(setup: Setup, trace: Trace) -> Self {
        let mut clocks = setup.random("clocks");
        let hosts = setup
            .hosts
            .iter()
            .enumerate()
            .map(|(index, host)| {
                let clock = Clock::new(clocks.below(1 << 40), host.drift_ppm, host.offset_ms);
                Host::new(clock, index)
            })
            .collect();
        let network = Network::new(setup.hosts.len(), setup.random("network"), |from, to| {
            setup.path(from, to)
        });
        let mut agenda = Agenda::default();
        agenda.enter(Moment::default() + TICK, Happening::Tick);
        Self {
            chance: Chance {
                shell: setup.random("shell"),
                boots: setup.random("boots"),
                workers: setup.random("workers"),
                lifelines: setup.random("lifelines"),
                troubles: setup.random("troubles"),
            },
            now: Moment::default(),
            agenda,
            network,
            hosts,
            kept_up: BTreeSet::new(),
            links: BTreeMap::new(),
            handshakes: BTreeMap::new(),
            counters: Counters::default(),
            calm: false,
            hears: false,
            facts: Vec::new(),
            trace,
            traffic: Traffic::default(),
            setup,
        }
    }

    /// What the world was made from.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The present.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The ways between hosts.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What all nodes sent so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// How many events the world has seen.
    pub fn events(&self) -> u64 {
        self.agenda.entered()
    }

    /// What was written down.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> + use<M> {
        (0..self.hosts.len()).map(HostId)
    }

    /// The process that runs on a host, paused or not.
    pub fn running(&self, host: HostId) -> Option<Boot> {
        let process = self.hosts[host.0].process.as_ref()?;
        Some(Boot {
            host,
            number: process.number,
        })
    }

    /// From now on a node runs on this host, also where one leaves by what others had done before: these may know nobody else.
    pub(crate) fn keep_up(&mut self, host: HostId) {
        self.kept_up.insert(host);
    }

    /// Whether a process is on its way out by itself.
    pub(crate) fn anybody_leaves(&self) -> bool {
        let mut processes = self.hosts.iter().filter_map(|host| host.process.as_ref());
        processes.any(|process| process.leaving)
    }

    /// The machine of the process on a host.
    pub fn machine(&self, host: HostId) -> Option<&M> {
        Some(&self.hosts[host.0].process.as_ref()?.machine)
    }

    /// Whether the process on a host stands still, or the host does.
    pub fn is_still(&self, host: HostId) -> bool {
        let host = &self.hosts[host.0];
        host.asleep || host.process.as_ref().is_some_and(|process| process.paused)
    }

    /// How many connections a host has open with each other one.
    pub fn connections(&self, host: HostId) -> BTreeMap<HostId, usize> {
        let mut count = BTreeMap::new();
        if let Some(process) = &self.hosts[host.0].process {
            for (link, side) in process.conns.values() {
                if let Some(link) = self.links.get(link) {
                    *count.entry(link.end(side.other()).boot.host).or_default() += 1;
                }
            }
        }
        count
    }

    /// Puts a fault on the agenda.
    pub fn inflict_at(&mut self, at: Moment, fault: Fault) {
        self.agenda.enter(at.max(self.now), Happening::Inflict(fault));
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<Moment> {
        self.agenda.next_at()
    }

    /// Lets the next thing happen.
    pub fn step(&mut self) {
        let Some((at, happening)) = self.agenda.take() else {
            return;
        };
        self.now = self.now.max(at);
        match happening {
            Happening::Timer(boot) => self.timer(boot),
            Happening::Feed(boot, input) => self.feed(boot, input),
            Happening::Late(boot) => self.late(boot),
            Happening::Hello(handshake) => self.hello(handshake),
            Happening::HelloAgain(handshake, repeats) => self.hello_again(handshake, repeats),
            Happening::Welcome(handshake, acceptor) => self.welcome(handshake, acceptor),
            Happening::DialDeadline(handshake) => self.dial_deadline(handshake),
            Happening::Finish(link, repeats) => self.finish(link, repeats),
            Happening::Datagram(link, from, bytes) => self.datagram_arrives(link, from, bytes),
            Happening::Frame(link, from, channel, generation) => {
                self.frame_arrives(link, from, channel, generation);
            }
            Happening::Linger(link, side) => self.linger_ends(link, side),
            Happening::CloseNotice(link, to) => self.close_notice(link, to),
            Happening::Idle(link, side) => self.idle(link, side),
            Happening::LifelineUp(link) => self.lifeline_up(link),
            Happening::LifelineEnd(link, to, repeats) => self.lifeline_end(link, to, repeats),
            Happening::Probe(boot, probe, target) => self.probe_arrives(boot, probe, target),
            Happening::Worker(boot, start, generation, step) => self.worker(boot, start, generation, step),
            Happening::OrphanEnds(copy) => self.orphan_ends(copy),
            Happening::LookUp(host) => self.look_up(host),
            Happening::Inflict(fault) => self.inflict(fault),
            Happening::Tick => {
                self.agenda.enter(self.now + TICK, Happening::Tick);
                self.report(What::Tick);
                if self.now.0.is_multiple_of(COMPARE_EVERY.0) {
                    self.compare();
                }
            }
        }
    }

    /// Lets everything happen that is due by then.
    pub fn run_until(&mut self, end: Moment) {
        while self.next_at().is_some_and(|next| next <= end) {
            self.step();
        }
        self.pass_until(end);
    }

    /// Lets time pass in which nothing happens.
    pub(crate) fn pass_until(&mut self, end: Moment) {
        debug_assert!(
            self.next_at().is_none_or(|next| next >= end),
            "something is due first"
        );
        self.now = self.now.max(end);
    }

    /// The facts since the last call.
    pub fn take_facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    /// Tells what the nodes hold, and what for others: a look inside them, at one moment, that disturbs nothing.
    fn compare(&mut self) {
        let awake = self.hosts().filter(|host| !self.is_still(*host));
        let held: Vec<_> = awake
            .filter_map(|host| Some((self.running(host)?, self.machine(host)?.state_digest()?)))
            .collect();
        if !held.is_empty() {
            self.report(What::Held(held));
        }
        let all = self.hosts();
        let kept = all.filter_map(|host| Some((self.running(host)?, self.machine(host)?.kept()?)));
        let kept: Vec<_> = kept.collect();
        self.report(What::Kept(kept));
    }

    fn report(&mut self, what: What) {
        self.facts.push(Fact {
            at: self.now,
            input: self.traffic.inputs,
            is_heard: self.hears,
            what,
        });
    }

    fn later(&mut self, after: Duration, happening: Happening) {
        self.agenda.enter(self.now + after, happening);
    }

    /// What a shell does takes a moment, and never quite the same.
    fn shell_delay(&mut self) -> Duration {
        self.chance
            .shell
            .duration(Duration::from_micros(5), Duration::from_micros(60))
    }

    fn process(&self, boot: Boot) -> Option<&Process<M>> {
        let process = self.hosts[boot.host.0].process.as_ref()?;
        (process.number == boot.number).then_some(process)
    }

    fn process_mut(&mut self, boot: Boot) -> Option<&mut Process<M>> {
        let process = self.hosts[boot.host.0].process.as_mut()?;
        (process.number == boot.number).then_some(process)
    }
}
