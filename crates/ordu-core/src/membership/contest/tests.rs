use core::time::Duration;

use alloc::vec::Vec;

use crate::in_tests::{ME, claimed, conn_of, meet, ready_node, sent_to};
use crate::membership::{Identity, Link, Liveness};
use crate::node::Node;
use crate::registers::{Member, Status, Why};
use crate::requests::Closed;
use crate::wire::{Hello, Message, PROTOCOL, Refusal};
use crate::{Channel, ConnId, ExitCause, Input, NodeId, Output, RequestId, Token};

const HOLDER: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);
const NEWCOMER: NodeId = NodeId(9);
const CONN: ConnId = ConnId(9);

/// A ready node that sees two others.
fn node() -> Node {
    let mut node = ready_node();
    meet(&mut node, HOLDER);
    meet(&mut node, N3);
    node.members_changed = true;
    node.members_refresh();
    sent_to(&mut node, N3);
    node
}

fn identity(peer: NodeId) -> Identity {
    Identity {
        id: peer,
        seniority: peer,
        generation: 0,
        name: "n2".parse().unwrap(),
        addr: "127.0.0.1:2".parse().unwrap(),
    }
}

/// One with the name of n2 connects, with the same settings altogether.
fn newcomer_connects(node: &mut Node, peer: NodeId, was_admitted: bool) {
    connects(node, CONN, peer, was_admitted);
}

fn connects(node: &mut Node, conn: ConnId, peer: NodeId, was_admitted: bool) {
    greets(node, conn, identity(peer), was_admitted);
}

fn greets(node: &mut Node, conn: ConnId, identity: Identity, was_admitted: bool) {
    let peer = identity.id;
    node.connected(conn, peer, identity.addr, None, Duration::ZERO);
    let hello = Hello {
        dial: None,
        protocol: PROTOCOL,
        identity,
        was_admitted,
        listed: None,
        wall: node.now.wall,
        hlc: node.replica.hlc(),
    };
    node.greeted(conn, hello);
}

fn passes(node: &mut Node, millis: u64) {
    node.now.mono = node.now.mono + Duration::from_millis(millis);
    node.look_at_contests();
}

fn sent(node: &mut Node) -> Vec<(ConnId, Message)> {
    core::iter::from_fn(|| node.poll_output())
        .filter_map(|output| match output {
            Output::Send { conn, bytes, .. } => Some((conn, Message::decode(&bytes).ok()?)),
            _ => None,
        })
        .collect()
}

fn is_refused(node: &mut Node) -> bool {
    sent(node).iter().any(|(conn, message)| {
        *conn == CONN && matches!(message, Message::Refused(Refusal::NameTaken { .. }))
    })
}

/// What n3 says of the member to what it was asked last.
fn n3_says(node: &mut Node, holder: NodeId, heard: bool) {
    let question = node.numbers;
    node.heard(N3, holder, question, heard);
}

/// A peer answers what it was asked last.
fn answers(node: &mut Node, peer: NodeId) {
    node.peer_answered(peer, node.numbers);
}

fn heard(node: &mut Node, heard: bool) {
    n3_says(node, HOLDER, heard);
}

#[test]
fn a_newcomer_is_refused_while_any_ready_member_hears_the_holder_of_its_name() {
    let mut node = node();
    newcomer_connects(&mut node, NEWCOMER, false);
    let is_asked = |message: &Message| matches!(message, Message::Hears { node: HOLDER, .. });
    assert!(sent_to(&mut node, N3).iter().any(is_asked));
    // This node's own link to the holder is bad, and n3 is slow to say anything.
    passes(&mut node, 500);
    assert!(node.roster.is_alive(HOLDER), "n3 may hear it");
    heard(&mut node, true);
    assert!(node.roster.is_alive(HOLDER));
    assert!(is_refused(&mut node));
}

#[test]
fn a_newcomer_is_let_in_once_nobody_hears_the_holder_of_its_name() {
    let mut node = node();
    newcomer_connects(&mut node, NEWCOMER, false);
    heard(&mut node, false);
    assert!(node.roster.is_alive(HOLDER), "it may answer this node yet");
    passes(&mut node, 200);
    assert!(!node.roster.is_alive(HOLDER));
    assert_eq!(node.links.used(NEWCOMER), Some(CONN));
}

/// It may be misnamed, and the holder cut off from here.
#[test]
fn a_holder_that_is_missed_for_a_newcomer_elsewhere_may_run_what_it_ran() {
    for addr in ["127.0.0.1:2", "127.0.0.1:99"] {
        let mut node = node();
        let stamp = node.stamp();
        let newcomer = Identity {
            addr: addr.parse().unwrap(),
            ..identity(NEWCOMER)
        };
        greets(&mut node, CONN, newcomer, false);
        heard(&mut node, false);
        passes(&mut node, 200);
        assert!(!node.roster.is_alive(HOLDER));
        let token = Token {
            epoch: 1,
            owner: HOLDER,
        };
        let is_gone = node.is_surely_gone(&claimed(stamp, token));
        assert_eq!(is_gone, addr == "127.0.0.1:2", "{addr}");
    }
}

/// n3 had not heard of it either when it came; its record says by now that it left.
#[test]
fn a_newcomer_that_has_ended_while_it_waited_replaces_nobody() {
    let mut node = node();
    newcomer_connects(&mut node, NEWCOMER, true);
    node.remove_member(NEWCOMER, Why::Left);
    heard(&mut node, false);
    passes(&mut node, 200);
    assert!(node.roster.is_alive(HOLDER) && !node.proven.contains(&HOLDER));
    assert_eq!(node.names.of(HOLDER).count(), 0, "it waits no more");
}

#[test]
fn a_newcomer_that_was_let_in_late_has_not_answered_by_that() {
    // Two boots of n2, each killed before it was taken in anywhere, and a third one.
    let mut node = node();
    node.set_liveness(HOLDER, Liveness::Down);
    let second = NodeId(8);
    connects(&mut node, ConnId(8), second, false);
    node.roster.hear(identity(second), node.now.mono);
    node.set_liveness(second, Liveness::Down);
    newcomer_connects(&mut node, NEWCOMER, false);
    heard(&mut node, false);
    passes(&mut node, 200);
    assert_eq!(
        node.links.used(second),
        Some(ConnId(8)),
        "let in by what it said long ago"
    );
    assert!(!is_refused(&mut node));
    n3_says(&mut node, second, false);
    passes(&mut node, 2_000);
    assert_eq!(node.links.used(NEWCOMER), Some(CONN));
}

#[test]
fn a_newcomer_that_may_be_dead_ends_no_holder_that_answers() {
    for was_admitted in [false, true] {
        let mut node = node();
        node.prove_dead(HOLDER, "in this test");
        newcomer_connects(&mut node, NEWCOMER, false);
        assert_eq!(node.links.used(NEWCOMER), Some(CONN));
        // An older boot, or one that others took in: it stays, if it is there at all.
        connects(&mut node, ConnId(8), NodeId(8), was_admitted);
        answers(&mut node, NEWCOMER);
        let asked = sent(&mut node);
        let is_refusal = |(_, message): &(ConnId, Message)| matches!(message, Message::Refused(_));
        assert!(!asked.iter().any(is_refusal), "{asked:?}");
        let nonce = asked.iter().find_map(|(conn, message)| match message {
            Message::Ping(nonce) if *conn == ConnId(8) => Some(*nonce),
            _ => None,
        });
        let bytes = Message::Pong(nonce.unwrap()).encode();
        node.handle(
            node.now,
            Input::Received {
                conn: ConnId(8),
                channel: Channel::Control,
                bytes,
            },
        );
        assert!(is_refused(&mut node));
        assert_eq!(node.links.used(NodeId(8)), Some(ConnId(8)));
    }
}

#[test]
fn a_holder_that_answered_is_not_missed_because_the_newcomer_is_not_there() {
    let mut node = node();
    node.prove_dead(HOLDER, "in this test");
    newcomer_connects(&mut node, NEWCOMER, false);
    connects(&mut node, ConnId(8), NodeId(8), false);
    n3_says(&mut node, NEWCOMER, false);
    answers(&mut node, NEWCOMER);
    sent(&mut node);
    for _ in 0..10 {
        passes(&mut node, 200);
        node.heard(N3, NEWCOMER, node.numbers, false);
    }
    assert!(node.roster.is_alive(NEWCOMER));
    assert_eq!(node.links.used(NodeId(8)), None);
    let refused = sent(&mut node);
    let is_refusal = |message: &Message| matches!(message, Message::Refused(Refusal::NameTaken { .. }));
    assert!(
        refused
            .iter()
            .any(|(conn, message)| *conn == ConnId(8) && is_refusal(message))
    );
    assert!(node.names.next_deadline().is_none());
}

/// The answer lies before it and has not been read.
#[test]
fn who_stood_still_misses_no_holder_for_that() {
    let mut node = node();
    newcomer_connects(&mut node, NEWCOMER, false);
    node.hears_asked(N3, HOLDER, 7);
    heard(&mut node, false);
    sent(&mut node);
    node.now.mono = node.now.mono + Duration::from_secs(5);
    node.names.renew(node.now.mono);
    passes(&mut node, 199);
    assert!(node.roster.is_alive(HOLDER));
    assert_eq!(sent(&mut node), []);
    passes(&mut node, 1);
    assert!(!node.roster.is_alive(HOLDER));
    let says_no = |(_, message): &(ConnId, Message)| matches!(message, Message::Heard { heard: false, .. });
    assert!(sent(&mut node).iter().any(says_no));
}

#[test]
fn who_is_let_in_on_one_connection_waits_on_no_other() {
    let mut node = node();
    connects(&mut node, ConnId(8), NEWCOMER, false);
    // It turns out that the holder is dead, by where another connection leads.
    node.prove_dead(HOLDER, "in this test");
    newcomer_connects(&mut node, NEWCOMER, false);
    assert!(node.names.next_deadline().is_none());
}

#[test]
fn a_member_that_connects_anew_waits_for_no_boot_of_its_name_that_is_down() {
    let mut node = node();
    node.prove_dead(HOLDER, "in this test");
    newcomer_connects(&mut node, NEWCOMER, false);
    // The map tells of another boot before it, which nobody saw die.
    node.roster.hear(identity(NodeId(8)), node.now.mono);
    node.set_liveness(NodeId(8), Liveness::Down);
    connects(&mut node, ConnId(10), NEWCOMER, false);
    assert!(node.names.next_deadline().is_none());
    assert!(node.links.link(ConnId(10)).is_some_and(Link::greeted));
}

#[test]
fn what_a_member_says_on_a_connection_that_waits_counts() {
    let mut node = node();
    node.prove_dead(HOLDER, "in this test");
    newcomer_connects(&mut node, NEWCOMER, false);
    // Two of a name live.
    node.roster.hear(identity(NodeId(8)), node.now.mono);
    node.set_liveness(NodeId(8), Liveness::Alive);
    connects(&mut node, ConnId(10), NEWCOMER, false);
    assert!(node.names.next_deadline().is_some());
    sent(&mut node);
    let bytes = Message::Ping(7).encode();
    let conn = ConnId(10);
    let channel = Channel::Control;
    node.handle(node.now, Input::Received { conn, channel, bytes });
    assert!(
        sent(&mut node)
            .iter()
            .any(|(_, message)| *message == Message::Pong(7))
    );
}

#[test]
fn of_two_that_wait_for_one_name_only_one_is_let_in_unasked() {
    let mut node = node();
    node.set_liveness(HOLDER, Liveness::Down);
    connects(&mut node, ConnId(8), NodeId(8), false);
    newcomer_connects(&mut node, NEWCOMER, false);
    heard(&mut node, false);
    passes(&mut node, 200);
    let both = [NodeId(8), NEWCOMER].map(|peer| node.links.used(peer));
    assert_eq!(both, [Some(ConnId(8)), None]);
    // The first of them answers.
    answers(&mut node, NodeId(8));
    assert!(is_refused(&mut node));
}

#[test]
fn one_that_was_asked_and_went_down_is_not_waited_for() {
    let mut node = node();
    newcomer_connects(&mut node, NEWCOMER, false);
    passes(&mut node, 200);
    assert_eq!(node.links.used(NEWCOMER), None);
    node.set_liveness(N3, Liveness::Down);
    passes(&mut node, 200);
    assert_eq!(node.links.used(NEWCOMER), Some(CONN));
}

#[test]
fn a_misnamed_machine_does_not_end_a_healthy_node_that_is_only_missed_here() {
    let mut node = node();
    node.set_liveness(HOLDER, Liveness::Down);
    newcomer_connects(&mut node, NEWCOMER, false);
    assert_eq!(node.links.used(NEWCOMER), None, "n3 is asked first");
    heard(&mut node, true);
    assert!(is_refused(&mut node));
    assert!(!node.roster.removals.any_of(HOLDER));
}

#[test]
fn who_is_asked_says_that_it_hears_a_member_only_once_that_one_answers() {
    let mut node = node();
    let hears = |question| Message::Hears {
        node: HOLDER,
        question,
    };
    let heard = |question, heard| Message::Heard {
        node: HOLDER,
        question,
        heard,
    };
    node.message(N3, hears(7), None);
    assert_eq!(sent_to(&mut node, N3), []);
    answers(&mut node, HOLDER);
    assert!(sent_to(&mut node, N3).contains(&heard(7, true)));

    let earlier = node.numbers;
    node.message(N3, hears(8), None);
    node.peer_answered(HOLDER, earlier);
    assert_eq!(sent_to(&mut node, N3), [], "that answer may be old");
    passes(&mut node, 200);
    assert!(sent_to(&mut node, N3).contains(&heard(8, false)));
}

#[test]
fn of_two_that_were_both_taken_in_the_older_has_ended_and_hands_over() {
    for (peer, older, newer) in [
        (NEWCOMER, HOLDER, NEWCOMER),
        (NodeId(1_000), HOLDER, NodeId(1_000)),
    ] {
        let mut node = node();
        newcomer_connects(&mut node, peer, true);
        answers(&mut node, HOLDER);
        assert!(node.roster.removals.ends(older));
        assert!(!node.roster.removals.ends(newer));
        let told = |(conn, message): &(ConnId, Message)| {
            *conn == ConnId(2) && matches!(message, Message::HandOver(_))
        };
        assert!(sent(&mut node).iter().any(told));
        let why = node.roster.removals.evidence(older)[0].why;
        assert_eq!(why, Why::Replaced(newer));
    }
}

#[test]
fn who_was_taken_in_does_not_end_because_somebody_says_that_its_name_is_taken() {
    let name_taken = |node: &mut Node| {
        let refusal = Refusal::NameTaken {
            name: node.config.name.clone(),
            holder: NodeId(0),
            addr: "127.0.0.1:7".parse().unwrap(),
        };
        node.refused(ConnId(2), refusal);
        let mut outputs = core::iter::from_fn(|| node.poll_output());
        outputs.any(|output| {
            matches!(
                output,
                Output::Exit {
                    cause: ExitCause::NameTaken { .. }
                }
            )
        })
    };
    let mut admitted = node();
    admitted.names.was_admitted = true;
    assert!(!name_taken(&mut admitted));
    assert!(name_taken(&mut node()), "{ME}");
}

/// The holder is never shown as down, since another of its name is there when that would be: why it was is told to nobody.
#[test]
fn nothing_is_kept_of_a_holder_that_gave_way_once_it_is_forgotten() {
    let mut node = node();
    newcomer_connects(&mut node, NEWCOMER, false);
    heard(&mut node, false);
    passes(&mut node, 200);
    node.members_refresh();
    assert_eq!(node.links.used(NEWCOMER), Some(CONN));
    node.calls_closed(HOLDER, &Closed::all_but(core::iter::empty(), RequestId(7)));
    node.disconnected(conn_of(HOLDER));
    node.forget(HOLDER);
    node.members_refresh();
    assert_eq!(node.reasons.get(&HOLDER), None);
    assert_eq!(node.closed.get(&HOLDER), None);
}

/// What the first packets of a connection took says little of what a ping takes: they may have waited for long.
#[test]
fn a_holder_is_not_waited_for_longer_than_a_dial_takes() {
    let mut node = node();
    node.links.link_mut(conn_of(HOLDER)).unwrap().rtt = Duration::from_mins(1);
    newcomer_connects(&mut node, NEWCOMER, false);
    let until = node.names.next_deadline().unwrap();
    assert!(until <= node.now.mono + node.config.timing.dial_timeout);
}

#[test]
fn who_is_asked_about_a_holder_waits_for_it_no_longer_than_a_dial_takes() {
    let mut node = node();
    node.links.link_mut(conn_of(HOLDER)).unwrap().rtt = Duration::from_mins(1);
    node.hears_asked(N3, HOLDER, 7);
    let until = node.names.next_deadline().unwrap();
    assert!(until <= node.now.mono + node.config.timing.dial_timeout);
}

/// The holder has died since it said that.
#[test]
fn what_was_on_its_way_before_a_newcomer_came_does_not_speak_for_the_holder_of_its_name() {
    let mut node = node();
    let earlier = node.ping(HOLDER);
    newcomer_connects(&mut node, NEWCOMER, false);
    node.peer_answered(HOLDER, earlier);
    node.heard(N3, HOLDER, earlier, true);
    assert!(!is_refused(&mut node));
    answers(&mut node, HOLDER);
    assert!(is_refused(&mut node));
}

#[test]
fn what_was_on_its_way_before_a_newcomer_came_does_not_speak_against_the_holder_of_its_name() {
    let mut node = node();
    let earlier = node.numbers;
    newcomer_connects(&mut node, NEWCOMER, false);
    node.heard(N3, HOLDER, earlier, false);
    passes(&mut node, 200);
    assert!(node.roster.is_alive(HOLDER), "n3 may hear it yet");
    heard(&mut node, true);
    assert!(is_refused(&mut node));
}

#[test]
fn a_holder_that_connects_anew_is_asked_whether_it_is_there() {
    let mut node = node();
    newcomer_connects(&mut node, NEWCOMER, false);
    sent(&mut node);
    connects(&mut node, ConnId(10), HOLDER, true);
    let sent = sent(&mut node);
    let is_refusal = |(_, message): &(ConnId, Message)| matches!(message, Message::Refused(_));
    assert!(!sent.iter().any(is_refusal), "that may be long ago");
    assert!(
        sent.iter()
            .any(|(_, message)| matches!(message, Message::Ping(_)))
    );
    answers(&mut node, HOLDER);
    assert!(is_refused(&mut node));
}

/// Another had missed this node for a moment, let the other in and took it for ready.
#[test]
fn a_node_has_replaced_whom_it_refused_for_its_name_though_that_was_ready() {
    for is_refused in [true, false] {
        let mut node = node();
        node.names.was_admitted = true;
        let namesake = Identity {
            id: NEWCOMER,
            seniority: NEWCOMER,
            ..node.swim.identity().clone()
        };
        if is_refused {
            greets(&mut node, CONN, namesake, false);
        }
        let member = Member::of(&node.config, Status::Ready);
        node.roster.set_member(NEWCOMER, Some(member), node.now.mono);
        assert_eq!(node.replaced_by(NEWCOMER).is_some(), is_refused);
    }
}

/// One that was just booting, too, had taken it in, and told of its record.
#[test]
fn who_refused_another_for_its_name_writes_down_that_it_has_ended_once_it_is_down() {
    for (is_told, is_there) in [(true, true), (false, true), (true, false)] {
        let mut node = node();
        newcomer_connects(&mut node, NEWCOMER, false);
        heard(&mut node, is_told);
        let mut member = Member::of(&node.config, Status::Ready);
        member.name = identity(NEWCOMER).name;
        node.roster.set_member(NEWCOMER, Some(member), node.now.mono);
        let is_removed = |node: &mut Node| {
            node.next_burial = node.now.mono;
            node.bury();
            node.roster.removals.ends(NEWCOMER)
        };
        node.set_liveness(NEWCOMER, Liveness::Alive);
        assert!(
            !is_removed(&mut node),
            "it may have been taken in before it was told"
        );
        node.set_liveness(NEWCOMER, Liveness::Down);
        if !is_there {
            node.set_liveness(HOLDER, Liveness::Down);
        }
        let ends = is_told && is_there;
        assert_eq!(
            is_removed(&mut node),
            ends,
            "told {is_told}, holder there {is_there}"
        );
    }
}

#[test]
fn an_older_boot_whose_greeting_was_long_on_its_way_ends_no_holder_that_is_merely_missed() {
    for is_there in [false, true] {
        let mut node = node();
        node.prove_dead(HOLDER, "in this test");
        newcomer_connects(&mut node, NEWCOMER, false);
        let older = NodeId(8);
        connects(&mut node, ConnId(8), older, false);
        n3_says(&mut node, NEWCOMER, false);
        sent(&mut node);
        passes(&mut node, 200);
        let asked = sent(&mut node);
        let nonce = asked.iter().find_map(|(conn, message)| match message {
            Message::Ping(nonce) if *conn == ConnId(8) => Some(*nonce),
            _ => None,
        });
        assert!(node.roster.is_alive(NEWCOMER));
        let bytes = Message::Pong(nonce.unwrap()).encode();
        let answer = Input::Received {
            conn: ConnId(8),
            channel: Channel::Control,
            bytes,
        };
        if is_there {
            node.handle(node.now, answer);
        }
        passes(&mut node, 400);
        assert_eq!(node.roster.is_alive(NEWCOMER), !is_there);
        assert_eq!(node.names.of(NEWCOMER).count(), 0, "it waits no more");
    }
}
