//! Administration: cases 34 to 41 and 111 to 113.

use ordu_supervisor::decisions::{
    CallError, ChildPolicy, ChildState, ExitReason, Reply, Restart, SpecError, StaticEvent, StaticFlags,
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
    let (call, terminate) =
        world.request(ordu_supervisor::decisions::Request::TerminateChild { key: "a".to_owned() });
    world.step_all(vec![end, terminate]);
    assert_eq!(world.replies.remove(&call), Some(Reply::Done));
    assert_eq!(world.starts["a"], 2);
    assert_eq!(world.state("a"), Some(ChildState::Undefined));

    let mut world = one("a");
    assert_eq!(world.incarnation("a"), first);
    let (_, terminate) =
        world.request(ordu_supervisor::decisions::Request::TerminateChild { key: "a".to_owned() });
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
