//! Nodes that were recorded in simulated worlds, and their recordings replayed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::cell::RefCell;
use std::collections::VecDeque;

use ordu_core::recording::{Entry, Header, Recording, Writer};
use ordu_core::{Config, Input, Node, NodeId, Now, Output, Time};
use ordu_sim::{Difference, Machine, ReplayEnd, Replayed, Trace, replay, run, swarm};

thread_local! {
    static RECORDINGS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A node with what the shell does to record it. Its recording is kept when it goes, whatever ends it.
#[derive(Debug)]
struct Recorded {
    node: Node,
    writer: Writer,
    outputs: VecDeque<Output>,
}

impl Machine for Recorded {
    fn boot(config: Config, id: NodeId, seed: u64) -> Self {
        let header = Header { config, id, seed };
        Self {
            writer: Writer::begin(&header),
            node: Node::new(header.config, id, seed),
            outputs: VecDeque::new(),
        }
    }

    fn handle(&mut self, now: Now, input: Input) {
        self.writer.input(now, &input);
        self.node.handle(now, input);
        while let Some(output) = self.node.poll_output() {
            self.writer.output(&output);
            self.outputs.push_back(output);
        }
        self.writer.answered();
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_deadline(&self) -> Option<Time> {
        self.node.next_deadline()
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.writer.end(&self.node);
        let mut bytes = Vec::new();
        self.writer.drain_into(&mut bytes);
        RECORDINGS.with_borrow_mut(|all| all.push(bytes));
    }
}

/// The recordings of all nodes of one seed's world.
fn recordings(seed: u64) -> Vec<Vec<u8>> {
    run::<Recorded>(&swarm::plan(seed), Trace::Off);
    RECORDINGS.with_borrow_mut(std::mem::take)
}

/// The longest of them.
fn recording(seed: u64) -> Vec<u8> {
    recordings(seed).into_iter().max_by_key(Vec::len).unwrap()
}

fn replayed(bytes: &[u8]) -> Replayed {
    replay(bytes, None, &mut |_| {}).unwrap()
}

/// The recording with its entries changed.
fn rewritten(bytes: &[u8], mut change: impl FnMut(usize, Entry<'static>) -> Entry<'static>) -> Vec<u8> {
    let mut recording = Recording::open(bytes).unwrap();
    let mut writer = Writer::begin(&recording.header().clone());
    for (number, entry) in recording.by_ref().enumerate() {
        writer.entry(&change(number, entry.unwrap()));
    }
    let mut bytes = Vec::new();
    writer.drain_into(&mut bytes);
    bytes
}

#[test]
fn every_node_of_chaotic_worlds_replays_to_the_same_answers_and_the_same_state() {
    let (mut nodes, mut inputs) = (0, 0);
    for seed in 0..6 {
        for bytes in recordings(seed) {
            let replayed = replayed(&bytes);
            assert_eq!(replayed.outcome, Ok(ReplayEnd::Ended), "seed {seed}");
            nodes += 1;
            inputs += replayed.inputs;
        }
    }
    println!("{nodes} nodes, {inputs} inputs");
    assert!(nodes > 20 && inputs > 10_000, "{nodes} nodes, {inputs} inputs");
}

#[test]
fn the_first_answer_that_differs_is_named() {
    let bytes = recording(1);
    let mut answers = 0;
    let planted = rewritten(&bytes, |_, entry| match entry {
        Entry::Outputs { count, digest } => {
            answers += 1;
            let digest = if answers == 50 { digest ^ 1 } else { digest };
            Entry::Outputs { count, digest }
        }
        other => other,
    });
    let replayed = replayed(&planted);
    assert_eq!(replayed.inputs, 50);
    assert!(
        matches!(replayed.outcome, Err(Difference::Answer { .. })),
        "{:?}",
        replayed.outcome
    );
}

#[test]
fn a_state_that_differs_at_the_end_is_told() {
    let planted = rewritten(&recording(1), |_, entry| match entry {
        Entry::End { state } => Entry::End { state: !state },
        other => other,
    });
    assert_eq!(replayed(&planted).outcome, Err(Difference::State));
}

#[test]
fn a_node_of_another_config_is_found_to_answer_otherwise() {
    let bytes = recording(1);
    let recording = Recording::open(&bytes).unwrap();
    let mut header = recording.header().clone();
    header.config.timing.probe_period *= 2;
    let mut writer = Writer::begin(&header);
    recording.for_each(|entry| writer.entry(&entry.unwrap()));
    let mut other = Vec::new();
    writer.drain_into(&mut other);

    let outcome = replayed(&other).outcome;

    assert!(matches!(outcome, Err(Difference::Answer { .. })), "{outcome:?}");
}

#[test]
fn a_recording_of_a_killed_node_replays_up_to_where_it_was_cut() {
    let bytes = recording(1);
    let whole = replayed(&bytes).inputs;
    for cut in [1, 20, 24, 25, 40, 60, bytes.len() / 2] {
        let replayed = replayed(&bytes[..bytes.len() - cut]);
        let ending = replayed.outcome.unwrap();
        assert!(
            matches!(ending, ReplayEnd::Cut | ReplayEnd::Killed | ReplayEnd::Unanswered),
            "{cut}: {ending:?}"
        );
        assert!(replayed.inputs <= whole);
    }
}

#[test]
fn a_replay_stops_where_it_is_told_to() {
    let mut seen = 0;
    let stopped = replay(&recording(1), Some(30), &mut |_| seen += 1).unwrap();
    assert_eq!(stopped.inputs, 30);
    assert_eq!(seen, stopped.inputs + stopped.outputs);
    assert_eq!(stopped.outcome, Ok(ReplayEnd::Stopped));
}

#[test]
fn entries_out_of_order_and_damaged_ones_are_told() {
    let bytes = recording(1);
    let mut recording = Recording::open(&bytes).unwrap();
    let mut writer = Writer::begin(&recording.header().clone());
    recording.next();
    recording.take(10).for_each(|entry| writer.entry(&entry.unwrap()));
    let mut shuffled = Vec::new();
    writer.drain_into(&mut shuffled);
    assert_eq!(replayed(&shuffled).outcome, Err(Difference::Disorder));

    let mut damaged = bytes.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let outcome = replayed(&damaged).outcome;
    assert!(
        matches!(outcome, Err(Difference::Unreadable(_))) || outcome == Ok(ReplayEnd::Cut),
        "{outcome:?}"
    );
}
