use crate::args::Look;
use crate::control::{CountRow, Request};
use crate::failure::Failure;
use crate::output::{Ink, Output, Table};

pub(super) fn run(look: &Look) -> Result<(), Failure> {
    let count: CountRow = look.ask(&Request::Count)?;
    let output = Output::stdout();
    if look.ask.json {
        return output.json(&count);
    }
    let mut table = Table::new(&["SPECS", "ACTIVE", "SUPERVISORS", "WORKERS"]);
    let numbers = [count.specs, count.active, count.supervisors, count.workers];
    table.row(numbers.map(|number| (Ink::Plain, number.to_string())));
    output.table(&table)
}
