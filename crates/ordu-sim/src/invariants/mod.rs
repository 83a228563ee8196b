//! What must hold, one file each, every one citing the rule it proves.
//!
//! A safety invariant judges each fact as it happens; a settled one judges the whole once nothing goes wrong
//! any more and is asked again and again until it holds or time is up.

mod acknowledged_survives_heal;
mod answered;
mod answered_in_turn;
mod begins_for_a_caller;
mod bounded_messages;
mod bounded_state;
mod calls_outlive_connections;
mod catching_up_is_silent;
mod conflict_spares_last;
mod converged;
mod equal_vectors_equal_states;
mod exactly_one_after_heal;
mod failed_stays_failed;
mod fenced;
mod finished_stays_finished;
mod found_at_once;
mod ghosts;
mod held_before_started;
mod held_by_two;
mod just_exits;
mod load_is_bounded;
mod no_flapping;
mod no_resurrection;
mod nothing_undeleted_vanishes;
mod one_claimant;
mod one_copy_when_calm;
mod one_list;
mod one_start_a_node;
mod one_start_passes;
mod outcome_truth;
mod owned;
mod ready_has_caught_up;
mod ready_is_ready;
mod restarts_are_inherited;
mod runs_where_it_can;
mod sense;
mod silence_removes_nobody;
mod stopped_stays_stopped;
mod take_over_bounded;
mod take_over_justified;
mod temporary_at_most_once;
mod temporary_is_spared;
mod token_order;
mod woken_blames_nobody;
mod woken_decides_nothing;

use std::fmt;

use crate::oracle::History;
use crate::{Fact, Moment};

/// `Err` says what was seen and what the rule demands.
pub type Verdict = Result<(), String>;

/// Something that must hold. See the files of this folder.
pub trait Invariant: fmt::Debug {
    /// Its name, that of its file.
    fn name(&self) -> &'static str;

    /// The rule it proves.
    fn rule(&self) -> &'static str;

    /// Judges what just happened; `history` has taken it in already.
    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        let _ = (history, fact);
        Ok(())
    }

    /// Judges whether all is as it must be once all has settled.
    fn settled(&self, history: &History) -> Verdict {
        let _ = history;
        Ok(())
    }
}

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Moment,
    /// Which invariant noticed.
    pub invariant: &'static str,
    /// The rule.
    pub rule: &'static str,
    /// What was seen.
    pub detail: String,
}

impl Violation {
    pub(crate) fn of(invariant: &dyn Invariant, at: Moment, detail: String) -> Self {
        Self {
            at,
            invariant: invariant.name(),
            rule: invariant.rule(),
            detail,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            invariant,
            rule,
            detail,
        } = self;
        write!(f, "{invariant} ({rule}) at {at}: {detail}")
    }
}

impl std::error::Error for Violation {}

/// All of them.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(sense::Sense),
        Box::new(bounded_messages::BoundedMessages),
        Box::new(just_exits::JustExits::default()),
        Box::new(silence_removes_nobody::SilenceRemovesNobody),
        Box::new(answered::Answered),
        Box::new(answered_in_turn::AnsweredInTurn::default()),
        Box::new(equal_vectors_equal_states::EqualVectorsEqualStates),
        Box::new(catching_up_is_silent::CatchingUpIsSilent::default()),
        Box::new(ready_has_caught_up::ReadyHasCaughtUp::default()),
        Box::new(one_start_a_node::OneStartANode),
        Box::new(token_order::TokenOrder::default()),
        Box::new(conflict_spares_last::ConflictSparesLast),
        Box::new(outcome_truth::OutcomeTruth),
        Box::new(calls_outlive_connections::CallsOutliveConnections::default()),
        Box::new(one_start_passes::OneStartPasses::default()),
        Box::new(found_at_once::FoundAtOnce::default()),
        Box::new(temporary_at_most_once::TemporaryAtMostOnce::default()),
        Box::new(temporary_is_spared::TemporaryIsSpared::default()),
        Box::new(finished_stays_finished::FinishedStaysFinished),
        Box::new(begins_for_a_caller::BeginsForACaller::default()),
        Box::new(stopped_stays_stopped::StoppedStaysStopped::default()),
        Box::new(held_before_started::HeldBeforeStarted::default()),
        Box::new(runs_where_it_can::RunsWhereItCan::default()),
        Box::new(take_over_bounded::TakeOverBounded::default()),
        Box::new(take_over_justified::TakeOverJustified::default()),
        Box::new(no_flapping::NoFlapping::default()),
        Box::new(woken_blames_nobody::WokenBlamesNobody::default()),
        Box::new(woken_decides_nothing::WokenDecidesNothing::default()),
        Box::new(one_claimant::OneClaimant::default()),
        Box::new(load_is_bounded::LoadIsBounded::default()),
        Box::new(one_copy_when_calm::OneCopyWhenCalm),
        Box::new(one_list::OneList::default()),
        Box::new(held_by_two::HeldByTwo),
        Box::new(failed_stays_failed::FailedStaysFailed::default()),
        Box::new(restarts_are_inherited::RestartsAreInherited::default()),
        Box::new(ready_is_ready::ReadyIsReady::default()),
        Box::new(acknowledged_survives_heal::AcknowledgedSurvivesHeal::default()),
        Box::new(ghosts::Ghosts),
        Box::new(converged::Converged),
        Box::new(owned::Owned::default()),
        Box::new(exactly_one_after_heal::ExactlyOneAfterHeal::default()),
        Box::new(nothing_undeleted_vanishes::NothingUndeletedVanishes),
        Box::new(no_resurrection::NoResurrection),
        Box::new(fenced::Fenced::default()),
        Box::new(bounded_state::BoundedState::default()),
    ]
}
