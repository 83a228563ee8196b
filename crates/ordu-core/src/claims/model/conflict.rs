//! Two copies of one life: the question, the answer, and what stands behind the stop (S7).

use super::world::Said;
use super::{Broken, Conflict, Model, Packet, Patience, World};
use crate::claims::{Copy, Phase, Step, StopWhy};
use crate::registers::Rank;

/// What truly stands behind the stop of a copy that lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The winner ran when it was asked.
    RanThen,
    /// The winner was starting for `conflict_wait`.
    HadItsTime,
    /// The winner had stopped, and said so.
    WasOver,
    Nothing,
}

impl Model {
    pub(super) fn asks(world: &mut World, node: usize) {
        let peer = &mut world.peers[node];
        let Some(Step::Confirm(rank)) = peer.claims.next_step() else {
            return;
        };
        // Another winner has its own time to start.
        let patience = peer
            .conflict
            .filter(|conflict| conflict.rank.token.owner == rank.token.owner)
            .map_or(Patience::Fresh, |conflict| conflict.patience);
        peer.conflict = Some(Conflict { rank, patience });
        let from = peer.id();
        world.network.insert(Packet::Confirm { from, rank });
    }

    pub(super) fn waited(world: &mut World, node: usize) {
        let conflict = &mut world.peers[node].conflict;
        if let Some(conflict) = conflict.as_mut().filter(|it| it.patience == Patience::Waiting) {
            conflict.patience = Patience::Over;
        }
    }

    /// As `Node::verdict` does it.
    pub(super) fn told(&self, world: &mut World, node: usize, rank: Rank, said: Said, true_then: bool) {
        let peer = &mut world.peers[node];
        if peer.claims.outranked_by() != Some(rank) {
            return;
        }
        let Some(conflict) = &mut peer.conflict else {
            return;
        };
        let stop = match said {
            Said::Running | Said::Over => true,
            Said::Starting => {
                if conflict.patience == Patience::Fresh {
                    conflict.patience = Patience::Waiting;
                }
                conflict.patience == Patience::Over
            }
        };
        let why = match said {
            Said::Running if true_then => Word::RanThen,
            Said::Starting => Word::HadItsTime,
            Said::Over if true_then => Word::WasOver,
            Said::Running | Said::Over => Word::Nothing,
        };
        let may_be_stopped = peer
            .claims
            .copy()
            .is_some_and(|copy| !matches!(copy.phase, Phase::Stopping(_) | Phase::Zombie));
        if stop && may_be_stopped {
            Self::stops_for_conflict(world, node, why);
        }
        self.reconcile(world, node);
    }

    /// As `confirm` does it: the owner that won is gone, and its claim is its answer.
    pub(super) fn gives_way(&self, world: &mut World, node: usize) {
        Self::stops_for_conflict(world, node, Word::WasOver);
        self.reconcile(world, node);
    }

    pub(super) fn stops_for_conflict(world: &mut World, node: usize, word: Word) {
        let others = || {
            let others = world.peers.iter().enumerate();
            others.filter(|(other, peer)| *other != node && peer.up)
        };
        let runs_elsewhere = others().any(|(_, peer)| peer.running().is_some());
        let goes_on = others().any(|(_, peer)| {
            let stays = |copy: &Copy| copy.phase != Phase::Stopping(StopWhy::Conflict);
            peer.process.is_some() && peer.claims.copy().is_some_and(stays)
        });
        let undisturbed = world.crashes == 0 && world.exits == 0 && world.calls == 0;
        if world.peers[node].running().is_some() {
            if undisturbed && !goes_on {
                world.breaks(Broken::StoppedTheLast);
            }
            if word == Word::Nothing && !runs_elsewhere {
                world.breaks(Broken::StoppedUnconfirmed);
            }
        }
        Self::stop_or_drop(&mut world.peers[node], StopWhy::Conflict);
    }
}
