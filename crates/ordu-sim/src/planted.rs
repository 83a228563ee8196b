//! Bugs to plant, so that everybody can see that the simulator finds them.
//!
//! A rule whose breach nothing notices is not tested. Each bug here breaks one rule the way somebody would who did not
//! know it; a campaign with the bug must find it, by an invariant that has to do with the rule.

use ordu_core::{Bug as NodeBug, MapBug};

use crate::Plan;
use crate::swarm::{Bias, Worlds};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The node.
    Node(NodeBug),
    /// S1.6: the shell gives a node the identity that its host's first boot had.
    IdReused,
}

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planted {
    /// What to call it on a command line.
    pub name: &'static str,
    /// The rule it breaks.
    pub rule: &'static str,
    /// What it is.
    pub bug: Bug,
    /// In which worlds it is looked for.
    pub worlds: Worlds,
    /// The invariants that find it: those that have to do with the rule.
    pub found_by: &'static [&'static str],
}

impl Planted {
    /// What a seed decides where the bug is looked for, without the bug.
    pub fn plan(&self, seed: u64) -> Plan {
        self.worlds.plan(seed)
    }
}

/// All of them.
pub const ALL: &[Planted] = &[
    Planted {
        name: "clock-ranks-claims",
        rule: "S2.2",
        bug: Bug::Node(NodeBug::ClaimsRankedByClock),
        worlds: Worlds::Swarm,
        found_by: &["owned", "exactly-one-after-heal", "converged"],
    },
    Planted {
        name: "written-off-counted",
        rule: "S1.4",
        bug: Bug::Node(NodeBug::WrittenOffCounted),
        worlds: Worlds::Biased(Bias::Returns),
        found_by: &["bounded-state"],
    },
    Planted {
        name: "claim-spared-by-join",
        rule: "S2.1",
        bug: Bug::Node(NodeBug::ClaimSparedByJoin),
        worlds: Worlds::Biased(Bias::Returns),
        found_by: &["no-resurrection", "exactly-one-after-heal", "converged"],
    },
    Planted {
        name: "born-judged-after-commit",
        rule: "S2.1",
        bug: Bug::Node(NodeBug::BornJudgedAfterCommit),
        worlds: Worlds::Swarm,
        found_by: &["nothing-undeleted-vanishes", "outcome-truth", "serves"],
    },
    Planted {
        name: "absent-intent-is-deletion",
        rule: "S2.3",
        bug: Bug::Node(NodeBug::AbsentIntentReadAsDeletion),
        worlds: Worlds::Swarm,
        found_by: &["serves", "outcome-truth", "nothing-undeleted-vanishes"],
    },
    Planted {
        name: "mutual-removal-obeyed",
        rule: "S2.4",
        bug: Bug::Node(NodeBug::MutualRemovalObeyed),
        worlds: Worlds::Biased(Bias::Removals),
        found_by: &["just-exits"],
    },
    Planted {
        name: "lost-on-one-opinion",
        rule: "S5.4",
        bug: Bug::Node(NodeBug::LostOnOneOpinion),
        worlds: Worlds::Swarm,
        found_by: &["temporary-is-spared"],
    },
    Planted {
        name: "epoch-not-raised",
        rule: "S3.1",
        bug: Bug::Node(NodeBug::EpochNotRaised),
        worlds: Worlds::Swarm,
        found_by: &["token-order"],
    },
    Planted {
        name: "epochs-forgotten",
        rule: "S3.1",
        bug: Bug::Node(NodeBug::EpochsForgotten),
        worlds: Worlds::Swarm,
        found_by: &["token-order"],
    },
    Planted {
        name: "take-over-not-held",
        rule: "S3.2",
        bug: Bug::Node(NodeBug::TakeOverNotHeld),
        worlds: Worlds::Swarm,
        found_by: &["held-before-started"],
    },
    Planted {
        name: "restart-above-unheld",
        rule: "S3.2",
        bug: Bug::Node(NodeBug::RestartAboveUnheldClaim),
        worlds: Worlds::Biased(Bias::UnheldClaims),
        found_by: &["held-before-started"],
    },
    Planted {
        name: "everybody-decides",
        rule: "S4.1",
        bug: Bug::Node(NodeBug::EverybodyDecides),
        worlds: Worlds::Swarm,
        found_by: &["serves", "one-copy-when-calm", "outcome-truth"],
    },
    Planted {
        name: "view-not-settled",
        rule: "S4.3",
        bug: Bug::Node(NodeBug::ViewNotSettled),
        worlds: Worlds::Swarm,
        found_by: &["take-over-justified"],
    },
    Planted {
        name: "suspects-own-nothing",
        rule: "S4.4",
        bug: Bug::Node(NodeBug::SuspectsOwnNothing),
        worlds: Worlds::Swarm,
        found_by: &["take-over-justified"],
    },
    Planted {
        name: "woken-blames-others",
        rule: "S4.5",
        bug: Bug::Node(NodeBug::WokenNodeBlamesOthers),
        worlds: Worlds::Swarm,
        found_by: &["woken-blames-nobody"],
    },
    Planted {
        name: "load-ignored",
        rule: "S4.2",
        bug: Bug::Node(NodeBug::LoadIgnored),
        worlds: Worlds::Swarm,
        found_by: &["load-is-bounded"],
    },
    Planted {
        name: "take-over-unlimited",
        rule: "S4.7",
        bug: Bug::Node(NodeBug::TakeOverUnlimited),
        worlds: Worlds::Biased(Bias::Minorities),
        found_by: &["take-over-bounded"],
    },
    Planted {
        name: "proof-not-believed",
        rule: "S6.3",
        bug: Bug::Node(NodeBug::ProofNotBelieved),
        worlds: Worlds::Swarm,
        found_by: &["one-claimant"],
    },
    Planted {
        name: "call-lost-with-connection",
        rule: "S5.7",
        bug: Bug::Node(NodeBug::CallLostWithConnection),
        worlds: Worlds::Biased(Bias::Breaks),
        found_by: &["calls-outlive-connections"],
    },
    Planted {
        name: "woken-decides",
        rule: "S4.5",
        bug: Bug::Node(NodeBug::WokenNodeDecides),
        worlds: Worlds::Swarm,
        found_by: &["woken-decides-nothing"],
    },
    Planted {
        name: "round-counts-the-dead",
        rule: "S4.5",
        bug: Bug::Node(NodeBug::RoundCountsTheDead),
        worlds: Worlds::Chaos { hosts: 6 },
        found_by: &["serves", "owned"],
    },
    Planted {
        name: "clock-set-back-believed",
        rule: "S4.5",
        bug: Bug::Node(NodeBug::ClockSetBackBelieved),
        worlds: Worlds::Biased(Bias::OldWords),
        found_by: &[
            "begins-for-a-caller",
            "finished-stays-finished",
            "take-over-justified",
        ],
    },
    Planted {
        name: "newcomers-believed",
        rule: "S4.6",
        bug: Bug::Node(NodeBug::NewcomersBelieved),
        worlds: Worlds::Biased(Bias::Newcomers),
        found_by: &["ready-has-caught-up"],
    },
    Planted {
        name: "answered-before-held",
        rule: "S5.2",
        bug: Bug::Node(NodeBug::AnsweredBeforeHeld),
        worlds: Worlds::Swarm,
        found_by: &["outcome-truth"],
    },
    Planted {
        name: "finish-forgotten",
        rule: "S5.4",
        bug: Bug::Node(NodeBug::FinishForgotten),
        worlds: Worlds::Swarm,
        found_by: &["finished-stays-finished", "exactly-one-after-heal"],
    },
    Planted {
        name: "temporary-taken-over",
        rule: "S5.4",
        bug: Bug::Node(NodeBug::TemporaryTakenOver),
        worlds: Worlds::Swarm,
        found_by: &["temporary-at-most-once"],
    },
    Planted {
        name: "shown-late",
        rule: "S5.6",
        bug: Bug::Node(NodeBug::ShownLate),
        worlds: Worlds::Swarm,
        found_by: &["found-at-once"],
    },
    Planted {
        name: "late-copy-served",
        rule: "S5.8",
        bug: Bug::Node(NodeBug::LateCopyServed),
        worlds: Worlds::Biased(Bias::LateCalls),
        found_by: &["begins-for-a-caller", "finished-stays-finished"],
    },
    Planted {
        name: "taken-over-uncovered",
        rule: "S5.9",
        bug: Bug::Node(NodeBug::TakenOverUncovered),
        worlds: Worlds::Biased(Bias::LastWords),
        found_by: &["stopped-stays-stopped"],
    },
    Planted {
        name: "answered-before-found",
        rule: "S5.9",
        bug: Bug::Node(NodeBug::AnsweredBeforeFound),
        worlds: Worlds::Biased(Bias::LastWords),
        found_by: &["stopped-stays-stopped"],
    },
    Planted {
        name: "decided-unseen",
        rule: "S5.13",
        bug: Bug::Node(NodeBug::DecidedUnseen),
        worlds: Worlds::Biased(Bias::LastWords),
        found_by: &["outcome-truth"],
    },
    Planted {
        name: "down-members-forgotten",
        rule: "S6.2",
        bug: Bug::Node(NodeBug::DownMembersForgotten),
        worlds: Worlds::Swarm,
        found_by: &["ghosts", "converged"],
    },
    Planted {
        name: "newcomer-not-asked-back",
        rule: "S6.2",
        bug: Bug::Node(NodeBug::NewcomerNotAskedBack),
        worlds: Worlds::Biased(Bias::Namesakes),
        found_by: &["just-exits"],
    },
    Planted {
        name: "lifeline-is-proof",
        rule: "S6.3",
        bug: Bug::Node(NodeBug::LifelineIsProof),
        worlds: Worlds::Swarm,
        found_by: &["one-copy-when-calm", "take-over-justified", "ghosts", "serves"],
    },
    Planted {
        name: "loser-does-not-ask",
        rule: "S7.1",
        bug: Bug::Node(NodeBug::LoserDoesNotAsk),
        worlds: Worlds::Swarm,
        found_by: &["conflict-spares-last"],
    },
    Planted {
        name: "winner-answers-from-map",
        rule: "S7.1",
        bug: Bug::Node(NodeBug::WinnerAnswersFromTheMap),
        worlds: Worlds::Swarm,
        found_by: &["conflict-spares-last"],
    },
    Planted {
        name: "context-ahead-of-data",
        rule: "S1.3",
        bug: Bug::Node(NodeBug::Map(MapBug::PartialKeysWithWholeVector)),
        worlds: Worlds::Swarm,
        found_by: &[
            "equal-vectors-equal-states",
            "converged",
            "owned",
            "exactly-one-after-heal",
        ],
    },
    Planted {
        name: "context-before-last-chunk",
        rule: "S1.3",
        bug: Bug::Node(NodeBug::Map(MapBug::ContextBeforeLastChunk)),
        worlds: Worlds::Swarm,
        found_by: &[
            "equal-vectors-equal-states",
            "converged",
            "owned",
            "exactly-one-after-heal",
        ],
    },
    Planted {
        name: "loser-dropped-at-merge",
        rule: "S1.1",
        bug: Bug::Node(NodeBug::Map(MapBug::LoserDroppedAtMerge)),
        worlds: Worlds::Swarm,
        found_by: &[
            "equal-vectors-equal-states",
            "exactly-one-after-heal",
            "converged",
            "owned",
        ],
    },
    Planted {
        name: "gap-applied",
        rule: "S1.3",
        bug: Bug::Node(NodeBug::Map(MapBug::GapApplied)),
        worlds: Worlds::Swarm,
        found_by: &[
            "equal-vectors-equal-states",
            "converged",
            "owned",
            "exactly-one-after-heal",
        ],
    },
    Planted {
        name: "context-not-closed",
        rule: "S1.1",
        bug: Bug::Node(NodeBug::Map(MapBug::ContextNotClosed)),
        worlds: Worlds::Swarm,
        found_by: &[
            "equal-vectors-equal-states",
            "converged",
            "owned",
            "exactly-one-after-heal",
        ],
    },
    Planted {
        name: "context-stripped-by-fold",
        rule: "S1.5",
        bug: Bug::Node(NodeBug::Map(MapBug::ContextStrippedByFold)),
        worlds: Worlds::Chaos { hosts: 5 },
        found_by: &[
            "equal-vectors-equal-states",
            "converged",
            "owned",
            "exactly-one-after-heal",
            "nothing-undeleted-vanishes",
            "no-resurrection",
        ],
    },
    Planted {
        name: "retire-asks-the-present",
        rule: "S1.5",
        bug: Bug::Node(NodeBug::Map(MapBug::RetireAsksPresentPeers)),
        worlds: Worlds::Biased(Bias::Returns),
        found_by: &["equal-vectors-equal-states", "converged"],
    },
    Planted {
        name: "context-kept",
        rule: "S1.4",
        bug: Bug::Node(NodeBug::Map(MapBug::ContextKept)),
        worlds: Worlds::Chaos { hosts: 5 },
        // What never settles is told by whatever else has not in the last moment, as a child that crashes again and again.
        found_by: &["bounded-state", "owned"],
    },
    Planted {
        name: "siblings-left",
        rule: "S2.2",
        bug: Bug::Node(NodeBug::SiblingsLeft),
        worlds: Worlds::Swarm,
        found_by: &["bounded-state"],
    },
    Planted {
        name: "removals-left-apart",
        rule: "S2.4",
        bug: Bug::Node(NodeBug::RemovalsLeftApart),
        worlds: Worlds::Swarm,
        found_by: &["bounded-state"],
    },
    Planted {
        name: "failed-taken-over",
        rule: "S2.5",
        bug: Bug::Node(NodeBug::FailedTakenOver),
        worlds: Worlds::Swarm,
        found_by: &["failed-stays-failed"],
    },
    Planted {
        name: "restarts-forgotten",
        rule: "S2.5",
        bug: Bug::Node(NodeBug::RestartsForgotten),
        worlds: Worlds::Swarm,
        found_by: &["restarts-are-inherited"],
    },
    Planted {
        name: "older-life-ignored",
        rule: "S3.4",
        bug: Bug::Node(NodeBug::OlderLifeIgnored),
        worlds: Worlds::Swarm,
        found_by: &["fenced"],
    },
    Planted {
        name: "stop-answered-before-held",
        rule: "S5.2",
        bug: Bug::Node(NodeBug::StopAnsweredBeforeHeld),
        worlds: Worlds::Swarm,
        found_by: &["held-by-two"],
    },
    Planted {
        name: "deleted-unconfirmed",
        rule: "S5.3",
        bug: Bug::Node(NodeBug::DeletedUnconfirmed),
        worlds: Worlds::Swarm,
        found_by: &["outcome-truth"],
    },
    Planted {
        name: "down-is-surely-gone",
        rule: "S5.3",
        bug: Bug::Node(NodeBug::DownIsSurelyGone),
        worlds: Worlds::Swarm,
        found_by: &["outcome-truth"],
    },
    Planted {
        name: "ready-while-catching-up",
        rule: "S5.11",
        bug: Bug::Node(NodeBug::ReadyWhileCatchingUp),
        worlds: Worlds::Swarm,
        found_by: &["ready-is-ready"],
    },
    Planted {
        name: "silence-removes",
        rule: "S2.4",
        bug: Bug::Node(NodeBug::SilenceRemoves),
        worlds: Worlds::Biased(Bias::Returns),
        found_by: &["silence-removes-nobody"],
    },
    Planted {
        name: "deadline-missed",
        rule: "S5.5",
        bug: Bug::Node(NodeBug::DeadlineMissed),
        worlds: Worlds::Swarm,
        found_by: &["answered"],
    },
    Planted {
        name: "answer-repeated",
        rule: "S5.7",
        bug: Bug::Node(NodeBug::AnswerRepeated),
        worlds: Worlds::Swarm,
        found_by: &["sense"],
    },
    Planted {
        name: "listed-leave",
        rule: "S6.4",
        bug: Bug::Node(NodeBug::ListedLeave),
        worlds: Worlds::Swarm,
        found_by: &["one-list"],
    },
    Planted {
        name: "last-call-first",
        rule: "S4.1",
        bug: Bug::Node(NodeBug::LastCallFirst),
        worlds: Worlds::Swarm,
        found_by: &["answered-in-turn"],
    },
    Planted {
        name: "constraints-ignored",
        rule: "S4.2",
        bug: Bug::Node(NodeBug::ConstraintsIgnored),
        worlds: Worlds::Swarm,
        found_by: &["runs-where-it-can"],
    },
    Planted {
        name: "catching-up-starts",
        rule: "S4.6",
        bug: Bug::Node(NodeBug::CatchingUpStarts),
        worlds: Worlds::Chaos { hosts: 5 },
        found_by: &["catching-up-is-silent"],
    },
    Planted {
        name: "started-for-all",
        rule: "S5.1",
        bug: Bug::Node(NodeBug::StartedForAll),
        worlds: Worlds::Swarm,
        found_by: &["one-start-passes", "serves"],
    },
    Planted {
        name: "id-reused",
        rule: "S1.6",
        bug: Bug::IdReused,
        worlds: Worlds::Swarm,
        found_by: &["just-exits"],
    },
];

/// Within so many seeds each must be found.
pub const WITHIN: u64 = 2_000;

/// The bug of a name, or all of them if it is `all`.
pub fn named(name: &str) -> Option<Vec<&'static Planted>> {
    if name == "all" {
        return Some(ALL.iter().collect());
    }
    let found = ALL.iter().find(|planted| planted.name == name)?;
    Some(vec![found])
}
