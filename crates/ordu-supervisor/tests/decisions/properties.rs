//! What holds in every run, on random scripts that also hang, time out, overtake and cannot be killed.

use std::time::Duration;

use ordu_supervisor::decisions::{
    AutoShutdown, Backoff, ChildPolicy, ChildState, ExitReason, Incarnation, Intensity, Reply, Request,
    Restart, Shutdown, ShutdownInfo, StaticEvent, StaticFlags, Strategy as Restarts,
};
use proptest::prelude::*;

use crate::world::{Answer, Event, NextStart, World, boom, spec};

const IDS: u8 = 5;
const PERIOD: Duration = Duration::from_secs(3);

#[derive(Debug, Clone)]
enum Op {
    End(u8, ExitReason),
    Start(u8, ChildPolicy),
    Terminate(u8),
    Restart(u8),
    Delete(u8),
    NextStart(u8, NextStart),
    Answer(u8, Answer),
    Advance(Duration),
    /// News of an incarnation long gone, or never there.
    Stale(u64),
}

fn reason() -> impl Strategy<Value = ExitReason> {
    prop_oneof![
        Just(boom()),
        Just(boom()),
        Just(ExitReason::Normal),
        Just(ExitReason::Shutdown),
        Just(ExitReason::Killed),
        Just(ExitReason::REDISTRIBUTION),
    ]
}

fn duration() -> impl Strategy<Value = Duration> {
    (0_u64..8_000).prop_map(Duration::from_millis)
}

fn restart() -> impl Strategy<Value = Restart> {
    prop_oneof![
        Just(Restart::Permanent),
        Just(Restart::Permanent),
        Just(Restart::Transient),
        Just(Restart::Temporary)
    ]
}

fn policy() -> impl Strategy<Value = ChildPolicy> {
    let shutdown = prop_oneof![
        Just(Shutdown::BrutalKill),
        Just(Shutdown::Infinity),
        duration().prop_map(Shutdown::Timeout)
    ];
    let backoff = duration().prop_map(|first| Backoff::new(first, 2 * first));
    (
        restart(),
        shutdown,
        any::<bool>(),
        prop::option::weighted(0.2, duration()),
        prop::option::weighted(0.2, backoff),
    )
        .prop_map(
            |(restart, shutdown, significant, start_timeout, backoff)| ChildPolicy {
                restart,
                shutdown,
                significant: significant && restart != Restart::Permanent,
                start_timeout,
                backoff,
                ..ChildPolicy::worker()
            },
        )
}

fn next_start() -> impl Strategy<Value = NextStart> {
    prop_oneof![
        Just(NextStart::Fail(boom())),
        Just(NextStart::Fail(boom())),
        Just(NextStart::Ok),
        Just(NextStart::Ignore),
        Just(NextStart::Hang),
        reason().prop_map(NextStart::OkButDead),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        reason().prop_map(Answer::With),
        (duration(), reason()).prop_map(|(delay, reason)| Answer::After(delay, reason)),
        Just(Answer::Ignore),
        Just(Answer::Unkillable),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let id = || 0..IDS;
    prop_oneof![
        4 => (id(), reason()).prop_map(|(id, reason)| Op::End(id, reason)),
        2 => (id(), policy()).prop_map(|(id, policy)| Op::Start(id, policy)),
        1 => id().prop_map(Op::Terminate),
        1 => id().prop_map(Op::Restart),
        1 => id().prop_map(Op::Delete),
        2 => (id(), next_start()).prop_map(|(id, next)| Op::NextStart(id, next)),
        1 => (id(), answer()).prop_map(|(id, answer)| Op::Answer(id, answer)),
        3 => duration().prop_map(Op::Advance),
        1 => (0_u64..60).prop_map(Op::Stale),
    ]
}

fn flags() -> impl Strategy<Value = StaticFlags> {
    let strategy = prop_oneof![
        Just(Restarts::OneForOne),
        Just(Restarts::OneForAll),
        Just(Restarts::RestForOne)
    ];
    let auto_shutdown = prop_oneof![
        Just(AutoShutdown::AnySignificant),
        Just(AutoShutdown::AllSignificant)
    ];
    (strategy, 0_u32..6, auto_shutdown, any::<bool>()).prop_map(
        |(strategy, max_restarts, auto_shutdown, escalate_zombies)| StaticFlags {
            strategy,
            auto_shutdown,
            intensity: Intensity::new(max_restarts, PERIOD),
            escalate_zombies,
            seed: 7,
        },
    )
}

/// What is remembered from step to step.
struct Watch {
    flags: StaticFlags,
    calls: Vec<u64>,
}

impl Watch {
    fn apply(&mut self, world: &mut World, op: Op) {
        let name = |id: u8| id.to_string();
        match op {
            Op::End(id, reason) => {
                if world.is_up(&name(id)) {
                    world.end_live(&name(id), reason);
                }
            }
            Op::Start(id, policy) => {
                let request = Request::StartChild {
                    key: name(id),
                    policy,
                    payload: 0,
                };
                self.calls.push(world.send(request));
            }
            Op::Terminate(id) => self
                .calls
                .push(world.send(Request::TerminateChild { key: name(id) })),
            Op::Restart(id) => self
                .calls
                .push(world.send(Request::RestartChild { key: name(id) })),
            Op::Delete(id) => self
                .calls
                .push(world.send(Request::DeleteChild { key: name(id) })),
            Op::NextStart(id, next) => world.script_start(&name(id), next),
            Op::Answer(id, answer) => world.script_answer(&name(id), answer),
            Op::Advance(delay) => world.advance(delay),
            Op::Stale(number) => Self::stale(world, Incarnation::new(number)),
        }
    }

    /// Late news touch nobody.
    fn stale(world: &mut World, incarnation: Incarnation) {
        if world.is_current(incarnation) {
            return;
        }
        let before = (world.list(), world.log.len(), world.reports.len());
        world.step(StaticEvent::Exited {
            incarnation,
            reason: boom(),
        });
        world.step(StaticEvent::Started {
            incarnation,
            outcome: Err(boom()),
        });
        assert_eq!(
            (world.list(), world.log.len(), world.reports.len()),
            before,
            "{incarnation} is long gone"
        );
    }

    fn check(world: &World) {
        let list = world.list();
        let [specs, active, supervisors, workers] = world.counts();
        assert_eq!(specs, list.len());
        assert!(active <= specs);
        assert_eq!(supervisors + workers, specs);
        for child in &list {
            if world.restart_of(&child.key) == Some(Restart::Temporary) && !world.is_being_started(&child.key)
            {
                assert!(
                    !matches!(child.state, ChildState::Undefined | ChildState::Restarting(_)),
                    "temporary {} is {:?}",
                    child.key,
                    child.state
                );
            }
        }
    }

    /// A group counts once: only the child that failed has one more restart to its name.
    fn check_intensity(&self, world: &World) {
        let max = self.flags.intensity.max_restarts as usize;
        for window in world.rounds.windows(max + 1) {
            let took = window[max].since(window[0]);
            assert!(took > PERIOD, "{max} allowed, got {window:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_run_keeps_the_rules(
        flags in flags(),
        policies in prop::collection::vec(policy(), 0..5),
        ops in prop::collection::vec(op(), 0..40),
        reason in reason(),
        killed in any::<bool>(),
    ) {
        let specs = (0..).zip(policies).map(|(id, policy): (u8, _)| spec(&id.to_string(), policy)).collect();
        let mut world = World::new(flags, specs);
        let mut watch = Watch { flags, calls: Vec::new() };
        for op in ops {
            watch.apply(&mut world, op);
            Watch::check(&world);
        }
        watch.check_intensity(&world);

        let ended_before = world.exit.is_some();
        let starts = world.starts.clone();
        world.step(StaticEvent::Stop { reason: reason.clone() });
        if killed {
            world.step(StaticEvent::Kill);
        }
        // Whoever takes long to stop, or hangs while asked, is given all the time of the world and then killed.
        world.advance(Duration::from_hours(1));
        if world.exit.is_none() {
            world.step(StaticEvent::Kill);
            world.advance(Duration::from_hours(1));
        }
        prop_assert_eq!(&world.starts, &starts, "something was started while stopping");
        let exit = world.exit_reason().cloned();
        let expected = match &exit {
            Some(
                ExitReason::Killed
                | ExitReason::Shutdown
                | ExitReason::ShutdownWith(ShutdownInfo::FailedToStartChild { .. }),
            ) => true,
            Some(ExitReason::Unkillable) if flags.escalate_zombies => true,
            Some(other) => *other == reason && !ended_before,
            None => false,
        };
        prop_assert!(expected, "ended with {:?}", exit);
        for call in &watch.calls {
            prop_assert!(world.replies.contains_key(call), "call {} was never answered", call);
        }
    }

    #[test]
    fn children_stop_in_exactly_the_reverse_of_their_order(
        flags in flags(),
        policies in prop::collection::vec(policy(), 0..5),
        ends in prop::collection::vec((0..IDS, reason()), 0..4),
    ) {
        let specs = (0..).zip(policies).map(|(id, policy): (u8, _)| spec(&id.to_string(), policy)).collect();
        let mut world = World::new(flags, specs);
        for (id, reason) in ends {
            if world.is_up(&id.to_string()) {
                world.end_live(&id.to_string(), reason);
            }
        }
        let running = |child: &ordu_supervisor::decisions::ChildView<String>| matches!(child.state, ChildState::Running(_));
        let expected: Vec<String> = world.list().into_iter().filter(running).map(|child| child.key).collect();
        let from = world.log.len();
        world.step(StaticEvent::Stop { reason: ExitReason::Shutdown });
        let mut stopped: Vec<String> = world.log[from..]
            .iter()
            .filter_map(|event| match event {
                Event::Asked(key) | Event::Killed(key) => Some(key.clone()),
                Event::Started(..) | Event::Ended(..) => None,
            })
            .collect();
        // A timeout of zero asks and kills.
        stopped.dedup();
        prop_assert_eq!(stopped, expected);
    }

    #[test]
    fn terminating_twice_is_terminating_once(restart in restart(), ends in prop::collection::vec(reason(), 0..3)) {
        let policy = ChildPolicy { restart, ..ChildPolicy::worker() };
        let mut world = World::new(StaticFlags::default(), vec![spec("a", policy)]);
        for reason in ends {
            if world.is_up("a") {
                world.end_live("a", reason);
            }
        }
        let known = world.state("a").is_some();
        let first = world.terminate("a");
        prop_assert_eq!(first == Reply::Done, known);
        if restart != Restart::Temporary {
            let before = world.list();
            prop_assert_eq!(world.terminate("a"), Reply::Done);
            prop_assert_eq!(world.list(), before);
        }
    }
}
