//! What callers read: kept up to date by the node's loop, read by anybody without asking the loop.
//!
//! **Architecture invariant:** a read takes a lock of one shard for the time of one hash look-up and never
//! waits for the loop. The loop publishes what it knows before it answers the call that caused it.

mod children;
mod members;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ordu_core::{ChildId, ChildInfo, HordeName, MemberInfo, NodeId, NodeName};
use tokio::sync::watch;

pub(crate) use children::Children;
pub(crate) use members::Members;

/// The children of every horde and the members, as this node knows them.
#[derive(Debug)]
pub(crate) struct Published {
    hordes: RwLock<HashMap<HordeName, Arc<Children>>>,
    members: Members,
    member_list: RwLock<Option<Arc<[NodeName]>>>,
    ready: AtomicBool,
    version: watch::Sender<u64>,
}

impl Published {
    pub(crate) fn new() -> Self {
        Self {
            hordes: RwLock::default(),
            members: Members::default(),
            member_list: RwLock::default(),
            ready: AtomicBool::new(false),
            version: watch::Sender::new(0),
        }
    }

    /// The children of one horde; an empty set that will fill if nothing is known of it yet.
    pub(crate) fn children(&self, horde: &HordeName) -> Arc<Children> {
        if let Some(children) = self
            .hordes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(horde)
        {
            return Arc::clone(children);
        }
        let mut hordes = self.hordes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hordes.entry(horde.clone()).or_default())
    }

    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    pub(crate) fn publish_child(&self, horde: &HordeName, id: ChildId, info: Option<Arc<ChildInfo>>) {
        self.children(horde).publish(id, info);
    }

    pub(crate) fn publish_member(&self, node: NodeId, info: Option<Arc<MemberInfo>>) {
        self.members.publish(node, info);
    }

    /// Who may be a member, in the order of the names; `None`: everybody.
    pub(crate) fn member_list(&self) -> Option<Arc<[NodeName]>> {
        let list = self.member_list.read().unwrap_or_else(PoisonError::into_inner);
        list.clone()
    }

    pub(crate) fn publish_member_list(&self, names: Option<Vec<NodeName>>) {
        let mut list = self.member_list.write().unwrap_or_else(PoisonError::into_inner);
        *list = names.map(Arc::from);
    }

    pub(crate) fn publish_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Whether the node takes children and decides.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Tells those who wait for changes that there were some.
    pub(crate) fn announce(&self) {
        self.version
            .send_modify(|version| *version = version.wrapping_add(1));
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}

#[cfg(test)]
mod tests;
