//! Administration: cases 34 to 41 and 111 to 113.

use ordu_supervisor::decisions::{
    CallError, ChildPolicy, ChildState, ExitReason, Reply, Request, Restart, SpecError, StaticEvent,
    StaticFlags, Strategy,
};

use crate::world::{Answer, NextStart, World, boom, refused, spec};

fn one(id: &str) -> World {
    World::new(StaticFlags::default(), vec![spec(id, ChildPolicy::worker())])
}

#[test]
fn case_034_starting_a_child_that_runs() {
    let mut world = one("a");
    let incarnation = world.incarnation("a");
    let reply = world.start_child(spec("a", ChildPolicy::worker()));
    assert_eq!(reply, refused(CallError::AlreadyStarted(incarnation)));
}

#[test]
fn case_035_to_037_terminate_then_start_then_restart() {
    let mut world = one("a");
    let first = world.incarnation("a");
    assert_eq!(world.terminate("a"), Reply::Done);
    assert_eq!(world.state("a"), Some(ChildState::Undefined));
    assert_eq!(world.counts(), [1, 0, 0, 1]);
    assert_eq!(world.terminate("a"), Reply::Done);
    assert_eq!(
        world.start_child(spec("a", ChildPolicy::worker())),
        refused(CallError::AlreadyPresent)
    );
    let Reply::Started(second) = world.restart("a") else {
        panic!()
    };
    assert!(second > first);
    assert_eq!(world.restart("a"), refused(CallError::Running(second)));
    assert_eq!(world.restart("nobody"), refused(CallError::NotFound));
}

#[test]
fn case_038_delete() {
    let mut world = one("a");
    let running = refused(CallError::Running(world.incarnation("a")));
    assert_eq!(world.delete("a"), running);
    assert_eq!(world.delete("nobody"), refused(CallError::NotFound));
    world.terminate("a");
    assert_eq!(world.delete("a"), Reply::Done);
    assert_eq!(world.list(), []);
    assert_eq!(world.restart("a"), refused(CallError::NotFound));
}

#[test]
fn case_040_calls_that_come_after_the_end_are_answered_too() {
    let mut world = one("a");
    world.step(StaticEvent::Stop {
        reason: ExitReason::Shutdown,
    });
    assert_eq!(world.terminate("a"), refused(CallError::Gone));
    assert_eq!(
        world.start_child(spec("b", ChildPolicy::worker())),
        refused(CallError::Gone)
    );
}

#[test]
fn case_111_life_cycle() {
    let mut world = one("a");
    let running = refused(CallError::Running(world.incarnation("a")));
    assert_eq!(world.delete("a"), running);
    assert_eq!(world.terminate("a"), Reply::Done);
    assert!(matches!(world.restart("a"), Reply::Started(_)));
    assert_eq!(world.terminate("a"), Reply::Done);
    assert_eq!(world.delete("a"), Reply::Done);
    assert_eq!(world.counts(), [0; 4]);
}

#[test]
fn case_112_start_child_with_an_invalid_spec() {
    let mut world = one("a");
    let bad = ChildPolicy {
        significant: true,
        restart: Restart::Transient,
        ..ChildPolicy::worker()
    };
    let expected = refused(CallError::InvalidSpec(SpecError::SignificantWithoutAutoShutdown));
    assert_eq!(world.start_child(spec("b", bad)), expected);
}

#[test]
fn case_113_a_permanent_worker_that_ends_normally_comes_back_under_its_id() {
    let mut world = one("a");
    let first = world.incarnation("a");
    world.end("a", ExitReason::Normal);
    assert!(world.incarnation("a") > first);
}

#[test]
fn a_manual_restart_that_fails_is_not_retried_and_one_that_ignores_leaves_it_undefined() {
    let mut world = one("a");
    world.terminate("a");
    world.script_start("a", NextStart::Fail(boom()));
    assert_eq!(world.restart("a"), refused(CallError::Failed(boom())));
    assert_eq!(world.state("a"), Some(ChildState::Undefined));
    world.script_start("a", NextStart::Ignore);
    assert_eq!(world.restart("a"), Reply::Ignored);
    assert_eq!(world.state("a"), Some(ChildState::Undefined));
    assert_eq!(world.starts["a"], 3);
}

#[test]
fn manual_starts_count_against_no_budget() {
    let mut world = World::new(
        StaticFlags {
            intensity: ordu_supervisor::decisions::Intensity::new(0, std::time::Duration::from_secs(5)),
            ..StaticFlags::default()
        },
        vec![spec("a", ChildPolicy::worker())],
    );
    for _ in 0..10 {
        world.terminate("a");
        assert!(matches!(world.restart("a"), Reply::Started(_)));
    }
    assert_eq!(world.exit, None);
}

#[test]
fn an_end_before_a_terminate_restarts_and_one_after_it_is_absorbed() {
    let mut world = one("a");
    let first = world.incarnation("a");
    let end = world.end_unseen("a", boom());
    let (call, terminate) = world.request(Request::TerminateChild { key: "a".to_owned() });
    world.step_all(vec![end, terminate]);
    assert_eq!(world.replies.remove(&call), Some(Reply::Done));
    assert_eq!(world.starts["a"], 2);
    assert_eq!(world.state("a"), Some(ChildState::Undefined));

    let mut world = one("a");
    assert_eq!(world.incarnation("a"), first);
    let (_, terminate) = world.request(Request::TerminateChild { key: "a".to_owned() });
    let end = world.end_unseen("a", boom());
    world.step_all(vec![terminate, end]);
    assert_eq!(world.starts["a"], 1);
    assert_eq!(world.state("a"), Some(ChildState::Undefined));
    assert_eq!(
        world.troubles(),
        [("shutdown_error", "a".to_owned(), Some(boom()))]
    );
}

#[test]
fn a_child_dead_by_the_time_its_start_succeeded_is_accepted_then_restarted() {
    let mut world = World::scripted(
        StaticFlags::default(),
        vec![spec("a", ChildPolicy::worker())],
        |world| world.script_start("a", NextStart::OkButDead(boom())),
    )
    .unwrap();
    assert!(world.initialized);
    assert_eq!(world.starts["a"], 2);
    world.script_answer("a", Answer::With(ExitReason::Normal));
    world.terminate("a");
    assert_eq!(
        world.troubles().last().map(|trouble| trouble.0),
        Some("shutdown_error")
    );
}

/// Three children of which b takes its time to stop.
fn with_a_slow_b() -> World {
    let mut world = World::new(
        StaticFlags::default(),
        ["a", "b", "c"].map(|id| spec(id, ChildPolicy::worker())).to_vec(),
    );
    let later = Answer::After(std::time::Duration::from_secs(1), ExitReason::Shutdown);
    world.script_answer("b", later);
    world
}

#[test]
fn a_call_of_a_child_is_refused_once_that_child_is_being_stopped_whenever_it_was_made() {
    let mut world = with_a_slow_b();
    let terminate_b = || Request::TerminateChild { key: "b".to_owned() };
    let (terminate, event) = world.request(terminate_b());
    let (before, asked_before) = world.request_of(Some("b"), Request::CountChildren);
    let (of_c, asked_by_c) = world.request_of(Some("c"), Request::CountChildren);
    // What b asked comes to its turn only behind the stop of b.
    let (first, hold_up) = world.request(Request::RestartNow { key: "a".to_owned() });
    world.step_all(vec![hold_up, event, asked_by_c, asked_before]);
    assert!(matches!(world.replies.remove(&first), Some(Reply::Started(_))));
    assert_eq!(
        world.replies.remove(&before),
        Some(refused(CallError::WouldDeadlock))
    );
    let (after, asked_after) = world.request_of(Some("b"), terminate_b());
    world.step(asked_after);
    assert_eq!(
        world.replies.remove(&after),
        Some(refused(CallError::WouldDeadlock))
    );
    assert!(world.replies.is_empty(), "the others wait: {:?}", world.replies);
    world.advance(std::time::Duration::from_secs(1));
    assert_eq!(world.replies.remove(&terminate), Some(Reply::Done));
    assert!(matches!(world.replies.remove(&of_c), Some(Reply::Counts(_))));
}

#[test]
fn a_call_of_a_child_is_refused_when_it_is_stopped_with_its_group() {
    let flags = StaticFlags {
        strategy: Strategy::OneForAll,
        ..StaticFlags::default()
    };
    let mut world = World::new(
        flags,
        ["a", "b"].map(|id| spec(id, ChildPolicy::worker())).to_vec(),
    );
    let later = Answer::After(std::time::Duration::from_secs(1), ExitReason::Shutdown);
    world.script_answer("b", later);
    let end = world.end_unseen("a", boom());
    let (call, asked) = world.request_of(Some("b"), Request::WhichChildren);
    world.step_all(vec![end, asked]);
    assert_eq!(
        world.replies.remove(&call),
        Some(refused(CallError::WouldDeadlock))
    );
    world.advance(std::time::Duration::from_secs(1));
    assert_eq!(world.starts["b"], 2);
}

#[test]
fn what_waits_is_refused_as_soon_as_the_supervisor_is_to_end() {
    for kill in [false, true] {
        let mut world = with_a_slow_b();
        world.script_answer("b", Answer::Unkillable);
        world.send(Request::TerminateChild { key: "b".to_owned() });
        let (of_a, asked) = world.request_of(Some("a"), Request::CountChildren);
        world.step(asked);
        let waits = world.send(Request::WhichChildren);
        assert!(world.replies.is_empty());
        world.step(if kill {
            StaticEvent::Kill
        } else {
            let reason = ExitReason::Shutdown;
            StaticEvent::Stop { reason }
        });
        let late = world.send(Request::CountChildren);
        for call in [of_a, waits, late] {
            assert_eq!(world.replies.remove(&call), Some(refused(CallError::Gone)));
        }
        assert_eq!(world.exit, None, "b has yet to end");
    }
}
