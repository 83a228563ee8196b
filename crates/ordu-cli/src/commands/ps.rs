use crate::args::Look;
use crate::control::{ChildRow, Request, STOPPING};
use crate::failure::Failure;
use crate::output::{Ink, Output, Table};

pub(super) fn run(look: &Look) -> Result<(), Failure> {
    let children: Vec<ChildRow> = look.ask(&Request::Children)?;
    let output = Output::stdout();
    if look.ask.json {
        return output.json(&children);
    }
    output.table(&children_table(&children))
}

/// Children as a table.
pub(crate) fn children_table(children: &[ChildRow]) -> Table {
    let mut table = Table::new(&["ID", "NODE", "STATE", "PID", "EPOCH", "RESTARTS", "RESTART"]);
    for child in children {
        table.row([
            (Ink::Plain, child.id.clone()),
            (Ink::Plain, child.node.clone().unwrap_or_else(|| "-".into())),
            (ink(child.doing()), child.doing().to_owned()),
            (
                Ink::Plain,
                child.os_pid.map_or_else(|| "-".into(), |pid| pid.to_string()),
            ),
            (Ink::Plain, child.epoch.to_string()),
            (Ink::Plain, child.restarts.to_string()),
            (Ink::Faint, child.restart.as_str().to_owned()),
        ]);
    }
    table
}

fn ink(state: &str) -> Ink {
    match state {
        "running" => Ink::Good,
        "starting" | "restarting" | "unclaimed" | "lost" | STOPPING => Ink::Passing,
        "failed" | "zombie" => Ink::Bad,
        _ => Ink::Faint,
    }
}
