use std::path::Path;

use crate::args::{Change, StartArgs};
use crate::control::{Definition, Request, StartReply};
use crate::failure::Failure;
use crate::output::{Output, say};
use crate::paths;

pub(super) fn run(args: &StartArgs) -> Result<(), Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::failed(format!("the working directory: {error}")))?;
    let change = &args.child.of;
    let request = Request::Start {
        id: args.child.id.clone(),
        child: definition(args, &here)?,
        timeout: change.milliseconds(),
    };
    let started: StartReply = change.ask(&request, 1)?;
    report(change, &args.child.id, &started)
}

/// Says where a child runs now.
pub(super) fn report(change: &Change, id: &str, started: &StartReply) -> Result<(), Failure> {
    let Some(child) = &started.child else {
        return Err(Failure::failed(format!(
            "child {id:?} chose not to run; nothing is stored"
        )));
    };
    if change.ask.json {
        return Output::stdout().json(child);
    }
    let node = child.node.as_deref().unwrap_or("no node");
    let pid = child
        .os_pid
        .map_or_else(String::new, |pid| format!(", pid {pid}"));
    let holders = started.held_by.join(", ");
    say(format!(
        "{:?} runs on {node}{pid}, epoch {}; held by {holders}",
        child.id, child.epoch
    ));
    Ok(())
}

fn definition(args: &StartArgs, here: &Path) -> Result<Definition, Failure> {
    let cwd = here.join(args.cwd.as_deref().unwrap_or(Path::new("")));
    let mut command = args.command.clone();
    if let Some(program) = command.first_mut() {
        // What the caller typed is a path from where the caller is, not from where the child will be.
        *program = paths::program(program, here);
    }
    Ok(Definition {
        command,
        cwd: paths::text(&cwd).map_err(Failure::usage)?,
        env: args.env.iter().cloned().collect(),
        restart: args.restart,
        stop_signal: args.stop_signal.clone(),
        allow_new_privileges: args.allow_new_privileges,
        stop_timeout: args.stop_timeout,
        node: args.node.clone(),
        labels: args.labels.iter().cloned().collect(),
        max_restarts: args.max_restarts,
        within: u64::try_from(args.within.as_millis()).unwrap_or(u64::MAX),
    })
}
