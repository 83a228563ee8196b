use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_crdt::Message as SyncMessage;

use crate::claims::{Copy, Phase, StopWhy};
use crate::membership::{Identity, Link, Liveness};
use crate::node::Node;
use crate::registers::{ChildKey, Claim, ClaimState, Deleted, Desired, Intent, Key, Member, Status, Value};
use crate::wire::{ClaimNotice, Message, Place};
use crate::{ChildSpec, Config, ConnId, Input, Kind, NodeId, Now, Output, Time, Token, WallTime};

const ME: NodeId = NodeId(1);
const PEER: NodeId = NodeId(7);
/// Who owned the child, and is gone.
const GONE: NodeId = NodeId(9);

/// A node that is ready, and sees one other that is.
fn node() -> Node {
    let mut node = Node::new(Config::plain(), ME, 1);
    let now = Now {
        mono: Time(1),
        wall: WallTime(1_000_000),
    };
    node.handle(now, Input::Timer);
    let identity = Identity {
        id: PEER,
        seniority: PEER,
        generation: 0,
        name: "beta".parse().unwrap(),
        addr: "127.0.0.1:2".parse().unwrap(),
    };
    node.roster.hear(identity, now.mono);
    node.roster.set_liveness(PEER, Liveness::Alive, now.mono);
    let member = Member::of(&node.config, Status::Ready);
    node.roster.set_member(PEER, Some(member), now.mono);
    node.replica.add_peer(PEER.replica());
    node.replicating.insert(PEER);
    node
}

/// A child that a node that is gone owned, and of which an older copy runs here.
fn child_with_an_older_copy_here(node: &mut Node) -> ChildKey {
    let key = ChildKey::new("main".parse().unwrap(), "c".parse().unwrap());
    let birth = node.stamp();
    let token = |epoch, owner| Token { epoch, owner };
    let spec = Arc::new(ChildSpec::new(Kind::new("k").unwrap(), 1, Vec::new()));
    let intent = Intent {
        birth,
        run: birth,
        runner: None,
        desired: Desired::Running,
        deleted: Deleted::No,
        spec: Arc::clone(&spec),
    };
    let claim = Claim {
        birth,
        run: birth,
        token: token(9, GONE),
        previous: None,
        state: ClaimState::Running,
        restarts: 0,
        relocations: 0,
        os_pid: None,
        reason: None,
    };
    node.write([
        (Key::Intent(key.clone()), Some(Value::encode(&intent))),
        (Key::Claim(key.clone()), Some(Value::encode(&claim))),
    ]);
    let child = node.child_mut(&key);
    child.spec = Some(spec);
    child.claims.set_copy(Some(Copy {
        birth,
        run: birth,
        token: token(5, ME),
        phase: Phase::Running { os_pid: None },
        unwritten: false,
    }));
    key
}

fn phase(node: &Node, key: &ChildKey) -> Phase {
    node.copy_of(key).expect("it is here").phase.clone()
}

/// The other node holds all that was written.
fn hold(node: &mut Node) {
    let head = node.replica.vector().get(ME.replica());
    let held = SyncMessage::Ack {
        serial: 1,
        held: [(ME.replica(), head)].into(),
    };
    node.sync_received(PEER, held).unwrap();
}

#[test]
fn a_take_over_that_was_called_off_starts_later_and_only_once_its_claim_is_held() {
    let mut node = node();
    let key = child_with_an_older_copy_here(&mut node);
    node.child_mut(&key).claims.set_copy(None);
    node.claim_here(&key);
    node.write_takeovers();
    // The others gave this node up meanwhile.
    node.takeovers.proposals.clear();
    node.drop_copy(&key);
    node.reconcile_children();
    assert!(node.copy_of(&key).is_none());
    hold(&mut node);
    node.children.touch(&key);
    node.reconcile_children();
    assert_eq!(phase(&node, &key), Phase::Starting);
}

#[test]
fn a_copy_that_runs_already_is_started_again_above_a_take_over_once_its_claim_is_held() {
    let mut node = node();
    let key = child_with_an_older_copy_here(&mut node);
    node.claim_here(&key);
    node.reconcile_children();
    node.advance_takeovers();
    node.reconcile_children();
    assert_eq!(phase(&node, &key), Phase::Running { os_pid: None });
    hold(&mut node);
    node.now.mono = node.now.mono + node.config.timing.t_own;
    node.advance_takeovers();
    node.reconcile_children();
    assert_eq!(phase(&node, &key), Phase::Stopping(StopWhy::Outranked));
}

#[test]
fn a_hand_over_that_may_be_old_has_its_sender_asked_again() {
    let mut node = node();
    let key = child_with_an_older_copy_here(&mut node);
    let link = Link {
        peer: PEER,
        addr: "127.0.0.1:2".parse().unwrap(),
        dialled_here: true,
        rtt: Duration::ZERO,
        greeted: false,
        lifeline_closed: false,
        retired: None,
    };
    node.links.insert(ConnId(1), link);
    node.links.greet(ConnId(1), ME);
    // What it was asked when this node woke was lost.
    node.backlog.ask(PEER, 0);
    let birth = node.stamp();
    let place = Place {
        placement: 0,
        child: key,
        timeout: Duration::from_secs(1),
        epoch: 0,
        what: ClaimNotice::TakeOver { birth },
    };
    node.handed_over(PEER, &place, birth);
    assert!(node.backlog.may_hold(PEER));
    let sent = core::iter::from_fn(|| node.poll_output()).filter_map(|output| match output {
        Output::Send { bytes, .. } => Message::decode(&bytes).ok(),
        _ => None,
    });
    let pings: Vec<u64> = sent
        .filter_map(|message| match message {
            Message::Ping(nonce) => Some(nonce),
            _ => None,
        })
        .collect();
    assert_eq!(pings.len(), 1);
    node.backlog.answered(PEER, pings[0]);
    assert!(!node.backlog.may_hold(PEER));
}
