use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_crdt::{Replica, Stamp};
use ordu_supervisor::decisions::Restart;

use crate::in_tests::{
    ME, child_decided_by, claimed, exchange, life, meet, ready_node, remove, replica_of, settle,
};
use crate::membership::Liveness;
use crate::node::Node;
use crate::registers::{ChildKey, Claim, ClaimState, Desired, Intent, Key, Value};
use crate::{ChildSpec, ChildState, NodeId, Token};

const N2: NodeId = NodeId(2);

/// A ready node and another, of which each wrote of a child what the other had not heard of; now both have all.
fn after_a_split(of: impl Fn(Stamp) -> [(Intent, Claim); 2]) -> (Node, Replica<Key, Value>, ChildKey) {
    let mut node = ready_node();
    meet(&mut node, N2);
    node.members_changed = true;
    node.members_refresh();
    settle(&mut node);
    let key = child_decided_by(&node, ME);
    let [here, there] = of(node.stamp());
    let written = |(intent, claim): &(Intent, Claim)| {
        [
            (Key::Intent(key.clone()), Value::encode(intent)),
            (Key::Claim(key.clone()), Value::encode(claim)),
        ]
    };
    node.write(written(&here).map(|(key, value)| (key, Some(value))));
    let mut n2 = replica_of(N2);
    n2.write(1, |batch| {
        for (key, value) in written(&there) {
            batch.put(key, value).unwrap();
        }
    });
    exchange(&mut node, &mut n2);
    (node, n2, key)
}

fn siblings(node: &Node, key: &ChildKey) -> [usize; 2] {
    let count = |key: Key| node.replica.map().siblings(&key).count();
    [count(Key::Intent(key.clone())), count(Key::Claim(key.clone()))]
}

fn buries(node: &mut Node) {
    node.now.mono = node.now.mono + Duration::from_mins(1);
    node.bury();
}

fn stopped(birth: Stamp, epoch: u64, owner: NodeId) -> Claim {
    Claim {
        state: ClaimState::Stopped,
        ..claimed(birth, Token { epoch, owner })
    }
}

/// A stop here, a change of policy there, and a claim of each.
fn stopped_and_changed(birth: Stamp, epochs: [u64; 2], owners: [NodeId; 2]) -> [(Intent, Claim); 2] {
    let wished = Intent {
        desired: Desired::Stopped(birth),
        ..life(birth)
    };
    let changed = Intent {
        changed: Some(birth),
        spec: Arc::new(ChildSpec {
            restart: Restart::Transient,
            ..ChildSpec::clone(&wished.spec)
        }),
        ..life(birth)
    };
    [
        (wished, stopped(birth, epochs[0], owners[0])),
        (changed, stopped(birth, epochs[1], owners[1])),
    ]
}

#[test]
fn what_was_written_on_both_sides_is_one_value_again_once_everybody_has_it() {
    let (mut node, mut n2, key) = after_a_split(|birth| stopped_and_changed(birth, [9, 8], [ME, N2]));
    assert_eq!(siblings(&node, &key), [2, 2]);
    let before = node.children.get(&key).unwrap().claims.clone();
    buries(&mut node);
    exchange(&mut node, &mut n2);
    buries(&mut node);
    exchange(&mut node, &mut n2);
    assert_eq!(siblings(&node, &key), [1, 1]);
    let after = &node.children.get(&key).unwrap().claims;
    assert_eq!(after.intent(), before.intent(), "both the stop and the policy");
    assert_eq!(after.intent().unwrap().spec.restart, Restart::Transient);
    assert!(!after.intent().unwrap().wants_running());
    assert_eq!(after.winner(), before.winner());
    buries(&mut node);
    assert!(node.children.contested.is_empty());
}

#[test]
fn nothing_is_written_over_what_somebody_may_not_have_yet_or_what_is_anothers() {
    let (mut node, _, key) = after_a_split(|birth| stopped_and_changed(birth, [9, 8], [ME, N2]));
    node.now.mono = node.now.mono + Duration::from_secs(1);
    meet(&mut node, NodeId(3));
    buries(&mut node);
    assert_eq!(siblings(&node, &key), [2, 2], "n3 has not said that it has it");
    let (mut node, _, key) = after_a_split(|birth| stopped_and_changed(birth, [8, 9], [ME, N2]));
    buries(&mut node);
    assert_eq!(siblings(&node, &key), [2, 2], "the claim is n2's to write");
}

/// It is to stay stopped, so nobody takes it over.
#[test]
fn the_claim_of_an_owner_that_has_ended_is_written_over_the_rest_by_the_decider() {
    let gone = NodeId(9);
    // Its removal may be forgotten by then.
    for is_forgotten in [false, true] {
        let (mut node, _, key) = after_a_split(|birth| stopped_and_changed(birth, [8, 9], [ME, gone]));
        let (name, addr) = ("n9".parse().unwrap(), "127.0.0.1:9".parse().unwrap());
        node.roster.miss(gone, name, addr, node.now.mono);
        buries(&mut node);
        assert_eq!(siblings(&node, &key)[1], 2, "it may come back");
        if is_forgotten {
            node.forget(gone);
        } else {
            remove(&mut node, gone, ME);
        }
        buries(&mut node);
        assert_eq!(siblings(&node, &key)[1], 1);
        let winner = node.children.get(&key).unwrap().claims.winner().cloned();
        let (epoch, owner) = (9, gone);
        assert_eq!(winner.map(|claim| claim.token), Some(Token { epoch, owner }));
    }
}

/// It has failed, and whoever starts it again is told of all epochs by the stamp of the wish (S3.1).
#[test]
fn a_claim_of_a_life_before_goes_though_it_has_the_higher_epoch_where_there_is_no_copy_to_start_above_it() {
    for state in [ClaimState::Failed, ClaimState::Running] {
        let (mut node, _, key) = after_a_split(|birth| {
            let before = Stamp {
                hlc: ordu_crdt::Hlc(1),
                ..birth
            };
            let claim = |birth, epoch| Claim {
                state,
                ..claimed(
                    birth,
                    Token {
                        epoch,
                        owner: NodeId(9),
                    },
                )
            };
            [(life(birth), claim(birth, 8)), (life(before), claim(before, 9))]
        });
        node.set_liveness(NodeId(9), Liveness::Down);
        remove(&mut node, NodeId(9), ME);
        buries(&mut node);
        let left = if state == ClaimState::Failed { 1 } else { 2 };
        assert_eq!(siblings(&node, &key), [left, left], "{state:?}");
    }
}

/// What was wished of the life before is stamped above its epochs, and tells the owner to start its copy again (S3.4).
#[test]
fn a_life_before_is_remembered_for_as_long_as_the_owner_of_the_next_is_to_start_above_it() {
    for restart in [Restart::Permanent, Restart::Temporary] {
        let (mut node, mut n2, key) = after_a_split(|birth| {
            let before = Stamp {
                hlc: ordu_crdt::Hlc(1),
                ..birth
            };
            let spec = ChildSpec {
                restart,
                ..ChildSpec::clone(&life(birth).spec)
            };
            let next = Intent {
                spec: Arc::new(spec),
                ..life(birth)
            };
            let claim = claimed(birth, Token { epoch: 9, owner: N2 });
            [(life(before), claim.clone()), (next, claim)]
        });
        let claims = &mut node.children.all.get_mut(&key).unwrap().claims;
        claims.set_above_older_lives(10);
        let own: Vec<_> = node.replica.map().siblings(&Key::Claim(key.clone())).collect();
        assert_eq!(own.len(), 2);
        // n2 has settled its claims.
        let claim = own[0].value.clone();
        n2.write(1, |batch| batch.put(Key::Claim(key.clone()), claim).unwrap());
        exchange(&mut node, &mut n2);
        node.children
            .all
            .get_mut(&key)
            .unwrap()
            .claims
            .set_above_older_lives(10);
        buries(&mut node);
        let left = if restart == Restart::Temporary { 1 } else { 2 };
        assert_eq!(siblings(&node, &key), [left, 1], "{restart:?}");
    }
}

/// The claim that counts is of a run before; that the last one has failed is told by the other alone.
#[test]
fn that_the_wished_run_has_failed_outlives_the_claim_that_told_of_it() {
    let gone = NodeId(9);
    let (mut node, _, key) = after_a_split(|birth| {
        let failed = |run: Stamp, epoch| Claim {
            run,
            state: ClaimState::Failed,
            ..claimed(birth, Token { epoch, owner: gone })
        };
        let again = Stamp {
            hlc: ordu_crdt::Hlc(birth.hlc.0 + 1),
            ..birth
        };
        let wished = Intent {
            run: again,
            ..life(birth)
        };
        [(wished.clone(), failed(birth, 9)), (wished, failed(again, 8))]
    });
    node.set_liveness(gone, Liveness::Down);
    remove(&mut node, gone, ME);
    let has_failed = |node: &Node| node.info(&key).map(|info| info.state);
    assert_eq!(has_failed(&node), Some(ChildState::Failed));
    buries(&mut node);
    assert_eq!(siblings(&node, &key)[1], 1);
    assert_eq!(
        has_failed(&node),
        Some(ChildState::Failed),
        "nobody starts it again"
    );
}
