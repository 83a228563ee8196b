//! What is sent to one peer: a position in the lists of retained operations, and nothing else.

use alloc::vec::Vec;

use crate::{
    AwLwwMap, Chunk, Dot, EncodedLen, ReplicaId, Scope, SyncConfig, VersionVector, WireOp,
    batch::op_len,
    map::{
        op::Op,
        origins::{Origin, OriginIdx},
        slab::SlotId,
    },
};

/// The sending side of the protocol with one peer. Its size does not depend on how far behind the peer is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    /// Chunks sent and, of these, received for certain.
    sent: u64,
    received: u64,
    /// Own operations up to here were sent. Nothing is pushed until the peer has said what it has.
    pushed: Option<u64>,
    transfer: Option<Transfer>,
}

/// A transfer that is being sent.
///
/// The state may change while it is under way. It ends only when every list has been walked to its end as it is by
/// then, so the receiver gets the state of that moment: an operation that was superseded before it was reached is
/// skipped, and the one that superseded it, being newer here than the start, still lies ahead.
#[derive(Clone, Debug)]
struct Transfer {
    number: u64,
    index: u32,
    scope: Scope,
    /// What the receiver held at the start.
    base: VersionVector,
    /// How far each origin's list was walked, in the order of interning.
    walked: Vec<u64>,
    /// The operation sent last.
    last: Option<SlotId>,
}

impl Outgoing {
    /// Begins to send all that `base` does not cover, in answer to that round.
    pub(crate) fn begin_missing(&mut self, number: u64, base: VersionVector, round: u64) {
        let scope = Scope::Missing { round };
        self.transfer = Some(Transfer::new(number, scope, base));
    }

    /// The peer said what it has: receipts that were lost are no longer waited for, and an unfinished transfer is
    /// out of date.
    pub(crate) fn reset(&mut self) {
        self.received = self.sent;
        self.transfer = None;
    }

    /// The peer has all own operations up to `seq`; later ones are pushed to it.
    pub(crate) fn push_after(&mut self, seq: u64) {
        self.pushed = Some(seq);
    }

    pub(crate) fn acknowledge(&mut self, serial: u64) {
        self.received = self.received.max(serial.min(self.sent));
    }

    /// The next chunk for the peer, if it has credit and there is anything to send.
    pub(crate) fn next_chunk<K, V>(
        &mut self,
        map: &AwLwwMap<K, V>,
        own: OriginIdx,
        config: &SyncConfig,
        transfers: &mut u64,
        acknowledged: &VersionVector,
    ) -> Option<Chunk<K, V>>
    where
        K: Clone + EncodedLen,
        V: Clone + EncodedLen,
    {
        if self.sent - self.received >= u64::from(config.window.max(1)) {
            return None;
        }
        let origin = &map.origins[own];
        let from = match &self.transfer {
            None => self.pushed.filter(|&pushed| pushed < origin.covered),
            Some(Transfer {
                scope: Scope::Own { after },
                ..
            }) => Some(*after),
            Some(Transfer {
                scope: Scope::Missing { .. },
                ..
            }) => None,
        };
        let mut next_number = || {
            *transfers += 1;
            *transfers
        };
        match from {
            // Another origin superseded some of what is to be pushed: without that origin's operation the list is
            // not complete, so everything the peer lacks goes along.
            Some(from) if origin.superseded_by_others > from => {
                self.begin_missing(next_number(), acknowledged.clone(), UNASKED);
            }
            Some(after) if self.transfer.is_none() => {
                let base = [(origin.id, after)].into_iter().collect();
                self.transfer = Some(Transfer::new(next_number(), Scope::Own { after }, base));
            }
            _ => {}
        }
        let transfer = self.transfer.as_mut()?;
        self.sent += 1;
        let chunk = transfer.next_chunk(map, own, config, self.sent);
        if chunk.end.is_some() {
            self.transfer = None;
            self.pushed = Some(origin.covered);
        }
        Some(chunk)
    }
}

/// The round of a transfer that nobody asked for; real rounds count from 1.
const UNASKED: u64 = 0;

impl Transfer {
    const fn new(number: u64, scope: Scope, base: VersionVector) -> Self {
        Self {
            number,
            index: 0,
            scope,
            base,
            walked: Vec::new(),
            last: None,
        }
    }

    fn next_chunk<K, V>(
        &mut self,
        map: &AwLwwMap<K, V>,
        own: OriginIdx,
        config: &SyncConfig,
        serial: u64,
    ) -> Chunk<K, V>
    where
        K: Clone + EncodedLen,
        V: Clone + EncodedLen,
    {
        let mut frame = Frame::new(config.frame_bytes);
        let walked_all = self.fill(map, own, &mut frame);
        let end = walked_all.then(|| self.end(map, own));
        let end = end.and_then(|end| frame.end(&end));
        let index = self.index;
        self.index += 1;
        let Frame { origins, ops, .. } = frame;
        Chunk {
            serial,
            transfer: self.number,
            index,
            scope: self.scope,
            origins,
            ops,
            end,
        }
    }

    /// Walks on until the frame is full or there is nothing left; whether there is not.
    fn fill<K, V>(&mut self, map: &AwLwwMap<K, V>, own: OriginIdx, frame: &mut Frame<K, V>) -> bool
    where
        K: Clone + EncodedLen,
        V: Clone + EncodedLen,
    {
        for (position, (index, origin)) in map.origins.iter().enumerate() {
            if self.walked.len() == position {
                self.walked.push(self.base.get(origin.id));
            }
            let walked = &mut self.walked[position];
            if *walked >= origin.covered || !self.scope.includes(index == own) {
                continue;
            }
            let mut at = map.first_after(index, *walked, self.last);
            while let Some(id) = at {
                let op = &map.ops[id];
                if !frame.push(map, op) {
                    return false;
                }
                *walked = op.seq;
                self.last = Some(id);
                at = op.newer;
            }
            *walked = origin.covered;
        }
        true
    }

    /// What the receiver covers once it has everything.
    fn end<K, V>(&self, map: &AwLwwMap<K, V>, own: OriginIdx) -> Vec<(ReplicaId, u64)> {
        let news = |(index, origin): (OriginIdx, &Origin)| {
            let is_news = self.scope.includes(index == own) && origin.covered > self.base.get(origin.id);
            is_news.then_some((origin.id, origin.covered))
        };
        map.origins.iter().filter_map(news).collect()
    }
}

impl Scope {
    const fn includes(self, is_own: bool) -> bool {
        matches!(self, Self::Missing { .. }) || is_own
    }
}

/// A chunk being filled up to its size.
struct Frame<K, V> {
    room: usize,
    origins: Vec<ReplicaId>,
    ops: Vec<WireOp<K, V>>,
}

impl<K: Clone + EncodedLen, V: Clone + EncodedLen> Frame<K, V> {
    const fn new(bytes: usize) -> Self {
        Self {
            room: bytes.saturating_sub(SyncConfig::HEADER),
            origins: Vec::new(),
            ops: Vec::new(),
        }
    }

    /// Adds an operation, unless it does not fit. The first always does: none larger is written.
    fn push(&mut self, map: &AwLwwMap<K, V>, op: &Op<K, V>) -> bool {
        let bytes = op_len(&op.key, op.value.as_ref(), &op.context);
        if bytes > self.room && !self.ops.is_empty() {
            return false;
        }
        self.room = self.room.saturating_sub(bytes);
        let context = op
            .context
            .iter()
            .map(|(origin, seq)| (map.origins[origin].id, seq));
        let context = context.collect::<Vec<_>>();
        let wire = WireOp {
            origin: self.position(map.origins[op.origin].id),
            seq: op.seq,
            hlc: op.hlc,
            context: context
                .into_iter()
                .map(|(origin, seq)| (self.position(origin), seq))
                .collect(),
            key: op.key.clone(),
            value: op.value.clone(),
        };
        self.ops.push(wire);
        true
    }

    /// The vector by position, unless it does not fit beside the operations; alone it does.
    fn end(&mut self, vector: &[(ReplicaId, u64)]) -> Option<Vec<(u16, u64)>> {
        const ENTRY: usize = 16 + 3 + 10;
        if vector.len() * ENTRY > self.room && !self.ops.is_empty() {
            return None;
        }
        Some(
            vector
                .iter()
                .map(|&(origin, seq)| (self.position(origin), seq))
                .collect(),
        )
    }

    fn position(&mut self, origin: ReplicaId) -> u16 {
        let known = self.origins.iter().position(|&id| id == origin);
        let position = known.unwrap_or_else(|| {
            self.origins.push(origin);
            self.origins.len() - 1
        });
        u16::try_from(position).expect("origins are bounded by their interning")
    }
}

/// An operation named in an error.
pub(crate) const fn dot(origin: ReplicaId, seq: u64) -> Dot {
    Dot { origin, seq }
}
