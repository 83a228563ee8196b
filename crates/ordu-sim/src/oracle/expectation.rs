use std::time::Duration;

use ordu_core::{Command, Restart};

use super::{CallRecord, Child, History};
use crate::CopyEnd;

/// What must be true of a child once all has settled, as far as what clients were told leaves no doubt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Whether it is known to the horde at all.
    pub exists: Option<bool>,
    /// Whether it runs. A child that is to run may have failed too often instead.
    pub runs: Option<bool>,
}

/// After so long in a whole network whatever one node knew is known to all.
const SYNC: Duration = Duration::from_secs(10);

impl Expectation {
    /// What the calls about a child, and how its copies ended, leave certain.
    ///
    /// Calls that ran at the same time, or on two sides of a split, may come out in either order (S2.1); then
    /// nothing is expected.
    pub fn of(history: &History, child: &Child) -> Self {
        let calls: Vec<&CallRecord> = history
            .calls_about(child)
            .filter(|call| call.may_count())
            // How a child is treated says nothing of whether it is there.
            .filter(|call| !matches!(call.command, Command::UpdateChild { .. }))
            .collect();
        if !calls.iter().any(|call| is_birth(call)) {
            return Self {
                exists: Some(false),
                runs: Some(false),
            };
        }
        // The one call that came after all others, if there is such a call and its effect cannot be lost.
        let last = calls.iter().find(|last| {
            calls
                .iter()
                .all(|call| std::ptr::eq(*call, **last) || surely_before(history, call, last))
        });
        let Some(last) = last.filter(|last| survives(history, last)) else {
            return Self::default();
        };
        match last.command {
            Command::DeleteChild { .. } => Self {
                exists: Some(false),
                runs: Some(false),
            },
            Command::TerminateChild { .. } => Self {
                // A terminated temporary child is forgotten, as in OTP.
                exists: (!may_have_ended(history, child)).then_some(true),
                runs: Some(false),
            },
            Command::StartChild { .. } | Command::RestartChild { .. } | Command::UpdateChild { .. } => {
                if may_have_ended(history, child) {
                    Self::default()
                } else {
                    Self {
                        exists: Some(true),
                        runs: Some(true),
                    }
                }
            }
        }
    }
}

fn is_birth(call: &CallRecord) -> bool {
    matches!(call.command, Command::StartChild { .. })
}

/// Whether the second call surely had seen what the first wrote.
pub(crate) fn surely_before(history: &History, first: &CallRecord, second: &CallRecord) -> bool {
    let Some(done) = first.acknowledged().filter(|done| *done < second.made) else {
        return false;
    };
    first.boot == second.boot || (second.saw_all && history.was_whole(done, second.made, SYNC))
}

/// Whether an acknowledged call's write is still held by somebody.
fn survives(history: &History, call: &CallRecord) -> bool {
    call.acknowledged().is_some()
        && call
            .witnesses
            .iter()
            .any(|boot| history.boot(*boot).is_some_and(|record| record.ended.is_none()))
}

/// Whether the child may be over by its own doing, or by the rules for temporary children (S5.4).
pub(crate) fn may_have_ended(history: &History, child: &Child) -> bool {
    let may_be_transient = || {
        history.calls_about(child).any(|call| {
            matches!(&call.command, Command::UpdateChild { spec, .. } if spec.restart == Restart::Transient)
                && call.may_count()
        })
    };
    history.copies_of(child).any(|copy| {
        let ignored = matches!(copy.ended, Some((_, CopyEnd::Ignored)));
        ignored
            || match copy.spec.restart {
                // It is treated by what it was changed to since it was started (S2.1).
                Restart::Permanent => copy.finished() && may_be_transient(),
                Restart::Transient => copy.finished(),
                Restart::Temporary => true,
            }
    })
}
