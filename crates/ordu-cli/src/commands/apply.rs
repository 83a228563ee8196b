use std::path::Path;
use std::time::Duration;

use super::applied::{Applied, Outcome, verdict};
use crate::apply::{ChildFile, FileChild, shown};
use crate::args::{ApplyArgs, Ask, LAST_WORDS};
use crate::control::{ApplyReply, Change as Made, Comparison, Difference, Request, STOPPING, Standing};
use crate::deadline::Deadline;
use crate::failure::{Failure, Wrong};
use crate::output::{Ink, Output, Table, say, say_lines, without_tricks};

/// How a file is applied.
#[derive(Debug)]
pub(crate) struct How<'a> {
    /// Through whom.
    pub(crate) ask: &'a Ask,
    /// For all of it.
    pub(crate) deadline: Deadline,
    /// How long a child may take to come up; 0: it is not waited for.
    pub(crate) wait: Duration,
}

pub(super) fn run(args: &ApplyArgs) -> Result<(), Failure> {
    let ask = &args.change.ask;
    let how = How {
        ask,
        deadline: Deadline::after(args.change.timeout),
        wait: args.wait,
    };
    let file = ChildFile::load(&args.file, args.change.timeout)?;
    if file.children.is_empty() {
        say(format!(
            "{}: there is no [[child]] in it, so there is nothing to apply",
            args.file.display()
        ));
    }
    if args.dry_run {
        return plan(&how, &file);
    }
    let (applied, why_untried) = apply_all(&how, &file, say_lines)?;
    if ask.json {
        Output::stdout().json(&applied)?;
    }
    verdict(&applied, shown(&args.file), why_untried)
}

/// Says what would be done.
fn plan(how: &How<'_>, file: &ChildFile) -> Result<(), Failure> {
    let comparisons = compare(how, file)?;
    let output = Output::stdout();
    if how.ask.json {
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
    let (applied, why_untried) = apply_all(how, file, say)?;
    verdict(&applied, path, why_untried)
}

/// Adds and changes children one after the other, so that never more than one is down for it, then waits for all of
/// them to come up. One that cannot be applied does not hold up the others. Beside what became of each: how it went
/// wrong if none was tried.
fn apply_all(
    how: &How<'_>,
    file: &ChildFile,
    say: impl Fn(String),
) -> Result<(Vec<Applied>, Wrong), Failure> {
    // Once time is over nothing can be done, as without the agent, and nobody need be told once for each child.
    let mut no_time = how.deadline.is_over();
    if !no_time {
        // Whatever an agent can find wrong is found before anything is done.
        compare(how, file)?;
    }
    let mut all = Vec::new();
    let mut states = Vec::new();
    let mut no_agent = false;
    for child in &file.children {
        let mut applied = Applied {
            id: child.id.clone(),
            outcome: Outcome::Untried,
            parts: Vec::new(),
            node: None,
            error: None,
        };
        let mut state = String::new();
        no_time |= how.deadline.is_over();
        if !no_agent && !no_time {
            match apply_one(how, child) {
                Ok(reply) => {
                    say(without_tricks(&format!("{:?} {}\n", child.id, words(&reply))));
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
                    no_agent = applied.outcome == Outcome::Untried;
                    applied.error = Some(failure.to_string());
                    say(failure.render());
                }
            }
        }
        states.push(state);
        all.push(applied);
    }
    await_all(how, file, &states, &mut all, say);
    let why_untried = if no_time {
        Wrong::Timeout
    } else {
        Wrong::Unreachable
    };
    Ok((all, why_untried))
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
    let left = how.deadline.left();
    let wait = how.wait.min(left);
    let children = due
        .iter()
        .map(|(_, child)| (child.id.clone(), child.definition.restart))
        .collect();
    let request = Request::Await {
        children,
        wait: milliseconds(wait),
    };
    let standings: Result<Vec<Standing>, Failure> = how
        .ask
        .connect_within(left)
        .and_then(|agent| agent.ask(&request, LAST_WORDS));
    match standings {
        Ok(standings) => {
            for (standing, (applied, _)) in standings.iter().zip(&mut due) {
                if !standing.is_well() {
                    let complaint = standing.complaint(&crate::duration::show(wait));
                    let message = format!("child {:?} {complaint}", standing.id);
                    say(Failure::failed(&message).render());
                    applied.outcome = if wait == how.wait || standing.has_failed() {
                        Outcome::Failed
                    } else {
                        // It had less time than it may take.
                        Outcome::Unknown
                    };
                    applied.error = Some(message);
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
    let left = how.deadline.left();
    let request = Request::Apply {
        id: child.id.clone(),
        child: child.definition.clone(),
        timeout: milliseconds(left),
        wait: milliseconds(how.wait),
    };
    // The agent sees what it has begun to its end, and puts the old one back if it has to, whoever waits for that.
    how.ask.connect_within(left)?.ask(&request, LAST_WORDS)
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

fn compare(how: &How<'_>, file: &ChildFile) -> Result<Vec<Comparison>, Failure> {
    let children = file
        .children
        .iter()
        .map(|child| (child.id.clone(), child.definition.clone()))
        .collect();
    how.ask
        .connect_within(how.deadline.left())?
        .ask(&Request::Compare { children }, Duration::ZERO)
}
