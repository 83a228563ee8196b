//! Auto shutdown: cases 98 to 101.

use ordu_supervisor::decisions::{
    AutoShutdown, ChildPolicy, ChildState, ExitReason, Intensity, Restart, StaticFlags, Strategy,
};

use crate::world::{NextStart, World, boom, spec};

const MODES: [AutoShutdown; 3] = [
    AutoShutdown::Never,
    AutoShutdown::AnySignificant,
    AutoShutdown::AllSignificant,
];

fn flags(auto_shutdown: AutoShutdown) -> StaticFlags {
    let intensity = Intensity::new(100, std::time::Duration::from_hours(1));
    StaticFlags {
        auto_shutdown,
        intensity,
        ..StaticFlags::default()
    }
}

fn policy(restart: Restart, significant: bool) -> ChildPolicy {
    ChildPolicy {
        restart,
        significant,
        ..ChildPolicy::worker()
    }
}

fn reasons() -> [ExitReason; 3] {
    [ExitReason::Killed, boom(), ExitReason::Normal]
}

#[test]
fn case_098_and_099_a_child_that_is_not_significant_never_ends_its_supervisor() {
    for mode in MODES {
        for restart in [Restart::Temporary, Restart::Transient] {
            let specs = vec![
                spec("a", policy(restart, false)),
                spec("b", ChildPolicy::worker()),
            ];
            for reason in reasons() {
                let mut world = World::new(flags(mode), specs.clone());
                let restarted = restart.applies_to(&reason);
                world.end("a", reason);
                assert_eq!(
                    matches!(world.state("a"), Some(ChildState::Running(_))),
                    restarted
                );
                assert_eq!(world.exit, None);
            }
            let mut world = World::new(flags(mode), specs);
            world.terminate("a");
            assert_eq!(world.exit, None);
        }
    }
}

#[test]
fn case_100_a_temporary_significant_child_ends_it_whatever_its_reason_but_not_by_a_call() {
    let specs = || {
        vec![
            spec("b", ChildPolicy::worker()),
            spec("a", policy(Restart::Temporary, true)),
        ]
    };
    for reason in reasons() {
        let mut world = World::new(flags(AutoShutdown::AnySignificant), specs());
        let from = world.log.len();
        world.end("a", reason);
        assert_eq!(world.exit_reason(), Some(&ExitReason::Shutdown));
        assert_eq!(world.story(from), ["-a", "-b"]);
        assert_eq!(world.auto_shutdown.as_deref(), Some("a"));
    }
    let mut world = World::new(flags(AutoShutdown::AnySignificant), specs());
    world.terminate("a");
    assert_eq!(world.exit, None);
}

#[test]
fn case_101_a_transient_significant_child_ends_it_only_by_a_normal_end() {
    let specs = || vec![spec("a", policy(Restart::Transient, true))];
    let mut world = World::new(flags(AutoShutdown::AnySignificant), specs());
    world.end("a", ExitReason::Killed);
    world.end("a", boom());
    world.terminate("a");
    assert_eq!(world.exit, None);
    world.restart("a");
    world.end("a", ExitReason::Normal);
    assert_eq!(world.exit_reason(), Some(&ExitReason::Shutdown));
}

#[test]
fn all_significant_waits_for_the_last_of_them() {
    let specs = ["a", "b"]
        .map(|id| spec(id, policy(Restart::Transient, true)))
        .into();
    let mut world = World::new(flags(AutoShutdown::AllSignificant), specs);
    world.end("a", ExitReason::Normal);
    assert_eq!(world.exit, None);
    world.end("b", ExitReason::Shutdown);
    assert_eq!(world.exit_reason(), Some(&ExitReason::Shutdown));
}

#[test]
fn all_significant_lives_on_if_the_last_one_was_terminated_by_a_call_until_one_ends_by_itself() {
    let specs = ["a", "b"]
        .map(|id| spec(id, policy(Restart::Transient, true)))
        .into();
    let mut world = World::new(flags(AutoShutdown::AllSignificant), specs);
    world.end("a", ExitReason::Normal);
    world.terminate("b");
    assert_eq!(world.exit, None);
    world.restart("a");
    world.end("a", ExitReason::Normal);
    assert!(world.exit.is_some());
}

#[test]
fn a_significant_sibling_that_is_being_restarted_counts_as_alive() {
    let specs = ["a", "b"]
        .map(|id| spec(id, policy(Restart::Transient, true)))
        .into();
    let mut world = World::new(flags(AutoShutdown::AllSignificant), specs);
    world.script_start("a", NextStart::Fail(boom()));
    let crash = world.end_unseen("a", boom());
    let end = world.end_unseen("b", ExitReason::Normal);
    world.step_all(vec![crash, end]);
    assert_eq!(world.exit, None);
    assert!(matches!(world.state("a"), Some(ChildState::Running(_))));
}

#[test]
fn a_significant_child_stopped_with_its_group_does_not_trigger() {
    let specs = vec![
        spec("a", policy(Restart::Temporary, true)),
        spec("b", ChildPolicy::worker()),
    ];
    let all = StaticFlags {
        strategy: Strategy::OneForAll,
        ..flags(AutoShutdown::AnySignificant)
    };
    let mut world = World::new(all, specs);
    world.end("b", boom());
    assert_eq!(world.exit, None);
    assert_eq!(world.state("a"), None);
}
