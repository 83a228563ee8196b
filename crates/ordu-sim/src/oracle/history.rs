use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ordu_core::{Answer, Command, ExitCause, Life, MemberState, NodeId, NodeName, Token};

use super::{BootRecord, CallRecord, Child, CopyRecord};
use crate::{Boot, CallId, CopyId, Fact, Fault, HostId, Moment, Queues, Setup, What};

/// Once the network was whole for this long, every node that was there holds what any of them held.
const SPREAD: Duration = Duration::from_secs(10);

/// Who has the identity of another hears so within this where anybody is who knows.
const LONG_FOR_A_CLONE: Duration = Duration::from_millis(300);

/// Everything that truly happened so far: what the invariants judge by.
#[derive(Clone, Debug)]
pub struct History {
    setup: Setup,
    now: Moment,
    boots: BTreeMap<Boot, BootRecord>,
    nodes: BTreeMap<NodeId, Boot>,
    copies: Vec<CopyRecord>,
    copies_of: BTreeMap<Child, Vec<CopyId>>,
    /// The highest token that anybody ever showed each life of a child with.
    claimed: BTreeMap<Child, BTreeMap<Life, Token>>,
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
    /// The hosts whose nodes are set up with the name of another's.
    misnamed: BTreeMap<HostId, HostId>,
    /// How late the processes of hosts get to what happens, where they do.
    slow: BTreeMap<HostId, Duration>,
    /// By how many millionths the clocks of each host ever ran wrong at the most.
    drifts: BTreeMap<HostId, u64>,
    /// A node wrote something of itself, or may have, while another had its identity.
    is_beyond_judging: bool,
    spread: Spread,
    troubles: BTreeSet<Trouble>,
    /// Who was ever refused where another is, though that lives.
    refused: BTreeSet<(HostId, HostId)>,
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
    /// What the first dials at the second is refused.
    Rejected(HostId, HostId),
    /// Its process gets to what happens late.
    Slow(HostId),
    /// A node bears the name of another's, or its identity, or is of another version: since it is set up so, for it may
    /// boot at any moment.
    IllMade(HostId),
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
            claimed: BTreeMap::new(),
            calls: Vec::new(),
            calls_about: BTreeMap::new(),
            open_calls: BTreeSet::new(),
            acknowledged: Vec::new(),
            removed: BTreeSet::new(),
            removals: 0,
            unlisted: BTreeSet::new(),
            lists: 0,
            misnamed: BTreeMap::new(),
            slow: BTreeMap::new(),
            drifts: BTreeMap::new(),
            is_beyond_judging: false,
            spread: Spread::default(),
            troubles: apart.then_some(Trouble::Apart).into_iter().collect(),
            refused: BTreeSet::new(),
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
                    let node = record.node;
                    self.outlives(*boot, node);
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
                let mut stopped = None;
                if let Some(record) = self.boots.get_mut(boot) {
                    stopped = record.still_since.take();
                    record.resumed = Some(fact.at);
                }
                let taken = fact.at + self.slowness(boot.host);
                for call in &self.open_calls {
                    let call = &mut self.calls[index(call.0)];
                    // One that is slow may not have got to it when it was stopped.
                    let is_new = call.taken.is_none_or(|taken| Some(taken) > stopped);
                    if call.boot == *boot && is_new {
                        call.taken = Some(taken);
                    }
                }
            }
            What::CopyStarting {
                copy,
                boot,
                node,
                horde,
                id,
                life,
                token,
                spec,
            } => {
                let child = (horde.clone(), id.clone());
                self.copies_of.entry(child.clone()).or_default().push(*copy);
                self.copies.push(CopyRecord {
                    boot: *boot,
                    node: *node,
                    child,
                    life: *life,
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
                life,
                info,
            } => {
                let child = (horde.clone(), id.clone());
                let token = info.as_ref().and_then(|info| info.token);
                if let Some((life, token)) = life.zip(token) {
                    let lives = self.claimed.entry(child.clone()).or_default();
                    let highest = lives.entry(life).or_insert(token);
                    *highest = token.max(*highest);
                }
                if let Some(record) = self.boots.get_mut(boot) {
                    match info {
                        Some(info) => record.children.insert(child, info.clone()),
                        None => record.children.remove(&child),
                    };
                }
            }
            What::Member { boot, node, info } => {
                let says = info.as_ref().map(|info| info.state);
                let wrote = matches!(
                    says,
                    Some(MemberState::Alive | MemberState::Draining | MemberState::Left)
                );
                let itself = self.boot(*boot).filter(|record| wrote && record.node == *node);
                self.is_beyond_judging |= itself.is_some_and(|record| self.is_clone(record));
                let is_ready = info.as_ref().is_some_and(|info| info.state == MemberState::Alive);
                if let Some(shown) = self.nodes.get(node).filter(|shown| is_ready && *shown != boot)
                    && let Some(shown) = self.boots.get_mut(shown)
                {
                    shown.taken_in = true;
                }
                if let Some(record) = self.boots.get_mut(boot) {
                    match info {
                        Some(info) => record.members.insert(*node, info.clone()),
                        None => record.members.remove(node),
                    };
                    // It has decided with another, whether or not that one shows it already.
                    record.taken_in |= is_ready && record.sees_another_ready();
                }
            }
            What::Inflicted(fault) => self.inflicted(fault),
            What::Calm => {
                self.upheaval();
                self.troubles.remove(&Trouble::Apart);
                self.calm = Some(fact.at);
            }
            What::Tick => {
                self.look_for_clones();
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

    /// Whether an operator wanted the node of a host removed, by its name.
    pub fn was_removed(&self, host: HostId) -> bool {
        self.removed.contains(&host)
    }

    /// How many removals were confirmed.
    pub fn removals(&self) -> usize {
        self.removals
    }

    /// Whether an operator ever left a host out of a list of those whose nodes, by their names, may be members.
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

    /// How late the process of a host gets to what happens.
    pub fn slowness(&self, host: HostId) -> Duration {
        self.slow.get(&host).copied().unwrap_or_default()
    }

    /// By how many millionths the clocks of a host ever ran wrong, besides what they do usually.
    pub fn slewed(&self, host: HostId) -> u64 {
        self.drifts.get(&host).copied().unwrap_or_default()
    }

    /// One process.
    pub fn boot(&self, boot: Boot) -> Option<&BootRecord> {
        self.boots.get(&boot)
    }

    /// The process that had an identity.
    pub fn boot_of(&self, node: NodeId) -> Option<&BootRecord> {
        self.boots.get(self.nodes.get(&node)?)
    }

    /// All processes that ever were.
    pub(crate) fn boots(&self) -> impl Iterator<Item = &BootRecord> {
        self.boots.values()
    }

    /// Those besides a process that bore its identity, or its name, while it lived.
    fn doubles_of<'a>(&'a self, record: &'a BootRecord) -> impl Iterator<Item = &'a BootRecord> {
        let others = self.boots.values().filter(|other| other.boot != record.boot);
        others.filter(|other| other.met(record))
    }

    /// Whether a node wrote something under an identity that another had, before it heard of the other: the map takes that
    /// for the other's. Where somebody can tell it of the other it is told at once, and ends. A replica's writes are told
    /// apart by its id, which is new at each boot (S1.6), so from then on no rule says what holds.
    pub fn is_beyond_judging(&self) -> bool {
        self.is_beyond_judging
    }

    /// Whether a process had a clone (S1.6).
    pub fn was_cloned(&self, record: &BootRecord) -> bool {
        self.doubles_of(record).any(|other| other.node == record.node)
    }

    /// Whether a process has the identity of another that had it first and lived as well.
    fn is_clone(&self, record: &BootRecord) -> bool {
        let mut doubles = self.doubles_of(record);
        doubles.any(|other| other.node == record.node && other.began < record.began)
    }

    /// A clone that nobody has told of its original for a while may have met newcomers as ignorant as itself.
    fn look_for_clones(&mut self) {
        let is_old = |record: &&BootRecord| self.now.since(record.began) >= LONG_FOR_A_CLONE;
        let is_named_wrong = |record: &&BootRecord| record.named_as != record.boot.host;
        let old = self.living().filter(is_named_wrong).filter(is_old);
        let clones = old.filter(|record| self.is_clone(record)).count();
        self.is_beyond_judging |= clones > 0;
    }

    /// Those that bore the name of a process while it lived.
    pub fn namesakes_of<'a>(&'a self, record: &'a BootRecord) -> impl Iterator<Item = &'a BootRecord> {
        self.doubles_of(record)
            .filter(|other| other.name == record.name && other.node != record.node)
    }

    /// Whether a process may have ended because another of its name was taken in: of two that were, the older has ended by
    /// the newer, and so has one that was down meanwhile (S2.4).
    pub fn may_be_replaced(&self, record: &BootRecord) -> bool {
        self.namesakes_of(record)
            .any(|other| other.taken_in && (other.node > record.node || other.began > record.began))
    }

    /// All processes that live.
    pub fn living(&self) -> impl Iterator<Item = &BootRecord> {
        self.boots.values().filter(|record| record.ended.is_none())
    }

    /// Whether of two of one name the one that booted later has the higher id. Two machines' clocks are apart.
    pub fn booted_in_order(&self) -> bool {
        let is_in_order = |one: &BootRecord, other: &BootRecord| {
            one.name != other.name || one.began >= other.began || one.node <= other.node
        };
        let all = || self.boots.values();
        all().all(|one| all().all(|other| is_in_order(one, other)))
    }

    /// The last processes of the hosts on which none lives, but for those that were removed, or left and were heard: they
    /// may come back, as far as the others know.
    pub fn missing(&self) -> impl Iterator<Item = &BootRecord> {
        // One that was misnamed has ended by the next of the name that it bore, wherever that is.
        let is_last = |record: &&BootRecord| {
            let next = |other: &BootRecord| other.name == record.name && other.began > record.began;
            !self
                .boots
                .values()
                .any(|other| next(other) && !was_refused(other))
        };
        let is_over = |record: &BootRecord| match record.cause {
            Some(ExitCause::Left) => self.was_heard_to_leave(record) && !self.came_in_passing(record),
            Some(ExitCause::Removed | ExitCause::NameTaken { .. } | ExitCause::Cloned) => true,
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
        let name = &left.name;
        let shown = || { self.living() }.flat_map(|record| record.members.values());
        let is_gone = |state| matches!(state, MemberState::Left | MemberState::Removed);
        let is_heard = shown().any(|member| member.id == left.node && is_gone(member.state));
        is_heard || !shown().any(|member| member.name == *name && !is_gone(member.state))
    }

    /// The name of a process.
    pub fn name_of(&self, boot: Boot) -> NodeName {
        self.named_as(boot).name()
    }

    /// The host whose node a process is by its name.
    pub fn named_as(&self, boot: Boot) -> HostId {
        self.boots.get(&boot).map_or(boot.host, |record| record.named_as)
    }

    /// The living process of this name, else the last there was; several if several live.
    pub fn bearers_of(&self, name: &NodeName) -> Vec<&BootRecord> {
        let records = || self.boots.values().filter(|record| record.name == *name);
        let living: Vec<&BootRecord> = records().filter(|record| record.ended.is_none()).collect();
        if living.is_empty() {
            records().max_by_key(|record| record.began).into_iter().collect()
        } else {
            living
        }
    }

    /// Whether a process shows another as down that it was refused to reach, though that lives: where there are but these
    /// two that alone is proof of its death (S6.3).
    pub(crate) fn is_deceived(&self, observer: &BootRecord, of: &BootRecord) -> bool {
        let others = observer.members.values().filter(|member| {
            let is_in_sight = !matches!(
                member.state,
                MemberState::Down | MemberState::Left | MemberState::Removed
            );
            member.id != observer.node && is_in_sight
        });
        let is_refused = self.refused.contains(&(observer.boot.host, of.boot.host));
        let shown = observer.members.get(&of.node);
        is_refused && shown.is_some_and(|member| member.state == MemberState::Down) && others.count() == 0
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

    /// Whether anybody ever showed a claim of the same life as a copy, or of a later one, that is above the copy's token.
    pub(crate) fn was_claimed_above(&self, copy: &CopyRecord) -> bool {
        let lives = self.claimed.get(&copy.child);
        let mut since = lives.into_iter().flat_map(|lives| lives.range(copy.life..));
        since.any(|(_, token)| *token > copy.token)
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

    /// A process has ended: a clone of it that lives is from now on who is meant by its identity.
    fn outlives(&mut self, ended: Boot, node: NodeId) {
        let clone = self.living().find(|record| record.node == node);
        let clone = clone.map(|record| record.boot);
        if let Some(clone) = clone
            && self.nodes.get(&node) == Some(&ended)
        {
            self.nodes.insert(node, clone);
        }
    }

    /// The host whose name the next node of a host bears.
    fn named(&self, host: HostId) -> HostId {
        self.misnamed.get(&host).copied().unwrap_or(host)
    }

    fn booted(&mut self, boot: Boot, node: NodeId) {
        self.upheaval();
        let original = self.boot_of(node).filter(|record| record.ended.is_none());
        let named_as = self.named(boot.host);
        // Who bears an identity first is meant by it until it ends.
        if original.is_none() {
            self.nodes.insert(node, boot);
        }
        self.boots.insert(
            boot,
            BootRecord {
                boot,
                node,
                name: named_as.name(),
                named_as,
                began: self.now,
                ended: None,
                cause: None,
                still_since: None,
                resumed: None,
                taken_in: false,
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
        let child = (horde.clone(), id.clone());
        let shown = self.boot(boot).and_then(|record| record.children.get(&child));
        let shown = shown.cloned();
        self.calls.push(CallRecord {
            shown,
            boot,
            command: command.clone(),
            made: self.now,
            saw_all: self.sees_all(boot),
            timeout,
            taken: (!still).then_some(self.now + self.slowness(boot.host)),
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
                // Where two have one name it does not say which of them holds it.
                let named = held_by.iter().filter_map(|name| match self.bearers_of(name)[..] {
                    [one] => Some(one.boot),
                    _ => None,
                });
                witnesses.extend(named);
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
            Fault::Heal => self.troubles.retain(|trouble| {
                !matches!(trouble, Trouble::Split | Trouble::Cut(..) | Trouble::Rejected(..))
            }),
            Fault::Slew(host, ppm) => {
                let most = self.drifts.entry(*host).or_default();
                *most = (*most).max(ppm.unsigned_abs());
            }
            Fault::Reject(from, to) => {
                self.troubles.insert(Trouble::Rejected(*from, *to));
                self.refused.insert((*from, *to));
            }
            Fault::Allow(from, to) => {
                self.troubles.remove(&Trouble::Rejected(*from, *to));
            }
            Fault::Slow(host, by) => {
                // What waits already was put off for as long as was said before.
                let slow = self.slow.entry(*host).or_default();
                *slow = (*slow).max(*by);
                self.troubles.insert(Trouble::Slow(*host));
            }
            Fault::Quick(host) => {
                self.slow.remove(host);
                for call in &self.open_calls {
                    let call = &mut self.calls[index(call.0)];
                    // It has got to all now.
                    if call.boot.host == *host {
                        call.taken = call.taken.map(|taken| taken.min(self.now));
                    }
                }
                self.troubles.remove(&Trouble::Slow(*host));
            }
            Fault::Misname(host, like) => {
                self.misnamed.insert(*host, *like);
                self.troubles.insert(Trouble::IllMade(*host));
            }
            Fault::Clone(host, of) => {
                if host != of {
                    self.misnamed.insert(*host, self.named(*of));
                    self.troubles.insert(Trouble::IllMade(*host));
                }
            }
            Fault::Upgrade(host) => {
                self.troubles.insert(Trouble::IllMade(*host));
            }
            Fault::Repair(host) => {
                self.misnamed.remove(host);
                self.troubles.remove(&Trouble::IllMade(*host));
            }
            Fault::Disturb(..) | Fault::Narrow(..) => {
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
            | Fault::Break(..)
            | Fault::Readdress(..)
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

/// Whether a process ended without ever having been a member.
fn was_refused(record: &BootRecord) -> bool {
    matches!(
        record.cause,
        Some(ExitCause::NameTaken { .. } | ExitCause::Cloned)
    )
}

/// Ids are counted from 1 and recorded in their order.
fn index(id: u64) -> usize {
    usize::try_from(id - 1).unwrap_or(usize::MAX)
}
