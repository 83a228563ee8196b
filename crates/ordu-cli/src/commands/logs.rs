use crate::args::LogsArgs;
use crate::control::{LogReply, LogRequest, Request};
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
    for reply in ask.connect()?.stream(&Request::Logs(request))? {
        match reply? {
            LogReply::Note(text) => eprintln!("ordu: {text}"),
            LogReply::Line(row) if ask.json => output.json(&row)?,
            LogReply::Line(row) => write(row.text + "\n")?,
        }
    }
    Ok(())
}
