use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crate::apply::{ChildFile, FileChild};
use crate::args::{ApplyArgs, Ask, Change};
use crate::control::{Comparison, Difference, Request, StartReply};
use crate::failure::{Failure, Wrong};
use crate::output::{Ink, Output, Table};

pub(super) fn run(args: &ApplyArgs) -> Result<ExitCode, Failure> {
    let file = ChildFile::load(&args.file)?;
    if args.dry_run {
        plan(&args.change.ask, &file)?;
        return Ok(ExitCode::SUCCESS);
    }
    apply(&args.change, &file, &args.file, |said| eprint!("{said}"))
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

/// Adds and changes children until they are as the file says, one after the other, so that never more than one
/// is down for it. One that cannot be applied does not hold up the others. What becomes of each is said in whole
/// lines.
pub(crate) fn apply(
    change: &Change,
    file: &ChildFile,
    path: &Path,
    say: impl Fn(String),
) -> Result<ExitCode, Failure> {
    let (mut good, mut bad) = (0, 0);
    for (comparison, child) in compare(&change.ask, file)?.into_iter().zip(&file.children) {
        match apply_one(change, child, &comparison.difference) {
            Ok(said) => {
                good += 1;
                say(format!("{:?} {said}\n", child.id));
            }
            // Without the agent nothing more can be done, and nobody need be told once for each child.
            Err(
                failure @ Failure::Plain {
                    wrong: Wrong::Unreachable,
                    ..
                },
            ) => return Err(failure),
            Err(failure) => {
                bad += 1;
                say(failure.render());
            }
        }
    }
    match (good, bad) {
        (_, 0) => Ok(ExitCode::SUCCESS),
        (0, _) => Err(Failure::failed(format!(
            "{}: nothing was applied",
            path.display()
        ))),
        _ => Err(Failure::new(
            Wrong::Partial,
            format!(
                "{}: {good} of {} children are as it says",
                path.display(),
                good + bad
            ),
        )),
    }
}

fn apply_one(change: &Change, child: &FileChild, difference: &Difference) -> Result<String, Failure> {
    let (id, definition, timeout) = (child.id.clone(), child.definition.clone(), change.milliseconds());
    match difference {
        Difference::Same { state } => Ok(format!("is as the file says, {state}")),
        Difference::Add => {
            let request = Request::Start {
                id,
                child: definition,
                timeout,
            };
            let started: StartReply = change.ask.connect()?.ask(&request, change.timeout)?;
            Ok(format!("is added{}", place(&started)))
        }
        Difference::Change { parts } => {
            let request = Request::Replace {
                id,
                child: definition,
                timeout,
            };
            // At most four steps: it stops, is forgotten, does not start, and the old one starts again.
            let started: StartReply = change
                .ask
                .connect()?
                .ask(&request, change.timeout.saturating_mul(4))?;
            Ok(format!("is changed in {}{}", parts.join(", "), place(&started)))
        }
    }
}

fn place(started: &StartReply) -> String {
    match started.child.as_ref().and_then(|child| child.node.as_ref()) {
        Some(node) => format!(" and runs on {node}"),
        None => String::new(),
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
