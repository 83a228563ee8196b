use std::process::ExitCode;

use super::each::each;
use crate::args::RmArgs;
use crate::control::{Removed, Request};
use crate::failure::Failure;
use crate::output::{Output, say};

pub(super) fn run(args: &RmArgs) -> Result<ExitCode, Failure> {
    let change = &args.children.of;
    let ask = |id: &str| {
        let request = Request::Remove {
            id: id.to_owned(),
            force: args.force,
            timeout: change.milliseconds(),
        };
        // Two steps: it stops, it is forgotten.
        change.ask(&request, 2)
    };
    each(&args.children.ids, ask, |removed: Removed| {
        if change.ask.json {
            Output::stdout().json(&removed)?;
        } else {
            say(format!("{:?} is forgotten", removed.id));
        }
        Ok(None)
    })
}
