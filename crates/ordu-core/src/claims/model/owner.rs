//! What follows at once from what a node knows: as `children/reconcile` and `children/supervise` do it.

use ordu_crdt::{Hlc, ReplicaId, Stamp};

use super::calls::clock;
use super::conflict::Word;
use super::map::{Change, Put, Wish};
use super::{Broken, Mistake, Model, Peer, Process, World};
use crate::Token;
use crate::claims::{Copy, Phase, Step, StopWhy};
use crate::registers::{Claim, ClaimState, Intent};

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
                Some(Step::Stop(StopWhy::Terminated)) if self.mistake == Some(Mistake::IgnoreStop) => break,
                Some(Step::Stop(StopWhy::Rerun)) if self.mistake == Some(Mistake::IgnoreRestart) => break,
                Some(Step::RemoveClaim) if self.mistake == Some(Mistake::KeepClaim) => break,
                Some(Step::RemoveClaim) => {
                    self.removes_claim(world, node);
                    break;
                }
                Some(Step::Settle(state)) => {
                    let run = peer.claims.intent().map(|intent| intent.run);
                    self.write_claim(world, node, |own| Claim {
                        state,
                        run: run.unwrap_or(own.run),
                        ..own
                    });
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
            run: intent.run,
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
        let peer = &world.peers[node];
        let covered = world.map.covered(&peer.seen);
        let claims = covered.filter_map(|(_, put)| put.claim.as_ref()?.value.as_ref());
        let known = claims.map(|claim| claim.token);
        let above = known.filter(|known| *known != token).all(|known| known < token);
        let birth = peer.claims.copy().map(|copy| copy.birth);
        let deleted = birth.is_some_and(|birth| peer.deleted.contains(&birth));
        let peer = &mut world.peers[node];
        let two = peer.process.replace(Process { token, up: false }).is_some();
        let new = world.tokens.insert(token);
        for (kept, rule) in [
            (new, Broken::TokenTwice),
            (above, Broken::TokenNotAbove),
            (!two, Broken::TwoOnOneNode),
            (!deleted, Broken::StartedDeleted),
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
            self.put(world, node, Change::To(claim), Change::Untouched);
        }
    }

    /// Writes registers in one unit: each over all that this node holds of it.
    pub(super) fn put(&self, world: &mut World, node: usize, claim: Change<Claim>, wish: Change<Wish>) {
        let peer = &world.peers[node];
        let stamp = Stamp {
            // After those of births and runs in the same millisecond.
            hlc: Hlc::new(clock(world, peer), 1),
            origin: ReplicaId(peer.id().0),
        };
        let claim = match claim {
            Change::To(claim) => Change::To(self.shown(claim)),
            other => other,
        };
        let claim = claim.over(world.map.claims(&peer.seen));
        let wish = wish.over(world.map.wishes(&peer.seen));
        let epoch = match wish {
            Some(_) => peer.claims.highest_epoch(),
            None => 0,
        };
        let put = Put {
            claim,
            wish,
            stamp,
            epoch,
        };
        let peer = &mut world.peers[node];
        world.map.put(peer.boot, &mut peer.seen, put);
        self.learns(world, node);
    }

    /// What of a claim is told apart.
    pub(super) fn shown(&self, claim: Claim) -> Claim {
        if self.bounds.progress {
            return claim;
        }
        let state = match claim.state {
            ClaimState::Stopped => ClaimState::Stopped,
            _ => ClaimState::Running,
        };
        Claim {
            previous: None,
            state,
            ..claim
        }
    }

    /// The node's registers are what its part of the map says.
    pub(super) fn learns(&self, world: &mut World, node: usize) {
        let peer = &mut world.peers[node];
        let mut claims = world.map.claims(&peer.seen);
        if self.mistake == Some(Mistake::RankByClock) {
            claims.sort_by_key(|(_, _, stamp)| core::cmp::Reverse(*stamp));
            claims.truncate(1);
        }
        let claims = claims.into_iter().map(|(_, claim, _)| claim.clone()).collect();
        let wishes = world.map.wishes(&peer.seen).into_iter();
        let intents = wishes.map(|(_, wish, stamp)| (wish.intent(), stamp));
        let intent = match self.mistake {
            Some(Mistake::DeletionByClock) => intents
                .max_by_key(|(intent, stamp)| (intent.birth, *stamp))
                .map(|(intent, _)| intent),
            Some(Mistake::WishOfLastWrite) => intents
                .max_by_key(|(intent, stamp)| (intent.birth, intent.deleted, *stamp))
                .map(|(intent, _)| intent),
            _ => Intent::winner(intents),
        };
        let mark = intent.as_ref().filter(|intent| !intent.is_live());
        peer.deleted.extend(mark.map(|mark| mark.birth));
        peer.claims.set_intent(intent);
        peer.claims.set_claims(claims);
        // What is wished is stamped above all epochs, and so is what starts after that, also where nobody is left who
        // held a claim (S3.1).
        let epochs = world.map.covered(&peer.seen).map(|(_, put)| put.epoch);
        peer.claims.observe_epoch(epochs.max().unwrap_or(0));
        let winner = peer.claims.winner().filter(|_| peer.claims.intent().is_none());
        let is_over = winner.is_some_and(|claim| {
            let mut covered = world.map.covered(&peer.seen);
            covered.any(|(dot, _)| dot.named() == claim.born)
        });
        peer.claims.set_over(is_over);
    }
}
