use std::time::Duration;

use crate::args::Ask;
use crate::control::{CountRow, Request};
use crate::failure::Failure;
use crate::output::{Ink, Output, Table};

pub(super) fn run(ask: &Ask) -> Result<(), Failure> {
    let count: CountRow = ask.connect()?.ask(&Request::Count, Duration::ZERO)?;
    let output = Output::stdout();
    if ask.json {
        return output.json(&count);
    }
    let mut table = Table::new(&["SPECS", "ACTIVE", "SUPERVISORS", "WORKERS"]);
    let numbers = [count.specs, count.active, count.supervisors, count.workers];
    table.row(numbers.map(|number| (Ink::Plain, number.to_string())));
    output.table(&table)
}
