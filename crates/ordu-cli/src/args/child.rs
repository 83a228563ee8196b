use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Change;
use crate::control::{Restart, StopTimeout};
use crate::duration;

/// A command about children.
#[derive(Debug, Args)]
pub(crate) struct ChildrenArgs<T: Args> {
    /// The child; several are seen to side by side, and the exit code is the worst of them
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) of: T,
}

/// A command about one child.
#[derive(Debug, Args)]
pub(crate) struct ChildArg<T: Args> {
    /// The child
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) of: T,
}

/// `ordu start`.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    pub(crate) child: ChildArg<Change>,
    /// When to start it again after it ended
    #[arg(long, value_enum, default_value = "permanent")]
    pub(crate) restart: Restart,
    /// The signal that asks it to stop
    #[arg(long, value_name = "SIGNAL", default_value = "SIGTERM")]
    pub(crate) stop_signal: String,
    /// Let it gain privileges by running programs that have them (set-user-id, file capabilities)
    #[arg(long)]
    pub(crate) allow_new_privileges: bool,
    /// How long it may take to stop, with all it started, before it is killed; or "infinity", or "kill"
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub(crate) stop_timeout: StopTimeout,
    /// A variable of its environment; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) env: Vec<(String, String)>,
    /// Its working directory [default: the caller's]
    #[arg(long, value_name = "DIR")]
    pub(crate) cwd: Option<PathBuf>,
    /// Run it on this node only
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<String>,
    /// Run it on nodes only that carry this label; may be given several times, all must be there
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// How often it may be restarted within the time of --within before it has failed
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) max_restarts: u32,
    /// See --max-restarts
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse_period)]
    pub(crate) within: Duration,
    /// The program and its arguments; never a shell's command line
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Reads `NAME=VALUE` where it is a label.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = pair(text)?;
    ordu::check_label(name, value).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads `NAME=VALUE`.
pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    match pair(text)? {
        ("", _) => Err(format!("the name before the '=' is empty; {PAIR}")),
        (name, value) => Ok((name.to_owned(), value.to_owned())),
    }
}

const PAIR: &str = "expected NAME=VALUE";

fn pair(text: &str) -> Result<(&str, &str), String> {
    text.split_once('=').ok_or_else(|| PAIR.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{label, variable};

    #[test]
    fn a_word_without_a_name_before_its_value_says_what_is_missing() {
        assert_eq!(variable("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(variable("A"), Err("expected NAME=VALUE".to_owned()));
        assert_eq!(
            variable("=x"),
            Err("the name before the '=' is empty; expected NAME=VALUE".to_owned())
        );
        assert_eq!(label("disk"), Err("expected NAME=VALUE".to_owned()));
        assert_eq!(
            label("=x"),
            Err("the name of a label is empty; expected 1 to 63 bytes".to_owned())
        );
    }
}
