use std::time::Duration;

use crate::args::Ask;
use crate::control::{MemberRow, Request};
use crate::failure::Failure;
use crate::output::{Ink, Output, Table};

pub(super) fn run(ask: &Ask) -> Result<(), Failure> {
    let members: Vec<MemberRow> = ask.connect()?.ask(&Request::Members, Duration::ZERO)?;
    let output = Output::stdout();
    if ask.json {
        return output.json(&members);
    }
    let mut table = Table::new(&["NAME", "STATE", "CHILDREN", "ADDR", "ID"]);
    for member in &members {
        table.row([
            (Ink::Plain, member.name.clone()),
            (ink(&member.state), member.state.clone()),
            (Ink::Plain, member.children.to_string()),
            (Ink::Plain, member.addr.to_string()),
            (Ink::Faint, member.id.clone()),
        ]);
    }
    output.table(&table)
}

/// The colour of a member's state.
pub(crate) fn ink(state: &str) -> Ink {
    match state {
        "alive" => Ink::Good,
        "joining" | "suspect" | "draining" => Ink::Passing,
        "down" => Ink::Bad,
        _ => Ink::Faint,
    }
}
