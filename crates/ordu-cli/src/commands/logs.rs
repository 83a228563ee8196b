use crate::args::LogsArgs;
use crate::control::{LogRequest, LogRow, Request};
use crate::failure::Failure;
use crate::output::{Output, write};

pub(super) fn run(args: LogsArgs) -> Result<(), Failure> {
    let ask = args.child.of;
    let request = LogRequest {
        id: args.child.id,
        lines: args.lines,
        follow: args.follow,
    };
    let output = Output::stdout();
    for row in ask.connect()?.stream::<LogRow>(&Request::Logs(request))? {
        let row = row?;
        if ask.json {
            output.json(&row)?;
        } else {
            write(row.text + "\n")?;
        }
    }
    Ok(())
}
