//! Children without an order: the cases of simple_one_for_one supervisors and of Elixir's `DynamicSupervisor`.

use std::collections::BTreeMap;
use std::time::Duration;

use ordu_supervisor::decisions::{
    ChildPhase, ChildPolicy, ChildType, DynamicAction, DynamicCore, DynamicEvent, DynamicFlags, ExitReason,
    FlagsError, Incarnation, Intensity, Notice, Refusal, Report, Restart, Shutdown, Signal, SpecError,
    Started, Time,
};

use crate::world::{Answer, boom};

/// A dynamic core whose children start as told and answer a stop as told.
struct Pool {
    core: DynamicCore<u32, &'static str>,
    now: Time,
    /// What all starts of a child do while it is in here.
    failing: BTreeMap<u32, ExitReason>,
    answers: BTreeMap<u32, Answer>,
    ends_at: BTreeMap<(Time, Incarnation), ExitReason>,
    ended: BTreeMap<u32, ExitReason>,
    notices: Vec<(u32, Notice)>,
    reports: Vec<Report<u32>>,
    refusals: Vec<Refusal>,
    payloads: Vec<&'static str>,
    exit: Option<ExitReason>,
}

impl Pool {
    fn new(flags: DynamicFlags) -> Self {
        Self {
            core: DynamicCore::new(flags).unwrap(),
            now: Time::ZERO,
            failing: BTreeMap::new(),
            answers: BTreeMap::new(),
            ends_at: BTreeMap::new(),
            ended: BTreeMap::new(),
            notices: Vec::new(),
            reports: Vec::new(),
            refusals: Vec::new(),
            payloads: Vec::new(),
            exit: None,
        }
    }

    fn with_intensity(max_restarts: u32) -> Self {
        let intensity = Intensity::new(max_restarts, Duration::from_hours(1));
        Self::new(DynamicFlags {
            intensity,
            ..DynamicFlags::default()
        })
    }

    fn step(&mut self, event: DynamicEvent<u32, &'static str>) {
        self.core.step(event, self.now);
        while let Some(action) = self.core.poll_action() {
            let next = match action {
                DynamicAction::Start {
                    key,
                    incarnation,
                    payload,
                    ..
                } => {
                    self.payloads.push(payload);
                    let outcome = self.failing.get(&key).cloned().map_or(Ok(Started::Running), Err);
                    Some(DynamicEvent::Started { incarnation, outcome })
                }
                DynamicAction::Signal {
                    key,
                    incarnation,
                    signal,
                } => self.answer(key, incarnation, signal),
                DynamicAction::Notice { key, notice, .. } => {
                    self.notices.push((key, notice));
                    None
                }
                DynamicAction::Report(report) => {
                    self.reports.push(report);
                    None
                }
                DynamicAction::Refused { refusal, .. } => {
                    self.refusals.push(refusal);
                    None
                }
                DynamicAction::Exit { reason, .. } => {
                    self.exit = Some(reason);
                    None
                }
            };
            if let Some(event) = next {
                self.core.step(event, self.now);
            }
        }
    }

    fn answer(
        &mut self,
        key: u32,
        incarnation: Incarnation,
        signal: Signal,
    ) -> Option<DynamicEvent<u32, &'static str>> {
        let answer = self
            .answers
            .get(&key)
            .cloned()
            .unwrap_or(Answer::With(ExitReason::Shutdown));
        let reason = match (signal, answer) {
            (_, Answer::Unkillable) | (Signal::Shutdown, Answer::Ignore) => return None,
            (Signal::Kill, _) => ExitReason::Killed,
            (Signal::Shutdown, Answer::With(reason)) => reason,
            (Signal::Shutdown, Answer::After(delay, reason)) => {
                self.ends_at.insert((self.now.after(delay), incarnation), reason);
                return None;
            }
        };
        self.ended.insert(key, reason.clone());
        Some(DynamicEvent::Exited { incarnation, reason })
    }

    fn advance(&mut self, delay: Duration) {
        let until = self.now.after(delay);
        loop {
            let end = self.ends_at.keys().next().map(|(at, _)| *at);
            let Some(at) = end
                .into_iter()
                .chain(self.core.next_deadline())
                .min()
                .filter(|at| *at <= until)
            else {
                break;
            };
            self.now = at;
            while let Some(entry) = self.ends_at.first_entry().filter(|entry| entry.key().0 <= at) {
                let ((_, incarnation), reason) = entry.remove_entry();
                if let Some(key) = self.core.key_of(incarnation).copied() {
                    self.ended.insert(key, reason.clone());
                }
                self.step(DynamicEvent::Exited { incarnation, reason });
            }
            self.step(DynamicEvent::Tick);
        }
        self.now = until;
    }

    fn start(&mut self, key: u32, policy: &ChildPolicy) {
        let policy = policy.clone();
        self.step(DynamicEvent::StartChild {
            key,
            policy,
            payload: "args",
            restarts: 0,
        });
    }

    fn incarnation(&self, key: u32) -> Incarnation {
        self.core.child(&key).unwrap().0
    }

    fn end(&mut self, key: u32, reason: ExitReason) {
        let incarnation = self.incarnation(key);
        self.step(DynamicEvent::Exited { incarnation, reason });
    }

    fn terminate(&mut self, key: u32) {
        self.step(DynamicEvent::Terminate {
            key,
            reason: ExitReason::Shutdown,
        });
    }

    fn stop(&mut self) {
        self.step(DynamicEvent::Stop {
            reason: ExitReason::Shutdown,
        });
    }

    /// specs, active, supervisors, workers.
    fn counts(&self) -> [usize; 4] {
        let counts = self.core.count_children();
        [counts.specs, counts.active, counts.supervisors, counts.workers]
    }
}

fn with(restart: Restart) -> ChildPolicy {
    ChildPolicy {
        restart,
        ..ChildPolicy::worker()
    }
}

fn within(shutdown: Shutdown) -> ChildPolicy {
    ChildPolicy {
        shutdown,
        ..ChildPolicy::worker()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn case_008_and_009_a_child_that_ignores_is_not_stored_whatever_its_restart_type() {
    for restart in [Restart::Temporary, Restart::Permanent] {
        let mut core = DynamicCore::<u32>::new(DynamicFlags::default()).unwrap();
        let policy = with(restart);
        core.step(
            DynamicEvent::StartChild {
                key: 1,
                policy,
                payload: (),
                restarts: 0,
            },
            Time::ZERO,
        );
        let Some(DynamicAction::Start { incarnation, .. }) = core.poll_action() else {
            panic!()
        };
        core.step(
            DynamicEvent::Started {
                incarnation,
                outcome: Ok(Started::Ignore),
            },
            Time::ZERO,
        );
        assert!(matches!(
            core.poll_action(),
            Some(DynamicAction::Notice {
                notice: Notice::Ignored,
                ..
            })
        ));
        assert_eq!(core.count_children().specs, 0);
        core.step(
            DynamicEvent::Stop {
                reason: ExitReason::Shutdown,
            },
            Time::ZERO,
        );
        assert!(matches!(core.poll_action(), Some(DynamicAction::Exit { .. })));
    }
}

#[test]
fn case_012_a_start_error_is_told_bare_and_nothing_is_stored() {
    let mut pool = Pool::with_intensity(1);
    pool.failing.insert(1, boom());
    pool.start(1, &ChildPolicy::worker());
    assert_eq!(pool.notices, [(1, Notice::StartFailed(boom()))]);
    assert_eq!(pool.counts(), [0; 4]);
}

#[test]
fn case_017_the_spec_of_each_child_can_be_asked_for() {
    let mut pool = Pool::with_intensity(1);
    pool.start(1, &within(Shutdown::BrutalKill));
    assert_eq!(pool.core.policy(&1), Some(&within(Shutdown::BrutalKill)));
    assert_eq!(pool.core.policy(&2), None);
}

#[test]
fn case_043_to_045_children_are_terminated_by_reference_and_counted() {
    let mut pool = Pool::with_intensity(1);
    assert_eq!(pool.counts(), [0; 4]);
    pool.start(1, &ChildPolicy::worker());
    pool.start(2, &ChildPolicy::worker());
    assert_eq!(pool.counts(), [2, 2, 0, 2]);
    pool.terminate(1);
    assert_eq!(pool.counts(), [1, 1, 0, 1]);
    pool.terminate(1);
    pool.terminate(77);
    assert_eq!(pool.refusals, [Refusal::NotFound, Refusal::NotFound]);
    assert_eq!(pool.counts(), [1, 1, 0, 1]);
}

#[test]
fn case_062_and_063_a_crash_restarts_that_child_only() {
    let mut pool = Pool::with_intensity(1);
    pool.start(1, &ChildPolicy::worker());
    pool.start(2, &ChildPolicy::worker());
    let (bad, other) = (pool.incarnation(1), pool.incarnation(2));
    pool.end(1, boom());
    assert!(pool.incarnation(1) > bad);
    assert_eq!(pool.incarnation(2), other);
    assert_eq!(pool.counts(), [2, 2, 0, 2]);
}

#[test]
fn case_072_and_073_too_many_restarts_end_it_with_all_children() {
    let mut pool = Pool::with_intensity(4);
    pool.start(1, &ChildPolicy::worker());
    pool.start(2, &ChildPolicy::worker());
    pool.failing.insert(1, boom());
    pool.end(1, boom());
    assert_eq!(pool.exit, Some(ExitReason::Shutdown));
    assert_eq!(pool.ended.get(&2), Some(&ExitReason::Shutdown));
    let given_up = |report: &&Report<u32>| matches!(report, Report::ReachedMaxRestartIntensity(_));
    assert_eq!(pool.reports.iter().filter(given_up).count(), 1);
}

#[test]
fn case_081_and_082_children_in_a_restart_loop_are_counted_and_can_be_terminated() {
    let backoff = ordu_supervisor::decisions::Backoff::new(SECOND, SECOND).jitter_percent(0);
    let policy = ChildPolicy {
        backoff: Some(backoff),
        ..ChildPolicy::worker()
    };
    let mut pool = Pool::with_intensity(100);
    for key in 1..=3 {
        pool.start(key, &policy);
    }
    for key in 1..=2 {
        pool.failing.insert(key, boom());
        pool.end(key, boom());
    }
    assert_eq!(pool.counts(), [3, 1, 0, 3]);
    assert_eq!(
        pool.core.child(&1).map(|child| child.1),
        Some(ChildPhase::Restarting)
    );
    pool.advance(5 * SECOND);
    assert_eq!(pool.counts(), [3, 1, 0, 3]);
    pool.failing.clear();
    pool.advance(SECOND);
    assert_eq!(pool.counts(), [3, 3, 0, 3]);
    pool.end(3, boom());
    for (key, left) in [(3, 2), (2, 1), (1, 0)] {
        pool.terminate(key);
        assert_eq!(pool.counts(), [left, left, 0, left]);
    }
    pool.stop();
    assert!(pool.exit.is_some());
}

#[test]
fn case_092_children_that_answer_a_stop_in_their_own_way() {
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        let mut pool = Pool::with_intensity(0);
        let answers = [
            ExitReason::Normal,
            ExitReason::Shutdown,
            ExitReason::shutdown_with("x"),
            boom(),
        ];
        for (key, answer) in (0..).zip(&answers) {
            pool.start(key, &with(restart));
            pool.answers.insert(key, Answer::With(answer.clone()));
        }
        pool.stop();
        assert_eq!(pool.exit, Some(ExitReason::Shutdown));
        assert_eq!(pool.ended.values().cloned().collect::<Vec<_>>(), answers);
        let errors = pool
            .reports
            .iter()
            .filter(|report| matches!(report, Report::ShutdownError(..)))
            .count();
        assert_eq!(errors, if restart == Restart::Permanent { 2 } else { 1 });
    }
}

#[test]
fn case_093_stops_run_side_by_side() {
    let mut pool = Pool::with_intensity(0);
    for (key, needs) in [(1, 1), (2, 1), (3, 5)] {
        pool.start(key, &within(Shutdown::Timeout(2 * SECOND)));
        pool.answers
            .insert(key, Answer::After(needs * SECOND, ExitReason::Shutdown));
    }
    pool.stop();
    pool.advance(Duration::from_millis(1_999));
    assert_eq!(pool.exit, None);
    pool.advance(Duration::from_millis(1));
    assert!(pool.exit.is_some());
    assert_eq!(pool.ended.get(&3), Some(&ExitReason::Killed));
}

#[test]
fn case_103_and_115_a_significant_child_is_refused() {
    let mut pool = Pool::with_intensity(0);
    pool.start(
        1,
        &ChildPolicy {
            significant: true,
            ..with(Restart::Transient)
        },
    );
    assert_eq!(
        pool.refusals,
        [Refusal::InvalidSpec(SpecError::SignificantWithoutAutoShutdown)]
    );
}

#[test]
fn case_107_thousands_of_children_are_counted_right() {
    let mut pool = Pool::with_intensity(0);
    for key in 0..1000 {
        pool.start(key, &with(Restart::Temporary));
    }
    assert_eq!(pool.counts(), [1000, 1000, 0, 1000]);
    for key in 1000..2000 {
        pool.start(
            key,
            &ChildPolicy {
                child_type: ChildType::Supervisor,
                ..with(Restart::Temporary)
            },
        );
    }
    assert_eq!(pool.counts(), [2000, 2000, 1000, 1000]);
    for key in 0..2000 {
        pool.end(key, ExitReason::Killed);
    }
    assert_eq!(pool.counts(), [0; 4]);
}

#[test]
fn case_114_flags_that_cannot_be() {
    let intensity = Intensity::new(1, Duration::ZERO);
    let error = DynamicCore::<u32>::new(DynamicFlags {
        intensity,
        ..DynamicFlags::default()
    })
    .unwrap_err();
    assert_eq!(error, FlagsError::InvalidPeriod);
    assert_eq!(
        DynamicFlags::default().intensity,
        Intensity::new(3, Duration::from_secs(5))
    );
    assert_eq!(DynamicFlags::default().max_children, None);
}

#[test]
fn case_118_no_more_than_the_allowed_number_those_being_restarted_included() {
    let backoff = ordu_supervisor::decisions::Backoff::new(SECOND, SECOND);
    let mut pool = Pool::new(DynamicFlags {
        max_children: Some(1),
        ..DynamicFlags::default()
    });
    pool.start(
        1,
        &ChildPolicy {
            backoff: Some(backoff),
            ..ChildPolicy::worker()
        },
    );
    pool.end(1, boom());
    pool.start(2, &ChildPolicy::worker());
    assert_eq!(pool.refusals, [Refusal::MaxChildren]);
    let mut none = Pool::new(DynamicFlags {
        max_children: Some(0),
        ..DynamicFlags::default()
    });
    none.start(1, &ChildPolicy::worker());
    assert_eq!(none.refusals, [Refusal::MaxChildren]);
}

#[test]
fn case_120_to_122_restart_types() {
    let normal = [
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::shutdown_with("x"),
    ];
    for restart in [Restart::Temporary, Restart::Transient, Restart::Permanent] {
        for reason in normal.iter().cloned().chain([boom()]) {
            let mut pool = Pool::with_intensity(1);
            pool.start(1, &with(restart));
            let restarted = restart.applies_to(&reason);
            pool.end(1, reason);
            assert_eq!(pool.counts()[0], usize::from(restarted));
        }
    }
}

#[test]
fn case_124_every_start_gets_what_the_child_came_with() {
    let mut pool = Pool::with_intensity(5);
    pool.start(1, &ChildPolicy::worker());
    pool.end(1, boom());
    pool.end(1, boom());
    assert_eq!(pool.payloads, ["args"; 3]);
}

#[test]
fn case_126_restarts_that_always_fail() {
    for intensity in [1, 10] {
        let mut pool = Pool::with_intensity(intensity);
        pool.start(1, &ChildPolicy::worker());
        pool.failing.insert(1, boom());
        pool.end(1, boom());
        assert_eq!(pool.exit, Some(ExitReason::Shutdown));
        assert_eq!(pool.payloads.len(), 1 + intensity as usize);
    }
}

#[test]
fn case_127_and_129_each_child_is_stopped_in_its_own_way() {
    let mut pool = Pool::with_intensity(0);
    let shutdowns = [
        Shutdown::BrutalKill,
        Shutdown::Infinity,
        Shutdown::Timeout(SECOND),
        Shutdown::Timeout(Duration::from_millis(1)),
    ];
    for (key, shutdown) in (0..).zip(shutdowns) {
        pool.start(key, &within(shutdown));
    }
    pool.answers.insert(3, Answer::Ignore);
    pool.stop();
    pool.advance(Duration::from_millis(1));
    let expected = [
        ExitReason::Killed,
        ExitReason::Shutdown,
        ExitReason::Shutdown,
        ExitReason::Killed,
    ];
    assert_eq!(pool.ended.values().cloned().collect::<Vec<_>>(), expected);
    assert_eq!(pool.exit, Some(ExitReason::Shutdown));
}

#[test]
fn case_130_terminate_child_then_again() {
    for shutdown in [Shutdown::BrutalKill, Shutdown::Timeout(SECOND)] {
        let mut pool = Pool::with_intensity(0);
        pool.start(1, &within(shutdown));
        pool.terminate(1);
        assert_eq!(pool.counts(), [0; 4]);
        pool.terminate(1);
        assert_eq!(pool.refusals, [Refusal::NotFound]);
    }
}

#[test]
fn no_state_makes_a_stop_hang() {
    let mut pool = Pool::with_intensity(100);
    let backoff = ordu_supervisor::decisions::Backoff::new(SECOND, SECOND);
    pool.start(
        1,
        &ChildPolicy {
            backoff: Some(backoff),
            ..ChildPolicy::worker()
        },
    );
    pool.end(1, boom());
    pool.start(2, &ChildPolicy::worker());
    pool.answers.insert(2, Answer::Ignore);
    pool.terminate(2);
    pool.start(3, &ChildPolicy::worker());
    pool.answers.insert(3, Answer::Unkillable);
    pool.terminate(3);
    pool.stop();
    pool.advance(Duration::from_secs(10));
    assert_eq!(pool.exit, Some(ExitReason::Shutdown));
}
