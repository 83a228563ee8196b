use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ordu_core::{MemberInfo, NodeId};

/// The members of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Members {
    by_id: RwLock<HashMap<NodeId, Arc<MemberInfo>>>,
}

impl Members {
    /// All of them in the order of their names, boots of one name in the order of their time.
    pub(crate) fn all(&self) -> Vec<Arc<MemberInfo>> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = by_id.values().cloned().collect();
        drop(by_id);
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        all
    }

    pub(super) fn publish(&self, node: NodeId, info: Option<Arc<MemberInfo>>) {
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        match info {
            Some(info) => by_id.insert(node, info),
            None => by_id.remove(&node),
        };
    }
}
