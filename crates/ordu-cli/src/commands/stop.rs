use std::process::ExitCode;

use crate::args::{Change, ChildArg};
use crate::control::{Request, StopReply};
use crate::failure::{Failure, Wrong};
use crate::output::Output;

pub(super) fn run(args: &ChildArg<Change>) -> Result<ExitCode, Failure> {
    let change = &args.of;
    let request = Request::Stop {
        id: args.id.clone(),
        timeout: change.milliseconds(),
    };
    let reply: StopReply = change.ask.connect()?.ask(&request, change.timeout)?;
    if change.ask.json {
        Output::stdout().json(&reply)?;
    }
    if reply.stopped {
        eprintln!("{:?} is stopped", reply.id);
        return Ok(ExitCode::SUCCESS);
    }
    let owner = reply.owner.as_deref().unwrap_or("its node");
    eprintln!("{:?} is to stop, and {owner} has not confirmed it yet", reply.id);
    Ok(ExitCode::from(Wrong::Partial as u8))
}
