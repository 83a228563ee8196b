use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_crdt::{Dot, Hlc, Message as SyncMessage, Stamp};
use ordu_supervisor::decisions::{DynamicEvent, ExitReason, Incarnation, Restart, Started};

use crate::claims::{Copy, Phase, StopWhy, Verdict};
use crate::in_tests::{claimed, conn_of, exchange, life, meet, ready_node, replica_of, sent_to, settle};
use crate::membership::{Handshake, Identity, Link, Liveness};
use crate::node::Node;
use crate::registers::{ChildKey, Claim, ClaimState, Deleted, Intent, Key, Member, Status, Value};
use crate::wire::{ClaimNotice, Message, Place, Proposed};
use crate::{
    ChildSpec, ChildState, Config, ConnId, Event, Input, Kind, NodeId, Now, Output, Time, Token, WallTime,
};

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
        spec: Arc::clone(&spec),
        ..life(birth)
    };
    let claim = claimed(birth, token(9, GONE));
    node.write([
        (Key::Intent(key.clone()), Some(Value::encode(&intent))),
        (Key::Claim(key.clone()), Some(Value::encode(&claim))),
    ]);
    let child = node.child_mut(&key);
    child.spec = Some(spec);
    child.claims.set_copy(Some(Copy {
        retried: false,
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
    // There was nothing in its way, or a copy that did not die for a while; and what runs once only has not run by that.
    let permanent = [false, true].map(|was_zombie| (was_zombie, Restart::Permanent));
    for (was_zombie, restart) in permanent.into_iter().chain([(false, Restart::Temporary)]) {
        let mut node = node();
        let key = child_with_a_zombie_here(&mut node);
        if !was_zombie {
            node.child_mut(&key).claims.set_copy(None);
        }
        let intent = node.children.get(&key).unwrap().claims.intent().unwrap().clone();
        let mut spec = ChildSpec::clone(&intent.spec);
        spec.restart = restart;
        let intent = Intent {
            spec: Arc::new(spec),
            run: node.stamp(),
            runner: Some(ME),
            ..intent
        };
        node.write([(Key::Intent(key.clone()), Some(Value::encode(&intent)))]);
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
        dial: None,
        rtt: Duration::ZERO,
        handshake: Handshake::Awaited,
        lifeline_closed: false,
        retired: None,
        unanswered: None,
        goes_on: None,
        is_told: false,
        rank_told: None,
    };
    node.links.insert(ConnId(1), link);
    node.links.greet(ConnId(1), ME, None);
    // What it was asked when this node woke was lost.
    node.backlog.ask(PEER, 0, Time(u64::MAX));
    let birth = node.stamp();
    let place = Place {
        placement: 0,
        lowest: 0,
        child: key,
        timeout: Duration::from_secs(1),
        epoch: 0,
        what: ClaimNotice::TakeOver { birth },
    };
    node.handed_over(PEER, &place, birth, None);
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

#[test]
fn a_hand_over_of_one_that_is_down_is_not_taken() {
    let mut node = node();
    let key = child_with_an_older_copy_here(&mut node);
    node.child_mut(&key).claims.set_copy(None);
    let birth = node.children.get(&key).unwrap().claims.intent().unwrap().birth;
    let place = Place {
        placement: 0,
        lowest: 0,
        child: key.clone(),
        timeout: Duration::from_secs(1),
        epoch: 0,
        what: ClaimNotice::TakeOver { birth },
    };
    node.roster.set_liveness(PEER, Liveness::Down, node.now.mono);
    node.handed_over(PEER, &place, birth, None);
    assert!(node.copy_of(&key).is_none());
    node.roster.set_liveness(PEER, Liveness::Alive, node.now.mono);
    node.handed_over(PEER, &place, birth, None);
    assert_eq!(phase(&node, &key), Phase::Claiming);
}

/// The witness said that it holds what another wrote; then both died, and nobody else has it.
#[test]
fn a_take_over_does_not_wait_for_what_only_the_dead_held() {
    let mut node = node();
    let key = child_with_an_older_copy_here(&mut node);
    node.child_mut(&key).claims.set_copy(None);
    node.claim_here(&key);
    node.write_takeovers();
    let written = Dot {
        origin: GONE.replica(),
        seq: 7,
    };
    let proposed = Proposed {
        proposal: *node.takeovers.proposals.keys().next().unwrap(),
        part: 0,
        refused: Vec::new(),
        holds: [written].into(),
    };
    node.proposal_answered(PEER, proposed);
    hold(&mut node);
    assert!(!node.advance_takeovers(), "the witness may tell of it");
    node.roster.set_liveness(PEER, Liveness::Down, node.now.mono);
    node.replicating.remove(&PEER);
    node.advance_takeovers();
    assert!(node.advance_takeovers());
    assert!(node.takeovers.proposals.is_empty());
}

/// Sent while the child waited for a node to go on, and read when that is long over.
#[test]
fn a_hand_over_of_a_child_that_has_failed_since_is_not_taken() {
    for state in [ClaimState::Failed, ClaimState::Relocating] {
        let mut node = node();
        let key = child_with_an_older_copy_here(&mut node);
        let child = node.child_mut(&key);
        child.claims.set_copy(None);
        let claim = child.claims.winner().unwrap().clone();
        let birth = claim.birth;
        let given_up = Claim { state, ..claim };
        node.write([(Key::Claim(key.clone()), Some(Value::encode(&given_up)))]);
        let place = Place {
            placement: 0,
            lowest: 0,
            child: key.clone(),
            timeout: Duration::from_secs(1),
            epoch: 0,
            what: ClaimNotice::TakeOver { birth },
        };
        node.handed_over(PEER, &place, birth, None);
        assert_eq!(node.copy_of(&key).is_some(), state == ClaimState::Relocating);
    }
}

#[test]
fn a_hand_over_that_comes_on_a_connection_that_is_not_in_use_is_not_taken() {
    for is_in_use in [false, true] {
        let mut node = node();
        let key = child_with_an_older_copy_here(&mut node);
        node.child_mut(&key).claims.set_copy(None);
        meet(&mut node, PEER);
        let birth = node.children.get(&key).unwrap().claims.intent().unwrap().birth;
        let place = Place {
            placement: 0,
            lowest: 0,
            child: key.clone(),
            timeout: Duration::from_secs(1),
            epoch: 0,
            what: ClaimNotice::TakeOver { birth },
        };
        let conn = if is_in_use { conn_of(PEER) } else { ConnId(77) };
        node.handed_over(PEER, &place, birth, Some(conn));
        assert_eq!(node.copy_of(&key).is_some(), is_in_use);
    }
}

/// What is left of the life of before elsewhere.
#[derive(Clone, Copy)]
enum Left {
    /// It runs, and is claimed above all that this node knew of.
    Claim,
    /// It was deleted, and its claim is gone; its last epoch was above all that this node knew of.
    Mark,
}

/// A first start of another life of the child is under way here, and the birth of one before it.
fn first_start(node: &mut Node, restart: Restart) -> (ChildKey, Stamp) {
    let older = node.stamp();
    let key = ChildKey::new("main".parse().unwrap(), "c".parse().unwrap());
    let spec = ChildSpec {
        restart,
        ..ChildSpec::new(Kind::new("k").unwrap(), 1, Vec::new())
    };
    let birth = node.stamp();
    let copy = Copy {
        retried: false,
        birth,
        run: birth,
        token: Token { epoch: 5, owner: ME },
        phase: Phase::Starting,
        unwritten: true,
    };
    node.start_copy(&key, &copy, Arc::new(spec), 0, None);
    node.drain_supervisor();
    (key, older)
}

/// The life of before has a higher epoch elsewhere.
fn hear_of_an_older_life(node: &mut Node, key: &ChildKey, older: Stamp, left: Left) {
    let mut elsewhere = replica_of(PEER);
    elsewhere.observe_hlc(Hlc::new(ABOVE_ALL_CLOCKS.epoch + 1, 0));
    let claim = claimed(older, ABOVE_ALL_CLOCKS);
    elsewhere.write(1, |batch| {
        let intent = match left {
            Left::Claim => life(older),
            Left::Mark => life(older).over(Deleted::ByUser),
        };
        batch
            .put(Key::Intent(key.clone()), Value::encode(&intent))
            .unwrap();
        if matches!(left, Left::Claim) {
            batch.put(Key::Claim(key.clone()), Value::encode(&claim)).unwrap();
        }
    });
    exchange(node, &mut elsewhere);
}

const ABOVE_ALL_CLOCKS: Token = Token {
    epoch: 1 << 40,
    owner: GONE,
};

/// What it writes is instead of the claim of the older life, of whose token nobody else may hear then.
#[test]
fn a_first_start_that_comes_up_below_an_older_life_is_started_again_above_it() {
    for left in [Left::Claim, Left::Mark] {
        let mut node = node();
        let (key, older) = first_start(&mut node, Restart::Permanent);
        hear_of_an_older_life(&mut node, &key, older, left);
        report_running(&mut node, &key);
        starts_again_above(&mut node, &key);
    }
}

/// Another decider had it started by a node that is in sight: a second life would end that one.
#[test]
fn a_first_start_gives_way_to_one_that_was_there_before_it_came_up() {
    let mut node = node();
    let (key, older) = first_start(&mut node, Restart::Permanent);
    let mut elsewhere = replica_of(PEER);
    let epoch = 7;
    let claim = claimed(older, Token { epoch, owner: PEER });
    elsewhere.write(1, |batch| {
        let (intent, claim) = (Value::encode(&life(older)), Value::encode(&claim));
        batch.put(Key::Intent(key.clone()), intent).unwrap();
        batch.put(Key::Claim(key.clone()), claim).unwrap();
    });
    exchange(&mut node, &mut elsewhere);
    report_running(&mut node, &key);
    assert_eq!(phase(&node, &key), Phase::Stopping(StopWhy::Void));
    let claims = &node.children.get(&key).unwrap().claims;
    assert_eq!(claims.intent().unwrap().birth, older);
}

fn starts_again_above(node: &mut Node, key: &ChildKey) {
    node.reconcile_children();
    assert_eq!(phase(node, key), Phase::Stopping(StopWhy::Outranked));
    let incarnation = Incarnation::new(node.child_mut(key).start.expect("it was started").0);
    let reason = ExitReason::Shutdown;
    node.supervise(DynamicEvent::Exited { incarnation, reason });
    node.drain_supervisor();
    node.reconcile_children();
    node.drain_supervisor();
    assert!(tokens_started(node).last().unwrap() > &ABOVE_ALL_CLOCKS);
}

/// The worker says so itself; one that does as it is told ends with `Shutdown`.
#[test]
fn what_was_done_before_its_stop_reached_it_is_not_started_again() {
    for why in [StopWhy::Outranked, StopWhy::Leave, StopWhy::Conflict] {
        for (restart, reason, is_done) in [
            (Restart::Transient, ExitReason::Normal, true),
            (Restart::Transient, ExitReason::Shutdown, false),
            (Restart::Permanent, ExitReason::Normal, false),
        ] {
            let mut node = node();
            let (key, _) = first_start(&mut node, restart);
            report_running(&mut node, &key);
            node.reconcile_children();
            node.stop_copy(&key, why);
            node.drain_supervisor();
            let incarnation = Incarnation::new(node.child_mut(&key).start.expect("it was started").0);
            node.supervise(DynamicEvent::Exited {
                incarnation,
                reason: reason.clone(),
            });
            node.drain_supervisor();
            let intent = node.children.get(&key).unwrap().claims.intent().unwrap();
            assert_eq!(
                intent.deleted == Deleted::Finished,
                is_done,
                "{why:?} {restart:?} {reason:?}"
            );
        }
    }
}

/// Nobody claims the older life any more: that its epoch was higher is told by the stamp of its mark alone (S3.1).
#[test]
fn a_copy_below_an_older_life_that_is_over_is_started_again_above_it() {
    let mut node = node();
    let (key, older) = first_start(&mut node, Restart::Permanent);
    report_running(&mut node, &key);
    node.reconcile_children();
    assert_eq!(phase(&node, &key), Phase::Running { os_pid: None });
    hear_of_an_older_life(&mut node, &key, older, Left::Mark);
    starts_again_above(&mut node, &key);
}

#[test]
fn a_first_start_of_what_runs_once_only_keeps_its_token_below_an_older_life() {
    for left in [Left::Claim, Left::Mark] {
        let mut node = node();
        let (key, older) = first_start(&mut node, Restart::Temporary);
        hear_of_an_older_life(&mut node, &key, older, left);
        report_running(&mut node, &key);
        node.reconcile_children();
        assert_eq!(phase(&node, &key), Phase::Running { os_pid: None });
        let claims = &node.children.get(&key).unwrap().claims;
        assert_eq!(claims.own().unwrap().token, claims.copy().unwrap().token);
    }
}

/// A copy here was killed in vain, and the node that owned the child is gone.
fn child_with_a_zombie_here(node: &mut Node) -> ChildKey {
    let key = child_with_an_older_copy_here(node);
    node.child_mut(&key).claims.copy_mut().unwrap().phase = Phase::Zombie;
    key
}

fn own_state(node: &Node, key: &ChildKey) -> Option<ClaimState> {
    let own = node.children.get(key)?.claims.own()?;
    Some(own.state)
}

#[test]
fn who_takes_a_child_over_while_a_copy_does_not_die_there_says_so() {
    let mut node = node();
    let key = child_with_a_zombie_here(&mut node);
    node.claim_here(&key);
    node.reconcile_children();
    assert_eq!(own_state(&node, &key), Some(ClaimState::Zombie));
    assert_eq!(node.info(&key).unwrap().state, ChildState::Zombie);
    hold(&mut node);
    node.now.mono = node.now.mono + node.config.timing.t_own;
    node.advance_takeovers();
    node.reconcile_children();
    assert_eq!(phase(&node, &key), Phase::Zombie);
    // It dies at last.
    node.drop_copy(&key);
    node.reconcile_children();
    assert_eq!(phase(&node, &key), Phase::Starting);
}

/// The decider knows of no copy here: it would hand the child over again and again, and nobody had it.
#[test]
fn a_child_that_is_handed_over_where_a_copy_of_it_does_not_die_has_an_owner() {
    let mut node = node();
    let key = child_with_a_zombie_here(&mut node);
    let birth = node.children.get(&key).unwrap().claims.intent().unwrap().birth;
    let place = Place {
        placement: 0,
        lowest: 0,
        child: key.clone(),
        timeout: Duration::from_secs(1),
        epoch: 0,
        what: ClaimNotice::TakeOver { birth },
    };
    node.handed_over(PEER, &place, birth, None);
    assert_eq!(own_state(&node, &key), Some(ClaimState::Zombie));
}

/// It may have said so long ago, and be gone by now.
#[test]
fn what_a_winner_said_while_this_node_stood_still_stops_no_copy() {
    let mut node = node();
    let key = child_with_an_older_copy_here(&mut node);
    meet(&mut node, PEER);
    settle(&mut node);
    let claim = node.children.get(&key).unwrap().claims.winner().unwrap().clone();
    let token = Token {
        epoch: 9,
        owner: PEER,
    };
    let claim = Claim { token, ..claim };
    node.write([(Key::Claim(key.clone()), Some(Value::encode(&claim)))]);
    node.reconcile_children();
    let nonce = node.mark_the_backlog(PEER);
    node.verdict(PEER, &key, claim.rank(), Verdict::Running);
    assert_eq!(phase(&node, &key), Phase::Running { os_pid: None });
    // However many verdicts come before that answer.
    node.backlog.answered(PEER, nonce);
    node.verdict(PEER, &key, claim.rank(), Verdict::Running);
    assert!(matches!(phase(&node, &key), Phase::Stopping(_)));
}

/// The owner's copy was killed in vain; that here works.
#[test]
fn a_copy_that_works_wins_against_one_that_does_not_die() {
    for (state, is_taken) in [(ClaimState::Zombie, true), (ClaimState::Starting, false)] {
        let mut node = node();
        let key = child_with_an_older_copy_here(&mut node);
        meet(&mut node, PEER);
        settle(&mut node);
        let claim = node.children.get(&key).unwrap().claims.winner().unwrap().clone();
        let token = Token {
            epoch: 9,
            owner: PEER,
        };
        let claim = Claim {
            token,
            state,
            ..claim
        };
        node.write([(Key::Claim(key.clone()), Some(Value::encode(&claim)))]);
        node.reconcile_children();
        node.verdict(PEER, &key, claim.rank(), Verdict::NotWinner);
        node.reconcile_children();
        assert_eq!(own_state(&node, &key).is_some(), is_taken);
        assert_eq!(phase(&node, &key), Phase::Running { os_pid: None });
    }
}

/// The owner is gone; what it said of the child last, and what another that lives claims of it, under a lower rank.
fn child_claimed_by_two(node: &mut Node, said: ClaimState, of_the_other: ClaimState) -> ChildKey {
    node.config.kinds.push((Kind::new("k").unwrap(), 1));
    node.config.hordes.push("main".parse().unwrap());
    let key = child_with_an_older_copy_here(node);
    node.child_mut(&key).claims.set_copy(None);
    let gone = node.children.get(&key).unwrap().claims.winner().unwrap().clone();
    let gone = Claim { state: said, ..gone };
    node.write([(Key::Claim(key.clone()), Some(Value::encode(&gone)))]);
    meet(node, PEER);
    settle(node);
    let mut map = replica_of(PEER);
    let token = Token {
        epoch: 5,
        owner: PEER,
    };
    let other = Claim {
        token,
        state: of_the_other,
        ..gone
    };
    map.write(1, |batch| {
        batch.put(Key::Claim(key.clone()), Value::encode(&other)).unwrap();
    });
    exchange(node, &mut map);
    key
}

/// Whom the child is handed to, if not to this node.
fn handed_to(node: &mut Node, key: &ChildKey) -> Option<NodeId> {
    node.find_owner(key, None);
    node.write_takeovers();
    let handed = node.children.get(key).unwrap().handed.map(|(to, _)| to);
    assert_ne!(own_state(node, key).is_some(), handed.is_some());
    handed
}

/// The copy of the other was killed in vain.
#[test]
fn a_child_is_not_given_to_a_node_where_a_copy_of_it_does_not_die_while_another_can_run_it() {
    for (state, is_given_there) in [(ClaimState::Zombie, false), (ClaimState::Running, true)] {
        let mut node = node();
        let key = child_claimed_by_two(&mut node, ClaimState::Running, state);
        assert_eq!(handed_to(&mut node, &key), is_given_there.then_some(PEER));
    }
}

/// The other stopped its copy by what the owner said, and cannot write over that: it may be full by now.
#[test]
fn a_child_that_was_stopped_is_not_given_to_who_had_a_copy_of_it_before_as_if_that_ran() {
    for said in [ClaimState::Stopped, ClaimState::Failed] {
        let mut node = node();
        let key = child_claimed_by_two(&mut node, said, ClaimState::Restarting);
        let wished = node.children.get(&key).unwrap().claims.intent().unwrap().clone();
        let run = node.stamp();
        let wished = Value::encode(&Intent { run, ..wished });
        node.write([(Key::Intent(key.clone()), Some(wished))]);
        let full = Member {
            capacity: Some(0),
            ..node.roster.get(PEER).unwrap().member.clone().unwrap()
        };
        node.roster.set_member(PEER, Some(full), node.now.mono);
        assert_eq!(handed_to(&mut node, &key), None);
    }
}

/// What the local supervisor would say of a copy that crashed and is due to be started again in place.
fn crash(node: &mut Node, key: &ChildKey) {
    let incarnation = Incarnation::new(node.child_mut(key).start.expect("it was started").0);
    let reason = ExitReason::error("crashed");
    node.supervise(DynamicEvent::Exited { incarnation, reason });
    node.drain_supervisor();
    node.now.mono = node.now.mono + Duration::from_millis(50);
    node.supervise(DynamicEvent::Tick);
    node.drain_supervisor();
    node.reconcile_children();
}

/// A copy of the child that the local supervisor knows.
fn run_older_copy(node: &mut Node, key: &ChildKey) {
    let copy = node.copy_of(key).expect("it is here").clone();
    let spec = node.child_mut(key).spec.clone().expect("a copy is of a spec");
    node.start_copy(key, &copy, spec, 0, None);
    node.drain_supervisor();
}

fn report_running(node: &mut Node, key: &ChildKey) {
    let incarnation = Incarnation::new(node.child_mut(key).start.expect("it was started").0);
    let outcome = Ok(Started::Running);
    node.supervise(DynamicEvent::Started { incarnation, outcome });
    node.drain_supervisor();
}

fn tokens_started(node: &mut Node) -> Vec<Token> {
    core::iter::from_fn(|| node.poll_output())
        .filter_map(|output| match output {
            Output::StartChild { token, .. } => Some(token),
            _ => None,
        })
        .collect()
}

#[test]
fn an_older_copy_that_crashes_is_not_started_above_a_claim_that_nobody_holds() {
    let mut node = node();
    let key = child_with_an_older_copy_here(&mut node);
    run_older_copy(&mut node, &key);
    report_running(&mut node, &key);
    node.claim_here(&key);
    node.reconcile_children();
    tokens_started(&mut node);
    crash(&mut node, &key);
    node.now.mono = node.now.mono + node.config.timing.t_own * 2;
    node.advance_takeovers();
    node.touch_all();
    node.reconcile_children();
    assert_eq!(tokens_started(&mut node), [], "the claim is not held");
    hold(&mut node);
    node.advance_takeovers();
    node.touch_all();
    node.reconcile_children();
    node.drain_supervisor();
    assert_eq!(tokens_started(&mut node).len(), 1);
}

#[test]
fn an_older_copy_that_comes_up_does_not_take_the_claim_of_a_take_over_back() {
    let mut node = node();
    let key = child_with_an_older_copy_here(&mut node);
    run_older_copy(&mut node, &key);
    node.claim_here(&key);
    node.reconcile_children();
    let taken = node.children.get(&key).unwrap().claims.own().unwrap().token;
    assert!(taken.epoch > 9, "above what was lost");
    report_running(&mut node, &key);
    let own = node.children.get(&key).unwrap().claims.own().unwrap();
    assert_eq!(own.token, taken);
}

/// Four others that are ready, connected, and hold what this node has written; and a child of one that is gone.
fn five_nodes() -> (Node, ChildKey) {
    let mut node = ready_node();
    for id in 2..=5 {
        meet(&mut node, NodeId(id));
        node.replica.add_peer(NodeId(id).replica());
        node.replicating.insert(NodeId(id));
    }
    settle(&mut node);
    let key = child_with_an_older_copy_here(&mut node);
    node.drop_copy(&key);
    (node, key)
}

/// Claims the child here, and gives who is asked about it.
fn claim_and_be_held(node: &mut Node, key: &ChildKey) -> Vec<(NodeId, u64)> {
    node.claim_here(key);
    node.reconcile_children();
    let head = node.replica.vector().get(ME.replica());
    for id in 2..=5 {
        let held = [(ME.replica(), head)].into();
        let ack = SyncMessage::Ack { serial: 1, held };
        node.sync_received(NodeId(id), ack).unwrap();
    }
    let proposals = node.takeovers.proposals.iter();
    let asked = proposals.flat_map(|(number, proposal)| {
        let witnesses = proposal.waiting.keys();
        witnesses.map(move |(witness, _)| (*witness, *number))
    });
    let asked: Vec<_> = asked.collect();
    assert!(asked.len() >= 2, "{asked:?}");
    asked
}

fn answer(node: &mut Node, witness: NodeId, proposal: u64, holds: Vec<Dot>) {
    let proposed = Proposed {
        proposal,
        part: 0,
        refused: Vec::new(),
        holds,
    };
    node.proposal_answered(witness, proposed);
    node.advance_takeovers();
}

#[test]
fn a_take_over_starts_once_each_of_the_first_in_rank_has_said_what_it_holds() {
    let (mut node, key) = five_nodes();
    for (witness, proposal) in claim_and_be_held(&mut node, &key) {
        // However long it takes.
        node.now.mono = node.now.mono + node.config.timing.t_own * 5;
        node.advance_takeovers();
        assert_eq!(phase(&node, &key), Phase::Claiming);
        answer(&mut node, witness, proposal, Vec::new());
    }
    assert_eq!(phase(&node, &key), Phase::Starting);
}

#[test]
fn a_take_over_starts_only_once_it_covers_what_the_first_in_rank_hold_of_the_child() {
    let (mut node, key) = five_nodes();
    let origin = ME.replica();
    let seq = node.replica.vector().get(origin) + 2;
    for (witness, proposal) in claim_and_be_held(&mut node, &key) {
        answer(&mut node, witness, proposal, [Dot { origin, seq }].into());
    }
    assert_eq!(phase(&node, &key), Phase::Claiming);
    node.write_member(Status::Ready);
    assert!(node.covers(Dot { origin, seq }));
    node.advance_takeovers();
    assert_eq!(phase(&node, &key), Phase::Starting);
}

#[test]
fn a_take_over_does_not_wait_for_a_suspect_and_says_whom_it_did_not_hear() {
    let (mut node, key) = five_nodes();
    let asked = claim_and_be_held(&mut node, &key);
    let (silent, _) = asked[0];
    for (witness, proposal) in asked.iter().skip(1) {
        answer(&mut node, *witness, *proposal, Vec::new());
    }
    assert_eq!(phase(&node, &key), Phase::Claiming);
    node.set_liveness(silent, Liveness::Suspect);
    node.advance_takeovers();
    assert_eq!(phase(&node, &key), Phase::Starting);
    let mut outputs = core::iter::from_fn(|| node.poll_output());
    assert!(outputs.any(|output| matches!(
        output,
        Output::Event(Event::TakenOverUnheard { node, children: 1, .. }) if node == silent
    )));
}

#[test]
fn one_of_the_first_in_rank_that_has_not_answered_is_asked_again() {
    let (mut node, key) = five_nodes();
    let (silent, _) = claim_and_be_held(&mut node, &key)[0];
    let was_asked = |node: &mut Node| {
        let messages = sent_to(node, silent);
        messages
            .iter()
            .any(|message| matches!(message, Message::Propose(_)))
    };
    assert!(was_asked(&mut node));
    node.now.mono = node.now.mono + node.config.timing.t_own;
    node.advance_takeovers();
    assert!(
        was_asked(&mut node),
        "it took this node for gone, or the question was lost"
    );
    node.advance_takeovers();
    assert!(!was_asked(&mut node), "not before it had time to answer");
}

#[test]
fn nothing_is_taken_over_by_what_a_member_said_before_it_was_out_of_sight() {
    let (mut node, key) = five_nodes();
    node.backlog.ask(NodeId(3), 7, Time(u64::MAX));
    let claims_it = |node: &mut Node| {
        node.find_owner(&key, None);
        node.copy_of(&key).is_some() || !node.takeovers.assigned.is_empty()
    };
    assert!(
        !claims_it(&mut node),
        "what n3 says next may be that the child has an owner"
    );
    node.set_liveness(NodeId(3), Liveness::Suspect);
    assert!(claims_it(&mut node), "no single fault holds it up");
}

#[test]
fn a_temporary_child_of_a_node_that_is_out_of_sight_is_shown_lost_and_nothing_is_written() {
    let mut node = ready_node();
    meet(&mut node, PEER);
    meet(&mut node, GONE);
    settle(&mut node);
    let key = child_with_an_older_copy_here(&mut node);
    node.child_mut(&key).claims.set_copy(None);
    let intent = node.children.get(&key).unwrap().claims.intent().unwrap().clone();
    let mut spec = ChildSpec::clone(&intent.spec);
    spec.restart = Restart::Temporary;
    let temporary = Intent {
        spec: Arc::new(spec),
        ..intent
    };
    node.write([(Key::Intent(key.clone()), Some(Value::encode(&temporary)))]);
    let deleted = |node: &Node| node.children.get(&key).unwrap().claims.intent().unwrap().deleted;
    let minutes_pass = |node: &mut Node| {
        for _ in 0..100 {
            node.now.mono = node.now.mono + Duration::from_secs(1);
            node.touch_all();
            node.reconcile_children();
        }
    };
    node.set_liveness(GONE, Liveness::Down);
    settle(&mut node);
    minutes_pass(&mut node);
    assert_eq!(deleted(&node), Deleted::No);
    assert_eq!(node.info(&key).unwrap().state, ChildState::Lost);
    // For good.
    crate::in_tests::remove(&mut node, GONE, PEER);
    minutes_pass(&mut node);
    assert_eq!(deleted(&node), Deleted::Lost);
}
