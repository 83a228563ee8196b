use alloc::sync::Arc;

use ordu_crdt::{Dot, Replica};
use ordu_supervisor::decisions::Restart;

use crate::in_tests::{ME, child_decided_by, claimed, exchange, life, meet, ready_node, replica_of, settle};
use crate::membership::Liveness;
use crate::node::Node;
use crate::registers::{ChildKey, Claim, Deleted, Intent, Key, Value};
use crate::{NodeId, Token};

const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);
/// Who had both halves, and has ended.
const GONE: NodeId = NodeId(70);

struct World {
    node: Node,
    others: [Replica<Key, Value>; 2],
    key: ChildKey,
}

/// This node with two others, which have told all that they have: of one child that is a claim, or an intent, or both.
fn world(decider: NodeId, owner: NodeId, restart: Restart, halves: (bool, bool)) -> World {
    let mut node = ready_node();
    for peer in [N2, N3] {
        meet(&mut node, peer);
    }
    settle(&mut node);
    let key = child_decided_by(&node, decider);
    let birth = node.stamp();
    let mut intent = life(birth);
    let mut spec = (*intent.spec).clone();
    spec.restart = restart;
    intent.spec = Arc::new(spec);
    let mut claim = claimed(birth, Token { epoch: 7, owner });
    let origin = GONE.replica();
    claim.born = Dot { origin, seq: 9 };
    let mut others = [replica_of(N2), replica_of(N3)];
    others[0].write(1, |batch| {
        if halves.0 {
            batch.put(Key::Claim(key.clone()), Value::encode(&claim)).unwrap();
        }
        if halves.1 {
            batch
                .put(Key::Intent(key.clone()), Value::encode(&intent))
                .unwrap();
        }
    });
    for other in &mut others {
        exchange(&mut node, other);
    }
    World { node, others, key }
}

impl World {
    fn tell_all(&mut self) {
        for other in &mut self.others {
            exchange(&mut self.node, other);
        }
    }

    fn look(&mut self) {
        self.node.next_burial = self.node.now.mono;
        self.node.bury();
        self.node.reconcile_children();
    }

    fn is_claimed(&self) -> bool {
        let claims = &self.node.replica.map();
        claims.contains_key(&Key::Claim(self.key.clone()))
    }

    fn intent(&self) -> Option<Intent> {
        self.node
            .replica
            .map()
            .get(&Key::Intent(self.key.clone()))?
            .decode()
    }
}

/// Whoever took it over told n2 of its claim alone, and all who had the intent have ended since.
#[test]
fn a_claim_of_which_nobody_has_the_intent_is_removed_once_all_that_may_have_it_have_told_what_they_have() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum But {
        Nothing,
        OneIsOutOfSight,
        OneHasNotTold,
        ItsOwnerLives,
        TheIntentIsThere,
        AnotherDecides,
    }
    for but in [
        But::Nothing,
        But::OneIsOutOfSight,
        But::OneHasNotTold,
        But::ItsOwnerLives,
        But::TheIntentIsThere,
        But::AnotherDecides,
    ] {
        let decider = if but == But::AnotherDecides { N2 } else { ME };
        let owner = if but == But::ItsOwnerLives { N3 } else { GONE };
        let halves = (true, but == But::TheIntentIsThere);
        let mut world = world(decider, owner, Restart::Permanent, halves);
        world.look();
        assert!(world.is_claimed(), "{but:?}: the intent may still come");
        if but == But::OneHasNotTold {
            exchange(&mut world.node, &mut world.others[1]);
        } else {
            world.tell_all();
        }
        if but == But::OneIsOutOfSight {
            world.node.set_liveness(N3, Liveness::Down);
            world.node.replicating.remove(&N3);
            settle(&mut world.node);
        }
        world.look();
        assert_eq!(world.is_claimed(), but != But::Nothing, "{but:?}");
    }
}

/// Somebody who was given up while it stood still had the intent, and wakes once the claim has been removed.
#[test]
fn a_child_of_which_nobody_has_a_claim_is_started_again_once_all_in_sight_have_told_what_they_have() {
    for (restart, one_is_out_of_sight) in [
        (Restart::Permanent, false),
        (Restart::Permanent, true),
        (Restart::Transient, false),
        (Restart::Temporary, false),
        (Restart::Temporary, true),
    ] {
        let case = (restart, one_is_out_of_sight);
        let mut world = world(ME, GONE, restart, (false, true));
        world.look();
        assert!(!world.is_claimed(), "{case:?}: its claim may still come");
        assert!(world.intent().is_some_and(|intent| intent.is_live()), "{case:?}");
        world.tell_all();
        if one_is_out_of_sight {
            world.node.set_liveness(N3, Liveness::Down);
            world.node.replicating.remove(&N3);
            settle(&mut world.node);
        }
        world.look();
        let is_temporary = restart == Restart::Temporary;
        let given = world.node.children.get(&world.key).and_then(|child| child.handed);
        let is_taken_over = world.is_claimed() || given.is_some();
        assert_eq!(is_taken_over, !is_temporary, "{case:?}");
        let is_lost = world.intent().map(|intent| intent.deleted) == Some(Deleted::Lost);
        assert_eq!(is_lost, is_temporary && !one_is_out_of_sight, "{case:?}");
    }
}

/// A later life was begun in a split, and all who knew it have ended but for whom they told of its claim.
#[test]
fn the_claim_of_a_later_life_that_nobody_knows_gives_way_to_what_is_left_of_the_one_before() {
    for (owner, decider) in [(ME, N2), (N3, ME), (GONE, ME), (GONE, N2)] {
        let case = (owner, decider);
        let mut world = world(decider, owner, Restart::Permanent, (false, false));
        let (birth, later) = (world.node.stamp(), world.node.stamp());
        let claim = claimed(birth, Token { epoch: 7, owner });
        let lost = claimed(
            later,
            Token {
                epoch: 9,
                owner: GONE,
            },
        );
        let entry = Key::Claim(world.key.clone());
        // Neither had heard of the other.
        world.others[0].write(1, |batch| {
            let intent = Value::encode(&life(birth));
            batch.put(Key::Intent(world.key.clone()), intent).unwrap();
            batch.put(entry.clone(), Value::encode(&claim)).unwrap();
        });
        world.others[1].write(1, |batch| batch.put(entry.clone(), Value::encode(&lost)).unwrap());
        world.tell_all();
        let held = |world: &World| {
            let claims = world.node.replica.map().siblings(&Key::Claim(world.key.clone()));
            let claims = claims.map(|sibling| sibling.value.decode::<Claim>().unwrap());
            let claims = claims.map(|claim| (claim.birth, claim.owner()));
            claims.collect::<alloc::collections::BTreeSet<_>>()
        };
        assert_eq!(held(&world).len(), 2, "{case:?}");
        world.look();
        assert_eq!(held(&world).len(), 2, "{case:?}: its intent may still come");
        world.tell_all();
        world.look();
        let left = held(&world);
        match case {
            (ME, _) => assert_eq!(left, [(birth, ME)].into(), "its own stands"),
            // Nobody is left who claimed it, so that it has no owner like any other.
            (GONE, ME) => assert!(left.iter().all(|(life, by)| *life == birth && *by != GONE)),
            _ => assert_eq!(left.len(), 2, "{case:?}: others see to it"),
        }
    }
}
