//! Start and init: cases 1 to 14.

use ordu_supervisor::decisions::{
    ChildPolicy, ChildState, ExitReason, Reply, Restart, ShutdownInfo, StaticEvent, StaticFlags,
};

use crate::world::{NextStart, World, boom, spec};

fn worker() -> ChildPolicy {
    ChildPolicy::worker()
}

#[test]
fn case_001_a_supervisor_without_children_told_to_shut_down_exits_shutdown() {
    let mut world = World::new(StaticFlags::default(), vec![]);
    assert!(world.initialized);
    world.step(StaticEvent::Stop {
        reason: ExitReason::Shutdown,
    });
    assert_eq!(world.exit_reason(), Some(&ExitReason::Shutdown));
}

#[test]
fn case_005_an_ignoring_permanent_child_is_kept_undefined_and_counted() {
    let mut world = World::new(StaticFlags::default(), vec![]);
    world.script_start("a", NextStart::Ignore);
    assert_eq!(world.start_child(spec("a", worker())), Reply::Ignored);
    assert!(matches!(
        world.start_child(spec("b", worker())),
        Reply::Started(_)
    ));
    assert_eq!(world.state("a"), Some(ChildState::Undefined));
    assert_eq!(world.list().len(), 2);
    assert_eq!(world.counts(), [2, 1, 0, 2]);
}

#[test]
fn case_005_an_ignoring_temporary_child_is_dropped() {
    let mut world = World::new(StaticFlags::default(), vec![]);
    world.script_start("a", NextStart::Ignore);
    let temporary = ChildPolicy {
        restart: Restart::Temporary,
        ..worker()
    };
    assert_eq!(world.start_child(spec("a", temporary)), Reply::Ignored);
    assert_eq!(world.counts(), [0, 0, 0, 0]);
}

#[test]
fn case_010_a_start_error_is_answered_and_leaves_nothing() {
    let mut world = World::new(StaticFlags::default(), vec![]);
    world.script_start("a", NextStart::Fail(boom()));
    let reply = world.start_child(spec("a", worker()));
    assert_eq!(
        reply,
        Reply::Refused(ordu_supervisor::decisions::CallError::Failed(boom()))
    );
    assert_eq!(world.list(), []);
    assert_eq!(world.troubles(), []);
}

#[test]
fn case_013_a_failed_init_deep_in_a_tree_is_told_to_the_top() {
    let fail_in = |id: &str, reason: ExitReason| {
        let world = World::scripted(
            StaticFlags::default(),
            vec![spec(id, ChildPolicy::supervisor())],
            |world| {
                world.script_start(id, NextStart::Fail(reason));
            },
        );
        world.unwrap().exit.unwrap().0
    };
    let inner = fail_in("grandchild", boom());
    let outer = fail_in("child", inner.clone());
    let ExitReason::ShutdownWith(ShutdownInfo::FailedToStartChild { id, reason }) = outer else {
        panic!()
    };
    assert_eq!((id.as_str(), &*reason), ("child", &inner));
    let ExitReason::ShutdownWith(ShutdownInfo::FailedToStartChild { id, reason }) = inner else {
        panic!()
    };
    assert_eq!((id.as_str(), *reason), ("grandchild", boom()));
}

#[test]
fn case_014_a_start_that_fails_stops_those_before_it_in_reverse_and_starts_none_after_it() {
    let specs = ["a", "b", "c", "bad", "e"].map(|id| spec(id, worker())).into();
    let world = World::scripted(StaticFlags::default(), specs, |world| {
        world.script_start("bad", NextStart::Fail(boom()));
    })
    .unwrap();
    assert_eq!(world.story(0), ["+a", "+b", "+c", "-c", "-b", "-a"]);
    assert_eq!(
        world.troubles(),
        [("start_error", "bad".to_owned(), Some(boom()))]
    );
    let info = ShutdownInfo::FailedToStartChild {
        id: "bad".to_owned(),
        reason: Box::new(boom()),
    };
    assert_eq!(world.exit_reason(), Some(&ExitReason::ShutdownWith(info)));
    assert!(!world.initialized);
}
