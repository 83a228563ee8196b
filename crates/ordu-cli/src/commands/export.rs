use crate::apply::file_of;
use crate::args::Look;
use crate::control::{ExportReply, Request};
use crate::failure::Failure;
use crate::output::{Output, say, write};

pub(super) fn run(look: &Look) -> Result<(), Failure> {
    let exported: ExportReply = look.ask(&Request::Export)?;
    for (id, why) in &exported.left_out {
        say(format!("ordu: {id:?} is left out: {why}"));
    }
    if look.ask.json {
        return Output::stdout().json(&exported.children);
    }
    write(file_of(&exported.children))
}
