//! The children this node knows of, and the copies it runs.
//!
//! A child that may need something is *touched*; [`Node::reconcile_children`] then looks at each touched
//! child as it is now and does what is missing. Nothing is remembered to be done later but a time to look
//! again.

mod child;
mod publish;
mod reconcile;
mod supervise;
#[cfg(test)]
mod tests;

pub(crate) use child::{Child, Conflict, Pending};
pub(crate) use reconcile::LAST_MOMENTS;
pub(crate) use supervise::policy;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use ordu_crdt::Stamp;

use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{ChildKey, Claim, Intent};
use crate::{NodeId, Time};

/// All children this node knows of.
#[derive(Debug, Default)]
pub(crate) struct Children {
    /// Its order means nothing: who goes through it puts the keys in order.
    pub(crate) all: HashMap<ChildKey, Box<Child>, FixedState>,
    /// The children by the owner of their winning claim; `None`: no claim.
    by_owner: BTreeMap<Option<NodeId>, BTreeSet<ChildKey>>,
    /// Looked at before the current input is done with.
    touched: BTreeSet<ChildKey>,
    /// Looked at when the time has come; each is in the list of its child, too.
    wake: BTreeSet<(Time, ChildKey)>,
    /// Those that a call waits for, and until when.
    calls: BTreeSet<(Time, ChildKey)>,
    /// Those for which the decider has something left to do: looked at whenever the view changes.
    pub(crate) unsettled: BTreeSet<ChildKey>,
    /// Those whose life is over and whose intent is still in the map.
    pub(crate) graves: BTreeSet<ChildKey>,
    /// Those of which several intents or several claims may be held.
    pub(crate) contested: BTreeSet<ChildKey>,
    /// Those of which only a claim is known, or only an intent, and the round of anti-entropy after which nobody in sight
    /// has the other.
    pub(crate) halves: BTreeMap<ChildKey, u64>,
    /// Those that run here, or are about to.
    pub(crate) here: BTreeSet<ChildKey>,
    /// All lives of those of which intents of several are held.
    rivals: BTreeMap<ChildKey, Vec<Stamp>>,
    /// The highest epoch of any child that was forgotten: an id that is used again starts above it (S3.1).
    forgotten_epoch: u64,
}

impl Children {
    /// So many children are not worth making the table smaller for.
    const ROOM: usize = 16;

    pub(crate) fn get(&self, key: &ChildKey) -> Option<&Child> {
        self.all.get(key).map(|child| &**child)
    }

    /// The lives of an id of which intents are held.
    pub(crate) fn lives(&self, key: &ChildKey) -> Vec<Stamp> {
        let winner = self.get(key).and_then(|child| child.claims.intent());
        let rivals = self.rivals.get(key).into_iter().flatten().copied();
        rivals.chain(winner.map(|intent| intent.birth)).collect()
    }

    /// Takes note of the lives of an id of which intents are held.
    pub(crate) fn note_lives(&mut self, key: &ChildKey, lives: impl ExactSizeIterator<Item = Stamp>) {
        if lives.len() > 1 {
            self.rivals.insert(key.clone(), lives.collect());
        } else {
            self.rivals.remove(key);
        }
    }

    pub(crate) fn touch(&mut self, key: &ChildKey) {
        self.touched.insert(key.clone());
    }

    /// The child is looked at then, if it is still known.
    pub(crate) fn wake_at(&mut self, at: Time, key: &ChildKey) {
        if let Some(child) = self.all.get_mut(key)
            && self.wake.insert((at, key.clone()))
        {
            child.wakes.push(at);
        }
    }

    /// A call about the child waits until then at the most.
    pub(crate) fn call_waits(&mut self, until: Time, key: &ChildKey) {
        self.calls.insert((until, key.clone()));
    }

    pub(crate) fn call_is_over(&mut self, until: Time, key: &ChildKey) {
        self.calls.remove(&(until, key.clone()));
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let first = [self.wake.first(), self.calls.first()];
        first.into_iter().flatten().map(|(at, _)| *at).min()
    }

    pub(crate) fn any_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    pub(crate) fn take_touched(&mut self) -> Vec<ChildKey> {
        core::mem::take(&mut self.touched).into_iter().collect()
    }

    pub(crate) fn run_timers(&mut self, now: Time) {
        while self.wake.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((at, key)) = self.wake.pop_first() {
                if let Some(child) = self.all.get_mut(&key) {
                    child.wakes.retain(|other| *other != at);
                }
                self.touched.insert(key);
            }
        }
        while self.calls.first().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, key)) = self.calls.pop_first() {
                self.touched.insert(key);
            }
        }
    }

    fn change_owner(&mut self, key: &ChildKey, owner: Option<NodeId>, before: Option<NodeId>) {
        if owner != before {
            self.unindex(key, before);
            self.by_owner.entry(owner).or_default().insert(key.clone());
        }
    }

    fn unindex(&mut self, key: &ChildKey, owner: Option<NodeId>) {
        if let Some(keys) = self.by_owner.get_mut(&owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_owner.remove(&owner);
            }
        }
    }

    /// A table keeps the room of all that were ever in it at once: what a flood of children needed is given back.
    fn give_room_back(&mut self) {
        let room = 2 * self.all.len() + Self::ROOM;
        if self.slots() > 2 * room {
            self.all.shrink_to(room);
        }
    }

    /// The slots of the table, whatever is in them: its capacity leaves out those of what was removed.
    fn slots(&self) -> usize {
        self.all.allocation_size() / size_of::<(ChildKey, Box<Child>)>()
    }

    /// The highest epoch under which a child was ever started that is seen here; of one that is forgotten, that any was.
    pub(crate) fn highest_epoch(&self, key: &ChildKey) -> u64 {
        let child = self.all.get(key);
        child.map_or(self.forgotten_epoch, |child| child.claims.highest_epoch())
    }

    fn remove(&mut self, key: &ChildKey) {
        if let Some(child) = self.all.remove(key) {
            self.forgotten_epoch = self.forgotten_epoch.max(child.claims.highest_epoch());
            self.unindex(key, child.owner);
            for at in child.wakes {
                self.wake.remove(&(at, key.clone()));
            }
            self.give_room_back();
        }
        self.unsettled.remove(key);
        self.graves.remove(key);
        self.contested.remove(key);
        self.halves.remove(key);
        self.here.remove(key);
    }
}

impl Node {
    /// How many children a node owns, as far as is known here.
    pub(crate) fn owned(&self, node: NodeId) -> u32 {
        let keys = self.children.by_owner.get(&Some(node));
        u32::try_from(keys.map_or(0, BTreeSet::len)).unwrap_or(u32::MAX)
    }

    pub(crate) fn touch_owned(&mut self, node: NodeId) {
        if let Some(keys) = self.children.by_owner.get(&Some(node)) {
            self.children.touched.extend(keys.iter().cloned());
        }
    }

    pub(crate) fn touch_all(&mut self) {
        self.children.touched.extend(self.children.all.keys().cloned());
    }

    /// What the decider has left to do may be possible now.
    pub(crate) fn touch_unsettled(&mut self) {
        self.children
            .touched
            .extend(self.children.unsettled.iter().cloned());
    }

    pub(crate) fn child_mut(&mut self, key: &ChildKey) -> &mut Child {
        if !self.children.all.contains_key(key) {
            let mut child = Child::new(self.id, self.planted);
            if !self.planted.is(Bug::EpochsForgotten) {
                child.claims.observe_epoch(self.children.forgotten_epoch);
            }
            self.children.all.insert(key.clone(), Box::new(child));
            self.children
                .by_owner
                .entry(None)
                .or_default()
                .insert(key.clone());
        }
        self.children.all.get_mut(key).expect("inserted above")
    }

    /// The map says something new of what is wanted of a child.
    pub(crate) fn set_intent(&mut self, key: &ChildKey, intent: Option<Intent>) {
        let over = intent.as_ref().is_some_and(|intent| !intent.is_live());
        self.child_mut(key).claims.set_intent(intent);
        self.judge_claims(key);
        if over {
            self.children.graves.insert(key.clone());
        } else {
            self.children.graves.remove(key);
        }
        self.children.touch(key);
    }

    /// The map says something new of who runs a child.
    pub(crate) fn set_claims(&mut self, key: &ChildKey, claims: Vec<Claim>) {
        let child = self.child_mut(key);
        child.claims.set_claims(claims);
        self.judge_claims(key);
        let child = self.child_mut(key);
        let before = child.owner;
        child.owner = child.claims.winner().map(Claim::owner);
        let owner = child.owner;
        self.children.change_owner(key, owner, before);
        if owner != before {
            self.recount.extend([owner, before].into_iter().flatten());
        }
        self.children.touch(key);
    }

    /// Forgets a child of which nothing is left.
    pub(crate) fn forget_if_empty(&mut self, key: &ChildKey) {
        let is_empty = self
            .children
            .get(key)
            .is_some_and(|child| child.is_idle() && child.claims.is_empty());
        if is_empty && !self.decisions.contains_key(key) {
            self.children.remove(key);
        }
    }
}
