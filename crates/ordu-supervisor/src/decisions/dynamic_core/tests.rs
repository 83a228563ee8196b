use core::time::Duration;
use std::vec::Vec;

use super::{ChildPhase, DynamicAction, DynamicCore, DynamicEvent, DynamicFlags, Notice, Refusal};
use crate::decisions::{
    Backoff, ChildPolicy, ExitReason, Incarnation, Intensity, Report, Restart, Shutdown, Signal, Started,
    Time,
};

type Action = DynamicAction<u64>;

/// A core and the clock it is stepped with.
struct Bench {
    core: DynamicCore<u64>,
    now: Time,
}

impl Bench {
    fn new(flags: DynamicFlags) -> Self {
        Self {
            core: DynamicCore::new(flags).unwrap(),
            now: Time::ZERO,
        }
    }

    fn step(&mut self, event: DynamicEvent<u64>) -> Vec<Action> {
        self.core.step(event, self.now);
        core::iter::from_fn(|| self.core.poll_action()).collect()
    }

    fn advance(&mut self, delay: Duration) -> Vec<Action> {
        self.now = self.now.after(delay);
        self.step(DynamicEvent::Tick)
    }

    fn start(&mut self, key: u64, policy: &ChildPolicy) -> Incarnation {
        let actions = self.step(start_child(key, policy.clone()));
        let incarnation = started_in(&actions, key);
        self.step(DynamicEvent::Started {
            incarnation,
            outcome: Ok(Started::Running),
        });
        incarnation
    }

    fn crash(&mut self, incarnation: Incarnation) -> Vec<Action> {
        self.step(DynamicEvent::Exited {
            incarnation,
            reason: boom(),
        })
    }
}

fn start_child(key: u64, policy: ChildPolicy) -> DynamicEvent<u64> {
    DynamicEvent::StartChild {
        key,
        policy,
        payload: (),
        restarts: 0,
    }
}

fn boom() -> ExitReason {
    ExitReason::error("boom")
}

fn started_in(actions: &[Action], wanted: u64) -> Incarnation {
    actions
        .iter()
        .find_map(|action| match action {
            DynamicAction::Start { key, incarnation, .. } if *key == wanted => Some(*incarnation),
            _ => None,
        })
        .expect("no start")
}

fn notices(actions: &[Action]) -> Vec<(u64, Notice)> {
    actions
        .iter()
        .filter_map(|action| match action {
            DynamicAction::Notice { key, notice, .. } => Some((*key, notice.clone())),
            _ => None,
        })
        .collect()
}

fn signals(actions: &[Action]) -> Vec<(u64, Signal)> {
    actions
        .iter()
        .filter_map(|action| match action {
            DynamicAction::Signal { key, signal, .. } => Some((*key, *signal)),
            _ => None,
        })
        .collect()
}

fn own_budget(max_restarts: u32) -> ChildPolicy {
    ChildPolicy {
        budget: Some(Intensity::new(max_restarts, Duration::from_mins(1))),
        ..ChildPolicy::worker()
    }
}

#[test]
fn a_permanent_child_is_restarted_after_any_end_as_a_new_incarnation_with_its_count() {
    let mut bench = Bench::new(DynamicFlags::default());
    let first = bench.start(1, &ChildPolicy::worker());
    let actions = bench.step(DynamicEvent::Exited {
        incarnation: first,
        reason: ExitReason::Normal,
    });
    assert!(matches!(
        actions[0],
        DynamicAction::Report(Report::ChildTerminated(..))
    ));
    let at = bench.now;
    assert_eq!(
        notices(&actions),
        [(
            1,
            Notice::Restarting {
                reason: ExitReason::Normal,
                at
            }
        )]
    );
    assert!(
        matches!(actions[2], DynamicAction::Start { key: 1, restarts: 1, incarnation, .. } if incarnation > first)
    );
}

#[test]
fn a_change_of_policy_starts_and_stops_nothing_and_holds_from_then_on() {
    let mut bench = Bench::new(DynamicFlags::default());
    let first = bench.start(1, &own_budget(9));
    let policy = ChildPolicy {
        shutdown: Shutdown::BrutalKill,
        ..own_budget(0)
    };

    assert_eq!(bench.step(DynamicEvent::ChangePolicy { key: 1, policy }), []);

    let crashed = notices(&bench.crash(first));
    assert_eq!(crashed, [(1, Notice::GaveUp(boom()))]);
}

#[test]
fn a_stop_under_way_keeps_the_time_it_was_given_when_the_policy_changes() {
    let mut bench = Bench::new(DynamicFlags::default());
    bench.start(1, &ChildPolicy::worker());
    let reason = ExitReason::Shutdown;
    bench.step(DynamicEvent::Terminate { key: 1, reason });
    let policy = ChildPolicy {
        shutdown: Shutdown::Infinity,
        ..ChildPolicy::worker()
    };
    bench.step(DynamicEvent::ChangePolicy { key: 1, policy });
    assert_eq!(
        signals(&bench.advance(Duration::from_secs(5))),
        [(1, Signal::Kill)]
    );
}

#[test]
fn a_temporary_child_stays_one_and_no_other_becomes_one() {
    let temporary = ChildPolicy {
        restart: Restart::Temporary,
        ..ChildPolicy::worker()
    };
    for (before, after) in [
        (&temporary, ChildPolicy::worker()),
        (&ChildPolicy::worker(), temporary.clone()),
    ] {
        let mut bench = Bench::new(DynamicFlags::default());
        bench.start(1, before);
        let policy = after;
        let refused = bench.step(DynamicEvent::ChangePolicy { key: 1, policy });
        let refusal = Refusal::Temporary;
        assert_eq!(refused, [DynamicAction::Refused { key: 1, refusal }]);
        assert_eq!(bench.core.policy(&1), Some(before));
    }
}

#[test]
fn late_news_of_an_earlier_incarnation_change_nothing() {
    let mut bench = Bench::new(DynamicFlags::default());
    let first = bench.start(1, &ChildPolicy::worker());
    let second = started_in(&bench.crash(first), 1);
    bench.step(DynamicEvent::Started {
        incarnation: second,
        outcome: Ok(Started::Running),
    });
    assert_eq!(bench.crash(first), []);
    assert_eq!(
        bench.step(DynamicEvent::Started {
            incarnation: first,
            outcome: Err(boom())
        }),
        []
    );
    assert_eq!(bench.core.child(&1), Some((second, ChildPhase::Running)));
}

#[test]
fn a_first_start_that_fails_is_told_and_leaves_nothing() {
    let mut bench = Bench::new(DynamicFlags::default());
    let actions = bench.step(start_child(1, ChildPolicy::worker()));
    let incarnation = started_in(&actions, 1);
    let actions = bench.step(DynamicEvent::Started {
        incarnation,
        outcome: Err(boom()),
    });
    assert_eq!(notices(&actions), [(1, Notice::StartFailed(boom()))]);
    assert_eq!(actions.len(), 1);
    assert_eq!(bench.core.count_children().specs, 0);
    assert_eq!(bench.core.child(&1), None);
}

#[test]
fn restarts_that_fail_are_retried_until_the_childs_own_budget_is_used_up_and_nobody_else_suffers() {
    let mut bench = Bench::new(DynamicFlags::default());
    let other = bench.start(2, &own_budget(1));
    let bad = bench.start(1, &own_budget(3));
    let mut actions = bench.crash(bad);
    for _ in 0..3 {
        let incarnation = started_in(&actions, 1);
        actions = bench.step(DynamicEvent::Started {
            incarnation,
            outcome: Err(boom()),
        });
    }
    assert!(
        actions
            .iter()
            .any(|a| matches!(a, DynamicAction::Report(Report::ReachedMaxRestartIntensity(_))))
    );
    assert_eq!(notices(&actions), [(1, Notice::GaveUp(boom()))]);
    assert!(!bench.core.is_stopping());
    assert_eq!(bench.core.child(&2), Some((other, ChildPhase::Running)));
    assert_eq!(bench.core.child(&1), None);
}

#[test]
fn the_shared_budget_used_up_ends_the_supervisor_and_all_children() {
    let flags = DynamicFlags {
        intensity: Intensity::new(1, Duration::from_secs(5)),
        ..DynamicFlags::default()
    };
    let mut bench = Bench::new(flags);
    let other = bench.start(2, &ChildPolicy::worker());
    let first = bench.start(1, &ChildPolicy::worker());
    let second = started_in(&bench.crash(first), 1);
    bench.step(DynamicEvent::Started {
        incarnation: second,
        outcome: Ok(Started::Running),
    });
    let actions = bench.crash(second);
    assert_eq!(signals(&actions), [(2, Signal::Shutdown)]);
    let actions = bench.step(DynamicEvent::Exited {
        incarnation: other,
        reason: ExitReason::Shutdown,
    });
    assert_eq!(
        notices(&actions),
        [(2, Notice::Relinquished(ExitReason::Shutdown))]
    );
    let exit = DynamicAction::Exit {
        reason: ExitReason::Shutdown,
        zombies: Vec::new(),
    };
    assert_eq!(actions.last(), Some(&exit));
}

#[test]
fn a_backoff_delays_the_restart_which_counts_when_it_is_made() {
    let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(8)).jitter_percent(0);
    let mut bench = Bench::new(DynamicFlags::default());
    let mut incarnation = bench.start(
        1,
        &ChildPolicy {
            backoff: Some(backoff),
            ..own_budget(2)
        },
    );
    for delay in [1, 2] {
        let actions = bench.crash(incarnation);
        let at = bench.now.after(Duration::from_secs(delay));
        assert_eq!(
            notices(&actions),
            [(1, Notice::Restarting { reason: boom(), at })]
        );
        assert_eq!(bench.core.next_deadline(), Some(at));
        assert_eq!(bench.core.child(&1), Some((incarnation, ChildPhase::Restarting)));
        incarnation = started_in(&bench.advance(Duration::from_secs(delay)), 1);
        bench.step(DynamicEvent::Started {
            incarnation,
            outcome: Ok(Started::Running),
        });
    }
    bench.crash(incarnation);
    assert_eq!(
        notices(&bench.advance(Duration::from_secs(4))),
        [(1, Notice::GaveUp(boom()))]
    );
}

#[test]
fn a_child_that_ran_long_enough_starts_its_backoff_over() {
    let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(8)).jitter_percent(0);
    let mut bench = Bench::new(DynamicFlags::default());
    let policy = ChildPolicy {
        backoff: Some(backoff),
        ..own_budget(9)
    };
    let incarnation = bench.start(1, &policy);
    bench.crash(incarnation);
    let incarnation = started_in(&bench.advance(Duration::from_secs(1)), 1);
    bench.step(DynamicEvent::Started {
        incarnation,
        outcome: Ok(Started::Running),
    });
    bench.now = bench.now.after(Duration::from_secs(8));
    bench.crash(incarnation);
    assert_eq!(
        bench.core.next_deadline(),
        Some(bench.now.after(Duration::from_secs(1)))
    );
}

#[test]
fn a_child_handed_to_somebody_else_is_not_restarted_even_if_permanent() {
    let mut bench = Bench::new(DynamicFlags::default());
    for reason in [
        ExitReason::CONFLICT,
        ExitReason::FINISHED,
        ExitReason::REDISTRIBUTION,
    ] {
        let incarnation = bench.start(1, &own_budget(0));
        let actions = bench.step(DynamicEvent::Exited {
            incarnation,
            reason: reason.clone(),
        });
        assert_eq!(notices(&actions), [(1, Notice::Relinquished(reason))]);
        assert_eq!(actions.len(), 1);
    }
}

#[test]
fn a_stop_asks_then_kills_then_declares_a_zombie_and_goes_on_once_the_zombie_ends() {
    let mut bench = Bench::new(DynamicFlags::default());
    let incarnation = bench.start(1, &ChildPolicy::worker());
    let terminate = DynamicEvent::Terminate {
        key: 1,
        reason: ExitReason::CONFLICT,
    };
    assert_eq!(signals(&bench.step(terminate)), [(1, Signal::Shutdown)]);
    assert_eq!(bench.advance(Duration::from_millis(4_999)), []);
    assert_eq!(
        signals(&bench.advance(Duration::from_millis(1))),
        [(1, Signal::Kill)]
    );
    assert_eq!(
        notices(&bench.advance(ChildPolicy::KILL_GRACE)),
        [(1, Notice::Zombie)]
    );
    assert_eq!(bench.core.child(&1), Some((incarnation, ChildPhase::Zombie)));
    let refused = bench.step(start_child(1, ChildPolicy::worker()));
    assert_eq!(
        refused,
        [DynamicAction::Refused {
            key: 1,
            refusal: Refusal::AlreadyPresent
        }]
    );
    let actions = bench.step(DynamicEvent::Exited {
        incarnation,
        reason: ExitReason::Killed,
    });
    let stopped = Notice::Stopped {
        ordered: ExitReason::CONFLICT,
        exit: ExitReason::Killed,
    };
    assert_eq!(notices(&actions), [(1, stopped)]);
}

#[test]
fn a_restart_by_order_stops_then_starts_and_counts_against_nothing() {
    let mut bench = Bench::new(DynamicFlags::default());
    let first = bench.start(1, &own_budget(0));
    assert_eq!(
        signals(&bench.step(DynamicEvent::Restart { key: 1 })),
        [(1, Signal::Shutdown)]
    );
    let actions = bench.step(DynamicEvent::Exited {
        incarnation: first,
        reason: ExitReason::Shutdown,
    });
    assert!(matches!(
        actions[..],
        [DynamicAction::Start {
            key: 1,
            restarts: 0,
            ..
        }]
    ));
}

#[test]
fn a_first_start_that_is_made_again_by_order_is_still_the_first() {
    let end = |incarnation, outcome| DynamicEvent::Started { incarnation, outcome };
    for came_up in [false, true] {
        let mut bench = limited(1);
        let first = started_in(&bench.step(start_child(1, ChildPolicy::worker())), 1);
        bench.step(DynamicEvent::Restart { key: 1 });
        // Whoever wants the place waits for what comes of it.
        assert_eq!(refusals(&bench.step(start_child(2, ChildPolicy::worker()))), []);
        let actions = if came_up {
            bench.step(end(first, Ok(Started::Running)));
            bench.crash(first)
        } else {
            bench.step(end(first, Err(ExitReason::Killed)))
        };
        let second = started_in(&actions, 1);
        let actions = bench.step(end(second, Err(boom())));
        assert_eq!(notices(&actions), [(1, Notice::StartFailed(boom()))]);
        started_in(&actions, 2);
        assert_eq!(bench.core.child(&1), None);
        assert_eq!(
            [bench.core.key_of(first), bench.core.key_of(second)],
            [None, None]
        );
    }
}

#[test]
fn the_last_of_terminate_and_restart_wins() {
    let mut bench = Bench::new(DynamicFlags::default());
    let first = bench.start(1, &own_budget(0));
    bench.step(DynamicEvent::Terminate {
        key: 1,
        reason: ExitReason::Shutdown,
    });
    assert_eq!(bench.step(DynamicEvent::Restart { key: 1 }), []);
    let second = started_in(
        &bench.step(DynamicEvent::Exited {
            incarnation: first,
            reason: ExitReason::Shutdown,
        }),
        1,
    );
    bench.step(DynamicEvent::Terminate {
        key: 1,
        reason: ExitReason::Shutdown,
    });
    let actions = bench.step(DynamicEvent::Started {
        incarnation: second,
        outcome: Err(boom()),
    });
    assert_eq!(
        notices(&actions),
        [(
            1,
            Notice::Stopped {
                ordered: ExitReason::Shutdown,
                exit: boom()
            }
        )]
    );
}

#[test]
fn a_start_that_is_terminated_and_succeeds_all_the_same_is_signalled_again() {
    let mut bench = Bench::new(DynamicFlags::default());
    let incarnation = started_in(&bench.step(start_child(1, ChildPolicy::worker())), 1);
    bench.step(DynamicEvent::Terminate {
        key: 1,
        reason: ExitReason::Shutdown,
    });
    let actions = bench.step(DynamicEvent::Started {
        incarnation,
        outcome: Ok(Started::Running),
    });
    assert_eq!(signals(&actions), [(1, Signal::Shutdown)]);
}

#[test]
fn a_start_that_takes_too_long_is_killed_and_fails() {
    let mut bench = Bench::new(DynamicFlags::default());
    let policy = ChildPolicy {
        start_timeout: Some(Duration::from_secs(2)),
        ..ChildPolicy::worker()
    };
    let incarnation = started_in(&bench.step(start_child(1, policy)), 1);
    assert_eq!(
        signals(&bench.advance(Duration::from_secs(2))),
        [(1, Signal::Kill)]
    );
    let actions = bench.step(DynamicEvent::Started {
        incarnation,
        outcome: Err(ExitReason::Killed),
    });
    assert_eq!(
        notices(&actions),
        [(1, Notice::StartFailed(ExitReason::StartTimeout))]
    );
}

#[test]
fn a_stop_asks_all_children_at_once_and_lists_the_zombies_it_leaves() {
    let mut bench = Bench::new(DynamicFlags::default());
    let slow = ChildPolicy {
        shutdown: Shutdown::Timeout(Duration::from_secs(1)),
        ..ChildPolicy::worker()
    };
    let stubborn = bench.start(1, &slow);
    let good = bench.start(2, &slow);
    let stop = bench.step(DynamicEvent::Stop {
        reason: ExitReason::Normal,
    });
    assert_eq!(signals(&stop), [(1, Signal::Shutdown), (2, Signal::Shutdown)]);
    bench.step(DynamicEvent::Exited {
        incarnation: good,
        reason: ExitReason::Shutdown,
    });
    bench.advance(Duration::from_secs(1));
    let actions = bench.advance(ChildPolicy::KILL_GRACE);
    let exit = DynamicAction::Exit {
        reason: ExitReason::Normal,
        zombies: [stubborn].into(),
    };
    assert_eq!(actions.last(), Some(&exit));
    assert_eq!(bench.step(DynamicEvent::Tick), []);
}

#[test]
fn a_kill_kills_what_runs_and_what_was_being_asked() {
    let mut bench = Bench::new(DynamicFlags::default());
    bench.start(1, &ChildPolicy::worker());
    bench.start(2, &ChildPolicy::supervisor());
    bench.step(DynamicEvent::Terminate {
        key: 2,
        reason: ExitReason::Shutdown,
    });
    assert_eq!(
        signals(&bench.step(DynamicEvent::Kill)),
        [(1, Signal::Kill), (2, Signal::Kill)]
    );
}

fn lingers(incarnation: Incarnation) -> DynamicEvent<u64> {
    DynamicEvent::Lingers { incarnation }
}

#[test]
fn a_child_of_which_something_is_left_for_longer_than_the_kill_grace_is_a_zombie_and_then_what_follows_goes_on()
 {
    let mut bench = Bench::new(DynamicFlags::default());
    let policy = ChildPolicy::worker();
    let grace = policy.kill_grace;
    let quick = bench.start(1, &policy);
    bench.step(lingers(quick));
    let actions = bench.crash(quick);
    assert!(
        notices(&actions)
            .iter()
            .all(|(_, notice)| matches!(notice, Notice::Restarting { .. }))
    );
    started_in(&actions, 1);

    let slow = bench.start(2, &policy);
    assert_eq!(signals(&bench.step(lingers(slow))), []);
    assert_eq!(bench.core.child(&2), Some((slow, ChildPhase::Stopping)));
    let actions = bench.advance(grace);
    assert_eq!(notices(&actions), [(2, Notice::Zombie)]);
    let actions = bench.crash(slow);
    let reports = actions.iter().filter(|action| {
        matches!(action, DynamicAction::Report(Report::ChildTerminated(_, reason)) if *reason == boom())
    });
    assert_eq!(reports.count(), 1);
    started_in(&actions, 2);
}

#[test]
fn a_start_of_which_something_is_left_comes_to_what_it_came_to_once_nothing_is() {
    for outcome in [Err(boom()), Ok(Started::Ignore)] {
        for late in [false, true] {
            let mut bench = Bench::new(DynamicFlags::default());
            let policy = ChildPolicy::worker();
            let grace = policy.kill_grace;
            let incarnation = started_in(&bench.step(start_child(1, policy)), 1);
            bench.step(lingers(incarnation));
            if late {
                assert_eq!(notices(&bench.advance(grace)), [(1, Notice::Zombie)]);
            }
            let notice = match &outcome {
                Err(reason) => Notice::StartFailed(reason.clone()),
                Ok(_) => Notice::Ignored,
            };
            let outcome = outcome.clone();
            let actions = bench.step(DynamicEvent::Started { incarnation, outcome });
            assert_eq!(notices(&actions), [(1, notice)]);
        }
    }
}

#[test]
fn a_child_that_was_asked_to_stop_and_of_which_something_is_left_has_the_kill_grace_from_then_on() {
    let mut bench = Bench::new(DynamicFlags::default());
    let policy = ChildPolicy {
        shutdown: Shutdown::Infinity,
        ..ChildPolicy::worker()
    };
    let grace = policy.kill_grace;
    let incarnation = bench.start(1, &policy);
    let reason = ExitReason::Shutdown;
    bench.step(DynamicEvent::Terminate { key: 1, reason });
    bench.step(lingers(incarnation));
    assert_eq!(notices(&bench.advance(grace)), [(1, Notice::Zombie)]);
}

#[test]
fn temporary_and_normally_ended_transient_children_are_forgotten() {
    let mut bench = Bench::new(DynamicFlags::default());
    for (restart, reason) in [
        (Restart::Temporary, boom()),
        (Restart::Transient, ExitReason::Shutdown),
    ] {
        let incarnation = bench.start(
            1,
            &ChildPolicy {
                restart,
                ..ChildPolicy::worker()
            },
        );
        let actions = bench.step(DynamicEvent::Exited {
            incarnation,
            reason: reason.clone(),
        });
        assert_eq!(notices(&actions), [(1, Notice::Finished(reason))]);
    }
    assert_eq!(bench.core.count_children().specs, 0);
}

#[test]
fn a_restart_that_chooses_not_to_run_disowns_the_child() {
    let mut bench = Bench::new(DynamicFlags::default());
    let first = bench.start(1, &ChildPolicy::worker());
    let incarnation = started_in(&bench.crash(first), 1);
    let actions = bench.step(DynamicEvent::Started {
        incarnation,
        outcome: Ok(Started::Ignore),
    });
    assert_eq!(notices(&actions), [(1, Notice::Disowned)]);
}

#[test]
fn an_inherited_restart_count_goes_on() {
    let mut bench = Bench::new(DynamicFlags::default());
    let policy = own_budget(1);
    let actions = bench.step(DynamicEvent::StartChild {
        key: 1,
        policy,
        payload: (),
        restarts: 41,
    });
    let incarnation = started_in(&actions, 1);
    bench.step(DynamicEvent::Started {
        incarnation,
        outcome: Ok(Started::Running),
    });
    assert!(matches!(
        bench.crash(incarnation).last(),
        Some(DynamicAction::Start { restarts: 42, .. })
    ));
    assert_eq!(bench.core.restarts(&1), Some(42));
}

#[test]
fn orders_that_make_no_sense_are_refused() {
    let mut bench = Bench::new(DynamicFlags {
        max_children: Some(1),
        ..DynamicFlags::default()
    });
    let refusal = |actions: Vec<Action>| match &actions[..] {
        [DynamicAction::Refused { refusal, .. }] => refusal.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refusal(bench.step(DynamicEvent::Restart { key: 1 })),
        Refusal::NotFound
    );
    let terminate = DynamicEvent::Terminate {
        key: 1,
        reason: ExitReason::Shutdown,
    };
    assert_eq!(refusal(bench.step(terminate)), Refusal::NotFound);
    bench.start(
        1,
        &ChildPolicy {
            restart: Restart::Temporary,
            ..ChildPolicy::worker()
        },
    );
    assert_eq!(
        refusal(bench.step(DynamicEvent::Restart { key: 1 })),
        Refusal::Temporary
    );
    assert_eq!(
        refusal(bench.step(start_child(2, ChildPolicy::worker()))),
        Refusal::MaxChildren
    );
    bench.step(DynamicEvent::Stop {
        reason: ExitReason::Shutdown,
    });
    assert_eq!(
        refusal(bench.step(start_child(3, ChildPolicy::worker()))),
        Refusal::Stopping
    );
}

#[test]
fn a_child_whose_restart_failed_is_known_by_its_last_run_until_the_next_one_runs() {
    let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1)).jitter_percent(0);
    let mut bench = Bench::new(DynamicFlags::default());
    let policy = ChildPolicy {
        backoff: Some(backoff),
        ..own_budget(9)
    };
    let ran = bench.start(1, &policy);
    bench.crash(ran);
    let attempt = started_in(&bench.advance(Duration::from_secs(1)), 1);
    assert_eq!(bench.core.child(&1), Some((ran, ChildPhase::Restarting)));
    let actions = bench.step(DynamicEvent::Started {
        incarnation: attempt,
        outcome: Err(boom()),
    });
    assert!(matches!(
        &actions[0],
        DynamicAction::Report(Report::StartError(offender, _)) if offender.incarnation == Some(ran)
    ));
    assert_eq!(bench.core.child(&1), Some((ran, ChildPhase::Restarting)));
    assert_eq!(bench.core.key_of(ran), Some(&1));
    let next = started_in(&bench.advance(Duration::from_secs(1)), 1);
    bench.step(DynamicEvent::Started {
        incarnation: next,
        outcome: Ok(Started::Running),
    });
    assert_eq!(bench.core.child(&1), Some((next, ChildPhase::Running)));
    assert_eq!(bench.core.key_of(ran), None);
    assert_eq!(bench.core.key_of(attempt), None);
}

#[test]
fn a_child_being_restarted_is_not_active_until_it_runs() {
    let mut bench = Bench::new(DynamicFlags::default());
    let counted = |bench: &Bench| {
        let counts = bench.core.count_children();
        [counts.specs, counts.active, counts.supervisors, counts.workers]
    };
    let first = bench.start(1, &ChildPolicy::worker());
    let second = started_in(&bench.crash(first), 1);
    assert_eq!(bench.core.child(&1), Some((first, ChildPhase::Restarting)));
    assert_eq!(counted(&bench), [1, 0, 0, 1]);
    bench.step(DynamicEvent::Started {
        incarnation: second,
        outcome: Ok(Started::Running),
    });
    assert_eq!(counted(&bench), [1, 1, 0, 1]);
}

#[test]
fn news_of_the_run_a_restarting_child_is_known_by_change_nothing() {
    let mut bench = Bench::new(DynamicFlags::default());
    let first = bench.start(1, &ChildPolicy::worker());
    bench.crash(first);
    assert_eq!(bench.crash(first), []);
    assert_eq!(
        bench.step(DynamicEvent::Started {
            incarnation: first,
            outcome: Err(boom())
        }),
        []
    );
    assert_eq!(bench.core.child(&1), Some((first, ChildPhase::Restarting)));
}

fn limited(max_children: usize) -> Bench {
    Bench::new(DynamicFlags {
        max_children: Some(max_children),
        ..DynamicFlags::default()
    })
}

fn refusals(actions: &[Action]) -> Vec<(u64, Refusal)> {
    actions
        .iter()
        .filter_map(|action| match action {
            DynamicAction::Refused { key, refusal } => Some((*key, refusal.clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn a_terminated_child_holds_no_place_while_it_stops_but_does_as_a_zombie() {
    let mut bench = limited(1);
    let policy = ChildPolicy::worker();
    bench.start(1, &policy);
    bench.step(DynamicEvent::Terminate {
        key: 1,
        reason: ExitReason::Shutdown,
    });
    let second = bench.start(2, &policy);
    assert_eq!(bench.core.child(&2), Some((second, ChildPhase::Running)));
    bench.advance(Duration::from_secs(5));
    bench.advance(ChildPolicy::KILL_GRACE);
    bench.step(DynamicEvent::Exited {
        incarnation: second,
        reason: boom(),
    });
    bench.step(DynamicEvent::Terminate {
        key: 2,
        reason: ExitReason::Shutdown,
    });
    let refused = bench.step(start_child(3, policy));
    assert_eq!(refusals(&refused), [(3, Refusal::MaxChildren)]);
}

#[test]
fn a_start_waits_for_what_comes_of_those_that_hold_the_last_places() {
    let mut bench = limited(1);
    let first = started_in(&bench.step(start_child(1, ChildPolicy::worker())), 1);
    assert_eq!(bench.step(start_child(2, ChildPolicy::worker())), []);
    assert_eq!(bench.step(start_child(3, ChildPolicy::worker())), []);
    let actions = bench.step(DynamicEvent::Started {
        incarnation: first,
        outcome: Err(boom()),
    });
    let second = started_in(&actions, 2);
    let actions = bench.step(DynamicEvent::Started {
        incarnation: second,
        outcome: Ok(Started::Running),
    });
    assert_eq!(refusals(&actions), [(3, Refusal::MaxChildren)]);
}

#[test]
fn starts_that_wait_for_a_place_are_refused_when_the_supervisor_stops() {
    let mut bench = limited(1);
    bench.step(start_child(1, ChildPolicy::worker()));
    bench.step(start_child(2, ChildPolicy::worker()));
    let actions = bench.step(DynamicEvent::Stop {
        reason: ExitReason::Normal,
    });
    assert_eq!(refusals(&actions), [(2, Refusal::Stopping)]);
}

#[test]
fn a_start_that_waits_for_a_place_can_be_withdrawn() {
    let mut bench = limited(1);
    let first = started_in(&bench.step(start_child(1, ChildPolicy::worker())), 1);
    bench.step(start_child(2, ChildPolicy::worker()));
    bench.step(start_child(3, ChildPolicy::worker()));
    assert_eq!(
        (bench.core.waiting_starts(), bench.core.undecided_starts()),
        (2, 1)
    );
    assert!(bench.core.is_first_start(first));
    assert_eq!(bench.step(DynamicEvent::Withdraw { key: 2 }), []);
    // Not one that waits.
    for key in [1, 4] {
        let actions = bench.step(DynamicEvent::Withdraw { key });
        assert_eq!(refusals(&actions), [(key, Refusal::NotFound)]);
    }
    let actions = bench.step(DynamicEvent::Started {
        incarnation: first,
        outcome: Err(boom()),
    });
    started_in(&actions, 3);
    assert!(!bench.core.is_first_start(first));
}

#[test]
fn a_terminated_child_whose_place_was_taken_is_not_started_again() {
    let mut bench = limited(1);
    bench.start(1, &ChildPolicy::worker());
    bench.step(DynamicEvent::Terminate {
        key: 1,
        reason: ExitReason::Shutdown,
    });
    let actions = bench.step(start_child(2, ChildPolicy::worker()));
    started_in(&actions, 2);
    let actions = bench.step(DynamicEvent::Restart { key: 1 });
    assert_eq!(refusals(&actions), [(1, Refusal::NotFound)]);
}
