use std::process::ExitCode;
use std::time::Duration;

use ordu::printable;

use super::each::each;
use crate::args::{ChildrenArgs, Look};
use crate::control::{ChildDetail, Request};
use crate::failure::Failure;
use crate::output::{Ink, Output, write};

pub(super) fn run(args: &ChildrenArgs<Look>) -> Result<ExitCode, Failure> {
    let ask = |id: &str| {
        let request = Request::Child { id: id.to_owned() };
        args.of.ask(&request)
    };
    let output = Output::stdout();
    let mut shown = false;
    each(&args.ids, ask, |detail: ChildDetail| {
        if args.of.ask.json {
            output.json(&detail)?;
            return Ok(None);
        }
        // An empty line between two children.
        let between = if std::mem::replace(&mut shown, true) {
            "\n"
        } else {
            ""
        };
        let line = |(name, value): (&str, String)| {
            let name = output.colour().paint(Ink::Head, &format!("{name:<13}"));
            format!("{name} {}\n", printable(&value))
        };
        let lines: String = fields(&detail).into_iter().map(line).collect();
        write(format!("{between}{lines}"))?;
        Ok(None)
    })
}

fn fields(detail: &ChildDetail) -> Vec<(&'static str, String)> {
    let row = &detail.row;
    let mut fields = vec![
        ("id", row.id.clone()),
        ("horde", row.horde.clone()),
        ("kind", row.kind.clone()),
        ("state", row.doing().to_owned()),
    ];
    let optional = [
        ("node", row.node.clone()),
        ("pid", row.os_pid.map(|pid| pid.to_string())),
        ("reason", detail.reason.clone()),
        ("fence", detail.fence.clone()),
    ];
    fields.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    fields.push(("epoch", row.epoch.to_string()));
    fields.push(("restarts", row.restarts.to_string()));
    fields.push(("restart", row.restart.as_str().to_owned()));
    let within = crate::duration::show(Duration::from_millis(detail.within_ms));
    fields.push((
        "intensity",
        format!("{} restarts within {within}", detail.max_restarts),
    ));
    fields.push(("stop_timeout", detail.stop_timeout.clone()));
    if !detail.constraints.is_empty() {
        fields.push(("only on", detail.constraints.join(", ")));
    }
    if let Some(process) = &detail.process {
        fields.push(("command", shell_words(&process.command)));
        fields.extend(process.cwd.clone().map(|cwd| ("cwd", cwd)));
        fields.push(("stop_signal", process.stop_signal.clone()));
        if process.allow_new_privileges {
            fields.push(("privileges", "may be gained".to_owned()));
        }
        let names = process
            .env
            .iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ");
        if !names.is_empty() {
            fields.push(("env", names));
        }
    }
    fields
}

/// The command as it could be typed.
fn shell_words(command: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    let quote = |word: &String| {
        if word.chars().all(plain) && !word.is_empty() {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    command.iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::shell_words;

    #[test]
    fn a_command_is_shown_as_it_could_be_typed() {
        let command = ["sh", "-c", "echo it's", ""].map(str::to_owned);
        assert_eq!(shell_words(&command), r"sh -c 'echo it'\''s' ''");
    }
}
