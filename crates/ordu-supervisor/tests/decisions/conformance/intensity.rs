//! Intensity and failing restarts: cases 71 to 83.

use std::time::Duration;

use ordu_supervisor::decisions::{
    CallError, ChildPolicy, ChildState, ExitReason, Intensity, Reply, Request, StaticEvent, StaticFlags,
    Strategy,
};

use crate::world::{Answer, NextStart, World, boom, refused, spec};

fn flags(strategy: Strategy, max_restarts: u32, period: u64) -> StaticFlags {
    let intensity = Intensity::new(max_restarts, Duration::from_secs(period));
    StaticFlags {
        strategy,
        intensity,
        ..StaticFlags::default()
    }
}

fn workers(ids: &[&str]) -> Vec<crate::world::Spec> {
    ids.iter().map(|id| spec(id, ChildPolicy::worker())).collect()
}

const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];

#[test]
fn case_071_crashes_further_apart_than_the_period_never_add_up() {
    let mut world = World::new(flags(Strategy::OneForOne, 1, 1), workers(&["a"]));
    for _ in 0..4 {
        world.end("a", boom());
        world.advance(Duration::from_millis(2_100));
    }
    assert_eq!(world.exit, None);
}

#[test]
fn case_072_one_too_many_within_the_period_ends_the_supervisor() {
    for strategy in STRATEGIES {
        let mut world = World::new(flags(strategy, 2, 5), workers(&["a", "b", "c", "d"]));
        world.end("b", boom());
        world.end("b", boom());
        let from = world.log.len();
        world.end("b", boom());
        assert_eq!(world.exit_reason(), Some(&ExitReason::Shutdown));
        assert_eq!(world.story(from), ["-b", "-d", "-c", "-a"]);
        assert_eq!(world.troubles().last(), Some(&("shutdown", "b".to_owned(), None)));
    }
}

#[test]
fn case_072_two_crashes_exactly_one_period_apart_still_add_up() {
    let mut world = World::new(flags(Strategy::OneForOne, 1, 5), workers(&["a"]));
    world.end("a", boom());
    world.advance(Duration::from_secs(5));
    world.end("a", boom());
    assert!(world.exit.is_some());
}

#[test]
fn case_073_a_restart_that_always_fails_takes_the_supervisor_down() {
    let mut world = World::new(flags(Strategy::OneForOne, 4, 3600), workers(&["a", "b"]));
    world.script_all_starts("a", NextStart::Fail(boom()));
    world.end("a", boom());
    assert_eq!(world.exit_reason(), Some(&ExitReason::Shutdown));
    assert!(!world.is_alive("b"));
}

#[test]
fn case_074_the_same_in_a_group_where_the_failing_child_is_the_second() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let mut world = World::new(flags(strategy, 4, 3600), workers(&["a", "b", "c"]));
        world.script_all_starts("b", NextStart::Fail(boom()));
        world.end("b", boom());
        assert_eq!(world.exit_reason(), Some(&ExitReason::Shutdown));
        assert_eq!(world.starts["b"], 5);
        assert!(!world.is_alive("a"));
    }
}

#[test]
fn case_075_a_sibling_that_fails_in_a_group_restart_is_tried_again_with_the_group() {
    let mut world = World::new(flags(Strategy::OneForAll, 4, 3600), workers(&["a", "b"]));
    world.script_start("b", NextStart::Fail(boom()));
    let from = world.log.len();
    world.end("a", boom());
    assert_eq!(world.story(from), ["-a", "-b", "+a", "-a", "+a", "+b"]);
    assert_eq!(world.exit, None);
}

#[test]
fn in_rest_for_one_a_retry_keeps_those_before_the_child_that_failed() {
    let mut world = World::new(flags(Strategy::RestForOne, 4, 3600), workers(&["a", "b", "c"]));
    world.script_start("b", NextStart::Fail(boom()));
    let from = world.log.len();
    world.end("a", boom());
    assert_eq!(world.story(from), ["-a", "-c", "-b", "+a", "+b", "+c"]);
}

/// A supervisor whose one child is in a loop of failing restarts; an event ahead of each retry is served.
fn looping(ids: &[&str]) -> World {
    let mut world = World::new(flags(Strategy::OneForOne, u32::MAX, 3600), workers(ids));
    // The first restart hangs until the test has said what comes next.
    world.script_start(ids[0], NextStart::Hang);
    world.end(ids[0], boom());
    world
}

/// Lets the start that hangs fail, with these events already in the mailbox behind it.
fn fail_start(world: &mut World, behind: Vec<StaticEvent<String, u32>>) {
    world.script_start("a", NextStart::Hang);
    let incarnation = world.hanging("a");
    let mut events = behind;
    events.push(StaticEvent::Started {
        incarnation,
        outcome: Err(boom()),
    });
    world.forget_hanging(incarnation);
    world.step_all(events);
}

#[test]
fn case_077_calls_between_the_attempts_see_restarting() {
    let mut world = looping(&["a"]);
    let key = || "a".to_owned();
    let start = Request::StartChild {
        key: key(),
        policy: ChildPolicy::worker(),
        payload: 0,
    };
    let requests = [
        start,
        Request::RestartChild { key: key() },
        Request::DeleteChild { key: key() },
        Request::WhichChildren,
        Request::CountChildren,
    ];
    let calls: Vec<_> = requests.map(|request| world.request(request)).into();
    let (numbers, events): (Vec<u64>, Vec<_>) = calls.into_iter().unzip();
    fail_start(&mut world, events);
    let replies: Vec<_> = numbers
        .iter()
        .map(|call| world.replies.remove(call).unwrap())
        .collect();
    assert_eq!(replies[0], refused(CallError::AlreadyPresent));
    assert_eq!(replies[1], refused(CallError::Restarting));
    assert_eq!(replies[2], refused(CallError::Restarting));
    let Reply::Children(children) = &replies[3] else {
        panic!()
    };
    assert!(matches!(children[0].state, ChildState::Restarting(Some(_))));
    let Reply::Counts(counts) = &replies[4] else {
        panic!()
    };
    assert_eq!((counts.specs, counts.active, counts.workers), (1, 0, 1));
    // And the next attempt is under way.
    assert_eq!(world.starts["a"], 3);
}

#[test]
fn case_078_terminate_child_ends_the_loop() {
    let mut world = looping(&["a"]);
    let (call, terminate) = world.request(Request::TerminateChild { key: "a".to_owned() });
    fail_start(&mut world, vec![terminate]);
    assert_eq!(world.replies.remove(&call), Some(Reply::Done));
    assert_eq!(world.state("a"), Some(ChildState::Undefined));
    assert_eq!(world.starts["a"], 2);
    world.clear_script("a");
    assert!(matches!(world.restart("a"), Reply::Started(_)));
}

#[test]
fn case_079_a_supervisor_in_such_a_loop_stops_at_once() {
    let mut world = looping(&["a", "b"]);
    world.step(StaticEvent::Stop {
        reason: ExitReason::Shutdown,
    });
    assert_eq!(world.exit_reason(), Some(&ExitReason::Shutdown));
}

#[test]
fn case_083_as_many_attempts_as_the_intensity_allows() {
    for intensity in [0, 1, 2, 4, 10] {
        let mut world = World::new(flags(Strategy::OneForOne, intensity, 3600), workers(&["a"]));
        world.script_all_starts("a", NextStart::Fail(boom()));
        world.end("a", boom());
        assert_eq!(world.starts["a"], 1 + intensity);
        assert_eq!(world.exit_reason(), Some(&ExitReason::Shutdown));
    }
}

#[test]
fn the_reports_of_a_restart_that_fails_twice() {
    let mut world = World::new(flags(Strategy::OneForOne, 2, 3600), workers(&["a"]));
    world.script_all_starts("a", NextStart::Fail(boom()));
    world.end("a", boom());
    let contexts: Vec<&str> = world.troubles().iter().map(|trouble| trouble.0).collect();
    assert_eq!(
        contexts,
        ["child_terminated", "start_error", "start_error", "shutdown"]
    );
}

#[test]
fn siblings_after_a_child_whose_retries_were_cancelled_stay_undefined_until_a_later_restart() {
    let mut world = World::new(flags(Strategy::OneForAll, 10, 3600), workers(&["a", "b", "c"]));
    world.script_start("b", NextStart::Fail(boom()));
    let crash = world.end_unseen("a", boom());
    let (_, terminate) = world.request(Request::TerminateChild { key: "b".to_owned() });
    world.step_all(vec![crash, terminate]);
    assert_eq!(world.counts(), [3, 1, 0, 3]);
    assert_eq!(world.state("c"), Some(ChildState::Undefined));
    world.end("a", boom());
    assert_eq!(world.counts(), [3, 3, 0, 3]);
}

#[test]
fn a_child_with_a_budget_of_its_own_is_given_up_alone() {
    let own = ChildPolicy {
        budget: Some(Intensity::new(1, Duration::from_hours(1))),
        ..ChildPolicy::worker()
    };
    let specs = vec![spec("a", own), spec("b", ChildPolicy::worker())];
    let mut world = World::new(flags(Strategy::OneForOne, 0, 3600), specs);
    let other = world.incarnation("b");
    world.end("a", boom());
    world.end("a", boom());
    assert_eq!(world.state("a"), Some(ChildState::Undefined));
    assert_eq!(world.incarnation("b"), other);
    assert_eq!(world.exit, None);
}

#[test]
fn a_backoff_delays_each_attempt_and_terminate_cancels_it() {
    let backoff = ordu_supervisor::decisions::Backoff::new(Duration::from_secs(1), Duration::from_secs(8));
    let policy = ChildPolicy {
        backoff: Some(backoff.jitter_percent(0)),
        ..ChildPolicy::worker()
    };
    let mut world = World::new(flags(Strategy::OneForOne, 10, 3600), vec![spec("a", policy)]);
    let ran = world.incarnation("a");
    world.end("a", boom());
    assert_eq!(world.state("a"), Some(ChildState::Restarting(Some(ran))));
    world.advance(Duration::from_millis(999));
    assert_eq!(world.starts["a"], 1);
    world.advance(Duration::from_millis(1));
    assert_eq!(world.starts["a"], 2);
    world.end("a", boom());
    assert_eq!(world.terminate("a"), Reply::Done);
    world.advance(Duration::from_secs(100));
    assert_eq!(world.starts["a"], 2);
    assert_eq!(world.core.next_deadline(), None);
}

/// Waits a second before each restart.
fn patient() -> ChildPolicy {
    let backoff = ordu_supervisor::decisions::Backoff::new(Duration::from_secs(1), Duration::from_secs(1));
    ChildPolicy {
        backoff: Some(backoff.jitter_percent(0)),
        ..ChildPolicy::worker()
    }
}

fn three_with_a_patient_one(strategy: Strategy) -> World {
    let specs = vec![
        spec("a", ChildPolicy::worker()),
        spec("b", patient()),
        spec("c", ChildPolicy::worker()),
    ];
    World::new(flags(strategy, 10, 3600), specs)
}

#[test]
fn nobody_runs_on_without_a_child_of_its_group_that_waits_for_its_backoff() {
    for (strategy, alive) in [
        (Strategy::OneForOne, [true, true]),
        (Strategy::RestForOne, [true, false]),
        (Strategy::OneForAll, [false, false]),
    ] {
        let mut world = three_with_a_patient_one(strategy);
        world.end("b", boom());
        assert!(matches!(world.state("b"), Some(ChildState::Restarting(Some(_)))));
        assert_eq!(["a", "c"].map(|id| world.is_up(id)), alive, "{strategy:?}");
        world.advance(Duration::from_secs(1));
        assert_eq!(world.counts(), [3, 3, 0, 3], "{strategy:?}");
        assert_eq!(world.rounds.len(), 1, "{strategy:?}");
    }
}

#[test]
fn nobody_runs_on_without_a_child_whose_restart_in_the_group_failed_and_waits() {
    let mut world = three_with_a_patient_one(Strategy::OneForAll);
    world.script_start("b", NextStart::Fail(boom()));
    world.end("a", boom());
    assert_eq!(["a", "b", "c"].map(|id| world.is_up(id)), [false; 3]);
    world.advance(Duration::from_secs(1));
    assert_eq!(world.counts(), [3, 3, 0, 3]);
}

#[test]
fn a_group_that_takes_longer_to_stop_than_the_backoff_is_restarted_once_it_has_stopped() {
    let mut world = three_with_a_patient_one(Strategy::RestForOne);
    world.script_answer("c", Answer::After(Duration::from_secs(3), ExitReason::Shutdown));
    world.end("b", boom());
    world.advance(Duration::from_secs(2));
    assert_eq!(world.starts["b"], 1);
    world.advance(Duration::from_secs(1));
    assert_eq!(world.counts(), [3, 3, 0, 3]);
}

#[test]
fn a_waiting_child_that_is_terminated_leaves_its_group_down_as_a_failed_restart_does() {
    let mut world = three_with_a_patient_one(Strategy::RestForOne);
    world.end("b", boom());
    assert_eq!(world.terminate("b"), Reply::Done);
    world.advance(Duration::from_secs(9));
    assert_eq!(world.counts(), [3, 1, 0, 3]);
    assert!(matches!(world.restart("c"), Reply::Started(_)));
}
