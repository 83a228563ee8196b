use std::time::Duration;

use crate::apply::file_of;
use crate::args::Ask;
use crate::control::{ExportReply, Request};
use crate::failure::Failure;
use crate::output::{Output, write};

pub(super) fn run(ask: &Ask) -> Result<(), Failure> {
    let exported: ExportReply = ask.connect()?.ask(&Request::Export, Duration::ZERO)?;
    for (id, why) in &exported.left_out {
        eprintln!("ordu: {id:?} is left out: {why}");
    }
    if ask.json {
        return Output::stdout().json(&exported.children);
    }
    write(file_of(&exported.children))
}
