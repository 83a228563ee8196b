use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_crdt::Dot;

use crate::in_tests::{ME, conn_of, exchange, meet, ready_node, replica_of, sent_to, settle, spec};
use crate::membership::{Handshake, Link, Liveness, Standing};
use crate::node::Node;
use crate::registers::{ChildKey, Key, Member, Status};
use crate::wire::Message;
use crate::{Config, ConnId, Event, Input, MemberState, NodeId, Now, Output, ProbeOutcome, Time, WallTime};

#[test]
fn a_dead_connection_with_a_node_that_is_forgotten_keeps_nobody_from_being_dialled() {
    let addr = "127.0.0.1:2".parse().unwrap();
    let config = Config {
        seeds: vec![addr],
        ..Config::plain()
    };
    let mut node = Node::new(config, NodeId(1), 1);
    let forgotten = Link {
        peer: NodeId(9),
        addr,
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
    node.links.insert(ConnId(1), forgotten);
    node.links.greet(ConnId(1), NodeId(1), None);
    let now = Now {
        mono: Time(1),
        wall: WallTime(1_000_000),
    };
    node.handle(now, Input::Timer);
    let mut outputs = core::iter::from_fn(|| node.poll_output());
    assert!(outputs.any(|output| matches!(output, Output::Dial { addr: dialled, .. } if dialled == addr)));
}

#[test]
fn a_woken_node_waits_for_those_who_live_and_not_for_every_boot_it_ever_heard_of() {
    let mut node = ready_node();
    for id in 100..150 {
        let member = Member::of(&node.config, Status::Ready);
        node.roster.set_member(NodeId(id), Some(member), node.now.mono);
    }
    let mut now = node.now;
    now.mono = now.mono + Duration::from_secs(5);
    node.handle(now, Input::Timer);
    let timing = &node.config.timing;
    let settles = node.settled.next_deadline(timing).expect("the view was voided");
    assert_eq!(settles, now.mono + timing.probe_period + timing.probe_rtt);
}

#[test]
fn a_wall_clock_that_is_set_is_an_event() {
    let mut node = ready_node();
    let mut now = node.now;
    for (millis, jumped) in [
        (0, None),
        (36_000_000, Some(36_000_000)),
        (999, None),
        (-7_200_000, Some(-7_200_000)),
        (900, None),
    ] {
        now.mono = now.mono + Duration::from_millis(10);
        now.wall = WallTime(now.wall.0.strict_add_signed((millis + 10) * 1_000));
        node.handle(now, Input::Timer);
        let told = core::iter::from_fn(|| node.poll_output()).find_map(|output| match output {
            Output::Event(Event::WallClockJumped { millis }) => Some(millis),
            _ => None,
        });
        assert_eq!(told, jumped);
    }
}

#[test]
fn a_node_that_catches_up_does_not_say_that_it_is_ready() {
    let mut node = ready_node();
    meet(&mut node, NodeId(2));
    assert_eq!(node.own_state(), MemberState::Alive);
    node.was_declared_down();
    assert_eq!(node.own_state(), MemberState::Joining);
    node.standing = Standing::Ready;
    assert_eq!(node.own_state(), MemberState::Alive);
}

#[test]
fn a_wall_clock_that_is_set_back_may_hide_a_sleep_and_what_lies_here_is_old_until_a_peer_answers() {
    for millis in [36_000_000_i64, -36_000_000] {
        let mut node = ready_node();
        meet(&mut node, NodeId(2));
        let mut now = node.now;
        now.mono = now.mono + Duration::from_millis(10);
        now.wall = WallTime((now.wall.0 + 100_000_000_000).strict_add_signed(millis * 1_000));
        node.handle(now, Input::Timer);
        while node.poll_output().is_some() {}
        assert!(node.backlog.may_hold(NodeId(2)), "{millis}");
    }
}

#[test]
fn a_question_about_the_backlog_that_was_lost_with_its_connection_is_asked_again() {
    let mut node = ready_node();
    meet(&mut node, NodeId(2));
    let nonce = node.mark_the_backlog(NodeId(2));
    sent_to(&mut node, NodeId(2));
    let mut now = node.now;
    now.mono = now.mono + node.config.timing.redial;
    assert!(
        node.backlog
            .next_deadline(|_| true)
            .is_some_and(|due| due <= now.mono)
    );
    node.handle(now, Input::Timer);
    assert!(sent_to(&mut node, NodeId(2)).contains(&Message::Ping(nonce)));
}

#[test]
fn members_that_leave_decide_while_none_is_ready_and_take_nothing() {
    let mut node = ready_node();
    let (leaving, key) = (NodeId(2), child_decided_by_itself());
    meet(&mut node, leaving);
    node.members_changed = true;
    node.members_refresh();
    let member = Member::of(&node.config, Status::Draining);
    node.roster.set_member(leaving, Some(member), node.now.mono);
    node.begin_leaving();
    assert!(matches!(node.standing, Standing::Leaving { .. }));
    let mut now = node.now;
    for _ in 0..20 {
        now.mono = now.mono + Duration::from_millis(100);
        node.roster.set_liveness(leaving, Liveness::Alive, now.mono);
        node.ready_changed = true;
        node.now = now;
        node.refresh_settled();
    }
    assert_eq!(node.decider(&key), Some(node.id));
    let none = node.place(&key, &spec(), &[]).unwrap_err();
    assert!(!none.is_empty());
}

/// All that is here is held by these.
fn held_by(node: &mut Node, peers: &[NodeId]) {
    for peer in peers {
        node.replicating.insert(*peer);
        node.replica.add_peer(peer.replica());
        let held = node.replica.seen().collect();
        let ack = ordu_crdt::Message::Ack { serial: 1, held };
        node.sync_received(*peer, ack).unwrap();
    }
}

fn has_left(node: &mut Node) -> bool {
    node.roster.compared();
    node.handle(node.now, Input::Timer);
    while node.poll_output().is_some() {}
    node.own_state() == MemberState::Left
}

#[test]
fn of_members_that_leave_together_none_is_one_of_those_that_must_hold_what_another_has() {
    let mut node = ready_node();
    let (stays, leaving) = (NodeId(2), [NodeId(3), NodeId(4)]);
    for peer in leaving.into_iter().chain([stays]) {
        meet(&mut node, peer);
    }
    for peer in leaving {
        let member = node.roster.get(peer).unwrap().member.clone().unwrap();
        let member = Member {
            status: Status::Draining,
            ..member
        };
        node.roster.set_member(peer, Some(member), node.now.mono);
    }
    settle(&mut node);
    node.begin_leaving();
    held_by(&mut node, &leaving);
    assert!(!has_left(&mut node), "the one that stays does not have it");
    held_by(&mut node, &[stays]);
    assert!(has_left(&mut node));
}

#[test]
fn who_leaves_is_none_of_those_that_hold_a_write() {
    let mut node = ready_node();
    let peers = [NodeId(2), NodeId(3)];
    for peer in peers {
        meet(&mut node, peer);
    }
    settle(&mut node);
    let written = node.replica.vector().get(ME.replica());
    let written = Dot {
        origin: ME.replica(),
        seq: written,
    };
    held_by(&mut node, &peers);
    assert_eq!(node.holders(written), [ME, peers[0], peers[1]].into());
    let member = node.roster.get(peers[0]).unwrap().member.clone().unwrap();
    let member = Member {
        status: Status::Draining,
        ..member
    };
    node.roster.set_member(peers[0], Some(member), node.now.mono);
    assert_eq!(node.holders(written), [ME, peers[1]].into());
}

#[test]
fn who_leaves_before_it_has_caught_up_decides_nothing() {
    let decides = |node: &mut Node| {
        node.ready_changed = true;
        node.now.mono = node.now.mono + Duration::from_secs(2);
        node.refresh_settled();
        node.now.mono = node.now.mono + Duration::from_secs(2);
        node.refresh_settled();
        node.decider(&child_decided_by_itself()).is_some()
    };
    let mut leaver = ready_node();
    leaver.begin_leaving();
    assert!(decides(&mut leaver));
    leaver.was_declared_down();
    assert!(
        !decides(&mut leaver),
        "it may have missed what was decided meanwhile"
    );

    let mut other = ready_node();
    other.was_declared_down();
    other.begin_leaving();
    assert!(!decides(&mut other));
}

/// Whoever boots would take it for a member that has told all that it had.
#[test]
fn who_leaves_before_it_has_caught_up_with_anybody_says_only_that_it_left() {
    let said = |node: &Node| {
        let record = node.replica.map().get(&Key::Member(node.id))?;
        record.decode::<Member>().map(|member| member.status)
    };
    let seeds = vec!["127.0.0.1:2".parse().unwrap()];
    let mut newcomer = Node::new(
        Config {
            seeds,
            ..Config::plain()
        },
        ME,
        1,
    );
    let now = Now {
        mono: Time(1),
        wall: WallTime(1_000_000),
    };
    newcomer.handle(now, Input::Timer);
    assert_eq!(said(&newcomer), Some(Status::Joining));
    newcomer.begin_leaving();
    newcomer.keep_own_record();
    newcomer.take_changes();
    assert_eq!(said(&newcomer), Some(Status::Joining));
    let mut member = ready_node();
    member.was_declared_down();
    member.begin_leaving();
    member.take_changes();
    assert_eq!(said(&member), Some(Status::Draining));
}

fn child_decided_by_itself() -> ChildKey {
    ChildKey::new("main".parse().unwrap(), "c".parse().unwrap())
}

#[test]
fn a_member_that_is_known_from_others_alone_is_not_said_to_have_failed_to_answer() {
    let mut node = ready_node();
    let member = Member::of(&node.config, Status::Ready);
    let member = Member {
        name: "n9".parse().unwrap(),
        ..member
    };
    node.roster.set_member(NodeId(9), Some(member), node.now.mono);
    node.members_changed = true;
    node.members_refresh();
    let reasons: Vec<_> = core::iter::from_fn(|| node.poll_output())
        .filter_map(|output| match output {
            Output::Event(Event::MemberChanged { state, reason, .. }) => Some((state, reason)),
            _ => None,
        })
        .collect();
    assert_eq!(
        reasons,
        [(
            MemberState::Down,
            "others knew it, and it has not answered yet".into()
        )]
    );
}

/// A newcomer that has exchanged states with another newcomer, whose id is larger.
fn newcomer_with_another() -> Node {
    let mut node = ready_node();
    let since = node.now.mono;
    node.standing = Standing::Joining { since };
    meet(&mut node, NodeId(2));
    let other = Member {
        status: Status::Joining,
        ..node.roster.get(NodeId(2)).unwrap().member.clone().unwrap()
    };
    node.roster.set_member(NodeId(2), Some(other), since);
    exchange(&mut node, &mut replica_of(NodeId(2)));
    node.now.mono = since + node.config.timing.settle * 5;
    node
}

#[test]
fn of_newcomers_the_one_with_the_smallest_id_begins() {
    let mut node = newcomer_with_another();
    node.refresh_standing();
    assert!(matches!(node.standing, Standing::Ready));
}

#[test]
fn a_newcomer_does_not_begin_while_it_has_heard_of_others_that_may_be_ready() {
    for status in [None, Some(Status::Ready), Some(Status::Draining)] {
        for liveness in [Liveness::Alive, Liveness::Suspect] {
            let mut node = newcomer_with_another();
            let now = node.now.mono;
            let elsewhere = NodeId(3);
            let identity = crate::membership::Identity {
                id: elsewhere,
                seniority: elsewhere,
                generation: 0,
                name: "n3".parse().unwrap(),
                addr: "127.0.0.1:3".parse().unwrap(),
            };
            node.roster.hear(identity, now);
            node.roster.set_liveness(elsewhere, liveness, now);
            let member = status.map(|status| Member::of(&node.config, status));
            node.roster.set_member(elsewhere, member, now);
            node.refresh_standing();
            assert!(
                matches!(node.standing, Standing::Joining { .. }),
                "{status:?} {liveness:?}"
            );
            // It is missed: nobody ready is in sight.
            node.roster.set_liveness(elsewhere, Liveness::Down, now);
            node.refresh_standing();
            assert!(
                matches!(node.standing, Standing::Ready),
                "{status:?} {liveness:?}"
            );
        }
    }
}

#[test]
fn a_round_trip_that_was_measured_while_the_peer_stood_still_delays_no_proof_of_its_death() {
    let mut node = ready_node();
    let (peer, other) = (NodeId(2), NodeId(3));
    for id in [peer, other] {
        meet(&mut node, id);
    }
    let link = node.links.link_mut(conn_of(peer)).unwrap();
    link.handshake = Handshake::Accepted;
    link.rtt = Duration::from_secs(1);
    node.lifeline_closed(conn_of(peer));
    let mut outputs = core::iter::from_fn(|| node.poll_output());
    let probe = outputs.find_map(|output| match output {
        Output::Probe { probe, .. } => Some(probe),
        _ => None,
    });
    node.probed(probe.unwrap(), ProbeOutcome::Refused);
    node.evidence_of(peer, other);
    let began = node.now.mono;
    let period = node.config.timing.probe_period;
    node.now.mono = began + period - Duration::from_micros(1);
    node.weigh_evidence();
    assert!(!node.proven.contains(&peer));
    node.now.mono = began + period;
    node.weigh_evidence();
    assert!(node.proven.contains(&peer));
}

#[test]
fn a_node_catches_up_with_members_alone() {
    for (status, is_member) in [
        (Status::Joining, false),
        (Status::Ready, true),
        (Status::Draining, true),
        (Status::Left, false),
    ] {
        for was_ready in [false, true] {
            let mut node = newcomer_with_another();
            let since = node.now.mono;
            node.standing = if was_ready {
                Standing::CatchingUp { since }
            } else {
                Standing::Joining { since }
            };
            let member = Member::of(&node.config, status);
            node.roster.set_member(NodeId(2), Some(member), since);
            node.refresh_standing();
            assert_eq!(
                node.standing == Standing::Ready,
                is_member,
                "{status:?}, {was_ready}"
            );
        }
    }
}

/// The state of the cluster is large, or the way is slow.
#[test]
fn a_node_that_is_told_what_there_is_waits_for_that_longer_than_for_nobody() {
    for is_told in [false, true] {
        let mut node = ready_node();
        let since = node.now.mono;
        node.standing = Standing::Joining { since };
        meet(&mut node, NodeId(2));
        if is_told {
            node.replicating.insert(NodeId(2));
            node.replica.add_peer(NodeId(2).replica());
        }
        let grace = node.config.timing.boot_grace;
        node.now.mono = since + grace;
        node.refresh_standing();
        assert_eq!(node.standing == Standing::Ready, !is_told);
        node.now.mono = since + grace * 6;
        node.refresh_standing();
        assert_eq!(node.standing, Standing::Ready);
    }
}

#[test]
fn what_tells_old_words_from_new_ones_is_asked_until_it_is_answered() {
    let mut node = ready_node();
    let peer = NodeId(2);
    meet(&mut node, peer);
    let nonce = node.mark_the_backlog(peer);
    let asks = |node: &mut Node| {
        node.now.mono = node.now.mono + node.config.timing.redial;
        node.ask_about_backlogs_again();
        let sent = sent_to(node, peer);
        sent.iter()
            .filter(|message| **message == Message::Ping(nonce))
            .count()
    };
    assert_eq!(
        [asks(&mut node), asks(&mut node)],
        [2, 1],
        "the first time when it was marked, too"
    );
    node.backlog.answered(peer, nonce);
    assert_eq!(asks(&mut node), 0);
}

#[test]
fn who_was_given_up_hears_of_that_before_its_question_is_answered() {
    let mut node = ready_node();
    let peer = NodeId(2);
    meet(&mut node, peer);
    let generation = node.roster.get(peer).unwrap().identity.generation;
    node.set_liveness(peer, Liveness::Down);
    sent_to(&mut node, peer);
    node.pinged(peer, 7);
    assert_eq!(
        sent_to(&mut node, peer),
        [Message::Down(generation), Message::Pong(7)]
    );
}
