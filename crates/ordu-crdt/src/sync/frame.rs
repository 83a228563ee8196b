//! A chunk being filled up to its size.

use alloc::vec::Vec;

use crate::{
    AwLwwMap, Chunk, EncodedLen, End, ReplicaId, Run, Scope, SyncConfig, VersionVector, WireOp,
    batch::op_len, map::op::Op,
};

pub(super) struct Frame<K, V> {
    room: usize,
    origins: Vec<ReplicaId>,
    ops: Vec<WireOp<K, V>>,
    held: Vec<Run>,
    end: Option<End>,
}

/// A position, and an origin that may be new to the list.
const POSITION: usize = 3 + 16;
const SEQ: usize = 10;

impl<K: Clone + EncodedLen, V: Clone + EncodedLen> Frame<K, V> {
    pub(super) const fn new(bytes: usize) -> Self {
        let room = bytes.saturating_sub(SyncConfig::HEADER);
        Self {
            room,
            origins: Vec::new(),
            ops: Vec::new(),
            held: Vec::new(),
            end: None,
        }
    }

    /// Adds an operation, unless it does not fit. The first always does: none larger is written.
    pub(super) fn push(&mut self, map: &AwLwwMap<K, V>, op: &Op<K, V>) -> bool {
        if !self.take(op_len(&op.key, op.value.as_ref(), &op.context)) {
            return false;
        }
        let origin = self.position(map.origins[op.origin].id);
        let context = op
            .context
            .iter()
            .map(|(origin, seq)| (self.position(map.origins[origin].id), seq));
        let context = context.collect();
        let (key, value) = (op.key.clone(), op.value.clone());
        self.ops.push(WireOp {
            origin,
            seq: op.seq,
            hlc: op.hlc,
            context,
            key,
            value,
        });
        true
    }

    /// Lists an operation that the receiver has seen, unless it does not fit.
    pub(super) fn hold(&mut self, origin: ReplicaId, seq: u64) -> bool {
        let origin = self.position(origin);
        if let Some(run) = self.held.last_mut()
            && run.origin == origin
            && run.last + 1 == seq
        {
            run.last = seq;
            return true;
        }
        let fits = self.take(POSITION + SEQ + SEQ);
        if fits {
            self.held.push(Run {
                origin,
                first: seq,
                last: seq,
            });
        }
        fits
    }

    /// Ends the transfer, unless that does not fit beside the operations; alone it does.
    pub(super) fn end(
        &mut self,
        covered: &[(ReplicaId, u64)],
        floor: &VersionVector,
        retired: &[(ReplicaId, u64)],
    ) {
        let entries = covered.len() + floor.len() + retired.len();
        if self.take(entries * (POSITION + SEQ)) {
            let mut by_position = |(origin, seq)| (self.position(origin), seq);
            let vector = covered.iter().copied().map(&mut by_position).collect();
            let floor = floor.iter().map(&mut by_position).collect();
            let retired = retired.iter().copied().map(&mut by_position).collect();
            self.end = Some(End {
                vector,
                floor,
                retired,
            });
        }
    }

    pub(super) fn into_chunk(self, serial: u64, transfer: u64, index: u32, scope: Scope) -> Chunk<K, V> {
        let Self {
            origins,
            ops,
            held,
            end,
            ..
        } = self;
        Chunk {
            serial,
            transfer,
            index,
            scope,
            origins,
            ops,
            held,
            end,
        }
    }

    fn take(&mut self, bytes: usize) -> bool {
        let is_empty = self.ops.is_empty() && self.held.is_empty();
        let fits = bytes <= self.room || is_empty;
        if fits {
            self.room = self.room.saturating_sub(bytes);
        }
        fits
    }

    fn position(&mut self, origin: ReplicaId) -> u16 {
        let known = self.origins.iter().rposition(|&id| id == origin);
        let position = known.unwrap_or_else(|| {
            self.origins.push(origin);
            self.origins.len() - 1
        });
        u16::try_from(position).expect("origins are bounded by their interning")
    }
}
