use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_crdt::{Dot, Replica, Stamp};
use ordu_supervisor::decisions::Restart;

use super::Closed;
use crate::claims::{Copy, Phase, StopWhy};
use crate::in_tests::{
    ME, child_decided_by, claimed, conn_of, connect, exchange, life, meet, ready_node, replica_of, sent_to,
    settle, spec,
};
use crate::membership::{Identity, Liveness, Standing};
use crate::node::Node;
use crate::registers::{ChildKey, Claim, ClaimState, Deleted, Desired, Intent, Key, Member, Status, Value};
use crate::wire::{Ask, ClaimNotice, Message, Place, PlaceError, Placed, Told};
use crate::{
    Answer, CallError, ChildSpec, Command, ConnId, Constraint, Input, NodeId, Output, RequestId, Stopped,
    Time, Token,
};

const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);
const N4: NodeId = NodeId(4);
const TEN_MINUTES: Duration = Duration::from_mins(10);

/// A ready node that sees two others.
fn node() -> Node {
    let mut node = ready_node();
    meet(&mut node, N2);
    meet(&mut node, N3);
    settle(&mut node);
    node
}

fn delete(key: &ChildKey) -> Command {
    let (horde, id) = (key.horde.clone(), key.id.clone());
    Command::DeleteChild { horde, id }
}

fn start(key: &ChildKey) -> Command {
    let (horde, id) = (key.horde.clone(), key.id.clone());
    let spec = spec();
    Command::StartChild { horde, id, spec }
}

fn ask(request: u64, command: Command) -> Ask {
    Ask {
        origin: N2,
        request: RequestId(request),
        closed: Closed::default(),
        timeout: TEN_MINUTES,
        again: false,
        seen: Vec::new(),
        command,
    }
}

fn come(node: &mut Node, ask: Ask, conn: ConnId) {
    node.call_came(N2, ask, Some(conn));
    node.reconcile_children();
}

fn told(messages: &[Message]) -> Vec<&Told> {
    let told = messages.iter().filter_map(|message| match message {
        Message::Told(told) => Some(told),
        _ => None,
    });
    told.collect()
}

fn asks_whether_it_is_open(messages: &[Message]) -> bool {
    messages
        .iter()
        .any(|message| matches!(message, Message::IsOpen(..)))
}

#[test]
fn who_is_asked_and_sees_another_decide_says_so_and_keeps_nothing_of_the_call() {
    let mut node = node();
    let key = child_decided_by(&node, N3);
    come(&mut node, ask(1, delete(&key)), conn_of(N2));
    let redirect = Message::Redirect {
        request: RequestId(1),
        to: N3,
    };
    assert_eq!(sent_to(&mut node, N2), [redirect]);
    assert!(node.decisions.is_empty());
}

/// A call of this node, about a child that n3 decides about.
fn asked_of_n3(node: &mut Node) -> RequestId {
    let key = child_decided_by(node, N3);
    let request = RequestId(1);
    node.requested(request, TEN_MINUTES, delete(&key));
    node.advance_asked();
    assert!(node.waits_for(request, N3));
    request
}

#[test]
fn a_call_is_asked_again_where_the_answer_may_have_been_lost_and_nobody_is_told_of_more() {
    let mut node = node();
    asked_of_n3(&mut node);
    sent_to(&mut node, N3);
    node.message(N3, Message::Lost, None);
    node.advance_asked();
    let sent = sent_to(&mut node, N3);
    assert!(sent.iter().any(|message| matches!(message, Message::Ask(_))));
    assert!(!sent.contains(&Message::Lost), "{sent:?}");
}

#[test]
fn a_call_goes_where_the_asked_node_says_and_is_watched_there() {
    let mut node = node();
    let request = asked_of_n3(&mut node);
    node.redirected(N3, request, N2);
    assert!(node.waits_for(request, N2));
    node.set_liveness(N2, Liveness::Down);
    node.advance_asked();
    assert!(!node.waits_for(request, N2), "nobody answers there");
}

#[test]
fn a_call_that_is_sent_to_a_node_that_is_down_is_asked_anew_a_moment_later() {
    let mut node = node();
    let request = asked_of_n3(&mut node);
    // n3 has not found out yet.
    node.set_liveness(N2, Liveness::Down);
    node.redirected(N3, request, N2);
    assert!(!node.waits_for(request, N2));
    node.now.mono = node.now.mono + Duration::from_millis(50);
    node.advance_asked();
    assert!(node.waits_for(request, N3));
}

#[test]
fn members_that_name_each_other_do_not_send_a_call_round_in_circles() {
    let mut node = node();
    let request = asked_of_n3(&mut node);
    for (from, to) in [(N3, N2), (N2, N3), (N3, N2)] {
        node.redirected(from, request, to);
    }
    assert!(!node.waits_for(request, N2) && !node.waits_for(request, N3));
    node.now.mono = node.now.mono + TEN_MINUTES;
    node.advance_asked();
    let reply = core::iter::from_fn(|| node.poll_output()).find_map(|output| match output {
        Output::Reply { result, .. } => Some(result),
        _ => None,
    });
    assert!(matches!(reply, Some(Err(CallError::NotDecider { view })) if view.len() == 3));
}

#[test]
fn a_copy_of_a_call_that_comes_on_a_connection_that_is_not_in_use_begins_only_if_it_is_still_waited_for() {
    let mut node = node();
    let key = child_decided_by(&node, ME);
    connect(&mut node, N2, ConnId(20));
    come(&mut node, ask(1, delete(&key)), conn_of(N2));
    let messages = sent_to(&mut node, N2);
    assert!(told(&messages).is_empty());
    assert!(asks_whether_it_is_open(&messages));
    node.is_open(N2, RequestId(1), &key, false);
    node.reconcile_children();
    assert!(told(&sent_to(&mut node, N2)).is_empty());
    assert!(node.decisions.is_empty());
}

#[test]
fn what_a_node_asked_before_it_was_out_of_sight_begins_only_if_it_is_still_waited_for() {
    let mut node = node();
    let key = child_decided_by(&node, ME);
    node.set_liveness(N2, Liveness::Suspect);
    node.set_liveness(N2, Liveness::Alive);
    come(&mut node, ask(1, delete(&key)), conn_of(N2));
    let messages = sent_to(&mut node, N2);
    assert!(asks_whether_it_is_open(&messages));
    let answered = messages.into_iter().find_map(|message| match message {
        Message::Ping(nonce) => Some(nonce),
        _ => None,
    });
    node.backlog
        .answered(N2, answered.expect("it was asked something"));
    come(&mut node, ask(2, delete(&key)), conn_of(N2));
    node.is_open(N2, RequestId(1), &key, false);
    node.reconcile_children();
    assert_eq!(
        told(&sent_to(&mut node, N2)).len(),
        0,
        "it waited behind the first"
    );
}

#[test]
fn a_node_says_that_it_waits_for_an_answer_only_to_the_one_that_it_asked_last() {
    let mut node = node();
    let request = asked_of_n3(&mut node);
    assert!(!node.waits_for(request, N2));
    node.redirected(N3, request, N2);
    assert!(!node.waits_for(request, N3));
}

#[test]
fn a_queued_call_of_a_node_that_is_down_holds_nothing_up() {
    let mut node = node();
    let key = child_decided_by(&node, ME);
    connect(&mut node, N2, ConnId(20));
    // It waits for n2 to say whether it still wants it.
    come(&mut node, ask(1, start(&key)), conn_of(N2));
    assert!(!node.decisions.is_empty());
    node.set_liveness(N2, Liveness::Down);
    node.reconcile_children();
    assert!(node.decisions.is_empty());
}

#[test]
fn a_placement_under_way_is_waited_for_though_its_caller_is_gone() {
    let mut node = node();
    let key = child_decided_by(&node, ME);
    come(&mut node, ask(1, start(&key)), conn_of(N2));
    node.set_liveness(N2, Liveness::Down);
    node.reconcile_children();
    assert!(node.is_being_placed(&key));
}

#[test]
fn an_answer_is_kept_for_as_long_as_its_caller_waits_and_forgotten_once_it_has_it() {
    let mut node = node();
    let key = child_decided_by(&node, ME);
    come(&mut node, ask(1, delete(&key)), conn_of(N2));
    assert_eq!(told(&sent_to(&mut node, N2)).len(), 1);
    node.now.mono = node.now.mono + Duration::from_mins(9);
    node.forget_old_answers();
    come(&mut node, ask(1, delete(&key)), conn_of(N2));
    assert_eq!(told(&sent_to(&mut node, N2)).len(), 1, "the answer was lost");
    let closed = Closed::all_but(core::iter::empty(), RequestId(1));
    node.calls_closed(N2, &closed);
    assert!(node.answered.is_empty());
    // A copy that was late all the way.
    come(&mut node, ask(1, delete(&key)), conn_of(N2));
    assert!(told(&sent_to(&mut node, N2)).is_empty());
    assert!(node.decisions.is_empty());
}

#[test]
fn who_has_answered_hears_within_a_while_that_it_was_heard() {
    let mut node = node();
    let request = asked_of_n3(&mut node);
    sent_to(&mut node, N3);
    let told = Told {
        request,
        result: Ok(Answer::Deleted),
        written: [].into(),
        held_by: [].into(),
    };
    node.told(N3, told);
    let mut now = node.now;
    now.mono = now.mono + node.config.timing.sync_period * 2;
    node.handle(now, Input::Timer);
    let acknowledged = sent_to(&mut node, N3)
        .into_iter()
        .find_map(|message| match message {
            Message::Acknowledge(closed) => Some(closed),
            _ => None,
        });
    assert!(acknowledged.expect("it is told").contains(request));
}

/// A child that n2 was told to stop, or whose life is over, while its claim says that it runs there.
fn to_be_stopped_by_n2(node: &mut Node, deleted: Deleted) -> (ChildKey, Claim) {
    let key = child_decided_by(node, ME);
    let birth = node.stamp();
    let intent = Intent {
        desired: Desired::Stopped(birth),
        deleted,
        ..life(birth)
    };
    let claim = claimed(birth, Token { epoch: 9, owner: N2 });
    node.write([
        (Key::Intent(key.clone()), Some(Value::encode(&intent))),
        (Key::Claim(key.clone()), Some(Value::encode(&claim))),
    ]);
    (key, claim)
}

#[test]
fn a_child_is_not_forgotten_while_its_owner_may_still_run_it() {
    let mut node = node();
    let (key, claim) = to_be_stopped_by_n2(&mut node, Deleted::No);
    let outcome = |node: &mut Node, request| {
        come(node, ask(request, delete(&key)), conn_of(N2));
        told(&sent_to(node, N2))[0].result.clone()
    };
    assert!(matches!(outcome(&mut node, 1), Err(CallError::Running(_))));
    // It is out of sight, which stops nothing.
    node.set_liveness(N2, Liveness::Down);
    node.set_liveness(N2, Liveness::Alive);
    let nonce = node.mark_the_backlog(N2);
    node.backlog.answered(N2, nonce);
    assert!(matches!(outcome(&mut node, 2), Err(CallError::Running(_))));
    let stopped = Claim {
        state: ClaimState::Stopped,
        ..claim
    };
    node.write([(Key::Claim(key.clone()), Some(Value::encode(&stopped)))]);
    assert_eq!(outcome(&mut node, 3), Ok(Answer::Deleted));
}

/// A boot that another replaced is forgotten after a while; it runs nothing any more, remembered or not.
#[test]
fn a_child_is_forgotten_though_its_owner_was_before() {
    let mut node = node();
    let (key, _) = to_be_stopped_by_n2(&mut node, Deleted::No);
    node.set_liveness(N2, Liveness::Down);
    node.links.remove(conn_of(N2), ME);
    let outcome = |node: &mut Node, request| {
        let ask = Ask {
            origin: N3,
            ..ask(request, delete(&key))
        };
        node.call_came(N3, ask, Some(conn_of(N3)));
        told_n3(node).expect("it is answered").result
    };
    assert!(matches!(outcome(&mut node, 1), Err(CallError::Running(_))));
    node.forget(N2);
    assert_eq!(outcome(&mut node, 2), Ok(Answer::Deleted));
}

#[test]
fn a_start_that_waits_for_an_older_copy_says_whose() {
    let mut node = node();
    let (key, _) = to_be_stopped_by_n2(&mut node, Deleted::ByUser);
    come(&mut node, ask(1, start(&key)), conn_of(N2));
    node.now.mono = node.now.mono + TEN_MINUTES;
    node.touch_all();
    node.reconcile_children();
    let messages = sent_to(&mut node, N2);
    let Err(CallError::NotReady { detail }) = &told(&messages)[0].result else {
        panic!("{messages:?}");
    };
    assert!(detail.contains("n2 has not stopped"), "{detail}");
}

/// What a node wrote of a child that it runs, in its own map; the life began with `birth`.
fn claim_in(map: &mut Replica<Key, Value>, key: &ChildKey, birth: Stamp, epoch: u64) {
    let owner = NodeId(map.id().0);
    let claim = claimed(birth, Token { epoch, owner });
    write_claim_in(map, key, &claim);
}

fn write_claim_in(map: &mut Replica<Key, Value>, key: &ChildKey, claim: &Claim) {
    map.write(1, |batch| {
        batch.put(Key::Claim(key.clone()), Value::encode(claim)).unwrap();
    });
}

/// A child that this node decides about and that n2 runs, by what n2 itself wrote.
fn owned_by_n2(node: &mut Node) -> (ChildKey, Replica<Key, Value>) {
    let key = child_decided_by(node, ME);
    let birth = node.stamp();
    let intent = life(birth);
    node.write([(Key::Intent(key.clone()), Some(Value::encode(&intent)))]);
    let mut n2 = replica_of(N2);
    exchange(node, &mut n2);
    claim_in(&mut n2, &key, birth, 9);
    exchange(node, &mut n2);
    (key, n2)
}

/// What n2 holds of a child that this node decides about and has not heard of.
fn known_to_n2_alone(node: &mut Node) -> (ChildKey, Replica<Key, Value>, Vec<Dot>) {
    let key = child_decided_by(node, ME);
    let mut n2 = replica_of(N2);
    exchange(node, &mut n2);
    let entry = Key::Intent(key.clone());
    let intent = life(node.stamp());
    let token = Token { epoch: 9, owner: N2 };
    let claim = Claim {
        state: ClaimState::Stopped,
        ..claimed(intent.birth, token)
    };
    n2.write(1, |batch| {
        batch.put(entry.clone(), Value::encode(&intent)).unwrap();
        batch.put(Key::Claim(key.clone()), Value::encode(&claim)).unwrap();
    });
    let seen = n2.map().siblings(&entry).map(|sibling| sibling.dot).collect();
    (key, n2, seen)
}

#[test]
fn who_decides_hears_first_what_the_asked_node_knows_of_the_child() {
    let mut node = node();
    let (key, mut n2, seen) = known_to_n2_alone(&mut node);
    let ask = Ask {
        seen,
        ..ask(1, terminate(&key))
    };
    come(&mut node, ask, conn_of(N2));
    let messages = sent_to(&mut node, N2);
    assert!(told(&messages).is_empty(), "{messages:?}");
    exchange(&mut node, &mut n2);
    node.reconcile_children();
    node.is_open(N2, RequestId(1), &key, true);
    node.reconcile_children();
    exchange(&mut node, &mut n2);
    node.touch_all();
    node.reconcile_children();
    let messages = sent_to(&mut node, N2);
    let stopped = Ok(Answer::Terminated(Stopped::Confirmed));
    assert_eq!(told(&messages)[0].result, stopped, "{messages:?}");
}

/// Who runs it, or whether anybody wants it to run, has not come here yet, and nothing true can be said by the one half.
#[test]
fn what_is_asked_of_a_child_of_which_one_half_is_known_waits_for_the_other() {
    for is_claimed in [false, true] {
        let mut node = node();
        let key = child_decided_by(&node, ME);
        let mut others = [replica_of(N2), replica_of(N3)];
        for other in &mut others {
            exchange(&mut node, other);
        }
        let birth = node.stamp();
        if is_claimed {
            claim_in(&mut others[0], &key, birth, 9);
        } else {
            others[0].write(1, |batch| {
                let intent = Value::encode(&life(birth));
                batch.put(Key::Intent(key.clone()), intent).unwrap();
            });
        }
        exchange(&mut node, &mut others[0]);
        come(&mut node, ask(1, terminate(&key)), conn_of(N2));
        node.reconcile_children();
        let intent = |node: &Node| node.children.get(&key).unwrap().claims.intent().cloned();
        assert!(intent(&node).is_none_or(|intent| intent.wants_running()));
        let messages = sent_to(&mut node, N2);
        assert!(told(&messages).is_empty(), "{is_claimed}: {messages:?}");
        // Neither had it.
        for other in &mut others {
            exchange(&mut node, other);
        }
        node.next_burial = node.now.mono;
        node.bury();
        node.reconcile_children();
        if is_claimed {
            let messages = sent_to(&mut node, N2);
            let (horde, id) = (key.horde.clone(), key.id.clone());
            assert_eq!(told(&messages)[0].result, Err(CallError::NotFound { horde, id }));
        } else {
            assert!(intent(&node).is_some_and(|intent| !intent.wants_running()));
        }
    }
}

/// A start that n3 carried out, wrote, and told this node of; then it died, and only n2, which had asked, has it.
#[test]
fn who_decided_hears_of_what_it_answered_by_whom_it_answered_once_the_writer_is_gone() {
    let mut node = node();
    let (key, mut n2, seen) = known_to_n2_alone(&mut node);
    let on_n3 = ChildSpec {
        constraints: [Constraint::Node("n3".parse().unwrap())].into(),
        ..(*spec()).clone()
    };
    let start = Command::StartChild {
        horde: key.horde.clone(),
        id: key.id.clone(),
        spec: Arc::new(on_n3),
    };
    come(&mut node, ask(1, start), conn_of(N2));
    let placed = sent_to(&mut node, N3)
        .into_iter()
        .find_map(|message| match message {
            Message::Place(place) => Some(place.placement),
            _ => None,
        });
    let written = Dot {
        origin: N3.replica(),
        seq: 1,
    };
    let token = Token { epoch: 9, owner: N3 };
    let placed = Placed {
        placement: placed.expect("n3 is to start it"),
        child: key.clone(),
        result: Ok((token, written)),
    };
    node.placed(N3, placed);
    node.reconcile_children();
    node.set_liveness(N3, Liveness::Down);
    node.touch_all();
    node.reconcile_children();
    // n4 has not heard of it either; the call waits for the exchange with n2.
    let ask = Ask {
        origin: ME,
        ..ask(2, terminate(&key))
    };
    node.take_decision(ask, false);
    node.reconcile_children();
    assert_eq!(node.decisions[&key].len(), 2);
    assert_eq!(seen.len(), 1);
    exchange(&mut node, &mut n2);
    node.reconcile_children();
    assert!(node.children.get(&key).unwrap().claims.intent().is_some());
    assert!(node.decisions.get(&key).is_some_and(|queue| queue.len() == 1));
}

/// It was asked itself, and has told its caller nothing: nobody has what n3 wrote.
#[test]
fn what_only_the_dead_had_holds_no_call_up() {
    let mut node = node();
    let key = child_decided_by(&node, ME);
    let on_n3 = ChildSpec {
        constraints: [Constraint::Node("n3".parse().unwrap())].into(),
        ..(*spec()).clone()
    };
    let (horde, id) = (key.horde.clone(), key.id.clone());
    let start = Command::StartChild {
        horde,
        id,
        spec: Arc::new(on_n3),
    };
    let ask = Ask {
        origin: ME,
        ..ask(1, start)
    };
    node.take_decision(ask, false);
    node.reconcile_children();
    let placement = placement_on(&mut node, N3).expect("n3 is to start it").placement;
    let written = Dot {
        origin: N3.replica(),
        seq: 1,
    };
    let placed = Placed {
        placement,
        child: key.clone(),
        result: Ok((Token { epoch: 9, owner: N3 }, written)),
    };
    node.placed(N3, placed);
    node.set_liveness(N3, Liveness::Down);
    node.touch_all();
    node.reconcile_children();
    assert!(node.decisions.is_empty());
}

fn terminate(key: &ChildKey) -> Command {
    let (horde, id) = (key.horde.clone(), key.id.clone());
    Command::TerminateChild { horde, id }
}

/// n3 asks this node to stop the child, whose owner has not confirmed that yet.
fn stop_for_n3(node: &mut Node, key: &ChildKey) {
    let ask = Ask {
        origin: N3,
        ..ask(1, terminate(key))
    };
    node.call_came(N3, ask, Some(conn_of(N3)));
    assert_eq!(told_n3(node), None);
}

/// It runs at the address of that boot, and would not otherwise.
#[test]
fn an_earlier_boot_of_the_decider_itself_runs_nothing_any_more() {
    let mut node = node();
    let (key, _) = owned_by_n2(&mut node);
    stop_for_n3(&mut node, &key);
    let known = node.roster.get(N2).unwrap().identity.clone();
    let earlier = Identity {
        name: node.config.name.clone(),
        addr: node.config.addr,
        generation: 1,
        ..known
    };
    node.roster.hear(earlier, node.now.mono);
    node.set_liveness(N2, Liveness::Down);
    let told = told_n3(&mut node).expect("it is answered at once");
    assert_eq!(told.result, Ok(Answer::Terminated(Stopped::Confirmed)));
}

#[test]
fn a_restart_that_nobody_can_carry_out_says_so_before_its_caller_gives_up() {
    let mut node = node();
    let (key, claim) = to_be_stopped_by_n2(&mut node, Deleted::No);
    let spec = ChildSpec {
        constraints: [Constraint::Node("n2".parse().unwrap())].into(),
        ..(*spec()).clone()
    };
    let stopped = Intent {
        desired: Desired::Stopped(claim.birth),
        spec: Arc::new(spec),
        ..life(claim.birth)
    };
    node.write([(Key::Intent(key.clone()), Some(Value::encode(&stopped)))]);
    node.take_changes();
    node.set_liveness(N2, Liveness::Down);
    settle(&mut node);
    let (horde, id) = (key.horde.clone(), key.id.clone());
    let ask = Ask {
        origin: N3,
        ..ask(1, Command::RestartChild { horde, id })
    };
    node.call_came(N3, ask, Some(conn_of(N3)));
    assert_eq!(told_n3(&mut node), None);
    node.now.mono = node.now.mono + TEN_MINUTES * 9 / 10;
    node.touch_all();
    let told = told_n3(&mut node).expect("a minute is left");
    let Err(CallError::Unknown { detail }) = told.result else {
        panic!("{told:?}")
    };
    assert!(
        detail.contains("no node can run it now: alpha: is not n2; n3: is not n2"),
        "{detail}"
    );
}

fn told_n3(node: &mut Node) -> Option<Told> {
    while node.children.any_touched() {
        node.reconcile_children();
    }
    told(&sent_to(node, N3)).pop().cloned()
}

/// A leaver does not wait for ever for a copy that does not die, and goes a moment after it has said that it left.
#[test]
fn of_one_that_has_left_a_copy_may_run_until_it_is_gone_unless_it_gave_the_child_away() {
    let states = [
        (ClaimState::Running, true),
        (ClaimState::Zombie, true),
        (ClaimState::Relocating, false),
    ];
    for (state, may_run) in states {
        let mut node = node();
        let (key, claim) = to_be_stopped_by_n2(&mut node, Deleted::No);
        let claim = Claim { state, ..claim };
        node.write([(Key::Claim(key.clone()), Some(Value::encode(&claim)))]);
        let member = node.roster.get(N2).unwrap().member.clone().unwrap();
        let left = Member {
            status: Status::Left,
            ..member
        };
        node.roster.set_member(N2, Some(left), node.now.mono);
        let mut asked = 0;
        let mut outcome = |node: &mut Node, command| {
            asked += 1;
            let ask = Ask {
                origin: N3,
                ..ask(asked, command)
            };
            node.call_came(N3, ask, Some(conn_of(N3)));
            told_n3(node).expect("it is answered at once").result
        };
        let stop = Ok(Answer::Terminated(if may_run {
            Stopped::Accepted {
                owner: "n2".parse().unwrap(),
            }
        } else {
            Stopped::Confirmed
        }));
        assert_eq!(outcome(&mut node, terminate(&key)), stop);
        if may_run {
            let refused = outcome(&mut node, delete(&key));
            assert!(matches!(refused, Err(CallError::Running(_))), "{refused:?}");
            node.links.remove(conn_of(N2), ME);
            let stopped = Ok(Answer::Terminated(Stopped::Confirmed));
            assert_eq!(outcome(&mut node, terminate(&key)), stopped);
        }
        assert_eq!(outcome(&mut node, delete(&key)), Ok(Answer::Deleted));
    }
}

#[test]
fn a_stop_that_its_owner_cannot_confirm_waits_for_nothing_that_the_owner_wrote() {
    let mut node = node();
    let (key, _) = owned_by_n2(&mut node);
    stop_for_n3(&mut node, &key);
    node.set_liveness(N2, Liveness::Down);
    let told = told_n3(&mut node).expect("it is answered at once");
    let accepted = Stopped::Accepted {
        owner: "n2".parse().unwrap(),
    };
    assert_eq!(told.result, Ok(Answer::Terminated(accepted)));
    let origins: Vec<_> = told.written.iter().map(|dot| NodeId(dot.origin.0)).collect();
    assert_eq!(origins, [ME]);
}

#[test]
fn a_stop_waits_for_what_its_owner_wrote_and_for_no_claim_that_lost() {
    let mut node = node();
    let (key, mut n2) = owned_by_n2(&mut node);
    let birth = node.children.get(&key).unwrap().claims.intent().unwrap().birth;
    // Another copy of it, started in a split: its claim lost.
    let mut n3 = replica_of(N3);
    claim_in(&mut n3, &key, birth, 8);
    exchange(&mut node, &mut n3);
    assert_eq!(node.children.get(&key).unwrap().claims.siblings().len(), 2);
    stop_for_n3(&mut node, &key);
    let claim = Claim {
        state: ClaimState::Stopped,
        ..node.children.get(&key).unwrap().claims.winner().unwrap().clone()
    };
    // n2 has not heard of the other.
    write_claim_in(&mut n2, &key, &claim);
    exchange(&mut node, &mut n2);
    let told = told_n3(&mut node).expect("it is confirmed");
    assert_eq!(told.result, Ok(Answer::Terminated(Stopped::Confirmed)));
    let origins: Vec<_> = told.written.iter().map(|dot| NodeId(dot.origin.0)).collect();
    assert_eq!(origins, [ME, N2]);
}

#[test]
fn of_an_answer_each_write_is_judged_on_its_own() {
    let mut node = node();
    let (key, _) = owned_by_n2(&mut node);
    // What n2 wrote is held here and there, and what this node wrote is held here and by n3.
    let claim = node
        .replica
        .map()
        .siblings(&Key::Claim(key.clone()))
        .next()
        .unwrap()
        .dot;
    let intent = node.write([(Key::Intent(key.clone()), None)]).unwrap();
    let request = asked_of_n3(&mut node);
    node.told(
        N3,
        Told {
            request,
            result: Ok(Answer::Terminated(Stopped::Confirmed)),
            written: [intent, claim].into(),
            held_by: [].into(),
        },
    );
    assert!(node.holders_of_all(&[intent, claim]).len() < 2);
    assert!(!node.advance_asked(), "nobody else has what was written here");
    node.replica.add_peer(N3.replica());
    node.replicating.insert(N3);
    has_all(&mut node, N3);
    assert!(node.advance_asked());
}

/// A ready node that sees six others, a stopped child that it decides about, and the others in the order of their rank for
/// it.
fn one_of_seven_and_a_stopped_child() -> (Node, ChildKey, Vec<NodeId>) {
    let mut node = ready_node();
    let others: Vec<_> = (2..=7).map(NodeId).collect();
    for peer in &others {
        meet(&mut node, *peer);
        exchange(&mut node, &mut replica_of(*peer));
    }
    settle(&mut node);
    let key = child_decided_by(&node, ME);
    let birth = node.stamp();
    let intent = Intent {
        desired: Desired::Stopped(birth),
        ..life(birth)
    };
    let claim = Claim {
        state: ClaimState::Stopped,
        ..claimed(birth, Token { epoch: 9, owner: ME })
    };
    node.write([
        (Key::Intent(key.clone()), Some(Value::encode(&intent))),
        (Key::Claim(key.clone()), Some(Value::encode(&claim))),
    ]);
    let mut ranked = others;
    ranked.sort_by_key(|peer| node.settled.view().unwrap().rank(*peer, &key));
    (node, key, ranked)
}

/// A node asks for the deletion of a child; gives what it is told at once.
fn deleted_for(node: &mut Node, caller: NodeId, key: &ChildKey) -> Vec<Told> {
    let ask = Ask {
        origin: caller,
        ..ask(1, delete(key))
    };
    node.call_came(caller, ask, Some(conn_of(caller)));
    node.reconcile_children();
    told_to(node, caller)
}

fn told_to(node: &mut Node, caller: NodeId) -> Vec<Told> {
    node.advance_withheld();
    node.reconcile_children();
    told(&sent_to(node, caller)).into_iter().cloned().collect()
}

/// A node has all that this one wrote.
fn has_all(node: &mut Node, peer: NodeId) {
    let head = node.replica.vector().get(ME.replica());
    let held = ordu_crdt::Message::Ack {
        serial: 1,
        held: [(ME.replica(), head)].into(),
    };
    node.sync_received(peer, held).unwrap();
}

#[test]
fn a_write_is_acknowledged_once_one_of_the_first_in_rank_holds_it_that_did_not_make_it() {
    let (mut node, key, ranked) = one_of_seven_and_a_stopped_child();
    assert_eq!(deleted_for(&mut node, ranked[5], &key), []);
    // Who would not be asked before a take-over.
    has_all(&mut node, ranked[2]);
    assert_eq!(told_to(&mut node, ranked[5]), []);
    has_all(&mut node, ranked[1]);
    assert_eq!(told_to(&mut node, ranked[5]).len(), 1);
    assert!(node.decisions.is_empty() && node.withheld.is_empty());
}

/// What the bug is called is all that it does (`planted-bugs`).
#[cfg(feature = "planted-bugs")]
#[test]
fn stops_that_are_answered_too_soon_take_no_other_answers_along() {
    let (mut node, key, ranked) = one_of_seven_and_a_stopped_child();
    node.plant(crate::planted::Bug::StopAnsweredBeforeHeld);
    let update = Command::UpdateChild {
        horde: key.horde.clone(),
        id: key.id.clone(),
        spec: Arc::new(ChildSpec {
            restart: Restart::Transient,
            ..(*spec()).clone()
        }),
    };
    let caller = ranked[5];
    let update = Ask {
        origin: caller,
        ..ask(2, update)
    };
    node.call_came(caller, update, Some(conn_of(caller)));
    node.reconcile_children();
    assert_eq!(told_to(&mut node, caller), []);
    node.touch_all();
    node.reconcile_children();
    assert_eq!(told_to(&mut node, caller), []);
    has_all(&mut node, ranked[1]);
    assert_eq!(told_to(&mut node, caller).len(), 1);
    assert_eq!(deleted_for(&mut node, caller, &key).len(), 1);
}

/// It may be asked once more for an update whose answer was that nobody else holds it yet.
#[test]
fn an_update_that_changes_nothing_is_acknowledged_once_what_it_tells_of_is_held() {
    let (mut node, key, ranked) = one_of_seven_and_a_stopped_child();
    let update = Command::UpdateChild {
        horde: key.horde.clone(),
        id: key.id.clone(),
        spec: spec(),
    };
    let caller = ranked[5];
    let update = Ask {
        origin: caller,
        ..ask(1, update)
    };
    node.call_came(caller, update, Some(conn_of(caller)));
    node.reconcile_children();
    assert_eq!(told_to(&mut node, caller), []);
    has_all(&mut node, ranked[1]);
    let told = told_to(&mut node, caller);
    let [
        Told {
            result: Ok(Answer::Updated(_)),
            ..
        },
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
}

#[test]
fn a_caller_that_is_first_in_rank_holds_it_itself() {
    let (mut node, key, ranked) = one_of_seven_and_a_stopped_child();
    assert_eq!(deleted_for(&mut node, ranked[0], &key).len(), 1);
}

#[test]
fn no_acknowledgement_waits_for_who_does_not_answer() {
    let (mut node, key, ranked) = one_of_seven_and_a_stopped_child();
    node.set_liveness(ranked[0], Liveness::Suspect);
    assert_eq!(deleted_for(&mut node, ranked[5], &key), []);
    node.set_liveness(ranked[1], Liveness::Suspect);
    assert_eq!(told_to(&mut node, ranked[5]).len(), 1);
}

fn place(node: &mut Node, placement: u64) -> Place {
    let key = child_decided_by(node, N2);
    let birth = node.stamp();
    Place {
        placement,
        lowest: 0,
        child: key,
        timeout: TEN_MINUTES,
        epoch: 0,
        what: ClaimNotice::Birth {
            birth,
            retried: false,
            spec: spec(),
        },
    }
}

/// What a node answered about placements.
fn placements_answered(messages: &[Message]) -> Vec<Result<(), PlaceError>> {
    let placed = messages.iter().filter_map(|message| match message {
        Message::Placed(placed) => Some(placed.result.clone().map(drop)),
        _ => None,
    });
    placed.collect()
}

#[test]
fn a_placement_that_may_be_of_before_its_decider_was_out_of_sight_starts_nothing() {
    let mut node = node();
    node.backlog.ask(N2, 7, Time(u64::MAX));
    let old = place(&mut node, 1);
    let key = old.child.clone();
    node.place_here(N2, old, Some(conn_of(N2)));
    let answers = placements_answered(&sent_to(&mut node, N2));
    assert_eq!(answers, [Err(PlaceError::Busy)]);
    assert!(node.copy_of(&key).is_none());
    node.backlog.answered(N2, 7);
    let anew = place(&mut node, 2);
    node.place_here(N2, anew, Some(conn_of(N2)));
    assert!(node.copy_of(&key).is_some());
}

#[test]
fn a_placement_that_comes_on_a_connection_that_is_not_in_use_starts_nothing() {
    let mut node = node();
    connect(&mut node, N2, ConnId(20));
    let old = place(&mut node, 1);
    let key = old.child.clone();
    node.place_here(N2, old, Some(conn_of(N2)));
    assert!(node.copy_of(&key).is_none());
    let answers = placements_answered(&sent_to(&mut node, N2));
    assert_eq!(answers, [Err(PlaceError::Busy)]);
    let anew = place(&mut node, 2);
    node.place_here(N2, anew, Some(ConnId(20)));
    assert!(node.copy_of(&key).is_some());
}

/// Two deciders placed two lives here: the older one would begin when the copy of the later one ends.
#[test]
fn a_placement_of_a_life_before_the_one_that_is_there_starts_nothing() {
    let mut node = node();
    let old = place(&mut node, 1);
    let key = old.child.clone();
    let later = node.stamp();
    node.write([(Key::Intent(key.clone()), Some(Value::encode(&life(later))))]);
    node.place_here(N2, old, Some(conn_of(N2)));
    assert!(node.copy_of(&key).is_none());
    let answers = placements_answered(&sent_to(&mut node, N2));
    assert_eq!(answers, [Err(PlaceError::Busy)]);
}

#[test]
fn a_placement_of_a_decider_that_is_out_of_sight_starts_nothing() {
    let mut node = node();
    let old = place(&mut node, 1);
    let key = old.child.clone();
    node.set_liveness(N2, Liveness::Down);
    node.place_here(N2, old, Some(conn_of(N2)));
    assert!(node.copy_of(&key).is_none());
    let answers = placements_answered(&sent_to(&mut node, N2));
    assert_eq!(answers, [Err(PlaceError::Busy)]);
}

#[test]
fn a_placement_of_before_its_decider_was_down_starts_nothing_though_it_has_greeted_again_since() {
    let mut node = node();
    let old = place(&mut node, 1);
    let key = old.child.clone();
    for liveness in [Liveness::Down, Liveness::Heard, Liveness::Alive] {
        node.set_liveness(N2, liveness);
    }
    node.place_here(N2, old, Some(conn_of(N2)));
    assert!(node.copy_of(&key).is_none());
}

#[test]
fn a_decider_whose_placement_was_not_taken_asks_whether_the_caller_still_waits() {
    let mut node = node();
    let key = child_decided_by(&node, ME);
    let Command::StartChild { horde, id, spec } = start(&key) else {
        unreachable!()
    };
    let mut spec = ChildSpec::clone(&spec);
    spec.constraints = [Constraint::Node("n3".parse().unwrap())].into();
    let spec = Arc::new(spec);
    come(
        &mut node,
        ask(1, Command::StartChild { horde, id, spec }),
        conn_of(N2),
    );
    let placed = sent_to(&mut node, N3)
        .into_iter()
        .find_map(|message| match message {
            Message::Place(place) => Some(place.placement),
            _ => None,
        });
    let placed = Placed {
        placement: placed.expect("n3 is told to start it"),
        child: key.clone(),
        result: Err(PlaceError::Busy),
    };
    node.placed(N3, placed);
    node.now.mono = node.now.mono + Duration::from_secs(1);
    node.reconcile_children();
    let messages = sent_to(&mut node, N2);
    assert!(asks_whether_it_is_open(&messages), "{messages:?}");
    node.is_open(N2, RequestId(1), &key, false);
    node.reconcile_children();
    assert!(node.decisions.is_empty(), "it was answered by another");
}

/// n4 asks this node to start a child that n2 and n3 alone may run; gives to which of them it was handed first, and the other.
fn start_elsewhere(node: &mut Node) -> (ChildKey, NodeId, NodeId) {
    meet(node, N4);
    settle(node);
    let zone: BTreeMap<String, String> = [("zone".into(), "b".into())].into();
    for peer in [N2, N3] {
        let mut member = node.roster.get(peer).unwrap().member.clone().unwrap();
        member.labels.clone_from(&zone);
        node.roster.set_member(peer, Some(member), node.now.mono);
    }
    let key = child_decided_by(node, ME);
    let Command::StartChild { horde, id, spec } = start(&key) else {
        unreachable!()
    };
    let mut spec = ChildSpec::clone(&spec);
    spec.constraints = [Constraint::Labels(zone)].into();
    let spec = Arc::new(spec);
    let ask = Ask {
        origin: N4,
        ..ask(1, Command::StartChild { horde, id, spec })
    };
    node.take_decision(ask, false);
    node.reconcile_children();
    let first = if placement_on(node, N2).is_some() { N2 } else { N3 };
    (key, first, if first == N2 { N3 } else { N2 })
}

fn placement_on(node: &mut Node, target: NodeId) -> Option<Place> {
    let outputs: Vec<_> = core::iter::from_fn(|| node.poll_output()).collect();
    let to_target = outputs.iter().rev().find_map(|output| match output {
        Output::Send { conn, bytes, .. } if *conn == conn_of(target) => match Message::decode(bytes) {
            Ok(Message::Place(place)) => Some(place),
            _ => None,
        },
        _ => None,
    });
    for output in outputs {
        node.output(output);
    }
    to_target
}

/// The one that is to start it may never have heard of the child, and its clock may be behind.
#[test]
fn who_is_to_start_a_child_hears_of_the_epochs_of_those_that_the_decider_has_forgotten() {
    const HIGH: u64 = 9_000_000_000_000;
    let mut node = node();
    meet(&mut node, N4);
    let forgotten = child_decided_by(&node, ME);
    node.child_mut(&forgotten).claims.observe_epoch(HIGH);
    node.children.touch(&forgotten);
    node.reconcile_children();
    assert!(node.children.get(&forgotten).is_none());
    let (_, first, other) = start_elsewhere(&mut node);
    let placed = placement_on(&mut node, first).or_else(|| placement_on(&mut node, other));
    assert!(placed.unwrap().epoch >= HIGH);
}

/// A node that hears of the deletion, and of no claim before it, starts the next life above that all the same, be its clock
/// behind or stand still.
#[test]
fn whatever_is_wished_of_a_child_is_stamped_above_its_epochs() {
    const HIGH: u64 = 9_000_000_000_000;
    let mut node = node();
    let key = child_decided_by(&node, ME);
    node.child_mut(&key).claims.observe_epoch(HIGH);
    let birth = node.stamp();
    let deleted = life(birth).over(Deleted::ByUser);
    node.write([(Key::Intent(key.clone()), Some(Value::encode(&deleted)))]);
    let written = node.replica.map().siblings(&Key::Intent(key)).next().unwrap();
    assert!(written.stamp.hlc.wall_ms() > HIGH);
}

/// The decider may miss the owner that the asked node sees, and take what that runs for stopped.
#[test]
fn a_call_tells_of_the_claims_that_the_asked_node_holds_too() {
    let mut node = node();
    let key = child_decided_by(&node, N3);
    let birth = node.stamp();
    let intent = (Key::Intent(key.clone()), Some(Value::encode(&life(birth))));
    let claimed = node.next_dot();
    let claim = (Key::Claim(key.clone()), Some(Value::encode(&())));
    node.write([claim]);
    let wished = node.next_dot();
    node.write([intent]);
    node.requested(RequestId(1), TEN_MINUTES, terminate(&key));
    node.advance_asked();
    let asks = sent_to(&mut node, N3)
        .into_iter()
        .filter_map(|message| match message {
            Message::Ask(ask) => Some(ask.seen),
            _ => None,
        });
    assert_eq!(asks.collect::<Vec<_>>(), [[wished, claimed]]);
}

/// What a restart is answered whose child is over before it was seen to run: marked so by somebody else, because of a run
/// before perhaps, or forgotten by now.
fn restart_of_what_is_over(
    restart: Restart,
    deleted: Option<Deleted>,
    of_a_run_before: bool,
) -> (ChildKey, Result<Answer, CallError>) {
    let mut node = node();
    let (key, mut n2) = owned_by_n2(&mut node);
    let intent = |node: &Node| node.children.get(&key).unwrap().claims.intent().unwrap().clone();
    let spec = ChildSpec {
        restart,
        ..(*spec()).clone()
    };
    let stopped = Intent {
        desired: Desired::Stopped(intent(&node).birth),
        spec: Arc::new(spec),
        ..intent(&node)
    };
    node.write([(Key::Intent(key.clone()), Some(Value::encode(&stopped)))]);
    exchange(&mut node, &mut n2);
    let command = Command::RestartChild {
        horde: key.horde.clone(),
        id: key.id.clone(),
    };
    come(&mut node, ask(1, command), conn_of(N2));
    exchange(&mut node, &mut n2);
    assert!(intent(&node).wants_running());
    let last = intent(&node);
    let ended = Intent {
        run: if of_a_run_before { last.birth } else { last.run },
        ..last
    };
    let over = deleted.map(|deleted| Value::encode(&ended.over(deleted)));
    n2.write(1, |batch| match over {
        Some(over) => batch.put(Key::Intent(key.clone()), over).unwrap(),
        None => assert!(batch.remove(&Key::Intent(key.clone()))),
    });
    exchange(&mut node, &mut n2);
    node.touch_all();
    node.reconcile_children();
    let messages = sent_to(&mut node, N2);
    let result = told(&messages).last().expect("it is answered").result.clone();
    (key, result)
}

/// It chose not to run, or was done before anybody saw it run, or was deleted, and that may be forgotten: nothing is to be
/// waited for.
#[test]
fn a_restart_of_what_is_over_at_once_is_answered_at_once() {
    for deleted in [Some(Deleted::Finished), Some(Deleted::ByUser), None] {
        let (key, result) = restart_of_what_is_over(Restart::Permanent, deleted, false);
        let (horde, id) = (key.horde, key.id);
        let expected = match deleted {
            Some(Deleted::Finished) => Ok(Answer::Ignored),
            _ => Err(CallError::NotFound { horde, id }),
        };
        assert_eq!(result, expected, "{deleted:?}");
    }
}

/// Its owner may have begun that run and died of it: whoever is told that there is no such child starts it once more.
#[test]
fn of_a_temporary_child_that_was_lost_or_deleted_while_it_was_restarted_nobody_knows_whether_it_ran() {
    for deleted in [Some(Deleted::Lost), Some(Deleted::ByUser), None] {
        let (_, result) = restart_of_what_is_over(Restart::Temporary, deleted, false);
        assert!(
            matches!(result, Err(CallError::Unknown { .. })),
            "{deleted:?}: {result:?}"
        );
    }
    let (_, result) = restart_of_what_is_over(Restart::Temporary, Some(Deleted::Finished), false);
    assert_eq!(result, Ok(Answer::Ignored));
}

/// n2, which was out of sight, ran it once more before, and that run is done.
#[test]
fn a_restart_of_what_had_finished_out_of_sight_is_not_told_that_it_chose_not_to_run() {
    let finished = Some(Deleted::Finished);
    let (key, result) = restart_of_what_is_over(Restart::Transient, finished, true);
    let (horde, id) = (key.horde, key.id);
    assert_eq!(result, Err(CallError::NotFound { horde, id }));
    let (_, result) = restart_of_what_is_over(Restart::Temporary, finished, true);
    assert!(matches!(result, Err(CallError::Unknown { .. })), "{result:?}");
}

/// Its clock stood still while it slept, so that its caller waits for longer than the answer is kept here.
#[test]
fn a_temporary_child_is_not_started_again_for_a_call_whose_answer_was_forgotten() {
    for restart in [Restart::Temporary, Restart::Permanent] {
        let mut node = node();
        let key = child_decided_by(&node, ME);
        let spec = ChildSpec {
            restart,
            constraints: [Constraint::Node("n3".parse().unwrap())].into(),
            ..(*spec()).clone()
        };
        let start = Command::StartChild {
            horde: key.horde.clone(),
            id: key.id.clone(),
            spec: Arc::new(spec),
        };
        come(&mut node, ask(1, start.clone()), conn_of(N2));
        let placed = Placed {
            placement: placement_on(&mut node, N3).expect("n3 is to start it").placement,
            child: key.clone(),
            result: Err(PlaceError::StartFailed("too slow".into())),
        };
        node.placed(N3, placed);
        node.now.mono = node.now.mono + TEN_MINUTES * 2;
        node.forget_old_answers();
        sent_to(&mut node, N2);
        let again = Ask {
            again: true,
            ..ask(1, start)
        };
        node.take_decision(again, false);
        node.reconcile_children();
        let is_begun = placement_on(&mut node, N3).is_some_and(|place| place.child == key);
        assert_eq!(is_begun, restart == Restart::Permanent);
    }
}

fn first_dies(node: &mut Node, key: &ChildKey, first: NodeId) {
    node.set_liveness(first, Liveness::Down);
    settle(node);
    node.children.touch(key);
    node.reconcile_children();
}

#[test]
fn another_is_told_to_start_what_one_that_died_did_not_once_the_caller_says_that_it_waits() {
    let mut node = node();
    let (key, first, second) = start_elsewhere(&mut node);
    first_dies(&mut node, &key, first);
    assert!(placement_on(&mut node, second).is_none());
    assert!(asks_whether_it_is_open(&sent_to(&mut node, N4)));
    node.is_open(N4, RequestId(1), &key, true);
    node.reconcile_children();
    assert!(placement_on(&mut node, second).is_some());
}

#[test]
fn nothing_is_started_elsewhere_for_a_caller_that_is_gone() {
    let mut node = node();
    let (key, first, second) = start_elsewhere(&mut node);
    node.set_liveness(N4, Liveness::Down);
    first_dies(&mut node, &key, first);
    assert!(placement_on(&mut node, second).is_none());
    assert!(node.decisions.is_empty());
    // It asks again: nothing begins anew that one that went down may have done.
    node.set_liveness(N4, Liveness::Alive);
    let again = Ask {
        origin: N4,
        ..ask(1, start(&key))
    };
    sent_to(&mut node, N4);
    node.take_decision(again, false);
    node.reconcile_children();
    let messages = sent_to(&mut node, N4);
    let unknown = |told: &&Told| matches!(told.result, Err(CallError::Unknown { .. }));
    assert_eq!(
        told(&messages).iter().filter(|told| unknown(told)).count(),
        1,
        "{messages:?}"
    );
    assert!(node.decisions.is_empty());
}

/// The decider that has handed the child to one node that went out of sight, and then to another that is busy.
fn busy_after_doubt() -> (Node, ChildKey, NodeId, Stamp) {
    let mut node = node();
    let (key, first, second) = start_elsewhere(&mut node);
    let ClaimNotice::Birth { birth, .. } = placement_on(&mut node, first).unwrap().what else {
        unreachable!()
    };
    first_dies(&mut node, &key, first);
    node.is_open(N4, RequestId(1), &key, true);
    node.reconcile_children();
    let placement = placement_on(&mut node, second)
        .expect("the other is tried")
        .placement;
    let result = Err(PlaceError::Busy);
    let child = key.clone();
    node.placed(
        second,
        Placed {
            placement,
            child,
            result,
        },
    );
    (node, key, first, birth)
}

fn runs_on(node: &mut Node, key: &ChildKey, owner: NodeId, birth: Stamp) {
    let intent = life(birth);
    let mut replica = replica_of(owner);
    replica.write(1, |batch| {
        batch
            .put(Key::Intent(key.clone()), Value::encode(&intent))
            .unwrap();
    });
    claim_in(&mut replica, key, birth, 9);
    exchange(node, &mut replica);
    node.now.mono = node.now.mono + Duration::from_secs(1);
    node.children.touch(key);
    node.reconcile_children();
    node.is_open(N4, RequestId(1), key, true);
    node.reconcile_children();
}

#[test]
fn what_the_first_node_started_after_all_is_the_answer_and_not_in_its_own_way() {
    let (mut node, key, first, birth) = busy_after_doubt();
    runs_on(&mut node, &key, first, birth);
    let messages = sent_to(&mut node, N4);
    let result = told(&messages)[0].result.clone();
    assert!(matches!(result, Ok(Answer::Started { .. })), "{result:?}");
}

#[test]
fn what_may_have_been_done_is_not_said_to_be_in_the_way() {
    let (mut node, key, first, _) = busy_after_doubt();
    let other = node.stamp();
    runs_on(&mut node, &key, first, other);
    let messages = sent_to(&mut node, N4);
    let result = told(&messages)[0].result.clone();
    assert!(matches!(result, Err(CallError::Unknown { .. })), "{result:?}");
}

#[test]
fn what_may_have_been_done_is_neither_refused_when_its_time_is_up_nor_left_to_another() {
    for is_late in [true, false] {
        let (mut node, key, ..) = busy_after_doubt();
        sent_to(&mut node, N4);
        if is_late {
            node.now.mono = node.now.mono + TEN_MINUTES;
        } else {
            let others = [(N4, "n4".parse().unwrap())].into();
            node.settled.update(others, &BTreeSet::new(), node.now.mono);
            node.now.mono = node.now.mono + Duration::from_secs(1);
            node.settled.settle(node.now.mono, &node.config.timing);
        }
        node.children.touch(&key);
        node.reconcile_children();
        let messages = sent_to(&mut node, N4);
        let result = told(&messages).pop().map(|told| told.result.clone());
        assert!(
            matches!(result, Some(Err(CallError::Unknown { .. }))),
            "{messages:?}"
        );
    }
}

/// What runs here was started for n2, which stood still for a while: n3 decides by now.
#[test]
fn who_had_a_child_placed_before_another_did_looks_at_it_anew() {
    let mut node = node();
    let first = place(&mut node, 1);
    node.place_here(N2, first, Some(conn_of(N2)));
    node.set_liveness(N2, Liveness::Down);
    let second = Place {
        placement: 7,
        ..place(&mut node, 2)
    };
    sent_to(&mut node, N2);
    node.place_here(N3, second, Some(conn_of(N3)));
    assert_eq!(
        placements_answered(&sent_to(&mut node, N2)),
        [Err(PlaceError::Busy)]
    );
}

#[test]
fn who_was_given_up_asks_again_what_became_of_what_it_had_placed() {
    let mut node = node();
    let mut ids = (0..1_000).map(|n| alloc::format!("c{n}").parse().unwrap());
    // One that is to run on n2.
    loop {
        let id = ids.next().expect("some are placed there");
        let horde = child_decided_by(&node, ME).horde;
        let start = Command::StartChild {
            horde,
            id,
            spec: spec(),
        };
        node.call_came(N3, ask(1, start), Some(conn_of(N3)));
        node.reconcile_children();
        if placement_on(&mut node, N2).is_some() {
            break;
        }
    }
    sent_to(&mut node, N2);
    assert_eq!(placement_on(&mut node, N2), None);
    node.was_declared_down();
    assert!(placement_on(&mut node, N2).is_some());
}

#[test]
fn a_placement_that_waited_is_not_begun_by_one_that_catches_up() {
    for catches_up in [true, false] {
        let mut node = node();
        let place = place(&mut node, 1);
        let key = place.child.clone();
        let birth = node.stamp();
        let older = Copy {
            birth,
            run: birth,
            token: Token { epoch: 1, owner: ME },
            phase: Phase::Stopping(StopWhy::Void),
            unwritten: false,
            retried: false,
        };
        node.child_mut(&key).claims.set_copy(Some(older));
        node.place_here(N2, place, Some(conn_of(N2)));
        assert_eq!(placements_answered(&sent_to(&mut node, N2)), []);
        if catches_up {
            node.standing = Standing::CatchingUp { since: node.now.mono };
        }
        node.child_mut(&key).claims.set_copy(None);
        node.begin_placed(&key);
        assert_eq!(node.copy_of(&key).is_none(), catches_up);
        let answers = placements_answered(&sent_to(&mut node, N2));
        assert_eq!(answers.contains(&Err(PlaceError::Busy)), catches_up);
    }
}

#[test]
fn a_write_is_not_acknowledged_because_one_that_leaves_holds_it() {
    for status in [Status::Draining, Status::Left] {
        let (mut node, key, ranked) = one_of_seven_and_a_stopped_child();
        assert_eq!(deleted_for(&mut node, ranked[5], &key), []);
        let second = ranked[1];
        let member = Member::of(&node.config, status);
        node.roster.set_member(second, Some(member), node.now.mono);
        has_all(&mut node, second);
        assert_eq!(told_to(&mut node, ranked[5]), [], "{status:?}");
    }
}

#[test]
fn a_placement_that_is_under_way_is_not_refused_when_it_is_asked_for_again() {
    let mut node = node();
    let place = place(&mut node, 1);
    node.place_here(N2, place.clone(), Some(conn_of(N2)));
    node.standing = Standing::CatchingUp { since: node.now.mono };
    node.place_here(N2, place.clone(), Some(conn_of(N2)));
    node.standing = Standing::Ready;
    node.backlog.ask(N2, 7, Time(u64::MAX));
    node.place_here(N2, place, Some(conn_of(N2)));
    assert_eq!(placements_answered(&sent_to(&mut node, N2)), []);
}

#[test]
fn nothing_is_decided_by_what_a_node_knew_before_it_stood_still() {
    let mut node = node();
    let key = child_decided_by(&node, ME);
    let wished = Value::encode(&life(node.stamp()));
    node.write([(Key::Intent(key.clone()), Some(wished))]);
    node.mark_the_backlogs();
    let nonce = |message: Message| match message {
        Message::Ping(nonce) => Some(nonce),
        _ => None,
    };
    // Whoever looks takes all that was sent, to whomever.
    let sent: Vec<_> = core::iter::from_fn(|| node.poll_output()).collect();
    let question = |peer| {
        let to_it = sent.iter().filter_map(|output| match output {
            Output::Send { conn, bytes, .. } if *conn == conn_of(peer) => Message::decode(bytes).ok(),
            _ => None,
        });
        (peer, { to_it }.find_map(nonce).unwrap())
    };
    let asked = [N2, N3].map(question);
    node.take_decision(ask(1, terminate(&key)), false);
    node.reconcile_children();
    let is_wanted = |node: &Node| {
        let child = node.children.get(&key).unwrap();
        child.claims.intent().unwrap().wants_running()
    };
    for (peer, nonce) in asked {
        node.children.touch(&key);
        node.reconcile_children();
        assert!(is_wanted(&node), "{peer} may have told of another life");
        node.backlog.answered(peer, nonce);
    }
    node.children.touch(&key);
    node.reconcile_children();
    assert!(!is_wanted(&node));
}

/// A caller's node is out of sight while a temporary child is started again for it, and asks anew when it is back.
#[test]
fn what_runs_once_is_not_started_again_twice_for_one_call_whose_caller_was_out_of_sight() {
    let mut node = node();
    let key = child_decided_by(&node, ME);
    let birth = node.stamp();
    let spec = ChildSpec {
        restart: Restart::Temporary,
        ..ChildSpec::clone(&spec())
    };
    let stopped = Intent {
        desired: Desired::Stopped(birth),
        spec: Arc::new(spec),
        ..life(birth)
    };
    let claim = Claim {
        state: ClaimState::Stopped,
        ..claimed(birth, Token { epoch: 5, owner: N3 })
    };
    node.write([
        (Key::Intent(key.clone()), Some(Value::encode(&stopped))),
        (Key::Claim(key.clone()), Some(Value::encode(&claim))),
    ]);
    let (horde, id) = (key.horde.clone(), key.id.clone());
    let restart = ask(1, Command::RestartChild { horde, id });
    come(&mut node, restart.clone(), conn_of(N2));
    let run = |node: &Node| node.children.get(&key).unwrap().claims.intent().unwrap().run;
    let begun = run(&node);
    assert!(begun > birth, "it is wished");
    node.set_liveness(N2, Liveness::Down);
    node.touch_all();
    node.reconcile_children();
    node.set_liveness(N2, Liveness::Alive);
    sent_to(&mut node, N2);
    come(
        &mut node,
        Ask {
            again: true,
            ..restart
        },
        conn_of(N2),
    );
    let messages = sent_to(&mut node, N2);
    let told = told(&messages);
    assert!(
        matches!(told[0].result, Err(CallError::Unknown { .. })),
        "{told:?}"
    );
    assert_eq!(run(&node), begun);
}
