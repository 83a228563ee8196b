use crate::args::RmArgs;
use crate::control::{Removed, Request};
use crate::failure::Failure;
use crate::output::Output;

pub(super) fn run(args: &RmArgs) -> Result<(), Failure> {
    let change = &args.child.of;
    let request = Request::Remove {
        id: args.child.id.clone(),
        force: args.force,
        timeout: change.milliseconds(),
    };
    // Two steps: it stops, it is forgotten.
    let removed: Removed = change
        .ask
        .connect()?
        .ask(&request, change.timeout.saturating_mul(2))?;
    if change.ask.json {
        return Output::stdout().json(&removed);
    }
    eprintln!("{:?} is forgotten", removed.id);
    Ok(())
}
