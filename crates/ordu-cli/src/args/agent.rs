use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::{duration, size};

/// `ordu agent`.
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// The stable name of this node, unique in the cluster
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// The file with the key of the cluster; see `ordu keygen`
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Where to listen for other nodes (UDP and TCP)
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// The address that other nodes dial [default: the listen address, if concrete]
    #[arg(long, value_name = "ADDR")]
    pub(crate) advertise: Option<SocketAddr>,
    /// A node to join, as host:port; may be given several times, one that answers is enough
    #[arg(long, value_name = "ADDR")]
    pub(crate) join: Vec<String>,
    /// The socket for commands [default: in the runtime directory]
    #[arg(long, value_name = "PATH", env = "ORDU_SOCKET")]
    pub(crate) socket: Option<PathBuf>,
    /// Where to keep what must be kept, such as the output of children
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// Where to answer read-only HTTP: /healthz, /readyz, /metrics, /v1/…; a loopback address
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// The name of the cluster; nodes of other names are strangers
    #[arg(long, value_name = "NAME", default_value = ordu::DEFAULT_CLUSTER)]
    pub(crate) cluster: String,
    /// A horde whose children it keeps; may be given several times. Commands that name none are about the first
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) horde: Vec<String>,
    /// How long to keep the output of children that were removed or have finished, or "infinity"
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = log_retention)]
    pub(crate) log_retention: Duration,
    /// How much disk the output of all children may take together, in bytes or with KiB, MiB, GiB or TiB
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size::parse)]
    pub(crate) log_max_total: u64,
    /// Record all that goes into the node, to replay it in the simulator: a new file, or a directory, in which
    /// each start makes one. It holds the arguments and environments of children
    #[arg(long, value_name = "PATH")]
    pub(crate) record: Option<PathBuf>,
    /// Start no child in a control group (cgroup v2) of its own; where that can be had, each has one otherwise
    #[arg(long)]
    pub(crate) no_control_groups: bool,
    /// End at once, as in a crash, when standard input ends: for `ordu dev`, which holds the other end
    #[arg(long, hide = true)]
    pub(crate) end_with_stdin: bool,
}

/// [`Duration::MAX`] stands for ever.
fn log_retention(text: &str) -> Result<Duration, String> {
    if text == "infinity" {
        return Ok(Duration::MAX);
    }
    duration::parse(text).map_err(|error| format!("{error}, or \"infinity\""))
}
