use std::path::Path;
use std::time::Duration;

use super::applied::{Applied, Outcome, verdict};
use crate::apply::{ChildFile, FileChild};
use crate::args::{ApplyArgs, Ask, Change};
use crate::control::{Comparison, Difference, Request, StartReply};
use crate::failure::{Failure, Wrong};
use crate::output::{Ink, Output, Table};

pub(super) fn run(args: &ApplyArgs) -> Result<(), Failure> {
    let (file, ask) = (ChildFile::load(&args.file)?, &args.change.ask);
    if file.children.is_empty() {
        eprintln!(
            "{}: there is no [[child]] in it, so there is nothing to apply",
            args.file.display()
        );
    }
    if args.dry_run {
        return plan(ask, &file);
    }
    let applied = apply_all(&args.change, &file, |said| eprint!("{said}"))?;
    if ask.json {
        Output::stdout().json(&applied)?;
    }
    verdict(&applied, &args.file)
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
            Difference::Change { parts } => (Ink::Passing, "changed", parts.join(", ")),
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
    change: &Change,
    file: &ChildFile,
    path: &Path,
    say: impl Fn(String),
) -> Result<(), Failure> {
    verdict(&apply_all(change, file, say)?, path)
}

/// Adds and changes children one after the other, so that never more than one is down for it. One that cannot be
/// applied does not hold up the others.
fn apply_all(change: &Change, file: &ChildFile, say: impl Fn(String)) -> Result<Vec<Applied>, Failure> {
    let mut all = Vec::new();
    let mut gone = false;
    for (comparison, child) in compare(&change.ask, file)?.into_iter().zip(&file.children) {
        let parts = match &comparison.difference {
            Difference::Change { parts } => parts.clone(),
            Difference::Add | Difference::Same { .. } => Vec::new(),
        };
        let mut applied = Applied {
            id: child.id.clone(),
            outcome: Outcome::Untried,
            parts,
            node: None,
            error: None,
        };
        // Without the agent nothing more can be done, and nobody need be told once for each child.
        if !gone {
            match apply_one(change, child, &comparison.difference) {
                Ok((outcome, node)) => {
                    (applied.outcome, applied.node) = (outcome, node);
                    say(format!(
                        "{:?} {}\n",
                        child.id,
                        words(&applied, &comparison.difference)
                    ));
                }
                Err(failure) => {
                    applied.outcome = match failure {
                        Failure::Plain {
                            wrong: Wrong::Unreachable,
                            ..
                        } => Outcome::Untried,
                        Failure::Plain {
                            wrong: Wrong::Timeout,
                            ..
                        } => Outcome::Unknown,
                        _ => Outcome::Failed,
                    };
                    gone = applied.outcome == Outcome::Untried;
                    applied.error = Some(failure.to_string());
                    say(failure.render());
                }
            }
        }
        all.push(applied);
    }
    Ok(all)
}

/// What was done, and where the child runs if it was started.
fn apply_one(
    change: &Change,
    child: &FileChild,
    difference: &Difference,
) -> Result<(Outcome, Option<String>), Failure> {
    let (id, child, timeout) = (child.id.clone(), child.definition.clone(), change.milliseconds());
    let (request, outcome, steps) = match difference {
        Difference::Same { .. } => return Ok((Outcome::Unchanged, None)),
        Difference::Add => (Request::Start { id, child, timeout }, Outcome::Added, 1),
        // It stops, is forgotten, does not start, and the old one starts again and is stopped; the two starts may
        // be tried again for as long as one takes.
        Difference::Change { .. } => (Request::Replace { id, child, timeout }, Outcome::Changed, 7),
    };
    let limit = change.timeout.saturating_mul(steps);
    let started: StartReply = change.ask.connect()?.ask(&request, limit)?;
    Ok((outcome, started.child.and_then(|child| child.node)))
}

fn words(applied: &Applied, difference: &Difference) -> String {
    let place = applied
        .node
        .as_ref()
        .map_or_else(String::new, |node| format!(" and runs on {node}"));
    match difference {
        Difference::Same { state } => format!("is as the file says, {state}"),
        Difference::Add => format!("is added{place}"),
        Difference::Change { parts } => format!("is changed in {}{place}", parts.join(", ")),
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
