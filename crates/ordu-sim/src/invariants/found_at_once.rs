use std::time::Duration;

use ordu_core::{Answer, Command, Token};

use super::{Invariant, Verdict};
use crate::oracle::{BootRecord, CallRecord, History, may_have_ended, surely_before};
use crate::{CallId, Fact, Moment, What};

/// Who is told that a child was started finds it from that moment on, on the node that was asked and on every node
/// that was named as a holder; where nothing goes wrong, a moment later on every other.
#[derive(Debug, Default)]
pub(super) struct FoundAtOnce {
    /// Starts that all nodes are about to show, and when they were answered.
    spreading: Vec<(Moment, CallId)>,
}

/// What one hop of replication takes at the most: a packet or two may be lost and sent again.
const HOP: Duration = Duration::from_secs(1);
/// After so long in a whole network every node is connected with every other.
const CONNECTED: Duration = Duration::from_secs(10);

impl Invariant for FoundAtOnce {
    fn name(&self) -> &'static str {
        "found-at-once"
    }

    fn rule(&self) -> &'static str {
        "S5.6"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Answered {
                call,
                result: Ok(Answer::Started { held_by, .. }),
            } => {
                self.spreading.push((fact.at, *call));
                let asked = history.boot(history.call(*call).boot);
                asked
                    .into_iter()
                    .try_for_each(|record| shows(history, *call, record))?;
                // Of two that have one name it is one that holds it.
                held_by.iter().try_for_each(|name| {
                    let bearers = history.bearers_of(name);
                    let mut seen = bearers.into_iter().map(|record| shows(history, *call, record));
                    let first = seen.next().unwrap_or(Ok(()));
                    first.or_else(|wrong| seen.find(Result::is_ok).unwrap_or(Err(wrong)))
                })
            }
            What::Tick => self.has_spread(history),
            _ => Ok(()),
        }
    }
}

impl FoundAtOnce {
    fn has_spread(&mut self, history: &History) -> Verdict {
        let now = history.now();
        let due = self.spreading.partition_point(|(at, _)| now.since(*at) >= HOP);
        for (at, call) in self.spreading.drain(..due) {
            let was_connected = history.undisturbed_for() >= now.since(at) + CONNECTED;
            if was_connected && history.all_see_all() {
                history
                    .living()
                    .try_for_each(|record| shows(history, call, record))?;
            }
        }
        Ok(())
    }
}

fn shows(history: &History, call: CallId, record: &BootRecord) -> Verdict {
    let call = history.call(call);
    let child = call.child();
    // A process that booted meanwhile is not the one that was meant.
    if record.ended.is_some() || record.began > call.made {
        return Ok(());
    }
    let Some(told) = told(history, call) else {
        return Ok(());
    };
    let shown = record.children.get(&child);
    if shown.is_some_and(|shown| shown.token >= Some(told)) || is_explained(history, call) {
        return Ok(());
    }
    Err(format!(
        "{} was told at {} that {:?} was started with {told} or later; {} shows {}",
        call.boot,
        call.acknowledged().unwrap_or_default(),
        child.1,
        record.boot,
        super::owned::brief(shown)
    ))
}

/// The start that the call led to. The answer may show a later one, of which the holders have not heard yet.
fn told(history: &History, call: &CallRecord) -> Option<Token> {
    let Some((_, Ok(Answer::Started { child: told, .. }))) = &call.answered else {
        return None;
    };
    let child = call.child();
    let since = history
        .copies_of(&child)
        .filter(|copy| copy.began >= call.made && Some(copy.token) <= told.token);
    since.map(|copy| copy.token).min().or(told.token)
}

/// Whether the child may be over, or another life of it may have begun or ended that ranks higher.
fn is_explained(history: &History, call: &CallRecord) -> bool {
    let child = call.child();
    let begins_or_ends = |other: &&CallRecord| {
        matches!(
            other.command,
            Command::StartChild { .. } | Command::DeleteChild { .. }
        )
    };
    let mut others = history
        .calls_about(&child)
        .filter(|other| !std::ptr::eq(*other, call) && other.may_count())
        .filter(begins_or_ends);
    may_have_ended(history, &child) || others.any(|other| !surely_before(history, other, call))
}
