use core::time::Duration;

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use ordu_crdt::Hlc;

use crate::in_tests::{
    ME, child_decided_by, conn_of, exchange, life, meet, pass_messages, ready_node, remove, replica_of,
    sent_to, settle, write_removal,
};
use crate::membership::{Identity, Liveness, Removed, Standing};
use crate::node::Node;
use crate::registers::{Deleted, Desired, Intent, Key, Member, Removal, Status, Value, Why, Word};
use crate::wire::Message;
use crate::{Channel, ExitCause, Input, MemberState, NodeId, Output};

const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

/// A ready node that sees two others.
fn node() -> Node {
    let mut node = ready_node();
    meet(&mut node, N2);
    meet(&mut node, N3);
    node.members_changed = true;
    node.members_refresh();
    settle(&mut node);
    node
}

fn by_hand(at: Hlc, by: NodeId, node: NodeId) -> Removed {
    let why = Why::ByHand;
    Removed { at, by, node, why }
}

/// Later than all that was written here.
fn later(node: &Node) -> Hlc {
    Hlc(node.replica.hlc().0 + 1_000_000)
}

fn is_told(node: &mut Node, from: NodeId, told: Vec<Removed>) {
    let bytes = Message::HandOver(told).encode();
    let (conn, channel) = (conn_of(from), Channel::Control);
    let input = Input::Received { conn, channel, bytes };
    node.handle(node.now, input);
}

fn exited(node: &mut Node) -> Option<ExitCause> {
    core::iter::from_fn(|| node.poll_output()).find_map(|output| match output {
        Output::Exit { cause } => Some(cause),
        _ => None,
    })
}

fn passes(node: &mut Node, time: Duration) {
    let mut now = node.now;
    now.mono = now.mono + time;
    now.wall.0 += u64::try_from(time.as_micros()).unwrap();
    node.handle(now, Input::Timer);
}

#[test]
fn a_removal_that_is_seen_in_the_map_ends_nobody_by_itself() {
    let mut node = node();
    remove(&mut node, ME, N2);
    passes(&mut node, Duration::from_millis(1));
    assert_eq!(node.standing, Standing::Ready);
    assert_eq!(exited(&mut node), None);
}

#[test]
fn who_is_told_that_it_has_ended_stops_and_hands_over() {
    let mut node = node();
    let at = later(&node);
    is_told(&mut node, N2, vec![by_hand(at, N2, ME)]);
    assert!(matches!(node.standing, Standing::HandingOver { .. }));
    assert_eq!(exited(&mut node), None, "nobody holds yet what it has");
    let at = later(&node);
    is_told(&mut node, N3, vec![by_hand(at, N2, ME)]);
    assert!(matches!(node.standing, Standing::HandingOver { .. }));
}

#[test]
fn of_two_sides_that_removed_each_other_the_one_that_did_it_first_goes_on() {
    let mut node = node();
    remove(&mut node, N2, ME);
    let at = later(&node);
    is_told(&mut node, N2, vec![by_hand(at, N2, ME)]);
    assert_eq!(node.standing, Standing::Ready);

    // The other way round: n2 did it before.
    let mut node = self::node();
    remove(&mut node, N2, ME);
    is_told(&mut node, N2, vec![by_hand(Hlc(0), N2, ME)]);
    assert!(matches!(node.standing, Standing::HandingOver { .. }));
}

#[test]
fn a_word_of_one_that_has_ended_itself_ends_nobody() {
    let mut node = node();
    remove(&mut node, N2, N3);
    let at = later(&node);
    is_told(&mut node, N2, vec![by_hand(at, N2, ME)]);
    assert_eq!(node.standing, Standing::Ready);
}

/// What is here is held by these.
fn held_by(node: &mut Node, peers: &[NodeId]) {
    for peer in peers {
        let held = node.replica.seen().collect();
        let ack = ordu_crdt::Message::Ack { serial: 1, held };
        node.sync_received(*peer, ack).unwrap();
    }
}

/// It looks at what the others hold, a moment later.
fn looks(node: &mut Node) {
    node.now.mono = node.now.mono + Duration::from_millis(250);
    node.advance_parting();
}

#[test]
fn who_has_ended_ends_once_two_others_hold_all_that_it_holds() {
    let mut node = node();
    node.write_member(Status::Ready);
    let at = later(&node);
    node.told_to_hand_over(N2, vec![by_hand(at, N2, ME)]);
    held_by(&mut node, &[N2]);
    for _ in 0..10 {
        looks(&mut node);
    }
    assert_eq!(
        exited(&mut node),
        None,
        "one holder is not enough where there are two"
    );
    held_by(&mut node, &[N2, N3]);
    looks(&mut node);
    assert_eq!(exited(&mut node), Some(ExitCause::Removed));
}

#[test]
fn who_was_told_that_it_has_ended_and_finds_nobody_to_hand_over_to_goes_on() {
    let mut node = node();
    let at = later(&node);
    is_told(&mut node, N2, vec![by_hand(at, N2, ME)]);
    for peer in [N2, N3] {
        node.disconnected(conn_of(peer));
        node.set_liveness(peer, Liveness::Down);
    }
    for _ in 0..100 {
        passes(&mut node, Duration::from_millis(250));
    }
    assert_eq!(node.standing, Standing::Ready);
    assert_eq!(exited(&mut node), None);
}

#[test]
fn who_has_ended_counts_for_nothing() {
    let mut node = node();
    let key = child_decided_by(&node, N2);
    let written = node.write([(Key::Member(ME), None)]).unwrap();
    held_by(&mut node, &[N2]);
    assert!(node.holders(written).contains(&N2));
    remove(&mut node, N2, ME);
    assert!(!node.holders(written).contains(&N2));
    assert_eq!(node.ready_members(), 2);
    assert!(!node.is_living(N2));
    assert_eq!(node.roster.state(N2), MemberState::Removed);
    node.members_refresh();
    node.refresh_settled();
    settle(&mut node);
    assert_ne!(node.decider(&key), Some(N2));
}

/// It has asked by then who holds what it has: what came to it since goes with it.
#[test]
fn who_leaves_or_has_just_left_holds_nothing_for_others() {
    for (status, holds) in [
        (Status::Ready, true),
        (Status::Draining, false),
        (Status::Left, false),
    ] {
        let mut node = node();
        let written = node.write([(Key::Member(ME), None)]).unwrap();
        held_by(&mut node, &[N2]);
        let member = Member::of(&node.config, status);
        node.roster.set_member(N2, Some(member), node.now.mono);
        assert_eq!(node.holders(written).contains(&N2), holds, "{status:?}");
    }
}

#[test]
fn where_no_other_is_ready_those_that_have_ended_serve() {
    let mut node = node();
    remove(&mut node, N2, N3);
    remove(&mut node, ME, N3);
    node.members_refresh();
    assert_eq!(
        node.roster.state(N2),
        MemberState::Removed,
        "n3 is there, and ready"
    );
    node.set_liveness(N3, Liveness::Down);
    node.members_refresh();
    assert_eq!(node.roster.state(N2), MemberState::Alive);
    let ready: BTreeSet<NodeId> = node.roster.ready().map(|(peer, _)| peer).collect();
    assert_eq!(ready, [N2].into());
    node.set_liveness(N3, Liveness::Alive);
    node.members_refresh();
    assert_eq!(node.roster.state(N2), MemberState::Removed);
}

#[test]
fn who_was_taken_for_ended_and_is_not_says_again_what_it_is() {
    let mut node = node();
    node.write_member(Status::Ready);
    node.write([(Key::Member(ME), None)]);
    passes(&mut node, Duration::from_millis(1));
    let record = node.replica.map().siblings(&Key::Member(ME)).next();
    assert!(record.is_some());
    sent_to(&mut node, N2);
}

#[test]
fn silence_removes_nobody_however_long_it_lasts() {
    let mut node = node();
    node.set_liveness(N2, Liveness::Down);
    let forget_after = node.config.timing.forget_after;
    node.now.mono = node.now.mono + forget_after * 3;
    node.members_changed = true;
    node.members_refresh();
    settle(&mut node);
    node.bury();
    assert!(!node.roster.removals.any_of(N2));
    assert_eq!(node.roster.state(N2), MemberState::Down);
    // It is back, as if nothing had been.
    node.set_liveness(N2, Liveness::Alive);
    assert_eq!(node.roster.state(N2), MemberState::Alive);
    assert_eq!(node.ready_members(), 3);
}

#[test]
fn who_was_written_off_holds_up_nothing_and_is_a_member_again_when_it_is_heard_of() {
    for retried in [false, true] {
        written_off_and_back(retried);
    }
}

/// But for the mark of a life whose start was handed out twice: the other one may be known to that member alone.
fn written_off_and_back(retried: bool) {
    let mut node = node();
    node.set_liveness(N2, Liveness::Down);
    let key = child_decided_by(&node, ME);
    let birth = node.stamp();
    let over = Intent {
        retried,
        desired: Desired::Stopped(birth),
        deleted: Deleted::ByUser,
        ..life(birth)
    };
    node.write([(Key::Intent(key.clone()), Some(Value::encode(&over)))]);
    held_by(&mut node, &[N3]);
    settle(&mut node);
    let is_held = |node: &Node| {
        node.replica
            .map()
            .siblings(&Key::Intent(key.clone()))
            .next()
            .is_some()
    };
    node.bury();
    assert!(is_held(&node), "n2 may come back and must hear of it");
    node.now.mono = node.now.mono + node.config.timing.forget_after;
    held_by(&mut node, &[N3]);
    node.next_burial = node.now.mono;
    node.bury();
    assert_eq!(is_held(&node), retried);
    assert!(
        node.written_off == 1 && node.members_changed,
        "it is dialled in rounds now"
    );
    node.set_liveness(N2, Liveness::Heard);
    node.look_for_the_written_off();
    assert_eq!(node.written_off, 0);
}

/// A boot that was here before another of its name, and is down.
const BEFORE: NodeId = NodeId(0);

fn was_before(node: &mut Node, identity: Identity) {
    let (id, seniority) = (BEFORE, BEFORE);
    let identity = Identity {
        id,
        seniority,
        ..identity
    };
    node.roster.hear(identity, node.now.mono);
    node.set_liveness(BEFORE, Liveness::Down);
}

#[test]
fn a_boot_that_was_replaced_is_waited_for_by_nobody_though_one_alone_has_met_it() {
    let mut node = node();
    let successor = node.roster.get(N3).unwrap().identity.clone();
    was_before(&mut node, successor);
    node.roster.greeted(N3, conn_of(N3));
    node.count_members();
    let waits_for_it = node.replica.peers().any(|peer| peer == BEFORE.replica());
    assert!(!waits_for_it, "no other can write down that it has ended");
    node.now.mono = node.now.mono + node.config.timing.forget_after;
    node.bury();
    assert!(!node.roster.knows(BEFORE));
}

#[test]
fn the_first_of_a_view_writes_down_that_the_boot_before_it_has_ended() {
    for was_admitted in [false, true] {
        let mut node = node();
        let own = node.swim.identity().clone();
        was_before(&mut node, own);
        // Who is misnamed and alone has ended nobody.
        node.names.was_admitted = was_admitted;
        settle(&mut node);
        node.next_burial = node.now.mono;
        node.bury();
        assert_eq!(node.roster.removals.any_of(BEFORE), was_admitted);
    }
}

/// A removal that is void, of a boot whose record went with it.
fn voided(node: &mut Node, why: Why) -> NodeId {
    let ended = NodeId(70);
    remove(node, N3, ME);
    write_removal(node, ended, N3, why, None);
    assert!(!node.roster.removals.ends(ended) && !node.roster.knows(ended));
    ended
}

fn buries(node: &mut Node) {
    settle(node);
    node.next_burial = node.now.mono;
    node.bury();
}

#[test]
fn who_left_has_ended_also_where_the_removal_that_says_so_is_void() {
    for why in [Why::Left, Why::ByHand] {
        let mut node = node();
        let ended = voided(&mut node, why);
        buries(&mut node);
        assert_eq!(node.roster.removals.ends(ended), why == Why::Left, "{why:?}");
    }
}

#[test]
fn whom_a_boot_of_its_name_replaced_has_ended_also_where_the_removal_that_says_so_is_void() {
    for (status, over, is_over) in [
        (Status::Ready, NodeId(70), true),
        (Status::Ready, NodeId(71), false),
        (Status::Joining, NodeId(70), false),
    ] {
        let mut node = node();
        let ended = voided(&mut node, Why::Replaced(NodeId(80)));
        let mut member = Member::of(&node.config, status);
        member.over = vec![over];
        node.roster.set_member(N2, Some(member), node.now.mono);
        buries(&mut node);
        assert_eq!(node.roster.removals.ends(ended), is_over, "{status:?} {over:?}");
    }
    let mut node = node();
    let ended = voided(&mut node, Why::Replaced(NodeId(80)));
    node.names.over = vec![ended];
    buries(&mut node);
    assert!(node.roster.removals.ends(ended), "it replaced that one itself");
}

/// n3, which had ended itself, removed by hand a boot that bore the name of this node before it.
#[test]
fn who_was_removed_by_hand_and_in_vain_is_missed_and_has_ended_by_the_boot_that_came_after_it() {
    for is_over in [true, false] {
        let mut node = node();
        let name = if is_over {
            node.config.name.clone()
        } else {
            "n9".parse().unwrap()
        };
        node.names.was_admitted = true;
        let ended = NodeId(0);
        remove(&mut node, N3, ME);
        write_removal(
            &mut node,
            ended,
            N3,
            Why::ByHand,
            Some((name.clone(), "127.0.0.1:70".parse().unwrap())),
        );
        assert_eq!(node.roster.state(ended), MemberState::Down, "{name}");
        let known = node.roster.get(ended).unwrap().clone();
        assert_eq!(node.is_past(ended, &known), is_over, "{name}");
        buries(&mut node);
        assert_eq!(node.roster.removals.ends(ended), is_over, "{name}");
    }
}

#[test]
fn who_was_removed_in_vain_itself_does_not_miss_itself() {
    let mut node = node();
    remove(&mut node, N3, ME);
    let who = Some((node.config.name.clone(), node.config.addr));
    write_removal(&mut node, ME, N3, Why::ByHand, who);
    assert!(node.roster.removals.any_of(ME) && !node.roster.removals.ends(ME));
    assert!(!node.roster.knows(ME));
}

#[test]
fn who_is_said_to_be_replaced_has_ended_if_the_other_serves_or_has_ended_in_turn_otherwise_than_by_it() {
    let (by, later) = (NodeId(80), NodeId(90));
    let ends = |what: &dyn Fn(&mut Node)| {
        let mut node = node();
        let ended = voided(&mut node, Why::Replaced(by));
        what(&mut node);
        buries(&mut node);
        node.roster.removals.ends(ended)
    };
    let removed = |node: &mut Node, ended, why| {
        write_removal(node, ended, N2, why, None);
    };
    let record = |node: &mut Node, of, status| {
        let member = Member::of(&node.config, status);
        node.roster.set_member(of, Some(member), node.now.mono);
    };
    assert!(!ends(&|_| {}), "nothing is known of the other");
    assert!(ends(&|node| record(node, by, Status::Ready)));
    assert!(!ends(&|node| record(node, by, Status::Joining)));
    assert!(ends(&|node| removed(node, by, Why::Left)));
    assert!(!ends(&|node| removed(node, by, Why::ByHand)));
    assert!(!ends(&|node| removed(node, by, Why::Replaced(NodeId(70)))));
    assert!(!ends(&|node| removed(node, by, Why::Replaced(later))));
    assert!(ends(&|node| {
        removed(node, by, Why::Replaced(later));
        removed(node, later, Why::Left);
    }));
    assert!(!ends(&|node| {
        removed(node, by, Why::Replaced(later));
        removed(node, later, Why::Replaced(NodeId(70)));
    }));
}

/// What is sent last may be lost with the connection, and it would look like a death.
#[test]
fn a_node_that_has_left_goes_once_the_others_know_that_or_after_a_while() {
    for is_heard in [true, false] {
        let mut node = ready_node();
        let mut others = [replica_of(N2), replica_of(N3)];
        for (peer, replica) in [N2, N3].into_iter().zip(&mut others) {
            meet(&mut node, peer);
            exchange(&mut node, replica);
        }
        node.begin_leaving();
        let goes = |node: &mut Node| {
            node.advance_leaving();
            node.advance_left();
            let outputs: Vec<_> = core::iter::from_fn(|| node.poll_output()).collect();
            let left = Output::Exit {
                cause: ExitCause::Left,
            };
            outputs.contains(&left)
        };
        for other in &mut others {
            assert!(!goes(&mut node));
            exchange(&mut node, other);
        }
        assert!(!goes(&mut node));
        assert_eq!(node.own_state(), MemberState::Left);
        exchange(&mut node, &mut others[0]);
        assert!(!goes(&mut node), "n3 would take it for down");
        if is_heard {
            exchange(&mut node, &mut others[1]);
        } else {
            node.now.mono = node.now.mono + Duration::from_secs(3);
        }
        assert!(goes(&mut node));
    }
}

/// What n9 wrote came here alone, and n9 is dead: with this node the last copy of it would go.
#[test]
fn a_node_that_leaves_waits_until_others_hold_also_what_it_has_of_one_that_died() {
    let mut node = ready_node();
    settle(&mut node);
    let mut other = replica_of(N3);
    meet(&mut node, N3);
    exchange(&mut node, &mut other);
    let key = Key::Intent(child_decided_by(&node, ME));
    let intent = Value::encode(&life(node.stamp()));
    let mut dead = replica_of(NodeId(9));
    dead.write(1, |batch| batch.put(key.clone(), intent).unwrap());
    exchange(&mut node, &mut dead);
    node.replicating.remove(&NodeId(9));
    node.replica.remove_peer(dead.id());

    node.begin_leaving();
    pass_messages(&mut node, &mut other);
    assert!(other.map().get(&Key::Member(ME)).is_some() && other.map().get(&key).is_none());
    node.advance_leaving();
    assert_eq!(node.own_state(), MemberState::Draining);
    pass_messages(&mut node, &mut other);
    node.advance_leaving();
    assert!(other.map().get(&key).is_some());
    assert_eq!(node.own_state(), MemberState::Left);
}

/// By their ids the other would be the younger: a clock was set back in between.
#[test]
fn a_node_says_which_boots_of_its_name_were_there_before_it() {
    let mut node = ready_node();
    let mut other = replica_of(N3);
    let boots = [(7, Status::Ready), (8, Status::Left), (6, Status::Joining)];
    for (id, status) in boots {
        let member = Value::encode(&Member::of(&node.config, status));
        other.write(1, |batch| batch.put(Key::Member(NodeId(id)), member).unwrap());
    }
    meet(&mut node, N3);
    exchange(&mut node, &mut other);
    let over = |node: &Node| {
        let own = node.replica.map().get(&Key::Member(ME)).unwrap();
        own.decode::<Member>().unwrap().over
    };
    node.write_member(Status::Ready);
    assert_eq!(over(&node), [NodeId(7), NodeId(6)], "the newest first");
    // One of which others told nobody but this node.
    let unheard_of = Identity {
        id: NodeId(5),
        seniority: NodeId(5),
        ..node.swim.identity().clone()
    };
    node.roster.hear(unheard_of, node.now.mono);
    node.set_liveness(NodeId(5), Liveness::Down);
    node.names.was_admitted = true;
    node.say_which_it_replaced();
    assert_eq!(over(&node), [7, 6, 5].map(NodeId));
    // What comes after it has left is none of them.
    node.write_member(Status::Draining);
    let member = Value::encode(&Member::of(&node.config, Status::Ready));
    other.write(2, |batch| batch.put(Key::Member(NodeId(2)), member).unwrap());
    exchange(&mut node, &mut other);
    node.write_member(Status::Left);
    assert_eq!(over(&node), [7, 6, 5].map(NodeId));
}

/// A machine that was misnamed and let in elsewhere, by one that had never met this node: only its record tells of it.
#[test]
fn a_node_has_replaced_whom_nobody_took_in_under_its_name_be_its_id_larger() {
    for (status, is_over) in [(Status::Joining, true), (Status::Ready, false)] {
        let mut node = ready_node();
        node.names.was_admitted = true;
        let mut other = replica_of(N3);
        meet(&mut node, N3);
        let misnamed = NodeId(1_000);
        let member = Value::encode(&Member::of(&node.config, status));
        other.write(1, |batch| batch.put(Key::Member(misnamed), member).unwrap());
        exchange(&mut node, &mut other);
        assert_eq!(node.replaced_by(misnamed).is_some(), is_over, "{status:?}");
        node.say_which_it_replaced();
        let own = node.replica.map().get(&Key::Member(ME)).unwrap();
        let over = own.decode::<Member>().unwrap().over;
        assert_eq!(over.contains(&misnamed), is_over, "{status:?}");
    }
}

/// It was let in where the bearer of its name was missed for a moment, and told by that one that the name is taken.
#[test]
fn removes_do_not_wait_for_who_came_and_went_before_the_map_had_anything_of_it() {
    for (has_greeted, is_known) in [(true, false), (false, false), (true, true)] {
        let is_waited_for = is_known;
        let mut node = node();
        let key = child_decided_by(&node, ME);
        let passer_by = NodeId(1_000);
        let identity = Identity {
            id: passer_by,
            seniority: passer_by,
            ..node.swim.identity().clone()
        };
        let identity = Identity {
            name: "n9".parse().unwrap(),
            ..identity
        };
        node.roster.hear(identity, node.now.mono);
        if has_greeted {
            node.roster.greeted(passer_by, conn_of(passer_by));
        }
        if is_known {
            let member = Member::of(&node.config, Status::Joining);
            node.roster.set_member(passer_by, Some(member), node.now.mono);
        }
        node.set_liveness(passer_by, Liveness::Down);
        let over = life(node.stamp()).over(Deleted::ByUser);
        let mark = Key::Intent(key);
        node.write([(mark.clone(), Some(Value::encode(&over)))]);
        held_by(&mut node, &[N2, N3]);
        settle(&mut node);
        node.next_burial = node.now.mono;
        node.bury();
        assert_eq!(node.replica.map().contains_key(&mark), is_waited_for);
        node.now.mono = node.now.mono + node.config.timing.forget_after;
        node.next_burial = node.now.mono;
        node.bury();
        assert_eq!(node.roster.knows(passer_by), is_waited_for);
    }
}

#[test]
fn a_node_that_is_alone_keeps_no_remove_of_what_it_forgot_last() {
    let mut node = ready_node();
    settle(&mut node);
    let over = life(node.stamp()).over(Deleted::ByUser);
    let mark = Key::Intent(child_decided_by(&node, ME));
    node.write([(mark, Some(Value::encode(&over)))]);
    node.next_burial = node.now.mono;
    node.bury();
    assert!(node.children.graves.is_empty());
    assert_eq!(node.kept().removes, 0);
}

#[test]
fn a_record_that_an_ended_node_wrote_late_is_removed_though_the_node_is_forgotten_by_then() {
    for is_known in [true, false] {
        let mut node = node();
        let ended = NodeId(70);
        remove(&mut node, ended, N2);
        let record = Key::Member(ended);
        let member = Value::encode(&Member::of(&node.config, Status::Ready));
        node.write([(record.clone(), Some(member))]);
        if !is_known {
            node.forget(ended);
        }
        assert_eq!(node.roster.knows(ended), is_known);
        buries(&mut node);
        assert!(!node.replica.map().contains_key(&record), "known {is_known}");
    }
}

/// n3 removed it, and forgot that, without having had its last record.
#[test]
fn a_node_whose_removal_is_forgotten_while_its_record_is_here_is_known_by_that() {
    let mut node = node();
    let ended = NodeId(70);
    remove(&mut node, ended, N2);
    let member = Value::encode(&Member::of(&node.config, Status::Ready));
    node.write([(Key::Member(ended), Some(member))]);
    node.write([(Key::Removed(ended), None)]);
    assert!(!node.roster.removals.any_of(ended));
    assert!(node.roster.knows(ended));
    assert_eq!(node.roster.status_of(ended), Some(Status::Ready));
    node.write([(Key::Member(ended), None)]);
    assert_eq!(node.roster.status_of(ended), None);
}

#[test]
fn a_removal_is_not_forgotten_by_one_that_has_not_heard_what_others_in_sight_have() {
    for is_heard in [false, true] {
        let mut node = ready_node();
        meet(&mut node, N2);
        settle(&mut node);
        let ended = NodeId(70);
        node.remove_member(ended, Why::Left);
        if is_heard {
            exchange(&mut node, &mut replica_of(N2));
        }
        node.now.mono = node.now.mono + node.config.timing.forget_after;
        buries(&mut node);
        assert_eq!(node.roster.removals.any_of(ended), !is_heard);
    }
}

#[test]
fn what_several_said_of_an_end_is_one_value_that_holds_the_word_of_each() {
    let mut node = ready_node();
    let (ended, dead) = (NodeId(70), NodeId(71));
    let mut other = replica_of(dead);
    let by_the_dead = Word {
        at: Hlc(7),
        by: dead,
        why: Why::ByHand,
    };
    let who = Some(("n9".parse().unwrap(), "127.0.0.1:70".parse().unwrap()));
    let removal = Value::encode(&Removal::new(by_the_dead, who));
    other.write(1, |batch| batch.put(Key::Removed(ended), removal).unwrap());
    remove(&mut node, ended, N3);
    exchange(&mut node, &mut other);
    node.replicating.remove(&dead);
    node.replica.remove_peer(dead.replica());
    assert_eq!(node.replica.map().siblings(&Key::Removed(ended)).count(), 2);

    buries(&mut node);
    let siblings: Vec<_> = node.replica.map().siblings(&Key::Removed(ended)).collect();
    let origins: Vec<_> = siblings.iter().map(|sibling| sibling.dot.origin).collect();
    assert_eq!(origins, [ME.replica()]);
    let removal = siblings[0].value.decode::<Removal>().unwrap();
    let said: Vec<_> = removal.words.iter().map(|word| word.by).collect();
    assert_eq!(said, [dead, N3], "in the order in which they are weighed");
    assert!(removal.words.contains(&by_the_dead) && removal.who.is_some());
    assert!(node.roster.removals.ends(ended));
}

#[test]
fn who_writes_that_a_node_has_ended_keeps_what_others_wrote_of_that() {
    let mut node = node();
    let ended = NodeId(70);
    remove(&mut node, ended, N3);
    node.remove_member(ended, Why::Left);
    let removal = node.replica.map().get(&Key::Removed(ended)).unwrap();
    let removal = removal.decode::<Removal>().unwrap();
    let said: Vec<_> = removal.words.iter().map(|word| (word.by, word.why)).collect();
    assert_eq!(said, [(N3, Why::ByHand), (ME, Why::Left)]);
}
