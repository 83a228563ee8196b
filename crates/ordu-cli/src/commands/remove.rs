use crate::args::RemoveArgs;
use crate::control::{MemberRemoved, Request};
use crate::failure::Failure;
use crate::output::{Output, say};

pub(super) fn run(args: &RemoveArgs) -> Result<(), Failure> {
    let change = &args.change;
    let request = Request::RemoveMember {
        name: args.name.clone(),
        timeout: change.milliseconds(),
    };
    let removed: MemberRemoved = change.ask(&request, 1)?;
    if change.ask.json {
        return Output::stdout().json(&removed);
    }
    say(format!("{} is not in the cluster any more", removed.name));
    Ok(())
}
