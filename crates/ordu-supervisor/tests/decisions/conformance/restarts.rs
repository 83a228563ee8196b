//! Restart types, strategies and order: cases 47 to 67.

use ordu_supervisor::decisions::{
    CallError, ChildPolicy, ChildState, ExitReason, Intensity, Reply, Restart, StaticFlags, Strategy,
};

use crate::world::{NextStart, World, boom, refused, spec};

fn with(restart: Restart) -> ChildPolicy {
    ChildPolicy {
        restart,
        ..ChildPolicy::worker()
    }
}

fn flags(strategy: Strategy, max_restarts: u32) -> StaticFlags {
    let intensity = Intensity::new(max_restarts, std::time::Duration::from_hours(1));
    StaticFlags {
        strategy,
        intensity,
        ..StaticFlags::default()
    }
}

fn world(strategy: Strategy, ids: &[&str]) -> World {
    World::new(
        flags(strategy, 10),
        ids.iter().map(|id| spec(id, ChildPolicy::worker())).collect(),
    )
}

const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];

fn normal_reasons() -> [ExitReason; 3] {
    [
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::shutdown_with("x"),
    ]
}

#[test]
fn case_047_to_049_a_permanent_child_is_always_restarted_and_reported() {
    for reason in normal_reasons().into_iter().chain([boom(), ExitReason::Killed]) {
        let mut world = World::new(
            flags(Strategy::OneForOne, 10),
            vec![spec("a", with(Restart::Permanent))],
        );
        world.end("a", reason.clone());
        assert_eq!(world.counts(), [1, 1, 0, 1]);
        assert_eq!(
            world.troubles(),
            [("child_terminated", "a".to_owned(), Some(reason))]
        );
    }
}

#[test]
fn case_050_and_051_a_transient_child_that_ends_normally_stays_undefined_unreported() {
    let mut world = World::new(
        flags(Strategy::OneForOne, 0),
        vec![spec("a", with(Restart::Transient))],
    );
    for reason in normal_reasons() {
        world.end("a", reason);
        assert_eq!(world.state("a"), Some(ChildState::Undefined));
        assert_eq!(world.counts(), [1, 0, 0, 1]);
        assert!(matches!(world.restart("a"), Reply::Started(_)));
    }
    assert_eq!(world.troubles(), []);
}

#[test]
fn case_052_a_transient_child_that_fails_is_restarted() {
    let mut world = World::new(
        flags(Strategy::OneForOne, 1),
        vec![spec("a", with(Restart::Transient))],
    );
    world.end("a", boom());
    assert_eq!(world.counts(), [1, 1, 0, 1]);
}

#[test]
fn case_053_a_temporary_child_is_gone_whatever_its_end() {
    let mut world = World::new(flags(Strategy::OneForOne, 0), vec![]);
    for reason in normal_reasons().into_iter().chain([boom()]) {
        assert!(matches!(
            world.start_child(spec("a", with(Restart::Temporary))),
            Reply::Started(_)
        ));
        world.end("a", reason);
        assert_eq!(world.counts(), [0; 4]);
    }
    assert_eq!(
        world.troubles(),
        [("child_terminated", "a".to_owned(), Some(boom()))]
    );
}

#[test]
fn case_055_specs_of_permanent_and_transient_children_are_kept_under_every_strategy() {
    for strategy in STRATEGIES {
        for restart in [Restart::Permanent, Restart::Transient] {
            let mut world = World::new(flags(strategy, 10), vec![spec("a", with(restart))]);
            for reason in [ExitReason::Killed, boom()] {
                world.end("a", reason);
                let running = CallError::AlreadyStarted(world.incarnation("a"));
                assert_eq!(world.start_child(spec("a", with(restart))), refused(running));
            }
            world.terminate("a");
            assert_eq!(
                world.start_child(spec("a", with(restart))),
                refused(CallError::AlreadyPresent)
            );
            assert!(matches!(world.restart("a"), Reply::Started(_)));
        }
    }
}

#[test]
fn case_056_specs_of_temporary_children_are_not() {
    for strategy in STRATEGIES {
        let mut world = World::new(flags(strategy, 0), vec![spec("a", with(Restart::Temporary))]);
        for reason in [ExitReason::Normal, ExitReason::Killed, boom()] {
            world.end("a", reason);
            assert!(matches!(
                world.start_child(spec("a", with(Restart::Temporary))),
                Reply::Started(_)
            ));
        }
        world.terminate("a");
        assert!(matches!(
            world.start_child(spec("a", with(Restart::Temporary))),
            Reply::Started(_)
        ));
    }
}

#[test]
fn case_057_what_a_temporary_child_was_started_with_is_dropped_at_once() {
    let all = [Restart::Permanent, Restart::Transient, Restart::Temporary];
    for restart in all {
        let world = World::new(flags(Strategy::OneForOne, 0), vec![spec("a", with(restart))]);
        assert_eq!(
            world.core.payload(&"a".to_owned()).is_some(),
            restart != Restart::Temporary
        );
    }
}

#[test]
fn case_059_one_for_one_leaves_the_other_alone() {
    let mut world = world(Strategy::OneForOne, &["a", "b"]);
    let other = world.incarnation("b");
    world.end("a", boom());
    assert_eq!(world.incarnation("b"), other);
    assert_eq!(world.counts(), [2, 2, 0, 2]);
}

#[test]
fn case_060_one_for_all_restarts_all() {
    let mut world = world(Strategy::OneForAll, &["a", "b", "c"]);
    let from = world.log.len();
    world.end("b", boom());
    assert_eq!(world.story(from), ["-b", "-c", "-a", "+a", "+b", "+c"]);
}

#[test]
fn case_061_rest_for_one_restarts_those_after_it() {
    let mut world = world(Strategy::RestForOne, &["a", "b", "c"]);
    let first = world.incarnation("a");
    let from = world.log.len();
    world.end("b", boom());
    assert_eq!(world.story(from), ["-b", "-c", "+b", "+c"]);
    assert_eq!(world.incarnation("a"), first);
}

#[test]
fn case_064_order_is_the_order_of_the_list_not_of_the_ids() {
    let mut world = world(Strategy::RestForOne, &["2", "1", "5", "4", "3"]);
    let from = world.log.len();
    world.end("5", boom());
    assert_eq!(world.story(from), ["-5", "-3", "-4", "+5", "+4", "+3"]);
}

#[test]
fn case_066_a_tree_counts_its_supervisors() {
    let specs = ["x", "y", "z"]
        .map(|id| spec(id, ChildPolicy::supervisor()))
        .into();
    let mut world = World::new(StaticFlags::default(), specs);
    world.terminate("y");
    assert_eq!(world.counts(), [3, 2, 3, 0]);
}

#[test]
fn a_group_restart_drops_temporary_siblings_and_starts_what_had_finished_or_was_terminated() {
    let specs = vec![
        spec("finished", with(Restart::Transient)),
        spec("temporary", with(Restart::Temporary)),
        spec("terminated", with(Restart::Permanent)),
        spec("bad", with(Restart::Permanent)),
    ];
    let mut world = World::new(flags(Strategy::OneForAll, 1), specs);
    world.end("finished", ExitReason::Normal);
    world.terminate("terminated");
    let from = world.log.len();
    world.end("bad", boom());
    assert_eq!(
        world.story(from),
        ["-bad", "-temporary", "+finished", "+terminated", "+bad"]
    );
    assert_eq!(world.state("temporary"), None);
    assert_eq!(world.exit, None);
}

#[test]
fn an_end_that_is_not_followed_by_a_restart_touches_no_sibling_under_any_strategy() {
    for strategy in STRATEGIES {
        let specs = vec![
            spec("a", with(Restart::Transient)),
            spec("b", with(Restart::Permanent)),
        ];
        let mut world = World::new(flags(strategy, 0), specs);
        let other = world.incarnation("b");
        world.end("a", ExitReason::Normal);
        assert_eq!(world.incarnation("b"), other);
    }
}

#[test]
fn ends_of_siblings_that_wait_are_absorbed_by_a_group_restart() {
    let crash_both = |strategy, first: &str, second: &str| {
        let specs = vec![spec("a", ChildPolicy::worker()), spec("b", ChildPolicy::worker())];
        let mut world = World::new(flags(strategy, 1), specs);
        let ends = vec![world.end_unseen(first, boom()), world.end_unseen(second, boom())];
        world.step_all(ends);
        world.exit.is_none()
    };
    assert!(crash_both(Strategy::OneForAll, "a", "b"));
    assert!(crash_both(Strategy::OneForAll, "b", "a"));
    assert!(!crash_both(Strategy::OneForOne, "a", "b"));
    assert!(crash_both(Strategy::RestForOne, "a", "b"));
    assert!(!crash_both(Strategy::RestForOne, "b", "a"));
}

#[test]
fn children_added_later_stand_last_and_one_deleted_and_added_again_too() {
    let mut world = world(Strategy::OneForOne, &["a", "b"]);
    world.start_child(spec("c", ChildPolicy::worker()));
    world.terminate("a");
    world.delete("a");
    world.start_child(spec("a", ChildPolicy::worker()));
    let listed: Vec<String> = world.list().into_iter().map(|child| child.key).collect();
    assert_eq!(listed, ["a", "c", "b"]);
}

#[test]
fn a_restart_keeps_its_place_and_one_that_ignores_leaves_the_child_undefined() {
    let mut world = world(Strategy::OneForOne, &["a", "b"]);
    world.script_start("a", NextStart::Ignore);
    world.end("a", boom());
    assert_eq!(world.state("a"), Some(ChildState::Undefined));
    assert_eq!(world.exit, None);
    let listed: Vec<String> = world.list().into_iter().map(|child| child.key).collect();
    assert_eq!(listed, ["b", "a"]);
}

#[test]
fn a_child_handed_to_somebody_else_is_not_restarted_under_any_strategy() {
    for strategy in STRATEGIES {
        let mut world = world(strategy, &["a", "b"]);
        let other = world.incarnation("b");
        world.end("a", ExitReason::REDISTRIBUTION);
        assert_eq!(world.state("a"), Some(ChildState::Undefined));
        assert_eq!(world.incarnation("b"), other);
        assert_eq!(world.troubles(), []);
    }
}
