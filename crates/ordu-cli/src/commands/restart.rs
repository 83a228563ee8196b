use crate::args::{Change, ChildArg};
use crate::control::{Request, StartReply};
use crate::failure::Failure;

pub(super) fn run(args: &ChildArg<Change>) -> Result<(), Failure> {
    let change = &args.of;
    let request = Request::Restart {
        id: args.id.clone(),
        timeout: change.milliseconds(),
    };
    // Two steps: it stops, it starts.
    let started: StartReply = change
        .ask
        .connect()?
        .ask(&request, change.timeout.saturating_mul(2))?;
    super::start::report(change, &args.id, &started)
}
