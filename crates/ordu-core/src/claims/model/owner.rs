//! What follows at once from what a node knows: as `children/reconcile` and `children/supervise` do it.

use ordu_crdt::{Hlc, ReplicaId, Stamp};

use super::conflict::Word;
use super::map::Put;
use super::{Broken, Mistake, Model, Peer, Process, World};
use crate::Token;
use crate::claims::{Copy, Phase, Step, StopWhy};
use crate::registers::{Claim, ClaimState};

impl Model {
    /// As `Node::reconcile` does it: what follows at once from what the node knows now.
    pub(super) fn reconcile(&self, world: &mut World, node: usize) {
        for _ in 0..8 {
            let peer = &mut world.peers[node];
            match peer.claims.next_step() {
                Some(Step::Start) if peer.ready => {
                    self.start_owned(world, node);
                    break;
                }
                Some(Step::Stop(StopWhy::Outranked)) if self.mistake == Some(Mistake::StartBeside) => {
                    peer.claims.set_copy(None);
                }
                Some(Step::Stop(why)) => {
                    Self::stop_or_drop(peer, why);
                    if peer.claims.copy().is_some() {
                        break;
                    }
                }
                Some(Step::Confirm(_)) if self.mistake == Some(Mistake::StopUnasked) => {
                    Self::stops_for_conflict(world, node, Word::Nothing);
                    if world.peers[node].claims.copy().is_some() {
                        break;
                    }
                }
                _ => break,
            }
        }
        let peer = &mut world.peers[node];
        if peer.claims.outranked_by().is_none() {
            peer.conflict = None;
        }
        let runs = peer
            .claims
            .copy()
            .is_some_and(|copy| matches!(copy.phase, Phase::Running { .. }));
        if runs && peer.claims.is_contested() && peer.claims.next_step().is_none() {
            self.write_claim(world, node, |own| own);
        }
    }

    pub(super) fn start_owned(&self, world: &mut World, node: usize) {
        let peer = &world.peers[node];
        let (Some(intent), Some(_)) = (peer.claims.intent().cloned(), peer.claims.own()) else {
            return;
        };
        let token = Token {
            epoch: match self.mistake {
                Some(Mistake::ForgetEpochs) => 1,
                _ => peer.claims.next_epoch(0),
            },
            owner: peer.id(),
        };
        let copy = Copy {
            retried: false,
            birth: intent.birth,
            run: intent.run,
            token,
            phase: Phase::Starting,
            unwritten: false,
        };
        self.write_claim(world, node, |own| Claim {
            token,
            previous: None,
            state: ClaimState::Starting,
            ..own
        });
        Self::start_copy(world, node, &copy);
    }

    pub(super) fn start_copy(world: &mut World, node: usize, copy: &Copy) {
        let peer = &mut world.peers[node];
        let token = copy.token;
        peer.claims.set_copy(Some(Copy {
            phase: Phase::Starting,
            ..copy.clone()
        }));
        peer.conflict = None;
        Self::starts(world, node, token);
    }

    /// A process is spawned.
    pub(super) fn starts(world: &mut World, node: usize, token: Token) {
        let peer = &mut world.peers[node];
        let known = world.map.covered(&peer.seen).map(|(_, put)| put.claim.token);
        let above = known.filter(|known| *known != token).all(|known| known < token);
        let two = peer.process.replace(Process { token, up: false }).is_some();
        let new = world.tokens.insert(token);
        for (kept, rule) in [
            (new, Broken::TokenTwice),
            (above, Broken::TokenNotAbove),
            (!two, Broken::TwoOnOneNode),
        ] {
            if !kept {
                world.breaks(rule);
            }
        }
    }

    pub(super) fn stop_or_drop(peer: &mut Peer, why: StopWhy) {
        match peer.claims.copy().map(|copy| &copy.phase) {
            Some(Phase::Claiming) => {
                peer.claims.set_copy(None);
                peer.conflict = None;
            }
            Some(_) => Self::stop_copy(peer, why),
            None => {}
        }
    }

    pub(super) fn stop_copy(peer: &mut Peer, why: StopWhy) {
        if let Some(copy) = peer.claims.copy_mut() {
            copy.phase = Phase::Stopping(why);
        }
    }

    /// Rewrites the node's own claim, if it is the winner.
    pub(super) fn write_claim(&self, world: &mut World, node: usize, change: impl FnOnce(Claim) -> Claim) {
        let claims = &world.peers[node].claims;
        let Some(own) = claims.own().cloned() else { return };
        let claim = self.shown(change(own.clone()));
        if claim != own || claims.is_contested() {
            self.put(world, node, claim, None);
        }
    }

    pub(super) fn put(&self, world: &mut World, node: usize, claim: Claim, intent: Option<Stamp>) {
        let peer = &mut world.peers[node];
        let supersedes = world
            .map
            .live(&peer.seen)
            .into_iter()
            .map(|(dot, _)| dot)
            .collect();
        // The clock of the first is ahead, so that a stamp says nothing about a rank.
        let ahead = if peer.boot == 0 { 10 } else { 0 };
        let stamp = Stamp {
            hlc: Hlc::new(world.map.next_millis(&peer.seen).max(ahead), 0),
            origin: ReplicaId(peer.id().0),
        };
        let put = Put {
            claim: self.shown(claim),
            intent,
            supersedes,
            stamp,
        };
        world.map.put(peer.boot, &mut peer.seen, put);
        self.learns(world, node);
    }

    /// What of a claim is told apart.
    pub(super) fn shown(&self, claim: Claim) -> Claim {
        if self.bounds.progress {
            return claim;
        }
        Claim {
            previous: None,
            state: ClaimState::Running,
            ..claim
        }
    }

    /// The node's registers are what its part of the map says.
    pub(super) fn learns(&self, world: &mut World, node: usize) {
        let peer = &mut world.peers[node];
        let mut live = world.map.live(&peer.seen);
        if self.mistake == Some(Mistake::RankByClock) {
            live.sort_by_key(|(_, put)| core::cmp::Reverse(put.stamp));
            live.truncate(1);
        }
        let claims = live.into_iter().map(|(_, put)| put.claim.clone()).collect();
        peer.claims.set_intent(world.map.intent(&peer.seen));
        peer.claims.set_claims(claims);
    }
}
