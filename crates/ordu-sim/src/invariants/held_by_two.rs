use std::sync::Arc;

use ordu_core::{Answer, ChildInfo, ChildState, Command, MemberState};

use super::{Invariant, Verdict};
use crate::oracle::{BootRecord, CallRecord, History};
use crate::{Fact, Moment, What};

/// Of what a call is told that was done another node has heard already besides the one that was asked, if that sees one
/// that is ready: one death alone undoes nothing.
#[derive(Debug)]
pub(super) struct HeldByTwo;

impl Invariant for HeldByTwo {
    fn name(&self) -> &'static str {
        "held-by-two"
    }

    fn rule(&self) -> &'static str {
        "S5.2"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        let What::Answered {
            call,
            result: Ok(answer),
        } = &fact.what
        else {
            return Ok(());
        };
        let record = history.call(*call);
        if *answer == Answer::Ignored && matches!(record.command, Command::StartChild { .. }) {
            // Nothing was written that anybody could hear of.
            return Ok(());
        }
        let Some(asked) = history.boot(record.boot) else {
            return Ok(());
        };
        let is_ready = |state| state == MemberState::Alive;
        let others = asked.members.values().filter(|member| member.id != asked.node);
        let sees_one_ready = { others }.any(|member| is_ready(member.state));
        if !sees_one_ready || is_contested(history, record) {
            return Ok(());
        }
        let child = record.child();
        let has_heard = |other: &BootRecord| {
            let shown = other.children.get(&child);
            // It may show what was started after that, or a later life that was started elsewhere.
            let life_of = |token| {
                let mut copies = history.copies_of(&child);
                copies
                    .find(|copy| Some(copy.token) == token)
                    .map(|copy| copy.life)
            };
            let is_later = |info: &Arc<ChildInfo>| {
                let lives = life_of(info.token).zip(life_of(record.shown_token()));
                info.token > record.shown_token() || lives.is_some_and(|(there, here)| there > here)
            };
            match answer {
                Answer::Deleted => shown.is_none_or(is_later),
                Answer::Terminated(_) => {
                    shown.is_none_or(|info| info.is_stopping || !is_to_run(info.state) || is_later(info))
                }
                Answer::Updated(to) => shown.is_none_or(|info| {
                    info.spec == to.spec || is_later(info) || is_outranked(history, record, info)
                }),
                _ => true,
            }
        };
        // One that had heard of it may have died since.
        let was_there = |other: &BootRecord| other.ended.is_none_or(|at| at >= record.made);
        // What was so before writes nothing, and that one may have died before the call, unnoticed.
        let knew_before = |other: &BootRecord| {
            let shown = other.children.get(&child).zip(other.ended);
            matches!(answer, Answer::Updated(to) if shown.is_some_and(|(info, ended)| {
                info.spec == to.spec && !may_be_updated(history, record, ended)
            }))
        };
        let mut others = history.boots().filter(|other| other.boot != record.boot);
        if others.any(|other| was_there(other) && has_heard(other) || knew_before(other)) {
            return Ok(());
        }
        Err(format!(
            "{} answers {answer:?} of {:?}, sees another node that is ready, and nobody else has heard of it",
            record.boot, child.1
        ))
    }
}

fn is_to_run(state: ChildState) -> bool {
    matches!(
        state,
        ChildState::Starting | ChildState::Running | ChildState::Restarting | ChildState::Unclaimed
    )
}

/// Whether what a process shows of the same start may be what another update wrote of which the asked node had not heard:
/// of two the one with the higher stamp is shown (S2.1), and the other is held all the same.
fn is_outranked(history: &History, record: &CallRecord, info: &ChildInfo) -> bool {
    let Some(known) = record.shown.as_ref().filter(|known| known.token == info.token) else {
        return false;
    };
    let child = record.child();
    let mut others = history.calls_about(&child);
    others.any(|other| {
        matches!(&other.command, Command::UpdateChild { spec, .. } if *spec == info.spec && known.spec != info.spec)
            && other.may_count()
            && !other.witnesses.contains(&record.boot)
    })
}

/// Whether another call may have started the child again meanwhile, or changed it where that is what the answer tells of.
fn is_contested(history: &History, record: &CallRecord) -> bool {
    let child = record.child();
    let mut others = history.calls_about(&child);
    let is_update = matches!(record.command, Command::UpdateChild { .. });
    others.any(|other| {
        other.is_start() && other.may_count() && other.acknowledged().is_none_or(|at| at >= record.made)
    }) || is_update && may_be_updated(history, record, record.made)
}

/// Whether another call may have changed the child since to what this one does not tell of.
fn may_be_updated(history: &History, record: &CallRecord, since: Moment) -> bool {
    let child = record.child();
    let mut others = history.calls_about(&child);
    others.any(|other| {
        matches!((&other.command, &record.command),
            (Command::UpdateChild { spec, .. }, Command::UpdateChild { spec: to, .. }) if spec != to)
            && other.may_count()
            && other.acknowledged().is_none_or(|at| at >= since)
    })
}
