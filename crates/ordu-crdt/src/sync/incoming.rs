//! What arrives from one peer: transfers are staged and applied whole.

use alloc::vec::Vec;

use crate::{Chunk, ReplicaId, Run, Scope, SyncError, WireOp};

/// The receiving side of the protocol with one peer.
#[derive(Clone, Debug)]
pub(crate) struct Incoming<K, V> {
    /// The latest transfer of this peer; what comes of older ones is late or repeated.
    latest: u64,
    staging: Option<Staging<K, V>>,
}

/// A transfer of which the last chunk has not arrived.
#[derive(Clone, Debug)]
struct Staging<K, V> {
    scope: Scope,
    next: u32,
    parts: Vec<Part<K, V>>,
}

/// What a chunk brings, with the origins that it refers to.
#[derive(Clone, Debug)]
pub(crate) struct Part<K, V> {
    pub(crate) origins: Vec<ReplicaId>,
    pub(crate) ops: Vec<WireOp<K, V>>,
    pub(crate) held: Vec<Run>,
    pub(crate) vector: Vec<(u16, u64)>,
    pub(crate) folds: Vec<(u16, u64)>,
    pub(crate) floor: Vec<(u16, u64)>,
}

impl<K, V> Part<K, V> {
    /// Entries of one of the lists with the origins they are about.
    pub(crate) fn named<'a>(
        &'a self,
        entries: &'a [(u16, u64)],
    ) -> impl Iterator<Item = (ReplicaId, u64)> + 'a {
        let named = |&(position, seq): &(u16, u64)| (self.origins[usize::from(position)], seq);
        entries.iter().map(named)
    }
}

/// What became of a chunk.
#[derive(Debug)]
pub(crate) enum Received<K, V> {
    /// Seen before, or of a transfer that was given up.
    Late,
    /// Kept; more is to come.
    Staged,
    /// A chunk before this one was lost, or came out of order: the transfer is given up.
    Broken,
    /// The last chunk: the whole transfer.
    Complete(Vec<Part<K, V>>),
}

impl<K, V> Default for Incoming<K, V> {
    fn default() -> Self {
        Self {
            latest: 0,
            staging: None,
        }
    }
}

impl<K, V> Incoming<K, V> {
    /// Takes a chunk whose positions were checked.
    pub(crate) fn receive(&mut self, chunk: Chunk<K, V>) -> Received<K, V> {
        if chunk.transfer < self.latest {
            return Received::Late;
        }
        let expected = if chunk.transfer > self.latest {
            self.latest = chunk.transfer;
            self.staging = None;
            0
        } else {
            match &self.staging {
                Some(staging) => staging.next,
                None => return Received::Late,
            }
        };
        if chunk.index < expected {
            return Received::Late;
        }
        if chunk.index > expected {
            self.staging = None;
            return Received::Broken;
        }
        let fresh = || Staging {
            scope: chunk.scope,
            next: 0,
            parts: Vec::new(),
        };
        let mut staging = self.staging.take().unwrap_or_else(fresh);
        let Chunk {
            origins,
            ops,
            held,
            vector,
            folds,
            floor,
            is_last,
            ..
        } = chunk;
        staging.parts.push(Part {
            origins,
            ops,
            held,
            vector,
            folds,
            floor,
        });
        staging.next += 1;
        if is_last {
            return Received::Complete(staging.parts);
        }
        self.staging = Some(staging);
        Received::Staged
    }

    /// Gives up a transfer; what is left of it is late.
    pub(crate) fn refuse(&mut self, transfer: u64) {
        self.latest = self.latest.max(transfer);
        self.staging = None;
    }

    /// The peer says that there is nothing to send: no more is coming of a transfer of what this replica lacked.
    pub(crate) fn nothing_is_coming(&mut self) {
        if self.is_catching_up() {
            self.staging = None;
        }
    }

    /// Whether a transfer of what this replica lacked is open.
    pub(crate) fn is_catching_up(&self) -> bool {
        self.staging
            .as_ref()
            .is_some_and(|staging| !matches!(staging.scope, Scope::Own { .. }))
    }
}

/// Checks that a chunk refers only to origins it lists: nothing after this can be out of range.
pub(crate) fn check_positions<K, V>(chunk: &Chunk<K, V>) -> Result<(), SyncError> {
    let origins = chunk.origins.len();
    let in_ops = chunk.ops.iter().flat_map(|op| {
        let context = op.context.iter().map(|&(position, _)| position);
        context.chain([op.origin])
    });
    let in_held = chunk.held.iter().map(|run| run.origin);
    let adopted = chunk.vector.iter().chain(&chunk.folds).chain(&chunk.floor);
    let adopted = adopted.map(|&(position, _)| position);
    let mut positions = in_ops.chain(in_held).chain(adopted);
    match positions.find(|&position| usize::from(position) >= origins) {
        Some(position) => Err(SyncError::NoSuchOrigin { position, origins }),
        None => Ok(()),
    }
}
