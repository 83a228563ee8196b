//! A chunk being filled up to its size.

use alloc::vec::Vec;

use crate::{
    AwLwwMap, Chunk, EncodedLen, ReplicaId, Run, Scope, SyncConfig, WireOp, batch::op_len, map::op::Op,
};

pub(super) struct Frame<K, V> {
    room: usize,
    origins: Vec<ReplicaId>,
    ops: Vec<WireOp<K, V>>,
    held: Vec<Run>,
    vector: Vec<(u16, u64)>,
    folds: Vec<(u16, u64)>,
    floor: Vec<(u16, u64)>,
    is_last: bool,
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
            vector: Vec::new(),
            folds: Vec::new(),
            floor: Vec::new(),
            is_last: false,
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

    /// Adds an entry of the vector that is adopted, unless it does not fit.
    pub(super) fn cover(&mut self, (origin, seq): (ReplicaId, u64)) -> bool {
        let fits = self.take(POSITION + SEQ);
        if fits {
            let entry = (self.position(origin), seq);
            self.vector.push(entry);
        }
        fits
    }

    /// Adds an entry of the floor that is adopted, unless it does not fit.
    pub(super) fn raise(&mut self, (origin, seq): (ReplicaId, u64)) -> bool {
        let fits = self.take(POSITION + SEQ);
        if fits {
            let entry = (self.position(origin), seq);
            self.floor.push(entry);
        }
        fits
    }

    /// Adds an origin that was folded away, unless it does not fit.
    pub(super) fn fold(&mut self, (origin, seq): (ReplicaId, u64)) -> bool {
        let fits = self.take(POSITION + SEQ);
        if fits {
            // Nothing else refers to it, and there may be thousands: it is not searched for.
            let position = self.append(origin);
            self.folds.push((position, seq));
        }
        fits
    }

    /// The transfer ends with this chunk.
    pub(super) const fn end(&mut self) {
        self.is_last = true;
    }

    pub(super) fn into_chunk(self, serial: u64, transfer: u64, index: u32, scope: Scope) -> Chunk<K, V> {
        let Self {
            origins,
            ops,
            held,
            vector,
            folds,
            floor,
            is_last,
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
            vector,
            folds,
            floor,
            is_last,
        }
    }

    fn take(&mut self, bytes: usize) -> bool {
        let is_empty = self.origins.is_empty();
        let fits = bytes <= self.room || is_empty;
        if fits {
            self.room = self.room.saturating_sub(bytes);
        }
        fits
    }

    fn position(&mut self, origin: ReplicaId) -> u16 {
        match self.origins.iter().rposition(|&id| id == origin) {
            Some(known) => u16::try_from(known).expect("an origin takes sixteen bytes of the frame"),
            None => self.append(origin),
        }
    }

    fn append(&mut self, origin: ReplicaId) -> u16 {
        self.origins.push(origin);
        u16::try_from(self.origins.len() - 1).expect("an origin takes sixteen bytes of the frame")
    }
}
