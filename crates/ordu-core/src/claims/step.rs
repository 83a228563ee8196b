use crate::registers::{ClaimState, Rank};

use super::StopWhy;

/// The next thing the owner of a copy or of a claim must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Stop the copy.
    Stop(StopWhy),
    /// The claim is this node's and the child is to run: start it.
    Start,
    /// Nothing runs here any more: say so in the claim, which is this node's.
    Settle(ClaimState),
    /// The life is over: remove the claim, which is this node's.
    RemoveClaim,
    /// Another copy outranks this one: ask its owner before anything is stopped (S7.1).
    Confirm(Rank),
}

/// What the owner of a winning claim answers to the loser's question (S7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Verdict {
    /// The winner's copy runs.
    Running,
    /// It is being started.
    Starting,
    /// It finished, was stopped or failed.
    Over,
    /// The asked node does not rank itself winner, or its copy is being stopped: no answer yet.
    NotWinner,
}
