//! What happens to a node and its copy. Each does what the method of `Node` does that it names.

use ordu_crdt::{Hlc, ReplicaId, Stamp};

use super::map::{Change, Dot, Wish};
use super::{Mistake, Model, Peer, World};
use crate::Token;
use crate::claims::{Copy, Phase, StopWhy};
use crate::registers::{Claim, ClaimState, Deleted, Desired};

impl Model {
    pub(super) fn birth(world: &mut World, node: usize) {
        world.births += 1;
        let peer = &mut world.peers[node];
        let birth = Stamp {
            hlc: Hlc::new(world.map.next_millis(&peer.seen), 0),
            origin: ReplicaId(peer.id().0),
        };
        let token = Token {
            epoch: peer.claims.next_epoch(0),
            owner: peer.id(),
        };
        peer.claims.set_copy(Some(Copy {
            retried: false,
            birth,
            run: birth,
            token,
            phase: Phase::Starting,
            unwritten: true,
        }));
        Self::starts(world, node, token);
    }

    pub(super) fn came_up(&self, world: &mut World, node: usize) {
        let peer = &mut world.peers[node];
        if let Some(process) = &mut peer.process {
            process.up = true;
        }
        let Some(copy) = peer.claims.copy_mut() else {
            return;
        };
        copy.phase = Phase::Running { os_pid: None };
        let copy = copy.clone();
        if copy.unwritten {
            if peer
                .claims
                .intent()
                .is_some_and(|intent| intent.birth > copy.birth)
            {
                Self::stop_copy(peer, StopWhy::Void);
            } else {
                let written = Copy {
                    unwritten: false,
                    ..copy.clone()
                };
                peer.claims.set_copy(Some(written));
                let born = Dot::next(peer.boot, &peer.seen);
                let wish = Wish {
                    birth: copy.birth,
                    born,
                    run: copy.run,
                    desired: Desired::Running,
                    deleted: Deleted::No,
                };
                self.put(
                    world,
                    node,
                    Change::To(first_claim(&copy, born)),
                    Change::To(wish),
                );
            }
        } else if peer.claims.own().is_none_or(|own| own.token <= copy.token) {
            self.write_claim(world, node, |own| Claim {
                run: copy.run,
                token: copy.token,
                state: ClaimState::Running,
                ..own
            });
        }
        self.reconcile(world, node);
    }

    pub(super) fn exited(&self, world: &mut World, node: usize) {
        world.exits += 1;
        let peer = &mut world.peers[node];
        peer.process = None;
        if let Some(copy) = peer.claims.copy_mut() {
            copy.phase = Phase::Restarting;
        }
        self.reconcile(world, node);
    }

    /// As `execute_start` does it: a loser that crashed is not started again.
    pub(super) fn started_again(&self, world: &mut World, node: usize) {
        let peer = &mut world.peers[node];
        let Some(copy) = peer.claims.copy().cloned() else {
            return;
        };
        if peer.claims.outranked_by().is_some() {
            peer.claims.set_copy(None);
            peer.conflict = None;
            return self.reconcile(world, node);
        }
        let token = match self.mistake {
            Some(Mistake::KeepToken) => copy.token,
            _ => Token {
                epoch: peer.claims.next_epoch(0),
                owner: peer.id(),
            },
        };
        peer.claims.set_copy(Some(Copy {
            token,
            phase: Phase::Starting,
            ..copy
        }));
        Self::starts(world, node, token);
        self.write_claim(world, node, |own| Claim {
            token,
            previous: None,
            state: ClaimState::Restarting,
            ..own
        });
        self.reconcile(world, node);
    }

    pub(super) fn stopped(&self, world: &mut World, node: usize) {
        let peer = &mut world.peers[node];
        peer.process = None;
        peer.conflict = None;
        peer.claims.set_copy(None);
        self.reconcile(world, node);
    }

    /// As `claim_here` does it.
    pub(super) fn takes_over(&self, world: &mut World, node: usize) {
        let peer = &mut world.peers[node];
        let (Some(intent), Some(before)) = (peer.claims.intent().cloned(), peer.claims.winner().cloned())
        else {
            return;
        };
        let token = Token {
            epoch: peer.claims.next_epoch(0),
            owner: peer.id(),
        };
        let claim = Claim {
            birth: intent.birth,
            born: intent.born,
            run: intent.run,
            token,
            previous: Some(before.owner()),
            state: ClaimState::Starting,
            ..before
        };
        if !peer.claims.may_write(claim.rank()) {
            return;
        }
        if peer.claims.copy().is_none() {
            peer.claims.set_copy(Some(Copy {
                retried: false,
                birth: intent.birth,
                run: intent.run,
                token,
                phase: Phase::Claiming,
                unwritten: false,
            }));
        } else {
            peer.claims.observe_epoch(token.epoch);
        }
        self.put(world, node, Change::To(claim), Change::Untouched);
        self.reconcile(world, node);
    }

    /// As `begin_takeover` does it.
    pub(super) fn held(&self, world: &mut World, node: usize) {
        let peer = &mut world.peers[node];
        let Some(copy) = peer.claims.copy().cloned() else {
            return;
        };
        if peer.claims.own().is_none_or(|own| own.token != copy.token) {
            peer.claims.set_copy(None);
            peer.conflict = None;
            return self.reconcile(world, node);
        }
        Self::start_copy(world, node, &copy);
        self.reconcile(world, node);
    }

    pub(super) fn killed(&self, world: &mut World, node: usize) {
        world.crashes += 1;
        let boot = world.peers[node].boot;
        let dead = world.peers[node].id();
        world.peers[node] = Peer {
            up: false,
            ready: false,
            ..Peer::new(boot, self.bounds.boots())
        };
        // Its connections are gone, with what is on the way to it.
        world.network.retain(|packet| packet.to() != dead);
    }

    pub(super) fn booted(&self, world: &mut World, node: usize) {
        let before = world.peers[node].boot;
        let boot = match self.mistake {
            Some(Mistake::KeepIdentity) => before,
            _ => before + self.bounds.nodes,
        };
        world.peers[node] = Peer {
            ready: false,
            ..Peer::new(boot, self.bounds.boots())
        };
    }
}

fn first_claim(copy: &Copy, born: Dot) -> Claim {
    Claim {
        born: born.named(),
        birth: copy.birth,
        run: copy.run,
        token: copy.token,
        previous: None,
        state: ClaimState::Running,
        restarts: 0,
        relocations: 0,
        os_pid: None,
        reason: None,
    }
}
