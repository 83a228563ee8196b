use std::path::Path;
use std::time::Duration;

use super::applied::{Applied, Outcome, verdict};
use crate::apply::{ChildFile, FileChild, shown};
use crate::args::{ApplyArgs, Ask, Change};
use crate::control::{ApplyReply, Change as Made, Comparison, Difference, Request, STOPPING, Standing};
use crate::failure::{Failure, Wrong};
use crate::output::{Ink, Output, Table};

/// How a file is applied.
#[derive(Debug)]
pub(crate) struct How<'a> {
    /// Through whom, and how long each step may take.
    pub(crate) change: &'a Change,
    /// How long a child may take to come up; 0: it is not waited for.
    pub(crate) wait: Duration,
}

pub(super) fn run(args: &ApplyArgs) -> Result<(), Failure> {
    let (file, ask) = (
        ChildFile::load(&args.file, args.change.timeout)?,
        &args.change.ask,
    );
    if file.children.is_empty() {
        eprintln!(
            "{}: there is no [[child]] in it, so there is nothing to apply",
            args.file.display()
        );
    }
    if args.dry_run {
        return plan(ask, &file);
    }
    let how = How {
        change: &args.change,
        wait: args.wait,
    };
    let (applied, unless_tried) = apply_all(&how, &file, |said| eprint!("{said}"))?;
    if ask.json {
        Output::stdout().json(&applied)?;
    }
    verdict(&applied, shown(&args.file), unless_tried)
}

/// Says what would be done.
fn plan(ask: &Ask, file: &ChildFile) -> Result<(), Failure> {
    let comparisons = compare(ask, file)?;
    let output = Output::stdout();
    if ask.json {
        return output.json(&comparisons);
    }
    let mut table = Table::new(&["ID", "WOULD BE", "DIFFERS IN"]);
    for comparison in comparisons {
        let (ink, what, detail) = match comparison.difference {
            Difference::Add => (Ink::Good, "added", String::new()),
            Difference::Retry { reason } => (Ink::Passing, "started again", reason.unwrap_or_default()),
            Difference::Change {
                parts,
                in_place: false,
            } => (Ink::Passing, "changed", parts.join(", ")),
            Difference::Change {
                parts,
                in_place: true,
            } => (Ink::Passing, "changed without a restart", parts.join(", ")),
            Difference::Same { state } => (Ink::Faint, "left as it is", state),
        };
        table.row([
            (Ink::Plain, comparison.id),
            (ink, what.to_owned()),
            (Ink::Plain, detail),
        ]);
    }
    output.table(&table)
}

/// Makes children be as a file says, and says in whole lines what becomes of each.
pub(crate) fn apply(
    how: &How<'_>,
    file: &ChildFile,
    path: &Path,
    say: impl Fn(String),
) -> Result<(), Failure> {
    let (applied, unless_tried) = apply_all(how, file, say)?;
    verdict(&applied, path, unless_tried)
}

/// Adds and changes children one after the other, so that never more than one is down for it, then waits for all of
/// them to come up. One that cannot be applied does not hold up the others. Beside what became of each: how it went
/// wrong if none was tried.
fn apply_all(
    how: &How<'_>,
    file: &ChildFile,
    say: impl Fn(String),
) -> Result<(Vec<Applied>, Wrong), Failure> {
    // Whatever an agent can find wrong is found before anything is done.
    compare(&how.change.ask, file)?;
    let mut all = Vec::new();
    let mut states = Vec::new();
    // Without any time nothing can be done, as without the agent, and nobody need be told once for each child.
    let no_time = how.change.timeout.is_zero();
    let mut over = no_time;
    for child in &file.children {
        let mut applied = Applied {
            id: child.id.clone(),
            outcome: Outcome::Untried,
            parts: Vec::new(),
            node: None,
            error: None,
        };
        let mut state = String::new();
        if !over {
            match apply_one(how, child) {
                Ok(reply) => {
                    say(format!("{:?} {}\n", child.id, words(&reply)));
                    (applied.outcome, applied.parts) = match reply.change {
                        Made::Added => (Outcome::Added, Vec::new()),
                        Made::Restarted => (Outcome::Restarted, Vec::new()),
                        Made::None => (Outcome::Unchanged, Vec::new()),
                        Made::Changed { parts, .. } => (Outcome::Changed, parts),
                    };
                    applied.node = reply.node.filter(|_| applied.outcome != Outcome::Unchanged);
                    state = reply.state;
                }
                Err(failure) => {
                    applied.outcome = match failure.wrong() {
                        Some(Wrong::Unreachable) => Outcome::Untried,
                        Some(Wrong::Timeout) => Outcome::Unknown,
                        _ => Outcome::Failed,
                    };
                    over = applied.outcome == Outcome::Untried;
                    applied.error = Some(failure.to_string());
                    say(failure.render());
                }
            }
        }
        states.push(state);
        all.push(applied);
    }
    await_all(how, file, &states, &mut all, say);
    let unless_tried = if no_time {
        Wrong::Timeout
    } else {
        Wrong::Unreachable
    };
    Ok((all, unless_tried))
}

/// Waits until those that were started, and those that were about to be, have come up. A changed one has done so
/// already, and one that runs and was left alone need not prove it.
fn await_all(how: &How<'_>, file: &ChildFile, states: &[String], all: &mut [Applied], say: impl Fn(String)) {
    let is_due = |applied: &Applied, state: &str| match applied.outcome {
        Outcome::Added | Outcome::Restarted => true,
        Outcome::Changed | Outcome::Unchanged => !matches!(state, "running" | "stopped" | STOPPING),
        Outcome::Failed | Outcome::Unknown | Outcome::Untried => false,
    };
    let mut due: Vec<(&mut Applied, &FileChild)> = all
        .iter_mut()
        .zip(&file.children)
        .zip(states)
        .filter_map(|((applied, child), state)| is_due(applied, state).then_some((applied, child)))
        .collect();
    if due.is_empty() || how.wait.is_zero() {
        return;
    }
    let children = due
        .iter()
        .map(|(_, child)| (child.id.clone(), child.definition.restart))
        .collect();
    let request = Request::Await {
        children,
        wait: milliseconds(how.wait),
    };
    let standings: Result<Vec<Standing>, Failure> = how
        .change
        .ask
        .connect()
        .and_then(|agent| agent.ask(&request, how.wait));
    match standings {
        Ok(standings) => {
            for (standing, (applied, _)) in standings.iter().zip(&mut due) {
                if !standing.is_well() {
                    let complaint = standing.complaint(&crate::duration::show(how.wait));
                    let message = format!("child {:?} {complaint}", standing.id);
                    say(Failure::failed(&message).render());
                    (applied.outcome, applied.error) = (Outcome::Failed, Some(message));
                }
            }
        }
        Err(failure) => {
            say(failure.render());
            for (applied, _) in due {
                (applied.outcome, applied.error) = (Outcome::Unknown, Some(failure.to_string()));
            }
        }
    }
}

/// What was done.
fn apply_one(how: &How<'_>, child: &FileChild) -> Result<ApplyReply, Failure> {
    let request = Request::Apply {
        id: child.id.clone(),
        child: child.definition.clone(),
        timeout: how.change.milliseconds(),
        wait: milliseconds(how.wait),
    };
    // It stops, is forgotten, starts, and, if it does not come up, all that again with the old one; the two starts
    // may be tried again for as long as one takes.
    let limit = how.change.timeout.saturating_mul(9).saturating_add(how.wait);
    how.change.ask.connect()?.ask(&request, limit)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn words(reply: &ApplyReply) -> String {
    let place = reply
        .node
        .as_ref()
        .map_or_else(String::new, |node| format!(" and runs on {node}"));
    match &reply.change {
        Made::None => format!("is as the file says, {}", reply.state),
        Made::Added => format!("is added{place}"),
        Made::Restarted => format!("had failed, is started again{place}"),
        Made::Changed {
            parts,
            in_place: false,
        } => format!("is changed in {}{place}", parts.join(", ")),
        Made::Changed {
            parts,
            in_place: true,
        } => {
            let after = match reply.state.as_str() {
                STOPPING => "; it is being stopped",
                "stopped" => "; it stays stopped",
                _ => "",
            };
            format!("is changed in {}, without a restart{after}", parts.join(", "))
        }
    }
}

fn compare(ask: &Ask, file: &ChildFile) -> Result<Vec<Comparison>, Failure> {
    let children = file
        .children
        .iter()
        .map(|child| (child.id.clone(), child.definition.clone()))
        .collect();
    ask.connect()?.ask(&Request::Compare { children }, Duration::ZERO)
}
