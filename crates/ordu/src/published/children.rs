use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use ordu_core::{ChildId, ChildInfo};

/// Enough that readers on a few dozen cores rarely meet on one lock; each empty shard costs 56 bytes.
const SHARDS: usize = 32;

type Shard = RwLock<HashMap<ChildId, Arc<ChildInfo>>>;

/// The children of one horde.
#[derive(Debug, Default)]
pub(crate) struct Children {
    hasher: RandomState,
    shards: [Shard; SHARDS],
}

impl Children {
    pub(crate) fn lookup(&self, id: &str) -> Option<Arc<ChildInfo>> {
        read(self.shard(id)).get(id).cloned()
    }

    /// All of them in the order of their ids. Each shard is read at one moment, the whole is not.
    pub(crate) fn all(&self) -> Vec<Arc<ChildInfo>> {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.extend(read(shard).values().cloned());
        }
        all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        all
    }

    pub(crate) fn for_each(&self, mut visit: impl FnMut(&ChildInfo)) {
        for shard in &self.shards {
            read(shard).values().for_each(|child| visit(child));
        }
    }

    pub(super) fn publish(&self, id: ChildId, info: Option<Arc<ChildInfo>>) {
        let mut shard = self
            .shard(id.as_str())
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match info {
            Some(info) => shard.insert(id, info),
            None => shard.remove(&id),
        };
    }

    fn shard(&self, id: &str) -> &Shard {
        let hash = self.hasher.hash_one(id);
        // The high bits choose the shard: within it the map uses another hasher anyway.
        &self.shards[(hash >> 59) as usize % SHARDS]
    }
}

/// A panic of another reader leaves the map as it was: nothing is half written under these locks.
fn read(shard: &Shard) -> RwLockReadGuard<'_, HashMap<ChildId, Arc<ChildInfo>>> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}
