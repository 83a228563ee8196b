use std::process::ExitCode;

use super::each::each;
use crate::args::{Change, ChildrenArgs};
use crate::control::{Request, StartReply};
use crate::failure::Failure;

pub(super) fn run(args: &ChildrenArgs<Change>) -> Result<ExitCode, Failure> {
    let change = &args.of;
    let ask = |id: &str| {
        let request = Request::Restart {
            id: id.to_owned(),
            timeout: change.milliseconds(),
        };
        // Two steps: it stops, it starts.
        let started: StartReply = change.ask(&request, 2)?;
        Ok((id.to_owned(), started))
    };
    each(&args.ids, ask, |(id, started)| {
        super::start::report(change, &id, &started)?;
        Ok(None)
    })
}
