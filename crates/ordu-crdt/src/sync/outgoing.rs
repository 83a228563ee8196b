//! What is sent to one peer: a position in the lists of retained operations, and nothing else.

use alloc::vec::Vec;

use super::{Asked, frame::Frame};
use crate::{
    AwLwwMap, Chunk, EncodedLen, ReplicaId, Scope, SyncConfig, VersionVector,
    map::{
        origins::{Origin, OriginIdx},
        slab::SlotId,
    },
    planted::Bug,
};

/// The sending side of the protocol with one peer. Its size does not depend on how far behind the peer is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    /// Chunks sent and, of these, received for certain.
    sent: u64,
    received: u64,
    /// The last chunk of a transfer of what the peer lacked. Transfers and pushes may travel on streams of their own,
    /// and a push that arrived before this one would void the transfer.
    before_push: u64,
    /// Own operations up to here were sent. Nothing is pushed until the peer has said what it has.
    pushed: Option<u64>,
    transfer: Option<Transfer>,
}

/// What a peer wants to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) round: u64,
    /// What it holds for certain.
    pub(crate) base: VersionVector,
    /// What it said that it has seen.
    pub(crate) asked: Asked,
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
    /// What it had said.
    asked: Asked,
    /// How far the list of each origin was walked, by its index: none is folded away meanwhile.
    walked: Vec<u64>,
    /// The operation sent last.
    last: Option<SlotId>,
    /// What the receiver adopts and has not been sent, once all lists were walked to their end.
    ending: Option<Ending>,
}

/// The end of a transfer: what the receiver adopts with it, as it was when the last operation was sent. It may take
/// several frames.
#[derive(Clone, Debug, Default)]
struct Ending {
    vector: Vec<(ReplicaId, u64)>,
    folds: Vec<(ReplicaId, u64)>,
    floor: Vec<(ReplicaId, u64)>,
}

/// What transfers are made from.
pub(crate) struct Source<'a, K, V> {
    pub(crate) map: &'a AwLwwMap<K, V>,
    pub(crate) own: OriginIdx,
    pub(crate) config: &'a SyncConfig,
    /// The number of the last transfer to anybody.
    pub(crate) transfers: &'a mut u64,
}

impl<K, V> Source<'_, K, V> {
    fn next_number(&mut self) -> u64 {
        *self.transfers += 1;
        *self.transfers
    }
}

impl Outgoing {
    /// Begins to send all that the peer lacks. `covers_floor`: it is certain that it covers the floor.
    pub(crate) fn begin<K, V>(
        &mut self,
        source: &mut Source<'_, K, V>,
        request: Request,
        covers_floor: bool,
    ) {
        let Request { round, base, asked } = request;
        // Below the floor, single operations are not enough: what they superseded may be forgotten here.
        let scope = if covers_floor || source.map.planted.is(Bug::FloorIgnored) {
            Scope::Missing { round }
        } else {
            Scope::Full { round }
        };
        self.transfer = Some(Transfer::new(source.next_number(), scope, base, asked));
    }

    /// Begins to send everything, whatever the peer covers.
    pub(crate) fn begin_repair(&mut self, number: u64) {
        let (base, asked) = Default::default();
        self.transfer = Some(Transfer::new(number, Scope::Repair, base, asked));
    }

    pub(crate) const fn is_sending(&self) -> bool {
        self.transfer.is_some()
    }

    /// The peer said what it has: receipts that were lost are no longer waited for, and an unfinished transfer is
    /// out of date.
    pub(crate) fn reset(&mut self) {
        self.received = self.sent;
        self.transfer = None;
    }

    /// The peer's vector is equal. A repair goes on: it is because of that vector that it is sent.
    pub(crate) fn peer_is_equal(&mut self) {
        let repair = self.transfer.take();
        self.reset();
        self.transfer = repair.filter(|transfer| matches!(transfer.scope, Scope::Repair));
    }

    /// The peer has all own operations up to `seq`; later ones are pushed to it.
    pub(crate) fn push_after(&mut self, seq: u64) {
        self.pushed = Some(seq);
    }

    pub(crate) fn is_pushing(&self) -> bool {
        self.pushed.is_some()
    }

    /// Whether no transfer of what the peer lacked is under way.
    pub(crate) fn is_received(&self) -> bool {
        self.transfer.is_none() && self.received >= self.before_push
    }

    pub(crate) fn acknowledge(&mut self, serial: u64) {
        self.received = self.received.max(serial.min(self.sent));
    }

    /// The next chunk for the peer, if it has credit and there is anything to send.
    pub(crate) fn next_chunk<K, V>(
        &mut self,
        source: &mut Source<'_, K, V>,
        acknowledged: &VersionVector,
        covers_floor: bool,
    ) -> Option<Chunk<K, V>>
    where
        K: Clone + EncodedLen,
        V: Clone + EncodedLen,
    {
        if self.sent - self.received >= u64::from(source.config.window.max(1)) {
            return None;
        }
        self.begin_push(source, acknowledged, covers_floor);
        let transfer = self.transfer.as_mut()?;
        self.sent += 1;
        let chunk = transfer.next_chunk(source, self.sent);
        if chunk.is_last {
            if !matches!(transfer.scope, Scope::Own { .. }) {
                self.before_push = self.sent;
            }
            self.transfer = None;
            self.pushed = Some(source.map.origins[source.own].covered);
        }
        Some(chunk)
    }

    /// Begins anew what is under way. A full join of this replica drops operations without another that supersedes
    /// them and raises the floor: what was sent of a transfer may be gone, and its end would cover what the rest of
    /// it does not account for.
    pub(crate) fn restart<K, V>(
        &mut self,
        source: &mut Source<'_, K, V>,
        acknowledged: &VersionVector,
        covers_floor: bool,
    ) {
        match self.transfer.as_ref().map(|transfer| transfer.scope) {
            Some(Scope::Missing { round } | Scope::Full { round }) => {
                let request = Request::unasked(round, acknowledged);
                self.begin(source, request, covers_floor);
            }
            // Pushed once the peer is known to cover the floor.
            Some(Scope::Own { .. } | Scope::Repair) => self.transfer = None,
            None => {}
        }
    }

    /// Begins a transfer of own operations, if there are any to push and no other transfer is under way.
    fn begin_push<K, V>(
        &mut self,
        source: &mut Source<'_, K, V>,
        acknowledged: &VersionVector,
        covers_floor: bool,
    ) {
        if self.received < self.before_push {
            return;
        }
        let own = &source.map.origins[source.own];
        let under_way = self.transfer.as_ref().map(|transfer| transfer.scope);
        let after = match under_way {
            None => self.pushed.filter(|&pushed| pushed < own.covered),
            Some(Scope::Own { after }) => Some(after),
            Some(Scope::Missing { .. } | Scope::Full { .. } | Scope::Repair) => None,
        };
        let Some(after) = after else { return };
        let is_complete =
            own.superseded_by_others <= after || source.map.planted.is(Bug::DeadSkippedOutsideUnit);
        if !is_complete {
            // Another origin superseded some of what is to be pushed. Without that origin's operation the list is
            // not complete, so everything the peer lacks goes along.
            self.begin(source, Request::unasked(UNASKED, acknowledged), covers_floor);
        } else if under_way.is_none() && covers_floor {
            // Contexts of new operations lack what was collected. A peer of which it is not certain that it covers
            // the floor gets them once it is.
            let base = [(own.id, after)].into_iter().collect();
            let scope = Scope::Own { after };
            self.transfer = Some(Transfer::new(source.next_number(), scope, base, Asked::default()));
        }
    }
}

/// The round of a transfer that nobody asked for; real rounds count from 1.
const UNASKED: u64 = 0;

impl Request {
    /// By what the peer has acknowledged: what it folded away is not known.
    fn unasked(round: u64, acknowledged: &VersionVector) -> Self {
        Self {
            round,
            base: acknowledged.clone(),
            asked: Asked::unknown(),
        }
    }
}

impl Transfer {
    const fn new(number: u64, scope: Scope, base: VersionVector, asked: Asked) -> Self {
        Self {
            number,
            index: 0,
            scope,
            base,
            asked,
            walked: Vec::new(),
            last: None,
            ending: None,
        }
    }

    fn next_chunk<K, V>(&mut self, source: &Source<'_, K, V>, serial: u64) -> Chunk<K, V>
    where
        K: Clone + EncodedLen,
        V: Clone + EncodedLen,
    {
        let Source { map, own, config, .. } = *source;
        let mut frame = Frame::new(config.frame_bytes);
        let is_planted = map.planted.is(Bug::PartialKeysWithWholeVector);
        if self.ending.is_none() && (self.fill(map, own, &mut frame) || is_planted) {
            self.ending = Some(self.ending(map, own));
        }
        if self.ending.as_mut().is_some_and(|ending| ending.fill(&mut frame)) || is_planted {
            frame.end();
        }
        let index = self.index;
        self.index += 1;
        frame.into_chunk(serial, self.number, index, self.scope)
    }

    /// Walks on until the frame is full or there is nothing left; whether there is not.
    fn fill<K, V>(&mut self, map: &AwLwwMap<K, V>, own: OriginIdx, frame: &mut Frame<K, V>) -> bool
    where
        K: Clone + EncodedLen,
        V: Clone + EncodedLen,
    {
        let (is_full, is_push) = (self.is_full(), self.is_push());
        let included = map.origins.iter().filter(|(index, _)| *index == own || !is_push);
        for (index, origin) in included {
            let base = self.base.get(origin.id);
            let position = index.index();
            if self.walked.len() <= position {
                self.walked.resize(position + 1, 0);
            }
            let walked = self.walked[position].max(if is_full { 0 } else { base });
            if walked >= origin.covered {
                continue;
            }
            let mut at = map.first_after(index, walked, self.last);
            while let Some(id) = at {
                let op = &map.ops[id];
                let fits = if op.seq <= base {
                    frame.hold(origin.id, op.seq)
                } else {
                    frame.push(map, op)
                };
                if !fits {
                    return false;
                }
                self.walked[position] = op.seq;
                self.last = Some(id);
                at = op.newer;
            }
            self.walked[position] = origin.covered;
        }
        true
    }

    /// What the receiver adopts, all lists having been walked to their end.
    fn ending<K, V>(&self, map: &AwLwwMap<K, V>, own: OriginIdx) -> Ending {
        let vector = self.covered(map, own);
        if !self.is_full() {
            return Ending {
                vector,
                ..Ending::default()
            };
        }
        Ending {
            vector,
            folds: self.asked.folds_to_tell(map),
            floor: map.floor.iter().collect(),
        }
    }

    /// What the receiver covers once it has everything. For a full join that is all: the receiver must know what
    /// the sender has seen and no longer holds.
    fn covered<K, V>(&self, map: &AwLwwMap<K, V>, own: OriginIdx) -> Vec<(ReplicaId, u64)> {
        let is_news = |index: OriginIdx, origin: &Origin| {
            let is_included = index == own || !self.is_push();
            self.is_full() || is_included && origin.covered > self.base.get(origin.id)
        };
        let news = map
            .origins
            .iter()
            .filter(|&(index, origin)| origin.covered > 0 && is_news(index, origin));
        news.map(|(_, origin)| (origin.id, origin.covered)).collect()
    }

    const fn is_full(&self) -> bool {
        matches!(self.scope, Scope::Full { .. })
    }

    /// Whether it is about this replica's own operations alone.
    const fn is_push(&self) -> bool {
        matches!(self.scope, Scope::Own { .. })
    }
}

impl Ending {
    /// Puts into the frame what fits; whether that was all there is.
    fn fill<K, V>(&mut self, frame: &mut Frame<K, V>) -> bool
    where
        K: Clone + EncodedLen,
        V: Clone + EncodedLen,
    {
        take_while(&mut self.vector, |entry| frame.cover(entry))
            && take_while(&mut self.folds, |entry| frame.fold(entry))
            && take_while(&mut self.floor, |entry| frame.raise(entry))
    }
}

/// Takes entries from the end of a list for as long as they are `taken`; whether all were.
fn take_while(list: &mut Vec<(ReplicaId, u64)>, mut taken: impl FnMut((ReplicaId, u64)) -> bool) -> bool {
    while let Some(&entry) = list.last() {
        if !taken(entry) {
            return false;
        }
        list.pop();
    }
    true
}
