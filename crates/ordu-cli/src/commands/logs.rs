use crate::args::LogsArgs;
use crate::control::{LogReply, LogRequest, Request};
use crate::failure::{Failure, Wrong};
use crate::output::{Output, say, write};

pub(super) fn run(args: LogsArgs) -> Result<(), Failure> {
    let look = args.child.of;
    let request = LogRequest {
        id: args.child.id,
        lines: args.lines,
        follow: args.follow,
    };
    let output = Output::stdout();
    for reply in look.connect()?.stream(&Request::Logs(request), args.follow)? {
        match reply? {
            LogReply::Found => {}
            LogReply::Note(text) => say(format!("ordu: {text}")),
            LogReply::Line(row) if look.ask.json => output.json(&row)?,
            LogReply::Line(row) if row.goes_on => write(row.text)?,
            LogReply::Line(row) => write(row.text + "\n")?,
            LogReply::End => return Ok(()),
        }
    }
    let message = "the agent closed the connection before all was said: it has ended, or needed the place for another caller";
    Err(Failure::new(Wrong::Unreachable, message))
}
