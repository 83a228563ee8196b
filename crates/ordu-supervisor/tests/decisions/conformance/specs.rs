//! Spec and flag validation: cases 16 to 33.

use std::time::Duration;

use ordu_supervisor::decisions::{
    AutoShutdown, CallError, ChildPolicy, ChildType, FlagsError, InitError, Intensity, Reply, Request,
    Restart, Shutdown, SpecError, StaticFlags, Strategy,
};

use crate::world::{World, refused, spec};

fn worker() -> ChildPolicy {
    ChildPolicy::worker()
}

const RESTARTS: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];
const AUTO_SHUTDOWNS: [AutoShutdown; 3] = [
    AutoShutdown::Never,
    AutoShutdown::AnySignificant,
    AutoShutdown::AllSignificant,
];

#[test]
fn case_016_defaults_and_what_a_spec_shows() {
    let killed = ChildPolicy {
        shutdown: Shutdown::BrutalKill,
        ..worker()
    };
    let specs = vec![
        spec("w", worker()),
        spec("s", ChildPolicy::supervisor()),
        spec("k", killed.clone()),
    ];
    let mut world = World::new(StaticFlags::default(), specs);
    let mut shown = |id: &str| world.call(Request::ChildSpec { key: id.to_owned() });
    assert_eq!(shown("w"), Reply::Policy(worker()));
    assert_eq!(worker().restart, Restart::Permanent);
    assert_eq!(worker().shutdown, Shutdown::Timeout(Duration::from_secs(5)));
    assert_eq!(worker().child_type, ChildType::Worker);
    assert_eq!(ChildPolicy::supervisor().shutdown, Shutdown::Infinity);
    assert_eq!(shown("s"), Reply::Policy(ChildPolicy::supervisor()));
    assert_eq!(shown("k"), Reply::Policy(killed));
    assert_eq!(shown("nobody"), refused(CallError::NotFound));
}

#[test]
fn case_021_every_shutdown_is_accepted_for_every_type() {
    let shutdowns = [
        Shutdown::Timeout(Duration::ZERO),
        Shutdown::Timeout(Duration::from_secs(1)),
        Shutdown::Infinity,
        Shutdown::BrutalKill,
    ];
    for shutdown in shutdowns {
        for policy in [worker(), ChildPolicy::supervisor()] {
            assert_eq!(ChildPolicy { shutdown, ..policy }.validate(None), Ok(()));
        }
    }
}

#[test]
fn case_025_two_specs_with_one_id() {
    let error = World::try_new(
        StaticFlags::default(),
        vec![spec("a", worker()), spec("a", worker())],
    )
    .unwrap_err();
    assert_eq!(
        error,
        InitError::Spec(SpecError::DuplicateChildName("a".to_owned()))
    );
}

#[test]
fn case_026_a_bad_spec_in_the_list_is_found_before_anything_starts() {
    let bad = ChildPolicy {
        significant: true,
        ..worker()
    };
    let error =
        World::try_new(StaticFlags::default(), vec![spec("a", worker()), spec("b", bad)]).unwrap_err();
    assert_eq!(error, InitError::Spec(SpecError::SignificantWithoutAutoShutdown));
}

#[test]
fn case_029_and_030_significant_children_that_cannot_be() {
    for restart in RESTARTS {
        let policy = ChildPolicy {
            significant: true,
            restart,
            ..worker()
        };
        assert_eq!(
            policy.validate(Some(AutoShutdown::Never)),
            Err(SpecError::SignificantWithoutAutoShutdown)
        );
        let expected = if restart == Restart::Permanent {
            Err(SpecError::SignificantPermanent)
        } else {
            Ok(())
        };
        assert_eq!(policy.validate(Some(AutoShutdown::AnySignificant)), expected);
        assert_eq!(policy.validate(Some(AutoShutdown::AllSignificant)), expected);
        assert_eq!(policy.validate(None), expected);
    }
}

#[test]
fn case_030_start_child_checks_too() {
    let flags = StaticFlags {
        auto_shutdown: AutoShutdown::AnySignificant,
        ..StaticFlags::default()
    };
    let mut world = World::new(flags, vec![]);
    let bad = ChildPolicy {
        significant: true,
        ..worker()
    };
    let expected = refused(CallError::InvalidSpec(SpecError::SignificantPermanent));
    assert_eq!(world.start_child(spec("a", bad)), expected);
    assert_eq!(world.counts(), [0; 4]);
}

#[test]
fn case_031_the_full_product_of_valid_values() {
    for restart in RESTARTS {
        for auto_shutdown in AUTO_SHUTDOWNS {
            for shutdown in [
                Shutdown::BrutalKill,
                Shutdown::Infinity,
                Shutdown::Timeout(Duration::ZERO),
            ] {
                for child_type in [ChildType::Worker, ChildType::Supervisor] {
                    let significant = restart != Restart::Permanent && auto_shutdown != AutoShutdown::Never;
                    let policy = ChildPolicy {
                        restart,
                        shutdown,
                        child_type,
                        significant,
                        ..worker()
                    };
                    assert_eq!(policy.validate(Some(auto_shutdown)), Ok(()));
                }
            }
        }
    }
}

#[test]
fn case_032_flags_that_cannot_be() {
    let intensity = Intensity::new(1, Duration::ZERO);
    let error = World::try_new(
        StaticFlags {
            intensity,
            ..StaticFlags::default()
        },
        vec![],
    )
    .unwrap_err();
    assert_eq!(error, InitError::Flags(FlagsError::InvalidPeriod));
    let own = ChildPolicy {
        budget: Some(intensity),
        ..worker()
    };
    assert_eq!(own.validate(None), Err(SpecError::InvalidBudgetPeriod));
}

#[test]
fn case_110_defaults_of_the_flags() {
    let flags = StaticFlags::default();
    assert_eq!(flags.strategy, Strategy::OneForOne);
    assert_eq!(flags.intensity, Intensity::new(3, Duration::from_secs(5)));
    assert_eq!(flags.auto_shutdown, AutoShutdown::Never);
    assert_eq!(Intensity::OTP, Intensity::new(1, Duration::from_secs(5)));
}
