//! Random schedules against the specification, at every step.

use std::{vec, vec::Vec};

use proptest::prelude::*;

use super::net::{Key, Net, SMALL_FRAMES};
use crate::{SyncConfig, planted::Bug};

#[derive(Clone, Debug)]
pub(super) enum Step {
    Write {
        at: usize,
        ops: Vec<(Key, Option<u16>)>,
    },
    Sync {
        at: usize,
        with: usize,
    },
    Deliver {
        from: usize,
        to: usize,
        count: usize,
        pick: usize,
    },
    Repeat {
        from: usize,
        to: usize,
        pick: usize,
    },
    Lose {
        from: usize,
        to: usize,
        pick: usize,
    },
    Silence(bool),
    Crash {
        at: usize,
    },
    Leave {
        at: usize,
    },
    Disconnect {
        at: usize,
    },
    ComeBack {
        at: usize,
    },
    Tell {
        at: usize,
    },
    Adopt {
        at: usize,
    },
    Cut,
    Drain,
    Round,
}

fn step(size: usize) -> impl Strategy<Value = Step> {
    let node = 0..size;
    let link = (0..size, 0..size);
    let out_of_order = prop_oneof![4 => Just(0_usize), 1 => 0..20_usize];
    let ops = prop::collection::vec((0..4_u8, prop::option::weighted(0.7, any::<u16>())), 1..5);
    prop_oneof![
        8 => (node.clone(), ops).prop_map(|(at, ops)| Step::Write { at, ops }),
        6 => link.clone().prop_map(|(at, with)| Step::Sync { at, with }),
        16 => (link.clone(), 1..6_usize, out_of_order)
            .prop_map(|((from, to), count, pick)| Step::Deliver { from, to, count, pick }),
        2 => (link.clone(), 0..20_usize).prop_map(|((from, to), pick)| Step::Repeat { from, to, pick }),
        2 => (link, 0..20_usize).prop_map(|((from, to), pick)| Step::Lose { from, to, pick }),
        2 => any::<bool>().prop_map(Step::Silence),
        1 => node.clone().prop_map(|at| Step::Crash { at }),
        1 => node.clone().prop_map(|at| Step::Leave { at }),
        1 => node.clone().prop_map(|at| Step::Disconnect { at }),
        1 => node.clone().prop_map(|at| Step::ComeBack { at }),
        2 => node.clone().prop_map(|at| Step::Tell { at }),
        1 => node.prop_map(|at| Step::Adopt { at }),
        1 => Just(Step::Cut),
        2 => Just(Step::Drain),
        2 => Just(Step::Round),
    ]
}

#[derive(Clone, Debug)]
pub(super) struct Schedule {
    size: usize,
    window: u32,
    steps: Vec<Step>,
}

pub(super) fn schedule() -> impl Strategy<Value = Schedule> {
    let size = prop_oneof![1 => Just(2_usize), 4 => Just(3), 2 => 4..=6_usize];
    (size, 1..=3_u32).prop_flat_map(|(size, window)| {
        let steps = prop::collection::vec(step(size), 1..120);
        steps.prop_map(move |steps| Schedule { size, window, steps })
    })
}

pub(super) fn run(schedule: Schedule, bug: Option<Bug>) {
    let Schedule { size, window, steps } = schedule;
    let mut net = Net::with_bug(
        size,
        SyncConfig {
            window,
            ..SMALL_FRAMES
        },
        bug,
    );
    for step in steps {
        match step {
            Step::Write { at, ops } => net.write(at, &ops),
            Step::Sync { at, with } if at == with => net.speak(at),
            Step::Sync { at, with } => net.sync(at, with),
            Step::Deliver {
                from,
                to,
                count,
                pick,
            } => (0..count).for_each(|_| net.deliver(from, to, pick)),
            Step::Repeat { from, to, pick } => net.repeat(from, to, pick),
            Step::Lose { from, to, pick } => drop(net.take(from, to, pick)),
            Step::Silence(silent) => net.silent = silent,
            Step::Crash { at } => net.crash(at),
            Step::Leave { at } => net.leave(at),
            Step::Disconnect { at } => net.disconnect(at),
            Step::ComeBack { at } => net.come_back(at),
            Step::Tell { at } => net.tell(at),
            Step::Adopt { at } => net.adopt(at),
            Step::Cut => net.links.clear(),
            Step::Drain => net.drain(),
            Step::Round => net.round(),
        }
        net.check();
    }
    net.settle();
    if bug.is_none() {
        net.forget_the_dead();
    }
}

/// How the suite runs: by default 1,536 schedules; `PROPTEST_CASES` scales it.
pub(super) fn budget() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases * 6,
        failure_persistence: None,
        ..default
    }
}

proptest! {
    #![proptest_config(budget())]

    #[test]
    fn every_replica_holds_at_every_step_what_the_specification_says(schedule in schedule()) {
        run(schedule, None);
    }
}
