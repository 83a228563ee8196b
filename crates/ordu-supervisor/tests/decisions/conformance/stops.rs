//! Shutdown: cases 88 to 97, and zombies.

use std::time::Duration;

use ordu_supervisor::decisions::{
    CallError, ChildPolicy, ChildState, ExitReason, Incarnation, Intensity, Reply, Request, Restart,
    Shutdown, StaticEvent, StaticFlags, Strategy,
};

use crate::world::{Answer, Event, NextStart, World, boom, refused, spec};

fn stop(reason: ExitReason) -> StaticEvent<String, u32> {
    StaticEvent::Stop { reason }
}

fn shut_down_in(shutdown: Shutdown) -> ChildPolicy {
    ChildPolicy {
        shutdown,
        ..ChildPolicy::worker()
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn ends(world: &World) -> Vec<(&str, &ExitReason)> {
    let mut ends = Vec::new();
    for event in &world.log {
        if let Event::Ended(key, reason) = event {
            ends.push((key.as_str(), reason));
        }
    }
    ends
}

#[test]
fn case_088_infinity_for_worker_and_supervisor() {
    let specs = vec![
        spec("w", shut_down_in(Shutdown::Infinity)),
        spec("s", ChildPolicy::supervisor()),
    ];
    let mut world = World::new(StaticFlags::default(), specs);
    for id in ["w", "s"] {
        world.script_answer(
            id,
            Answer::After(Duration::from_secs(1_000_000), ExitReason::Shutdown),
        );
    }
    world.step(stop(ExitReason::Shutdown));
    world.advance(Duration::from_secs(2_000_000));
    assert_eq!(
        ends(&world),
        [("s", &ExitReason::Shutdown), ("w", &ExitReason::Shutdown)]
    );
    assert!(world.exit.is_some());
}

#[test]
fn case_089_a_busy_child_is_killed_after_its_timeout() {
    let specs = ["a", "busy"]
        .map(|id| spec(id, shut_down_in(Shutdown::Timeout(SECOND))))
        .into();
    let mut world = World::new(StaticFlags::default(), specs);
    world.script_answer("busy", Answer::Ignore);
    world.step(stop(ExitReason::Shutdown));
    world.advance(SECOND);
    assert_eq!(
        ends(&world),
        [("busy", &ExitReason::Killed), ("a", &ExitReason::Shutdown)]
    );
    assert_eq!(
        world.troubles(),
        [("shutdown_error", "busy".to_owned(), Some(ExitReason::Killed))]
    );
}

#[test]
fn case_090_brutal_kill() {
    let specs = vec![
        spec("a", ChildPolicy::worker()),
        spec("b", shut_down_in(Shutdown::BrutalKill)),
    ];
    let mut world = World::new(StaticFlags::default(), specs);
    world.step(stop(ExitReason::Shutdown));
    assert_eq!(
        ends(&world),
        [("b", &ExitReason::Killed), ("a", &ExitReason::Shutdown)]
    );
    assert!(!world.log.contains(&Event::Asked("b".to_owned())));
    assert_eq!(world.troubles(), []);
}

#[test]
fn a_timeout_of_zero_asks_and_kills_at_once() {
    let mut world = World::new(
        StaticFlags::default(),
        vec![spec("a", shut_down_in(Shutdown::Timeout(Duration::ZERO)))],
    );
    world.script_answer("a", Answer::Ignore);
    world.step(stop(ExitReason::Shutdown));
    assert_eq!(
        world.log[1..3],
        [Event::Asked("a".to_owned()), Event::Killed("a".to_owned())]
    );
    assert!(world.exit.is_some());
}

#[test]
fn children_are_stopped_one_at_a_time() {
    let specs = ["a", "b", "c"]
        .map(|id| spec(id, shut_down_in(Shutdown::Timeout(SECOND))))
        .into();
    let mut world = World::new(StaticFlags::default(), specs);
    for id in ["a", "b", "c"] {
        world.script_answer(id, Answer::Ignore);
    }
    world.step(stop(ExitReason::Shutdown));
    world.advance(Duration::from_millis(2_999));
    assert_eq!(world.exit, None);
    world.advance(Duration::from_millis(1));
    assert!(world.exit.is_some());
}

#[test]
fn case_095_the_supervisor_ends_with_the_reason_of_its_parent() {
    for reason in [
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::shutdown_with("q"),
        boom(),
    ] {
        let mut world = World::new(StaticFlags::default(), vec![spec("a", ChildPolicy::worker())]);
        world.step(stop(reason.clone()));
        assert_eq!(world.exit_reason(), Some(&reason));
        assert_eq!(ends(&world), [("a", &ExitReason::Shutdown)]);
    }
}

#[test]
fn case_097_which_answers_to_a_stop_are_reported() {
    let answers = [
        ExitReason::Shutdown,
        ExitReason::shutdown_with("x"),
        ExitReason::Normal,
        ExitReason::Killed,
        boom(),
    ];
    // Expected to be reported, in the order of `answers`.
    let table = [
        (
            Shutdown::Timeout(SECOND),
            Restart::Permanent,
            [false, true, true, true, true],
        ),
        (
            Shutdown::Timeout(SECOND),
            Restart::Transient,
            [false, false, false, true, true],
        ),
        (
            Shutdown::Timeout(SECOND),
            Restart::Temporary,
            [false, false, false, true, true],
        ),
        (
            Shutdown::Infinity,
            Restart::Permanent,
            [false, true, true, true, true],
        ),
        (
            Shutdown::Infinity,
            Restart::Transient,
            [false, false, false, true, true],
        ),
        (
            Shutdown::BrutalKill,
            Restart::Permanent,
            [true, true, true, false, true],
        ),
        (
            Shutdown::BrutalKill,
            Restart::Transient,
            [false, false, false, false, true],
        ),
        (
            Shutdown::BrutalKill,
            Restart::Temporary,
            [false, false, false, false, true],
        ),
    ];
    for (shutdown, restart, reported) in table {
        for (answer, reported) in answers.iter().zip(reported) {
            let policy = ChildPolicy {
                restart,
                ..shut_down_in(shutdown)
            };
            let mut world = World::new(StaticFlags::default(), vec![spec("a", policy)]);
            // The end is already on its way when the stop begins, so that even a brutal kill can meet it.
            let (_, terminate) = world.request(Request::TerminateChild { key: "a".to_owned() });
            let end = world.end_unseen("a", answer.clone());
            world.step_all(vec![terminate, end]);
            let expected = reported.then(|| ("shutdown_error", "a".to_owned(), Some(answer.clone())));
            assert_eq!(
                world.troubles(),
                Vec::from_iter(expected),
                "{shutdown:?} {restart:?} {answer:?}"
            );
        }
    }
}

#[test]
fn a_zombie_holds_its_id_and_is_listed_until_it_ends() {
    let mut world = World::new(StaticFlags::default(), vec![spec("a", ChildPolicy::worker())]);
    world.script_answer("a", Answer::Unkillable);
    let zombie = world.incarnation("a");
    let call = world.send(Request::TerminateChild { key: "a".to_owned() });
    world.advance(Duration::from_secs(10));
    assert_eq!(
        world.replies.remove(&call),
        Some(refused(CallError::Zombie(zombie)))
    );
    assert_eq!(world.state("a"), Some(ChildState::Zombie(zombie)));
    for reply in [
        world.restart("a"),
        world.delete("a"),
        world.start_child(spec("a", ChildPolicy::worker())),
    ] {
        assert_eq!(reply, refused(CallError::Zombie(zombie)));
    }
    world.end("a", ExitReason::Killed);
    assert_eq!(world.state("a"), Some(ChildState::Undefined));
    assert!(matches!(world.restart("a"), Reply::Started(_)));
}

#[test]
fn a_supervisor_that_stops_leaves_its_zombies_and_lists_them() {
    let specs = ["a", "b"].map(|id| spec(id, ChildPolicy::worker())).into();
    let mut world = World::new(StaticFlags::default(), specs);
    world.script_answer("b", Answer::Unkillable);
    let zombie = world.incarnation("b");
    world.step(stop(ExitReason::Shutdown));
    world.advance(Duration::from_secs(10));
    assert_eq!(world.exit, Some((ExitReason::Shutdown, vec![zombie])));
    assert!(!world.is_alive("a"));
}

#[test]
fn a_group_waits_for_its_zombie_and_goes_on_once_it_ended() {
    let intensity = Intensity::new(9, Duration::from_hours(1));
    let flags = StaticFlags {
        strategy: Strategy::OneForAll,
        intensity,
        ..StaticFlags::default()
    };
    let specs = ["a", "b", "c"].map(|id| spec(id, ChildPolicy::worker())).into();
    let mut world = World::new(flags, specs);
    world.script_answer("b", Answer::Unkillable);
    world.end("c", boom());
    world.advance(Duration::from_secs(10));
    assert_eq!(world.counts(), [3, 1, 0, 3]);
    world.script_answer("b", Answer::With(ExitReason::Shutdown));
    world.end("b", ExitReason::Killed);
    assert_eq!(world.counts(), [3, 3, 0, 3]);
}

#[test]
fn a_zombie_in_the_way_of_a_group_restart_ends_a_supervisor_that_escalates() {
    for (strategy, failed) in [(Strategy::OneForAll, "c"), (Strategy::RestForOne, "a")] {
        let flags = StaticFlags {
            strategy,
            escalate_zombies: true,
            ..StaticFlags::default()
        };
        let specs = ["a", "b", "c"].map(|id| spec(id, ChildPolicy::worker())).into();
        let mut world = World::new(flags, specs);
        let zombie = world.incarnation("b");
        world.script_answer("b", Answer::Unkillable);
        world.end(failed, boom());
        world.advance(Duration::from_secs(10));
        assert_eq!(world.exit, Some((ExitReason::Unkillable, vec![zombie])));
    }
}

#[test]
fn a_restart_that_cannot_be_killed_ends_a_supervisor_that_escalates() {
    let flags = StaticFlags {
        strategy: Strategy::RestForOne,
        escalate_zombies: true,
        ..StaticFlags::default()
    };
    let slow = ChildPolicy {
        start_timeout: Some(SECOND),
        ..ChildPolicy::worker()
    };
    let mut world = World::new(flags, vec![spec("a", ChildPolicy::worker()), spec("b", slow)]);
    world.script_start("b", NextStart::Hang);
    world.script_answer("b", Answer::Unkillable);
    world.end("b", boom());
    world.advance(SECOND + ChildPolicy::KILL_GRACE);
    assert!(matches!(&world.exit, Some((ExitReason::Unkillable, zombies)) if zombies.len() == 1));
}

#[test]
fn a_zombie_that_is_in_nobodys_way_ends_nothing() {
    let flags = StaticFlags {
        strategy: Strategy::RestForOne,
        escalate_zombies: true,
        ..StaticFlags::default()
    };
    let specs = ["a", "b"].map(|id| spec(id, ChildPolicy::worker())).into();
    let mut world = World::new(flags, specs);
    world.script_answer("a", Answer::Unkillable);
    world.send(Request::TerminateChild { key: "a".to_owned() });
    world.advance(Duration::from_secs(10));
    world.end("b", boom());
    assert_eq!(world.exit, None);
    assert_eq!(world.counts(), [2, 1, 0, 2]);
}

#[test]
fn a_start_that_takes_too_long_fails_and_one_that_cannot_be_killed_is_a_zombie() {
    let slow = ChildPolicy {
        start_timeout: Some(SECOND),
        ..ChildPolicy::worker()
    };
    let mut world = World::new(StaticFlags::default(), vec![]);
    world.script_start("a", NextStart::Hang);
    let call = world.send(Request::StartChild {
        key: "a".to_owned(),
        policy: slow.clone(),
        payload: 0,
    });
    world.advance(SECOND);
    assert_eq!(
        world.replies.remove(&call),
        Some(refused(CallError::Failed(ExitReason::StartTimeout)))
    );
    assert_eq!(world.list(), []);

    world.script_start("a", NextStart::Hang);
    world.script_answer("a", Answer::Unkillable);
    let call = world.send(Request::StartChild {
        key: "a".to_owned(),
        policy: slow,
        payload: 0,
    });
    world.advance(SECOND + ChildPolicy::KILL_GRACE);
    assert_eq!(
        world.replies.remove(&call),
        Some(refused(CallError::Failed(ExitReason::StartTimeout)))
    );
    assert!(matches!(world.state("a"), Some(ChildState::Zombie(_))));
    world.end("a", ExitReason::Killed);
    assert_eq!(world.list(), []);
}

#[test]
fn a_kill_reaches_everybody_at_once() {
    let specs = ["a", "b", "c"]
        .map(|id| spec(id, ChildPolicy::supervisor()))
        .into();
    let mut world = World::new(StaticFlags::default(), specs);
    for id in ["a", "b", "c"] {
        world.script_answer(id, Answer::Ignore);
    }
    world.step(stop(ExitReason::Shutdown));
    assert_eq!(world.exit, None);
    world.step(StaticEvent::Kill);
    assert_eq!(world.exit, Some((ExitReason::Killed, vec![])));
}

#[test]
fn what_waits_when_the_supervisor_ends_is_answered() {
    let mut world = World::new(StaticFlags::default(), vec![spec("a", ChildPolicy::worker())]);
    world.script_answer("a", Answer::After(SECOND, ExitReason::Shutdown));
    let first = world.send(Request::TerminateChild { key: "a".to_owned() });
    let second = world.send(Request::RestartChild { key: "a".to_owned() });
    world.step(stop(ExitReason::Shutdown));
    world.advance(SECOND);
    assert_eq!(world.replies.remove(&first), Some(Reply::Done));
    assert_eq!(world.replies.remove(&second), Some(refused(CallError::Gone)));
}

/// A world with this child, of which something is left that does not end when the child has.
fn of_which_something_is_left(policy: ChildPolicy) -> (World, Incarnation, StaticEvent<String, u32>) {
    let mut world = World::new(
        StaticFlags::default(),
        vec![spec("a", policy), spec("b", ChildPolicy::worker())],
    );
    let incarnation = world.incarnation("a");
    let end = world.end_unseen("a", boom());
    world.step(StaticEvent::Lingers { incarnation });
    (world, incarnation, end)
}

#[test]
fn a_child_of_which_something_is_left_holds_up_nobody_and_is_a_zombie_after_the_kill_grace() {
    let grace = ChildPolicy::worker().kill_grace;
    let (mut world, _, end) = of_which_something_is_left(ChildPolicy::worker());
    assert!(matches!(world.call(Request::CountChildren), Reply::Counts(_)));
    world.step(end);
    assert_eq!(world.starts["a"], 2, "quick enough");
    world.advance(grace);
    assert!(matches!(world.state("a"), Some(ChildState::Running(_))));

    let (mut world, incarnation, end) = of_which_something_is_left(ChildPolicy::worker());
    world.advance(grace);
    assert_eq!(world.state("a"), Some(ChildState::Zombie(incarnation)));
    assert_eq!(world.starts["a"], 1);
    world.step(end);
    assert_eq!(world.starts["a"], 2, "what follows goes on");
    let troubles: Vec<_> = world.troubles().into_iter().map(|trouble| trouble.0).collect();
    assert_eq!(troubles, ["shutdown_error", "child_terminated"]);
}

#[test]
fn a_zombie_of_which_something_is_left_is_not_restarted_once_it_was_terminated() {
    for restart in [Restart::Permanent, Restart::Temporary] {
        let policy = ChildPolicy {
            restart,
            ..ChildPolicy::worker()
        };
        let grace = policy.kill_grace;
        let (mut world, incarnation, end) = of_which_something_is_left(policy);
        world.advance(grace);
        assert_eq!(world.terminate("a"), refused(CallError::Zombie(incarnation)));
        world.step(end);
        assert_eq!(world.starts["a"], 1);
        let left = (restart == Restart::Permanent).then_some(ChildState::Undefined);
        assert_eq!(world.state("a"), left);
    }
}

#[test]
fn a_stop_gives_what_is_left_of_a_child_its_kill_grace_and_no_more() {
    let policy = ChildPolicy {
        shutdown: Shutdown::Infinity,
        ..ChildPolicy::worker()
    };
    let grace = policy.kill_grace;
    for before in [true, false] {
        let (mut world, incarnation, _) = if before {
            of_which_something_is_left(policy.clone())
        } else {
            let specs = vec![spec("a", policy.clone()), spec("b", ChildPolicy::worker())];
            let mut world = World::new(StaticFlags::default(), specs);
            let incarnation = world.incarnation("a");
            let end = world.end_unseen("a", boom());
            (world, incarnation, end)
        };
        let reason = ExitReason::Shutdown;
        world.step(StaticEvent::Stop { reason });
        if !before {
            world.step(StaticEvent::Lingers { incarnation });
        }
        assert_eq!(world.exit, None);
        world.advance(grace);
        assert_eq!(world.exit, Some((ExitReason::Shutdown, vec![incarnation])));
    }
}

#[test]
fn a_start_of_which_something_is_left_has_failed_with_its_own_reason_or_as_unkillable() {
    let grace = ChildPolicy::worker().kill_grace;
    for late in [false, true] {
        let mut world = World::new(StaticFlags::default(), Vec::new());
        world.script_start("a", NextStart::Hang);
        let (key, policy, payload) = spec("a", ChildPolicy::worker());
        let call = world.send(Request::StartChild { key, policy, payload });
        let incarnation = world.hanging("a");
        world.forget_hanging(incarnation);
        world.step(StaticEvent::Lingers { incarnation });
        if late {
            world.advance(grace);
        }
        let outcome = Err(boom());
        world.step(StaticEvent::Started { incarnation, outcome });
        let reason = if late { ExitReason::Unkillable } else { boom() };
        assert_eq!(
            world.replies.remove(&call),
            Some(refused(CallError::Failed(reason)))
        );
        assert_eq!(world.state("a"), None);
    }
}
