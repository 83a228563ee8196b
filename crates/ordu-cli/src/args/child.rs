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
    let (name, value) = variable(text)?;
    ordu::check_label(&name, &value).map_err(|error| error.to_string())?;
    Ok((name, value))
}

/// Reads `NAME=VALUE`.
pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
