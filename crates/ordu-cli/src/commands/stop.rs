use std::process::ExitCode;

use super::each::each;
use crate::args::{Change, ChildrenArgs};
use crate::control::{Request, StopReply};
use crate::failure::{Failure, Wrong};
use crate::output::{Output, say};

pub(super) fn run(args: &ChildrenArgs<Change>) -> Result<ExitCode, Failure> {
    let change = &args.of;
    let ask = |id: &str| {
        let request = Request::Stop {
            id: id.to_owned(),
            timeout: change.milliseconds(),
        };
        change.ask(&request, 1)
    };
    each(&args.ids, ask, |reply: StopReply| {
        if change.ask.json {
            Output::stdout().json(&reply)?;
        }
        if reply.stopped {
            say(format!("{:?} is stopped", reply.id));
            return Ok(None);
        }
        let owner = reply.owner.as_deref().unwrap_or("its node");
        say(format!(
            "{:?} is to stop, and {owner} has not confirmed it yet",
            reply.id
        ));
        Ok(Some(Wrong::Partial))
    })
}
