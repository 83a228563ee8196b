use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ordu_core::recording::{Described, Entry, OpenError, OutputsDigest, ReadError, Recording, state_digest};
use ordu_core::{Input, Node, Now, Output};

/// What happens while a recording is replayed.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// The node is handed this, the input of this number, counted from 1.
    Input(u64, Now, &'a Input),
    /// The node put this out in answer.
    Output(&'a Output),
}

/// A recording that was fed to a node of its own.
#[derive(Debug)]
pub struct Replayed {
    /// How many inputs.
    pub inputs: u64,
    /// What the node put out in answer to them.
    pub outputs: u64,
    /// From the first input to the last, by the recorded node's monotonic clock.
    pub length: Duration,
    /// How it ended: the same until the end of the recording, or not.
    pub outcome: Result<ReplayEnd, Difference>,
    /// The node as it is then.
    pub node: Node,
}

/// Where a replay that was the same throughout came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayEnd {
    /// The recorded node ended in peace, and its state was the same.
    Ended,
    /// After an answer: the recorded node was killed.
    Killed,
    /// After an input whose answer was not recorded: the recorded node was killed at it, or failed at it.
    Unanswered,
    /// In the middle of an entry, because the recorded node was killed; all before it was replayed.
    Cut,
    /// Before the end of the recording, as was asked.
    Stopped,
}

/// What was not the same, or could not be told.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// The last input has another answer.
    Answer {
        /// The input.
        input: Box<Input>,
        /// Of the recorded answer: how many outputs, and their digest.
        recorded: (u32, u64),
        /// Of the answer now.
        replayed: (u32, u64),
        /// The answer now.
        outputs: Vec<Output>,
    },
    /// All answers are the same, and the state at the end is not.
    State,
    /// The node panicked at the last input. The recorded one did not, or that is why its recording ends here.
    Panic {
        /// The input.
        input: Box<Input>,
        /// What it said.
        message: String,
        /// Whether the recorded node answered.
        answered: bool,
    },
    /// The rest cannot be read.
    Unreadable(ReadError),
    /// Entries are not in the order in which they are written.
    Disorder,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer {
                input,
                recorded: (count, digest),
                replayed: (now, now_digest),
                outputs,
            } => {
                writeln!(
                    f,
                    "answers otherwise than it did: {count} outputs then (digest {digest:016x}), {now} now \
                     ({now_digest:016x})\n  < {}",
                    Described(input.as_ref())
                )?;
                for output in outputs {
                    writeln!(f, "  > {}", Described(output))?;
                }
                Ok(())
            }
            Self::State => {
                f.write_str("knows something else at the end, though all its answers were the same")
            }
            Self::Panic {
                input,
                message,
                answered,
            } => {
                let then = if *answered {
                    "the recorded node did not"
                } else {
                    "the recording ends at the same input"
                };
                write!(f, "panics ({then}): {message}\n  < {}", Described(input.as_ref()))
            }
            Self::Unreadable(error) => write!(f, "has no more to answer: {error}"),
            Self::Disorder => f.write_str("has no more to answer: the entries are not in order"),
        }
    }
}

/// Makes the node that was recorded anew, feeds it the same inputs, at most `until` of them, and holds every
/// answer against the recorded one. Ends at the first difference: after it the inputs, which answered the
/// recorded node's outputs, mean nothing any more.
pub fn replay(
    bytes: &[u8],
    until: Option<u64>,
    seen: &mut dyn FnMut(Step<'_>),
) -> Result<Replayed, OpenError> {
    let mut recording = Recording::open(bytes)?;
    let header = recording.header().clone();
    let mut run = Run {
        node: Node::new(header.config, header.id, header.seed),
        digest: OutputsDigest::default(),
        inputs: 0,
        outputs: 0,
        began: None,
        now: Now::default(),
    };
    let outcome = run.all(&mut recording, until.unwrap_or(u64::MAX), seen);
    Ok(Replayed {
        inputs: run.inputs,
        outputs: run.outputs,
        length: run
            .began
            .map_or(Duration::ZERO, |began| run.now.mono.since(began.mono)),
        outcome,
        node: run.node,
    })
}

struct Run {
    node: Node,
    digest: OutputsDigest,
    inputs: u64,
    outputs: u64,
    began: Option<Now>,
    now: Now,
}

impl Run {
    fn all(
        &mut self,
        recording: &mut Recording<'_>,
        until: u64,
        seen: &mut dyn FnMut(Step<'_>),
    ) -> Result<ReplayEnd, Difference> {
        while self.inputs < until {
            let (now, input) = match recording.next().transpose().map_err(Difference::Unreadable)? {
                Some(Entry::Input { now, input }) => (now, input.into_owned()),
                Some(Entry::End { state }) if state == state_digest(&self.node) => {
                    return Ok(ReplayEnd::Ended);
                }
                Some(Entry::End { .. }) => return Err(Difference::State),
                Some(Entry::Outputs { .. }) => return Err(Difference::Disorder),
                None if recording.is_cut() => return Ok(ReplayEnd::Cut),
                None => return Ok(ReplayEnd::Killed),
            };
            let answer = recording.next().transpose().map_err(Difference::Unreadable)?;
            let recorded = match answer {
                Some(Entry::Outputs { count, digest }) => Some((count, digest)),
                None => None,
                Some(_) => return Err(Difference::Disorder),
            };
            self.step(now, input, recorded, seen)?;
            if recorded.is_none() {
                return Ok(if recording.is_cut() {
                    ReplayEnd::Cut
                } else {
                    ReplayEnd::Unanswered
                });
            }
        }
        Ok(ReplayEnd::Stopped)
    }

    fn step(
        &mut self,
        now: Now,
        input: Input,
        recorded: Option<(u32, u64)>,
        seen: &mut dyn FnMut(Step<'_>),
    ) -> Result<(), Difference> {
        self.inputs += 1;
        self.began.get_or_insert(now);
        self.now = now;
        seen(Step::Input(self.inputs, now, &input));
        let kept = Box::new(input.clone());
        let node = &mut self.node;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| node.handle(now, input))) {
            return Err(Difference::Panic {
                input: kept,
                message: said(panic.as_ref()),
                answered: recorded.is_some(),
            });
        }
        let mut outputs = Vec::new();
        while let Some(output) = self.node.poll_output() {
            seen(Step::Output(&output));
            self.digest.add(&output);
            outputs.push(output);
        }
        let replayed = self.digest.take();
        self.outputs += u64::from(replayed.0);
        match recorded {
            Some(recorded) if recorded != replayed => Err(Difference::Answer {
                input: kept,
                recorded,
                replayed,
                outputs,
            }),
            _ => Ok(()),
        }
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it did not say why".to_owned())
}
