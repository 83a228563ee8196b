//! The replicated map on this node: who it is exchanged with, what changes in it, and what is written.

mod kept;
mod state_digest;
#[cfg(test)]
mod tests;

pub use kept::Kept;
pub use state_digest::StateDigest;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_crdt::{Dot, EncodedLen, Hlc, Message as SyncMessage, ReplicaId, Stamp, SyncError};

use crate::membership::{Known, Liveness, Standing};
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{ChildKey, Claim, Intent, Key, Member, Status, Value};
use crate::wire::{MAX_FRAME, Message};
use crate::{Event, ExitCause, MemberState, NodeId};

/// A message of the map's protocol leaves room for the envelope of a frame.
pub(crate) const SYNC_FRAME: usize = MAX_FRAME - 64;

/// How long a peer that was asked for what is missing here may send none of it.
const PULL_PATIENCE: Duration = Duration::from_secs(1);

impl NodeId {
    pub(crate) fn replica(self) -> ReplicaId {
        ReplicaId(self.0)
    }
}

impl EncodedLen for Key {
    fn encoded_len(&self) -> usize {
        match self {
            Self::Member(_) | Self::Removed(_) => 20,
            Self::MemberList => 1,
            Self::Intent(child) | Self::Claim(child) => {
                child.horde.as_str().len() + child.id.as_str().len() + 5
            }
        }
    }
}

impl EncodedLen for Value {
    fn encoded_len(&self) -> usize {
        self.len() + 5
    }
}

/// Which registers of a child changed.
#[derive(Default)]
struct News {
    intent: bool,
    claims: bool,
}

impl Node {
    /// Exchanges the map with everybody who is connected and not down, and with nobody else: what is sent to
    /// a stopped process would only pile up. What a peer that is out of reach has acknowledged is kept, and removes
    /// wait for it until it is removed (S1.4).
    pub(crate) fn refresh_replication_peers(&mut self) {
        self.count_members();
        let is_there = |known: &Known| known.liveness != Liveness::Down;
        let wanted = || {
            self.links
                .peers()
                .filter(|peer| self.roster.get(*peer).is_some_and(is_there))
        };
        let connected = || {
            self.replica
                .peers()
                .filter(|peer| self.replica.is_connected(*peer))
        };
        if wanted().eq(self.replicating.iter().copied()) && wanted().map(NodeId::replica).eq(connected()) {
            return;
        }
        let wanted: BTreeSet<NodeId> = wanted().collect();
        for peer in self
            .replica
            .peers()
            .map(|peer| NodeId(peer.0))
            .collect::<Vec<_>>()
        {
            if !wanted.contains(&peer) {
                self.replica.disconnect(peer.replica());
            }
        }
        for peer in wanted.difference(&self.replicating) {
            self.replica.disconnect(peer.replica());
            self.replica.add_peer(peer.replica());
            self.replica.sync_with(peer.replica());
        }
        self.replicating = wanted;
    }

    /// Says for whom removes wait, and whose operations may be folded away (S1.5): every member counts that has not
    /// ended, also one that this node has never met; not one that was written off. A boot that was replaced has ended,
    /// whether anybody has written that down or not: nobody else may know of it. One that came and went before the map had
    /// anything of it never was a member.
    pub(crate) fn count_members(&mut self) {
        let now = self.now.mono;
        let forget_after = self.config.timing.forget_after;
        let (mut counted, mut written_off) = (Vec::new(), Vec::new());
        // Those whose removal is void may be known by nothing else.
        written_off.extend(self.roster.removals.spared().map(NodeId::replica));
        for (node, known) in self.roster.iter() {
            let has_ended = self.roster.removals.ends(node)
                || self.roster.state_of(node, known) == MemberState::Left
                || self.is_past(node, known);
            let is_missed =
                known.is_written_off(now, forget_after) && !self.planted.is(Bug::WrittenOffCounted);
            match (has_ended, is_missed) {
                (true, _) => {}
                (false, true) => written_off.push(node.replica()),
                (false, false) => counted.push(node.replica()),
            }
        }
        self.replica.set_members(counted, written_off);
    }

    /// Whoever was a newcomer like this node when states were exchanged had nothing to tell then: what it has caught up
    /// with since is asked for once more, before this node is ready because of it (S4.6).
    fn exchange_anew_while_joining(&mut self, peer: NodeId) {
        let is_joining = matches!(self.standing, Standing::Joining { .. });
        if is_joining && self.replicating.contains(&peer) && !self.planted.is(Bug::NewcomersBelieved) {
            self.replica.disconnect(peer.replica());
            self.replica.add_peer(peer.replica());
            self.replica.sync_with(peer.replica());
            self.ready_changed = true;
        }
    }

    pub(crate) fn has_synced_with(&self, peer: NodeId) -> bool {
        self.replicating.contains(&peer) && self.replica.synced_once(peer.replica())
    }

    /// Whether a peer in sight may hold what is not known here: the first exchange with it is under way.
    pub(crate) fn is_exchanging_with(&self, peer: NodeId) -> bool {
        self.replicating.contains(&peer) && !self.replica.synced_once(peer.replica())
    }

    /// One round of anti-entropy with each peer in turn.
    pub(crate) fn sync_in_turn(&mut self) {
        if self.now.mono < self.next_sync {
            return;
        }
        let peers = u32::try_from(self.replicating.len().max(1)).unwrap_or(1);
        self.next_sync = self.now.mono + self.config.timing.sync_period / peers;
        let last = self.last_synced;
        let next = self
            .replicating
            .iter()
            .find(|peer| last.is_none_or(|last| **peer > last));
        let next = next.or_else(|| self.replicating.first()).copied();
        self.last_synced = next;
        if let Some(peer) = next {
            self.replica.sync_with(peer.replica());
        }
    }

    /// A peer that is asked for what is missing here and sends none of it is given up after a while, so that the
    /// others are asked.
    fn watch_the_pull(&mut self) {
        let progress = self.replica.pull_progress();
        let before = self.pull.filter(|(steps, _)| Some(*steps) == progress);
        let Some((_, since)) = before else {
            self.pull = progress.map(|steps| (steps, self.now.mono));
            return;
        };
        if self.now.mono >= since + PULL_PATIENCE {
            self.pull = None;
            self.replica.give_up_pull();
        }
    }

    /// Exchanges that are not complete are begun again until they are: messages may have been lost.
    pub(crate) fn sync_with_the_unsynced(&mut self) {
        if self.now.mono < self.next_resync {
            return;
        }
        self.next_resync = self.now.mono + self.config.timing.redial;
        self.watch_the_pull();
        for peer in &self.replicating {
            if !self.replica.synced_once(peer.replica()) {
                self.replica.sync_with(peer.replica());
            }
        }
    }

    /// A message of the map's protocol came; `Err`: the peer broke the protocol.
    pub(crate) fn sync_received(
        &mut self,
        peer: NodeId,
        message: SyncMessage<Key, Value>,
    ) -> Result<(), String> {
        if !self.replicating.contains(&peer) {
            return Ok(());
        }
        let before = self.replica.audits_failed();
        let completed = self.replica.completed_round(peer.replica());
        let outcome = self.replica.handle(peer.replica(), message);
        if self.replica.completed_round(peer.replica()) > completed {
            self.exchanged_with(peer);
        }
        let times = self.replica.audits_failed();
        if times > before {
            let name = self.name_of(peer);
            self.event(Event::AuditFailed { peer, name, times });
        }
        match outcome {
            Err(SyncError::OwnIdElsewhere { .. }) => {
                self.exit(ExitCause::Cloned);
                Ok(())
            }
            other => other.map_err(|error| alloc::format!("{error}")),
        }
    }

    /// Writes one atomic unit: it becomes visible elsewhere whole or not at all. `None` removes a key.
    pub(crate) fn write(&mut self, entries: impl IntoIterator<Item = (Key, Option<Value>)>) -> Option<Dot> {
        let entries: Vec<_> = entries.into_iter().collect();
        for (key, _) in &entries {
            if let Key::Intent(child) = key {
                // Whoever starts the next life, and has heard of this and of no epoch, starts it above them all (S3.1).
                let above = self.children.highest_epoch(child).saturating_add(1);
                self.replica.observe_hlc(Hlc::new(above, 0));
            }
        }
        let (written, ()) = self.replica.write(self.now.wall.millis(), |batch| {
            for (key, value) in entries {
                match value {
                    Some(value) => batch
                        .put(key, value)
                        .expect("registers are far smaller than a frame"),
                    None => {
                        batch.remove(&key);
                    }
                }
            }
        });
        self.take_changes();
        written.map(|written| written.last)
    }

    /// The first operation of what is written next.
    pub(crate) fn next_dot(&self) -> Dot {
        let origin = self.id.replica();
        let seq = self.replica.vector().get(origin) + 1;
        Dot { origin, seq }
    }

    /// A new stamp for a birth or a run.
    pub(crate) fn stamp(&mut self) -> Stamp {
        self.replica.next_stamp(self.now.wall.millis())
    }

    /// The lower bound of a new epoch (S3.1).
    pub(crate) fn hlc_millis(&self) -> u64 {
        self.replica.hlc().wall_ms().max(self.now.wall.millis())
    }

    /// The nodes that are known to hold every one of these operations and are not down (S5.2).
    pub(crate) fn holders_of_all(&self, dots: &[Dot]) -> BTreeSet<NodeId> {
        let each = dots.iter().map(|dot| self.holders(*dot));
        each.reduce(|all, holders| &all & &holders).unwrap_or_default()
    }

    /// The nodes that are known to hold an operation and are not down (S5.2). Who leaves or left, this node aside, does not count:
    /// what comes to it after it has asked who holds all that it has (S5.10) goes with it.
    pub(crate) fn holders(&self, dot: Dot) -> BTreeSet<NodeId> {
        let origin = NodeId(dot.origin.0);
        let others = self.replicating.iter().copied().chain([origin]);
        let stays = |node: &NodeId| !matches!(self.status_of(*node), Some(Status::Draining | Status::Left));
        let others = others.filter(|node| *node != self.id && stays(node));
        let all = others.chain([self.id]);
        all.filter(|node| self.is_holder(*node, dot)).collect()
    }

    /// Whether a node is known to hold an operation and is not down.
    pub(crate) fn is_holder(&self, node: NodeId, dot: Dot) -> bool {
        if node == self.id {
            return self.covers(dot);
        }
        let wrote_it = node.replica() == dot.origin && self.roster.is_alive(node);
        // Who has ended takes what it holds with it, for all that is known.
        let stays = self.replicating.contains(&node) && !self.roster.is_removed(node);
        wrote_it || stays && self.replica.is_held_by(node.replica(), dot)
    }

    pub(crate) fn covers(&self, dot: Dot) -> bool {
        self.replica.covers(dot)
    }

    /// How many holders an acknowledged write needs (S5.2). It goes by who is ready, settled or not: a suspect
    /// counts until it is down.
    pub(crate) fn write_concern(&self) -> usize {
        self.ready_members().min(2)
    }

    /// How many members are ready, this one counted in any case.
    pub(crate) fn ready_members(&self) -> usize {
        1 + self.roster.ready().count()
    }

    /// Takes over what changed in the map, by whomever.
    pub(crate) fn take_changes(&mut self) {
        let arrived = self.replica.take_arrived();
        let mut children: BTreeMap<ChildKey, News> = BTreeMap::new();
        let mut removed: BTreeSet<NodeId> = BTreeSet::new();
        let mut is_list_news = false;
        while let Some(change) = self.replica.poll_change() {
            match change.key {
                Key::Member(node) if node != self.id => {
                    let member = change.after.and_then(|sibling| sibling.value.decode::<Member>());
                    let left = member
                        .as_ref()
                        .is_some_and(|member| member.status == Status::Left);
                    let is_news = self.roster.get(node).is_none() && member.is_some() && !left;
                    let was_joining = self.status_of(node) == Some(Status::Joining);
                    self.roster.set_member(node, member, self.now.mono);
                    if was_joining && self.status_of(node) == Some(Status::Ready) {
                        self.exchange_anew_while_joining(node);
                    }
                    if is_news {
                        // It may live beyond somebody else who met it just now: the view that does without it is no
                        // older than this news (S4.3).
                        self.settled.disturb(self.now.mono);
                    }
                    self.members_changed = true;
                    if left {
                        self.has_left(node);
                    }
                }
                Key::Member(_) => self.members_changed |= change.after.is_none(),
                Key::Removed(node) => {
                    removed.insert(node);
                }
                Key::Intent(child) => children.entry(child).or_default().intent = true,
                Key::Claim(child) => children.entry(child).or_default().claims = true,
                Key::MemberList => is_list_news = true,
            }
        }
        if !removed.is_empty() {
            self.weigh_removals(&removed);
        }
        if is_list_news {
            self.member_list_changed();
        }
        for (child, news) in children {
            if news.intent {
                self.judge_arrived(&child, &arrived);
                self.intent_changed(&child);
            }
            if news.claims {
                self.claims_changed(&child);
            }
            let intent = self.children.get(&child).and_then(|child| child.claims.intent());
            if let Some(birth) = intent.map(|intent| intent.birth) {
                self.note_older_lives(&child, birth);
            }
        }
        if arrived.by_full_join() {
            self.judge_all_claims();
        }
    }

    fn intent_changed(&mut self, child: &ChildKey) {
        let intents = self.replica.map().siblings(&Key::Intent(child.clone()));
        let intents: Vec<(Intent, Stamp)> = intents
            .filter_map(|sibling| Some((sibling.value.decode()?, sibling.stamp)))
            .collect();
        self.children
            .note_lives(child, intents.iter().map(|(intent, _)| intent.birth));
        if intents.len() > 1 {
            self.children.contested.insert(child.clone());
        }
        let intent = Intent::winner(intents.into_iter());
        if let Some(over) = intent.as_ref().filter(|intent| !intent.is_live()) {
            self.give_way(child, over);
        }
        self.set_intent(child, intent);
    }

    /// What is known of the epochs of lives before this one of which no claim is left (S3.4).
    pub(crate) fn note_older_lives(&mut self, key: &ChildKey, birth: Stamp) {
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        let claims = &child.claims;
        let is_claimed = |life| claims.siblings().iter().any(|claim| claim.birth == life);
        let wishes = self.replica.map().siblings(&Key::Intent(key.clone()));
        let older = wishes.filter_map(|sibling| {
            let wish: Intent = sibling.value.decode()?;
            (wish.birth < birth && !is_claimed(wish.birth)).then(|| sibling.stamp.hlc.wall_ms())
        });
        let above = older.max().unwrap_or_default();
        child.claims.set_above_older_lives(above);
    }

    fn claims_changed(&mut self, child: &ChildKey) {
        let claims = self.replica.map().siblings(&Key::Claim(child.clone()));
        let mut claims: Vec<_> = claims
            .filter_map(|sibling| Some((sibling.stamp, sibling.value.decode::<Claim>()?)))
            .collect();
        // Of one rank the last counts: whoever took an owner for ended may have written anew what that had written before.
        claims.sort_by_key(|(stamp, _)| core::cmp::Reverse(*stamp));
        if claims.len() > 1 {
            self.children.contested.insert(child.clone());
        }
        let claims = claims.into_iter().map(|(_, claim)| claim).collect();
        self.set_claims(child, claims);
    }

    /// Writes the end of a life over what this node wrote about it before it had heard of that. Whoever forgets the
    /// life may not have seen what is written here, and it alone would bring the child back (S2.1).
    fn give_way(&mut self, child: &ChildKey, over: &Intent) {
        let key = Key::Intent(child.clone());
        let me = self.id.replica();
        let own = self
            .replica
            .map()
            .siblings(&key)
            .filter(|sibling| sibling.dot.origin == me);
        let mut own = own.filter_map(|sibling| sibling.value.decode::<Intent>());
        if own.any(|own| own.is_live() && own.birth == over.birth) {
            self.write([(key, Some(Value::encode(over)))]);
        }
    }

    /// Sends what the map's protocol has to say.
    pub(crate) fn flush_replication(&mut self) {
        while let Some((peer, message)) = self.replica.poll_message() {
            self.send(NodeId(peer.0), &Message::Sync(message));
        }
    }
}
