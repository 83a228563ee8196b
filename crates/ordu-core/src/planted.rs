//! Bugs that the simulator plants to show that it would find them.
//!
//! Only with the feature `planted-bugs`, which nothing that is shipped enables, can one be planted; without it every
//! question whether one is there is `false` at compile time.

/// A known way to get a node wrong, each against one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
// Where none can be planted, no bug is ever made.
#[cfg_attr(not(feature = "planted-bugs"), allow(dead_code, unreachable_pub))]
pub enum Bug {
    /// S1: one of the replicated map's own.
    #[cfg(feature = "planted-bugs")]
    Map(ordu_crdt::Bug),
    /// S1.4: a member that was written off counts for what may be collected.
    WrittenOffCounted,
    /// S2.1: a full join takes the intent of a life that is over, and the claim of that life stands.
    ClaimSparedByJoin,
    /// S2.1: whether a life that an intent is of was over is judged by what came together with it.
    BornJudgedAfterCommit,
    /// S2.2: the winner among concurrent claims is the last by the clock, not that of the highest rank.
    ClaimsRankedByClock,
    /// S2.5: a child that has failed is taken over like any other.
    FailedTakenOver,
    /// S2.5: who takes a child over counts its restarts from nothing.
    RestartsForgotten,
    /// S2.4: every removal ends whom it names, also one whose writer had been removed before.
    MutualRemovalObeyed,
    /// S2.4: who has not been heard of for long has left.
    SilenceRemoves,
    /// S2.4: nobody makes one value of what several nodes wrote of an end.
    RemovalsLeftApart,
    /// S5.5: a call is given twice the time that it was to be answered within.
    DeadlineMissed,
    /// S5.7: a second answer to a call that was passed on again is told like the first.
    AnswerRepeated,
    /// S6.4: who has not set the list itself takes itself to be off it.
    ListedLeave,
    /// S5.4: a temporary child is lost as soon as one node misses its owner.
    LostOnOneOpinion,
    /// S2.3: where there is no intent the child is taken to be deleted.
    AbsentIntentReadAsDeletion,
    /// S3.1: a restart in place keeps the epoch.
    EpochNotRaised,
    /// S2.2: nobody writes what counts over what was written of a child elsewhere.
    SiblingsLeft,
    /// S3.1: the epochs of a child are forgotten with it.
    EpochsForgotten,
    /// S3.2: a take-over starts before anybody else has its claim.
    TakeOverNotHeld,
    /// S3.2: a copy that crashes is started again above the claim of a take-over, held or not.
    RestartAboveUnheldClaim,
    /// S3.4: a claim of an older life with a higher epoch is no reason to start a copy again.
    OlderLifeIgnored,
    /// S4.1: every node decides about what it is asked for.
    EverybodyDecides,
    /// S4.1: of the calls about a child the last that came is served first, whether or not another is under way.
    LastCallFirst,
    /// S4.2: a child is placed without regard to its constraints.
    ConstraintsIgnored,
    /// S4.3: the view is acted on as soon as it changes.
    ViewNotSettled,
    /// S4.4: a child whose owner is only suspected has no owner.
    SuspectsOwnNothing,
    /// S4.2: what the nodes run already is no matter where the next child goes.
    LoadIgnored,
    /// S4.5: a node that stood still declares everybody dead who did not answer meanwhile.
    WokenNodeBlamesOthers,
    /// S4.5: a node that stood still waits for an answer of everybody that it ever heard of.
    RoundCountsTheDead,
    /// S4.5: a node that stood still decides again as soon as its view has settled, whether or not it has probed anybody.
    WokenNodeDecides,
    /// S4.5: a wall clock that is set back hides no sleep.
    ClockSetBackBelieved,
    /// S4.6: a node is ready because of one that had nothing to tell when states were exchanged.
    NewcomersBelieved,
    /// S4.6: a node that catches up starts what it is given.
    CatchingUpStarts,
    /// S4.7: a node that sees few of the others takes all over.
    TakeOverUnlimited,
    /// S5.1: who asks for a start of what runs already is told that it started it.
    StartedForAll,
    /// S5.2: a call is answered before its write is held by another node.
    AnsweredBeforeHeld,
    /// S5.2: a stop or a deletion is answered before its write is held by another node.
    StopAnsweredBeforeHeld,
    /// S5.3: a child is deleted though its owner has not confirmed its stop.
    DeletedUnconfirmed,
    /// S5.3: who is merely out of sight is taken for gone, and with it what it ran.
    DownIsSurelyGone,
    /// S5.4: a finish is not written down.
    FinishForgotten,
    /// S5.4: a temporary child is taken over like any other.
    TemporaryTakenOver,
    /// S5.6: a child is shown a second after it is known.
    ShownLate,
    /// S5.7: a call is lost with the connection that it was passed on over.
    CallLostWithConnection,
    /// S5.8: a copy of a call that was long on its way is taken for the call.
    LateCopyServed,
    /// S5.9: a take-over starts before it covers what the first in rank hold of the child.
    TakenOverUncovered,
    /// S5.9: a call is answered though a take-over might not find what it wrote.
    AnsweredBeforeFound,
    /// S5.11: a node that catches up says of itself that it is ready.
    ReadyWhileCatchingUp,
    /// S5.13: who decides answers by what it has, whatever the asked node knows of the child.
    DecidedUnseen,
    /// S6.2: members that are down are not dialled again.
    DownMembersForgotten,
    /// S6.2: the holder of a name gives way to an older boot that was heard once, be it dead by now.
    NewcomerNotAskedBack,
    /// S6.3: a death that others have seen, too, is waited for like any silence.
    ProofNotBelieved,
    /// S6.3: a lifeline that closed is proof enough.
    LifelineIsProof,
    /// S7.1: the loser of a conflict stops because of a record in the map.
    LoserDoesNotAsk,
    /// S7.1: the winner of a conflict answers from the map, not from what it runs.
    WinnerAnswersFromTheMap,
}

/// Whether a bug is planted here: never, where none can be.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Planted {
    #[cfg(feature = "planted-bugs")]
    bug: Option<Bug>,
}

impl Planted {
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn is(self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    #[cfg(not(feature = "planted-bugs"))]
    #[allow(clippy::unused_self)]
    pub(crate) const fn is(self, _: Bug) -> bool {
        false
    }
}

/// Without a bug the same whether one could be planted or not: a node is recorded without the feature and replayed
/// with it, and its state must read the same.
impl core::fmt::Debug for Planted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        #[cfg(feature = "planted-bugs")]
        if let Some(bug) = self.bug {
            return write!(f, "{bug:?}");
        }
        f.write_str("Planted")
    }
}

impl crate::Node {
    /// [`Bug::WokenNodeBlamesOthers`].
    pub(crate) fn blame_everybody(&mut self) {
        let known = self.roster.iter();
        let living = known.filter(|(node, _)| self.roster.is_alive(*node));
        let blamed: alloc::vec::Vec<_> = living.map(|(_, known)| known.identity.clone()).collect();
        for identity in blamed {
            self.swim.declare_down(identity, self.now.mono);
        }
    }

    /// Makes this node wrong. It must not have been handed anything yet.
    #[cfg(feature = "planted-bugs")]
    pub fn plant(&mut self, bug: Bug) {
        self.planted.bug = Some(bug);
        self.settled.planted = self.planted;
        self.roster.removals.planted = self.planted;
        if let Bug::Map(bug) = bug {
            self.replica.plant(bug);
        }
    }
}
