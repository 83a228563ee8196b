//! Random schedules against the specification, at every step.

mod common;

use common::{Key, Net, SMALL_FRAMES};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
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
    Crash {
        at: usize,
    },
    Cut,
    Drain,
}

fn step(size: usize) -> impl Strategy<Value = Step> {
    let node = 0..size;
    let out_of_order = prop_oneof![4 => Just(0_usize), 1 => 0..20_usize];
    let ops = prop::collection::vec((0..5_u8, prop::option::weighted(0.7, any::<u16>())), 1..5);
    prop_oneof![
        6 => (node.clone(), ops).prop_map(|(at, ops)| Step::Write { at, ops }),
        5 => (node.clone(), node.clone()).prop_map(|(at, with)| Step::Sync { at, with }),
        16 => (node.clone(), node.clone(), 1..6_usize, out_of_order)
            .prop_map(|(from, to, count, pick)| Step::Deliver { from, to, count, pick }),
        2 => (node.clone(), node.clone(), 0..20_usize).prop_map(|(from, to, pick)| Step::Repeat { from, to, pick }),
        2 => (node.clone(), node.clone(), 0..20_usize).prop_map(|(from, to, pick)| Step::Lose { from, to, pick }),
        1 => node.prop_map(|at| Step::Crash { at }),
        1 => Just(Step::Cut),
        1 => Just(Step::Drain),
    ]
}

fn schedule() -> impl Strategy<Value = (usize, Vec<Step>)> {
    (2..=6_usize).prop_flat_map(|size| (Just(size), prop::collection::vec(step(size), 1..120)))
}

fn run(size: usize, steps: Vec<Step>) {
    let mut net = Net::new(size, SMALL_FRAMES);
    for step in steps {
        match step {
            Step::Write { at, ops } => net.write(at, &ops),
            Step::Sync { at, with } if at != with => net.sync(at, with),
            Step::Deliver {
                from,
                to,
                count,
                pick,
            } => (0..count).for_each(|_| net.deliver(from, to, pick)),
            Step::Repeat { from, to, pick } => net.repeat(from, to, pick),
            Step::Lose { from, to, pick } => net.lose(from, to, pick),
            Step::Crash { at } => net.crash(at),
            Step::Cut => net.cut(),
            Step::Drain => net.drain(),
            Step::Sync { .. } => {}
        }
        net.check();
    }
    net.settle();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_replica_holds_at_every_step_what_the_specification_says((size, steps) in schedule()) {
        run(size, steps);
    }
}
