use std::time::Duration;

use ordu_core::{Answer, Command, MemberState, Stopped};

use super::{Invariant, Verdict};
use crate::oracle::{CallRecord, History};
use crate::{Fact, Fault, Moment, What};

/// Where a single node dies and nothing else goes wrong, nobody starts a child again whose stop was confirmed, or that
/// was deleted: whoever takes over knows of it before.
#[derive(Debug, Default)]
pub(super) struct StoppedStaysStopped {
    /// When something last went wrong that is not the death of one process, or somebody came.
    rough: Moment,
    deaths: Vec<Moment>,
}

/// What went wrong before is over by then.
const PAST: Duration = Duration::from_secs(5);

impl Invariant for StoppedStaysStopped {
    fn name(&self) -> &'static str {
        "stopped-stays-stopped"
    }

    fn rule(&self) -> &'static str {
        "S5.9"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Ended { .. } => self.deaths.push(fact.at),
            // What packets are lost of is for the nodes to see.
            What::Inflicted(Fault::Crash(_) | Fault::Disturb(..) | Fault::Clear) => {}
            What::Booted { .. } | What::Inflicted(_) => self.rough = fact.at,
            // Who does not answer is not asked.
            What::Member {
                node,
                info: Some(info),
                ..
            } if info.state == MemberState::Suspect => {
                let lives = history
                    .boot_of(*node)
                    .is_some_and(|record| record.ended.is_none());
                if lives {
                    self.rough = fact.at;
                }
            }
            What::CopyStarting { copy, boot, .. } => {
                let child = &history.copy(*copy).child;
                if let Some(stop) = self.undone(history, child)
                    && history.is_smooth()
                {
                    return Err(format!(
                        "{boot} starts {:?}, of which {} said at {:?} that it is stopped",
                        child.1,
                        stop.boot,
                        stop.acknowledged()
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl StoppedStaysStopped {
    /// The call that stopped or deleted a child after all others about it, if a single death is all that happened since.
    fn undone<'a>(&self, history: &'a History, child: &crate::oracle::Child) -> Option<&'a CallRecord> {
        let counting = || history.calls_about(child).filter(|call| call.may_count());
        let stop = counting().find(|call| is_stop(call))?;
        let is_last = counting()
            .all(|call| std::ptr::eq(call, stop) || call.acknowledged().is_some_and(|done| done < stop.made));
        let is_smooth = self.rough < stop.made && stop.made.since(self.rough) >= PAST;
        let before = |at: &&Moment| stop.made.since(**at) < PAST || **at >= stop.made;
        let deaths = self.deaths.iter().filter(before).count();
        (is_last && is_smooth && deaths <= 1).then_some(stop)
    }
}

fn is_stop(call: &CallRecord) -> bool {
    let is_done = matches!(
        call.answered,
        Some((_, Ok(Answer::Terminated(Stopped::Confirmed) | Answer::Deleted)))
    );
    is_done
        && matches!(
            call.command,
            Command::TerminateChild { .. } | Command::DeleteChild { .. }
        )
}
