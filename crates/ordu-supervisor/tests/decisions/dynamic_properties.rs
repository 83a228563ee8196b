//! What holds in every run of the dynamic core.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ordu_supervisor::decisions::{
    Backoff, ChildPhase, ChildPolicy, DynamicAction, DynamicCore, DynamicEvent, DynamicFlags, ExitReason,
    Incarnation, Intensity, Notice, Restart, Shutdown, Signal, Started, Time,
};
use proptest::prelude::*;

use crate::world::boom;

const MAX_CHILDREN: usize = 4;

#[derive(Debug, Clone)]
enum Op {
    StartChild(u8, ChildPolicy),
    /// The oldest start under way ends like this.
    Started(Result<Started, ExitReason>),
    /// The oldest living child ends by itself.
    End(ExitReason),
    /// The oldest child that was signalled obeys.
    Obey,
    Terminate(u8),
    Restart(u8),
    Advance(Duration),
    Stale(u64),
}

fn reason() -> impl Strategy<Value = ExitReason> {
    prop_oneof![
        Just(boom()),
        Just(boom()),
        Just(ExitReason::Normal),
        Just(ExitReason::CONFLICT)
    ]
}

fn duration() -> impl Strategy<Value = Duration> {
    (0_u64..8_000).prop_map(Duration::from_millis)
}

fn policy() -> impl Strategy<Value = ChildPolicy> {
    let restart = prop_oneof![
        Just(Restart::Permanent),
        Just(Restart::Transient),
        Just(Restart::Temporary)
    ];
    let shutdown = prop_oneof![
        Just(Shutdown::BrutalKill),
        Just(Shutdown::Infinity),
        duration().prop_map(Shutdown::Timeout)
    ];
    let backoff = prop::option::of(duration().prop_map(|first| Backoff::new(first, 2 * first)));
    let timeout = prop::option::of(duration());
    (restart, shutdown, backoff, timeout, 0_u32..4).prop_map(
        |(restart, shutdown, backoff, start_timeout, budget)| {
            let budget = Some(Intensity::new(budget, Duration::from_secs(5)));
            ChildPolicy {
                restart,
                shutdown,
                backoff,
                start_timeout,
                budget,
                ..ChildPolicy::worker()
            }
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0_u8..6;
    let outcome = prop_oneof![
        Just(Ok(Started::Running)),
        Just(Ok(Started::Running)),
        Just(Ok(Started::Ignore)),
        Just(Err(boom()))
    ];
    prop_oneof![
        (key(), policy()).prop_map(|(key, policy)| Op::StartChild(key, policy)),
        outcome.clone().prop_map(Op::Started),
        outcome.prop_map(Op::Started),
        reason().prop_map(Op::End),
        Just(Op::Obey),
        key().prop_map(Op::Terminate),
        key().prop_map(Op::Restart),
        duration().prop_map(Op::Advance),
        (0_u64..80).prop_map(Op::Stale),
    ]
}

/// Whatever a child is doing, what it is shown as leads to it.
fn assert_known_by_last_run(core: &DynamicCore<u8>) {
    for (key, incarnation, ..) in core.children() {
        assert_eq!(core.key_of(incarnation), Some(key));
    }
}

#[derive(Default)]
struct Watch {
    now: Time,
    starting: BTreeSet<Incarnation>,
    living: BTreeSet<Incarnation>,
    signalled: BTreeSet<Incarnation>,
    owners: BTreeMap<Incarnation, u8>,
    /// How each key's life stands: asked for, and not yet told to be over.
    known: BTreeSet<u8>,
    exit: Option<(ExitReason, Vec<Incarnation>)>,
    last: u64,
}

impl Watch {
    fn step(&mut self, core: &mut DynamicCore<u8>, event: DynamicEvent<u8>) {
        // A limit of no time at all is due at once; nothing that is due outlives a tick.
        let due = matches!(event, DynamicEvent::Tick);
        core.step(event, self.now);
        while let Some(action) = core.poll_action() {
            self.saw(action);
        }
        let leaving = core
            .children()
            .filter(|(.., phase, _)| matches!(phase, ChildPhase::Stopping | ChildPhase::Zombie));
        assert!(core.count_children().specs - leaving.count() <= MAX_CHILDREN);
        assert_known_by_last_run(core);
        assert!(
            core.next_deadline()
                .is_none_or(|at| if due { at > self.now } else { at >= self.now }),
            "a deadline was passed over"
        );
        let known: BTreeSet<u8> = core.children().map(|(key, ..)| *key).collect();
        assert_eq!(known, self.known, "notices and children disagree");
    }

    fn saw(&mut self, action: DynamicAction<u8>) {
        match action {
            DynamicAction::Start { key, incarnation, .. } => {
                assert!(self.exit.is_none() && incarnation.number() > self.last);
                self.last = incarnation.number();
                let alive = self.starting.union(&self.living);
                assert!(
                    alive.into_iter().all(|other| self.owners[other] != key),
                    "{key} was started beside an earlier incarnation of itself"
                );
                self.owners.insert(incarnation, key);
                self.known.insert(key);
                self.starting.insert(incarnation);
            }
            DynamicAction::Signal {
                incarnation, signal, ..
            } => {
                assert!(self.starting.contains(&incarnation) || self.living.contains(&incarnation));
                self.signalled.insert(incarnation);
                let _: Signal = signal;
            }
            DynamicAction::Notice { key, notice, .. } => match notice {
                Notice::Running | Notice::Restarting { .. } | Notice::Zombie => {
                    assert!(self.known.contains(&key));
                }
                _ => assert!(self.known.remove(&key), "{key} was forgotten twice"),
            },
            DynamicAction::Refused { .. } | DynamicAction::Report(_) => {}
            DynamicAction::Exit { reason, zombies } => {
                assert_eq!(self.exit, None, "it ended twice");
                self.exit = Some((reason, zombies));
            }
        }
    }

    fn ended(&mut self, core: &mut DynamicCore<u8>, incarnation: Incarnation, reason: ExitReason) {
        self.signalled.remove(&incarnation);
        let event = if self.starting.remove(&incarnation) {
            DynamicEvent::Started {
                incarnation,
                outcome: Err(reason),
            }
        } else {
            self.living.remove(&incarnation);
            DynamicEvent::Exited { incarnation, reason }
        };
        self.step(core, event);
    }

    fn apply(&mut self, core: &mut DynamicCore<u8>, op: Op) {
        match op {
            Op::StartChild(key, policy) => {
                self.step(
                    core,
                    DynamicEvent::StartChild {
                        key,
                        policy,
                        payload: (),
                        restarts: 0,
                    },
                );
            }
            Op::Started(outcome) => {
                if let Some(incarnation) = self.starting.pop_first() {
                    if outcome == Ok(Started::Running) {
                        self.living.insert(incarnation);
                    } else {
                        self.signalled.remove(&incarnation);
                    }
                    self.step(core, DynamicEvent::Started { incarnation, outcome });
                }
            }
            Op::End(reason) => {
                if let Some(incarnation) = self.living.first().copied() {
                    self.ended(core, incarnation, reason);
                }
            }
            Op::Obey => {
                if let Some(incarnation) = self.signalled.first().copied() {
                    self.ended(core, incarnation, ExitReason::Shutdown);
                }
            }
            Op::Terminate(key) => self.step(
                core,
                DynamicEvent::Terminate {
                    key,
                    reason: ExitReason::Shutdown,
                },
            ),
            Op::Restart(key) => self.step(core, DynamicEvent::Restart { key }),
            Op::Advance(delay) => self.advance(core, delay),
            Op::Stale(number) => {
                let incarnation = Incarnation::new(number);
                if !self.starting.contains(&incarnation) && !self.living.contains(&incarnation) {
                    let before: Vec<_> = core
                        .children()
                        .map(|(key, at, phase, _)| (*key, at, phase))
                        .collect();
                    self.step(
                        core,
                        DynamicEvent::Exited {
                            incarnation,
                            reason: boom(),
                        },
                    );
                    let after: Vec<_> = core
                        .children()
                        .map(|(key, at, phase, _)| (*key, at, phase))
                        .collect();
                    assert_eq!(before, after);
                }
            }
        }
    }

    fn advance(&mut self, core: &mut DynamicCore<u8>, delay: Duration) {
        let until = self.now.after(delay);
        while let Some(at) = core.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.step(core, DynamicEvent::Tick);
        }
        self.now = until;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_run_of_a_dynamic_core_keeps_the_rules(
        ops in prop::collection::vec(op(), 0..60),
        killed in any::<bool>(),
    ) {
        let flags = DynamicFlags { max_children: Some(MAX_CHILDREN), ..DynamicFlags::default() };
        let mut core = DynamicCore::new(flags).unwrap();
        let mut watch = Watch::default();
        for op in ops {
            watch.apply(&mut core, op);
            // Every child has a budget of its own, so whatever it does ends nobody else.
            prop_assert!(watch.exit.is_none());
        }
        watch.step(&mut core, DynamicEvent::Stop { reason: boom() });
        let killed = killed && watch.exit.is_none();
        if killed {
            watch.step(&mut core, DynamicEvent::Kill);
        }
        // Nobody obeys until all that can be killed has been; those with all the time in the world then do.
        watch.advance(&mut core, Duration::from_hours(1));
        while watch.exit.is_none() {
            watch.apply(&mut core, Op::Obey);
        }
        let (reason, zombies) = watch.exit.clone().unwrap();
        prop_assert_eq!(reason, if killed { ExitReason::Killed } else { boom() });
        let alive: Vec<Incarnation> = watch.starting.union(&watch.living).copied().collect();
        let mut listed = zombies;
        listed.sort_unstable();
        prop_assert_eq!(alive, listed);
    }
}
