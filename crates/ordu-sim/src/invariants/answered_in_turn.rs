use std::collections::BTreeMap;

use ordu_core::{CallError, Command};

use super::calls_outlive_connections::PASSED_ON_AGAIN;
use super::{Invariant, Verdict};
use crate::oracle::{Child, History, MOST, Served, State, Told, in_some_order};
use crate::{CallId, Fact, What};

/// Once all has settled, what the calls about a child are told is what they would be told if they were served one after
/// the other, in some order that keeps to what the callers saw: the decider of its id does so. Not knowing is no
/// outcome, nor is a time that is up, but where no node can run the child.
#[derive(Debug, Default)]
pub(super) struct AnsweredInTurn {
    /// What each child can be, once all has settled; none of those that were not there.
    children: Option<BTreeMap<Child, Turns>>,
}

#[derive(Debug)]
struct Turns {
    /// What it can have been when the first of these calls was made.
    before: Vec<State>,
    open: Vec<CallId>,
    done: Vec<Served>,
    /// Nobody can say what came of a call whose node died.
    is_unclear: bool,
}

impl Turns {
    fn of(state: State) -> Self {
        Self {
            before: vec![state],
            open: Vec::new(),
            done: Vec::new(),
            is_unclear: false,
        }
    }
}

impl Invariant for AnsweredInTurn {
    fn name(&self) -> &'static str {
        "answered-in-turn"
    }

    fn rule(&self) -> &'static str {
        "S4.1, S5.1, S5.3"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Serving => {
                let shown = history.living().next().map(|record| record.children.iter());
                let shown = shown.into_iter().flatten();
                let turns = |info| Turns::of(State::shown(Some(info)));
                self.children = Some(shown.map(|(child, info)| (child.clone(), turns(info))).collect());
            }
            What::Called { call, .. } => {
                if let Some(children) = &mut self.children {
                    let child = history.call(*call).child();
                    let turns = children.entry(child).or_insert_with(|| Turns::of(State::Absent));
                    turns.open.push(*call);
                }
            }
            What::CallLost(call) => {
                let child = history.call(*call).child();
                if let Some(turns) = self.children.as_mut().and_then(|all| all.get_mut(&child)) {
                    turns.is_unclear = true;
                }
            }
            What::Answered { call, result } => return self.answered(history, *call, result),
            _ => {}
        }
        Ok(())
    }
}

impl AnsweredInTurn {
    fn answered(&mut self, history: &History, call: CallId, told: &Told) -> Verdict {
        let record = history.call(call);
        let child = record.child();
        let Some(turns) = self.children.as_mut().and_then(|all| all.get_mut(&child)) else {
            return Ok(());
        };
        turns.open.retain(|open| *open != call);
        turns.done.push(Served {
            made: record.made,
            answered: history.now(),
            command: record.command.clone(),
            told: told.clone(),
        });
        // A connection fell idle and was closed just then, and what was passed on over it may have been done (S5.1).
        let is_in_doubt =
            matches!(told, Err(CallError::Unknown { detail }) if detail.starts_with(PASSED_ON_AGAIN));
        turns.is_unclear |= is_in_doubt || turns.done.len() > MOST;
        if turns.is_unclear || !turns.open.is_empty() {
            return Ok(());
        }
        let done = std::mem::take(&mut turns.done);
        let Some(after) = in_some_order(history, &child, &turns.before, &done) else {
            turns.is_unclear = true;
            return Ok(());
        };
        if after.is_empty() {
            let done: Vec<String> = done.iter().map(describe).collect();
            return Err(format!(
                "{:?} was {}; no order of these calls explains what they were told: {}",
                child.1,
                turns.before.iter().map(brief).collect::<Vec<_>>().join(" or "),
                done.join("; ")
            ));
        }
        turns.before = after;
        Ok(())
    }
}

fn brief(state: &State) -> String {
    let (what, spec) = match state {
        State::Absent => return "unknown".into(),
        State::Wanted(life) => ("to run", life),
        State::Stopped(life, _) => ("stopped", life),
        State::Failed(life) => ("failed", life),
        State::Zombie(life) => ("a zombie", life),
    };
    format!("{what}, {spec}")
}

fn describe(call: &Served) -> String {
    let (what, spec) = match &call.command {
        Command::StartChild { spec, .. } => ("start", Some(spec)),
        Command::TerminateChild { .. } => ("terminate", None),
        Command::RestartChild { .. } => ("restart", None),
        Command::DeleteChild { .. } => ("delete", None),
        Command::UpdateChild { spec, .. } => ("update", Some(spec)),
    };
    let spec = spec.map_or_else(String::new, |spec| format!(" ({:?})", spec.restart));
    let told = match &call.told {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("{error}"),
    };
    format!(
        "{what}{spec} from {} to {}: {}",
        call.made,
        call.answered,
        told.chars().take(160).collect::<String>()
    )
}
