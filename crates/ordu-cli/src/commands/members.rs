use crate::args::Look;
use crate::control::{MemberRow, Request};
use crate::failure::Failure;
use crate::output::{Ink, Output, Table};

pub(super) fn run(look: &Look) -> Result<(), Failure> {
    let members: Vec<MemberRow> = look.ask(&Request::Members)?;
    let output = Output::stdout();
    if look.ask.json {
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
