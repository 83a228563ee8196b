use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ordu_core::{Answer, Command, ExitCause, MemberState, NodeId, NodeName};

use super::{BootRecord, CallRecord, Child, CopyRecord};
use crate::{Boot, CallId, CopyId, Fact, Fault, HostId, Moment, Queues, Setup, What};

/// Once the network was whole for this long, every node that was there holds what any of them held.
const SPREAD: Duration = Duration::from_secs(10);

/// Everything that truly happened so far: what the invariants judge by.
#[derive(Clone, Debug)]
pub struct History {
    setup: Setup,
    now: Moment,
    boots: BTreeMap<Boot, BootRecord>,
    nodes: BTreeMap<NodeId, Boot>,
    copies: Vec<CopyRecord>,
    copies_of: BTreeMap<Child, Vec<CopyId>>,
    calls: Vec<CallRecord>,
    calls_about: BTreeMap<Child, Vec<CallId>>,
    open_calls: BTreeSet<CallId>,
    /// When each acknowledged call was.
    acknowledged: Vec<(Moment, CallId)>,
    /// The hosts whose nodes an operator wanted removed.
    removed: BTreeSet<HostId>,
    /// How many of these wishes were confirmed.
    removals: usize,
    /// The hosts that an operator ever left out of a list of those whose nodes may be members.
    unlisted: BTreeSet<HostId>,
    /// How many such lists were confirmed.
    lists: usize,
    spread: Spread,
    troubles: BTreeSet<Trouble>,
    last_upheaval: Moment,
    whole: Vec<(Moment, Moment)>,
    calm: Option<Moment>,
}

/// How far it was looked who holds what acknowledged calls wrote.
#[derive(Clone, Debug, Default)]
struct Spread {
    /// The processes that were there long enough by then.
    there: BTreeSet<Boot>,
    /// How many of the acknowledged calls have reached them.
    calls: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    Cut(HostId, HostId),
    Split,
    Weather,
    /// Some were not told of the others yet or are kept out by a list of members, or what nodes hold may not fit through
    /// their shells: until the calm.
    Apart,
    /// Some know no address at which one of the others lives: those between them are dead.
    Scattered,
    Still(HostId),
}

impl History {
    /// Of a world in which nothing happened yet.
    pub fn new(setup: Setup) -> Self {
        let apart = !setup.all_will_meet() || setup.queues != Queues::default();
        Self {
            setup,
            now: Moment::default(),
            boots: BTreeMap::new(),
            nodes: BTreeMap::new(),
            copies: Vec::new(),
            copies_of: BTreeMap::new(),
            calls: Vec::new(),
            calls_about: BTreeMap::new(),
            open_calls: BTreeSet::new(),
            acknowledged: Vec::new(),
            removed: BTreeSet::new(),
            removals: 0,
            unlisted: BTreeSet::new(),
            lists: 0,
            spread: Spread::default(),
            troubles: apart.then_some(Trouble::Apart).into_iter().collect(),
            last_upheaval: Moment::default(),
            whole: Vec::new(),
            calm: None,
        }
    }

    /// Takes a fact in.
    pub fn apply(&mut self, fact: &Fact) {
        self.now = fact.at;
        match &fact.what {
            What::Booted { boot, node } => self.booted(*boot, *node),
            What::Ended { boot, cause } => {
                self.upheaval();
                self.troubles.remove(&Trouble::Still(boot.host));
                if let Some(record) = self.boots.get_mut(boot) {
                    record.ended = Some(fact.at);
                    record.cause.clone_from(cause);
                }
            }
            What::RemovalAnswered { result: Ok(_), .. } => self.removals += 1,
            What::ListAnswered { result: Ok(_), .. } => self.lists += 1,
            What::Paused(boot) => {
                if let Some(record) = self.boots.get_mut(boot) {
                    record.still_since.get_or_insert(fact.at);
                }
            }
            What::Resumed(boot) => {
                if let Some(record) = self.boots.get_mut(boot) {
                    record.still_since = None;
                    record.resumed = Some(fact.at);
                }
                for call in &self.open_calls {
                    let call = &mut self.calls[index(call.0)];
                    if call.boot == *boot {
                        call.taken.get_or_insert(fact.at);
                    }
                }
            }
            What::CopyStarting {
                copy,
                boot,
                node,
                horde,
                id,
                token,
                spec,
                ..
            } => {
                let child = (horde.clone(), id.clone());
                self.copies_of.entry(child.clone()).or_default().push(*copy);
                self.copies.push(CopyRecord {
                    boot: *boot,
                    node: *node,
                    child,
                    token: *token,
                    spec: spec.clone(),
                    began: fact.at,
                    up: None,
                    stopping: None,
                    stuck: None,
                    ended: None,
                    end_seen: None,
                });
            }
            What::CopyUp(copy) => self.copy_mut(*copy).up = Some(fact.at),
            What::CopyStopping(copy) => {
                self.copy_mut(*copy).stopping.get_or_insert(fact.at);
            }
            What::CopyStuck(copy) => self.copy_mut(*copy).stuck = Some(fact.at),
            What::CopyEnded { copy, end } => self.copy_mut(*copy).ended = Some((fact.at, end.clone())),
            What::CopyEndSeen(copy) => self.copy_mut(*copy).end_seen = Some(fact.at),
            What::Called {
                call,
                boot,
                command,
                timeout,
            } => self.called(*call, *boot, command, *timeout),
            What::Answered { call, result } => {
                self.open_calls.remove(call);
                let witnesses = self.witnesses(*call, result.as_ref().ok());
                let record = self.call_mut(*call);
                record.witnesses = witnesses;
                record.answered = Some((fact.at, result.clone()));
                if result.is_ok() {
                    self.acknowledged.push((fact.at, *call));
                }
            }
            What::CallLost(call) => {
                self.open_calls.remove(call);
                self.call_mut(*call).lost = Some(fact.at);
            }
            What::Child {
                boot,
                horde,
                id,
                info,
            } => {
                if let Some(record) = self.boots.get_mut(boot) {
                    let child = (horde.clone(), id.clone());
                    match info {
                        Some(info) => record.children.insert(child, info.clone()),
                        None => record.children.remove(&child),
                    };
                }
            }
            What::Member { boot, node, info } => {
                if let Some(record) = self.boots.get_mut(boot) {
                    match info {
                        Some(info) => record.members.insert(*node, info.clone()),
                        None => record.members.remove(node),
                    };
                }
            }
            What::Inflicted(fault) => self.inflicted(fault),
            What::Calm => {
                self.upheaval();
                self.troubles.remove(&Trouble::Apart);
                self.calm = Some(fact.at);
            }
            What::Tick => {
                self.look_for_scattered();
                self.spread();
            }
            What::RemovalAnswered { result: Err(_), .. }
            | What::ListAnswered { result: Err(_), .. }
            | What::MemberList { .. }
            | What::Serving
            | What::Told { .. }
            | What::Held(_)
            | What::Kept(_)
            | What::Nonsense { .. }
            | What::Oversized { .. } => {}
        }
    }

    /// The present.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Whether an operator wanted the node of a host removed.
    pub fn was_removed(&self, host: HostId) -> bool {
        self.removed.contains(&host)
    }

    /// How many removals were confirmed.
    pub fn removals(&self) -> usize {
        self.removals
    }

    /// Whether an operator ever left a host out of a list of those whose nodes may be members.
    pub fn was_unlisted(&self, host: HostId) -> bool {
        self.unlisted.contains(&host)
    }

    /// How many such lists were confirmed.
    pub fn lists(&self) -> usize {
        self.lists
    }

    /// What the world was made from.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Since when nothing goes wrong any more, once that was declared.
    pub fn calm(&self) -> Option<Moment> {
        self.calm
    }

    /// One process.
    pub fn boot(&self, boot: Boot) -> Option<&BootRecord> {
        self.boots.get(&boot)
    }

    /// The process that had an identity.
    pub fn boot_of(&self, node: NodeId) -> Option<&BootRecord> {
        self.boots.get(self.nodes.get(&node)?)
    }

    /// All processes that live.
    pub fn living(&self) -> impl Iterator<Item = &BootRecord> {
        self.boots.values().filter(|record| record.ended.is_none())
    }

    /// The last processes of the hosts on which none lives, but for those that were removed, or left and were heard: they
    /// may come back, as far as the others know.
    pub fn missing(&self) -> impl Iterator<Item = &BootRecord> {
        let is_last = |record: &&BootRecord| {
            let next = Boot {
                number: record.boot.number + 1,
                ..record.boot
            };
            !self.boots.contains_key(&next)
        };
        let is_over = |record: &BootRecord| match record.cause {
            Some(ExitCause::Left) => self.was_heard_to_leave(record) && !self.came_in_passing(record),
            Some(ExitCause::Removed) => true,
            _ => record.ended.is_none(),
        };
        let last = self.boots.values().filter(is_last);
        last.filter(move |record| !is_over(record))
    }

    /// Whether a node left so soon that somebody may not have met it, who waits for the boot before it, which crashed: it
    /// may be the only one to know of that boot, and of two that are gone nobody can say which came first.
    fn came_in_passing(&self, left: &BootRecord) -> bool {
        let before = left.boot.number.checked_sub(1);
        let before = before.and_then(|number| self.boots.get(&Boot { number, ..left.boot }));
        let stayed = left.ended.map(|at| at.since(left.began));
        before.is_some_and(|before| before.cause.is_none()) && stayed < Some(2 * SPREAD)
    }

    /// Whether a node that has left is not waited for: one that lives knows that it left, or nobody waits for any boot of
    /// its name. It is not known where nobody else was in sight when it left.
    fn was_heard_to_leave(&self, left: &BootRecord) -> bool {
        let name = left.boot.host.name();
        let shown = || { self.living() }.flat_map(|record| record.members.values());
        let is_gone = |state| matches!(state, MemberState::Left | MemberState::Removed);
        let is_heard = shown().any(|member| member.id == left.node && is_gone(member.state));
        is_heard || !shown().any(|member| member.name == name && !is_gone(member.state))
    }

    /// The living process of this name, else the last there was.
    pub fn named(&self, name: &NodeName) -> Option<&BootRecord> {
        let records = || {
            self.boots
                .values()
                .filter(|record| record.boot.host.name() == *name)
        };
        records()
            .find(|record| record.ended.is_none())
            .or_else(|| records().next_back())
    }

    /// One start of a child.
    pub fn copy(&self, copy: CopyId) -> &CopyRecord {
        &self.copies[index(copy.0)]
    }

    /// All starts of all children.
    pub fn copies(&self) -> &[CopyRecord] {
        &self.copies
    }

    /// All starts of one child, in their order.
    pub fn copies_of(&self, child: &Child) -> impl Iterator<Item = &CopyRecord> {
        self.copies_of
            .get(child)
            .into_iter()
            .flatten()
            .map(|copy| self.copy(*copy))
    }

    /// One call.
    pub fn call(&self, call: CallId) -> &CallRecord {
        &self.calls[index(call.0)]
    }

    /// All calls about one child, in their order.
    pub fn calls_about(&self, child: &Child) -> impl Iterator<Item = &CallRecord> {
        self.calls_about
            .get(child)
            .into_iter()
            .flatten()
            .map(|call| self.call(*call))
    }

    /// The calls that wait for an answer.
    pub fn open_calls(&self) -> impl Iterator<Item = (CallId, &CallRecord)> {
        self.open_calls.iter().map(|call| (*call, self.call(*call)))
    }

    /// Every child that anybody ever called about.
    pub fn children(&self) -> impl Iterator<Item = &Child> {
        self.calls_about.keys()
    }

    /// For how long the network has been whole and every process awake.
    pub fn undisturbed_for(&self) -> Duration {
        if self.troubles.is_empty() {
            self.now.since(self.last_upheaval)
        } else {
            Duration::ZERO
        }
    }

    /// For how long the network has been whole, or split into whole parts, and every process awake.
    pub fn quiet_for(&self) -> Duration {
        if self.troubles.iter().all(|trouble| *trouble == Trouble::Split) {
            self.now.since(self.last_upheaval)
        } else {
            Duration::ZERO
        }
    }

    /// Whether every way between two hosts is as it usually is.
    pub fn is_smooth(&self) -> bool {
        let is_rough = |trouble: &Trouble| !matches!(trouble, Trouble::Still(_));
        !self.troubles.iter().any(is_rough)
    }

    /// Whether every living process sees every other one.
    pub fn all_see_all(&self) -> bool {
        self.living().all(|record| self.sees_all(record.boot))
    }

    /// Whether all living processes can learn of each other, over the addresses they know: their seeds, and the members
    /// they see. One whose seeds are all dead can stay alone in a whole network.
    fn all_can_meet(&self) -> bool {
        let mut apart: Vec<&BootRecord> = self.living().collect();
        let mut met: Vec<&BootRecord> = apart.pop().into_iter().collect();
        let mut looked_at = 0;
        while let Some(here) = met.get(looked_at).copied() {
            looked_at += 1;
            let (near, far) = apart
                .into_iter()
                .partition(|other| self.knows_of(here, other) || self.knows_of(other, here));
            apart = far;
            met.extend::<Vec<_>>(near);
        }
        apart.is_empty()
    }

    fn look_for_scattered(&mut self) {
        let is_scattered = !self.all_can_meet();
        if is_scattered != self.troubles.contains(&Trouble::Scattered) {
            self.upheaval();
            if is_scattered {
                self.troubles.insert(Trouble::Scattered);
            } else {
                self.troubles.remove(&Trouble::Scattered);
            }
        }
    }

    /// Whether a process knows the address of another.
    fn knows_of(&self, process: &BootRecord, other: &BootRecord) -> bool {
        let host = &self.setup.hosts[process.boot.host.0];
        host.seeds.contains(&other.boot.host) || process.members.contains_key(&other.node)
    }

    /// Whether the network was whole for at least `for_long` somewhere between two moments.
    pub fn was_whole(&self, from: Moment, to: Moment, for_long: Duration) -> bool {
        let current = self.troubles.is_empty().then_some((self.last_upheaval, self.now));
        self.whole
            .iter()
            .copied()
            .chain(current)
            .any(|(began, ended)| ended.min(to).since(began.max(from)) >= for_long)
    }

    fn booted(&mut self, boot: Boot, node: NodeId) {
        self.upheaval();
        self.nodes.insert(node, boot);
        self.boots.insert(
            boot,
            BootRecord {
                boot,
                node,
                began: self.now,
                ended: None,
                cause: None,
                still_since: None,
                resumed: None,
                children: BTreeMap::new(),
                members: BTreeMap::new(),
            },
        );
    }

    fn called(&mut self, call: CallId, boot: Boot, command: &Command, timeout: Duration) {
        let (horde, id) = command.child();
        self.calls_about
            .entry((horde.clone(), id.clone()))
            .or_default()
            .push(call);
        self.open_calls.insert(call);
        let still = self.boot(boot).is_some_and(|record| record.still_since.is_some());
        self.calls.push(CallRecord {
            boot,
            command: command.clone(),
            made: self.now,
            saw_all: self.sees_all(boot),
            timeout,
            taken: (!still).then_some(self.now),
            answered: None,
            lost: None,
            witnesses: BTreeSet::new(),
        });
    }

    fn sees_all(&self, boot: Boot) -> bool {
        let Some(record) = self.boot(boot) else {
            return false;
        };
        let mut living = self.boots.values().filter(|other| other.ended.is_none());
        living.all(|other| other.boot == boot || record.sees(other.node))
    }

    /// Who is known to hold what a call wrote: those the answer names, and in any case who was asked.
    fn witnesses(&self, call: CallId, answer: Option<&Answer>) -> BTreeSet<Boot> {
        let mut witnesses = BTreeSet::new();
        if let Some(answer) = answer {
            witnesses.insert(self.call(call).boot);
            if let Answer::Started { held_by, .. } = answer {
                witnesses.extend(held_by.iter().filter_map(|name| Some(self.named(name)?.boot)));
            }
        }
        witnesses
    }

    fn spread(&mut self) {
        if self.undisturbed_for() < SPREAD {
            return;
        }
        let since = Moment(self.now.0.saturating_sub(crate::random::micros(SPREAD)));
        let there = || {
            self.boots
                .values()
                .filter(|record| record.ended.is_none() && record.began <= since)
                .map(|record| record.boot)
        };
        if !there().eq(self.spread.there.iter().copied()) {
            self.spread = Spread {
                there: there().collect(),
                calls: 0,
            };
        }
        let is_new = |(at, _): &(Moment, CallId)| *at <= since;
        if !self.acknowledged.get(self.spread.calls).is_some_and(is_new)
            || !self.spread.there.iter().all(|boot| self.sees_all(*boot))
        {
            return;
        }
        // Those before were found to have reached all who are there.
        for (_, call) in self.acknowledged[self.spread.calls..]
            .iter()
            .take_while(|(at, _)| *at <= since)
        {
            self.spread.calls += 1;
            let witnesses = &mut self.calls[index(call.0)].witnesses;
            if !witnesses.is_disjoint(&self.spread.there) {
                witnesses.extend(self.spread.there.iter().copied());
            }
        }
    }

    fn inflicted(&mut self, fault: &Fault) {
        self.upheaval();
        match fault {
            Fault::Split(_) => {
                self.troubles.insert(Trouble::Split);
            }
            Fault::Cut(from, to) => {
                self.troubles.insert(Trouble::Cut(*from, *to));
            }
            Fault::Mend(from, to) => {
                self.troubles.remove(&Trouble::Cut(*from, *to));
            }
            Fault::Heal => self
                .troubles
                .retain(|trouble| !matches!(trouble, Trouble::Split | Trouble::Cut(..))),
            Fault::Disturb(..) => {
                self.troubles.insert(Trouble::Weather);
            }
            Fault::Clear => {
                self.troubles.remove(&Trouble::Weather);
            }
            Fault::Pause(host) | Fault::Suspend(host) => {
                self.troubles.insert(Trouble::Still(*host));
            }
            Fault::Resume(host) | Fault::Wake(host) => {
                self.troubles.remove(&Trouble::Still(*host));
            }
            // What stands still is there, and is not booted.
            Fault::Boot(host) => {
                let stands = |record: &BootRecord| record.ended.is_none() && record.still_since.is_some();
                if !self
                    .boots
                    .values()
                    .any(|record| record.boot.host == *host && stands(record))
                {
                    self.troubles.remove(&Trouble::Still(*host));
                }
            }
            Fault::Crash(_)
            | Fault::PowerOff(_)
            | Fault::Join(..)
            | Fault::StepClock(..)
            | Fault::CorrectClocks
            | Fault::ResetLifelines(_)
            | Fault::KillKeeper(_)
            | Fault::Leave(_)
            | Fault::SetMembers(_, None)
            | Fault::CalmChildren => {}
            Fault::SetMembers(_, Some(listed)) => {
                let all = (0..self.setup.hosts.len()).map(HostId);
                self.unlisted.extend(all.filter(|host| !listed.contains(host)));
                if self.calm.is_none() {
                    self.troubles.insert(Trouble::Apart);
                }
            }
            Fault::Remove(_, removed) => {
                self.removed.insert(*removed);
            }
        }
    }

    fn upheaval(&mut self) {
        if self.troubles.is_empty() && self.last_upheaval < self.now {
            self.whole.push((self.last_upheaval, self.now));
        }
        self.last_upheaval = self.now;
    }

    fn copy_mut(&mut self, copy: CopyId) -> &mut CopyRecord {
        &mut self.copies[index(copy.0)]
    }

    fn call_mut(&mut self, call: CallId) -> &mut CallRecord {
        &mut self.calls[index(call.0)]
    }
}

/// Ids are counted from 1 and recorded in their order.
fn index(id: u64) -> usize {
    usize::try_from(id - 1).unwrap_or(usize::MAX)
}
