use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use ordu::{ClusterName, HordeName, InvalidJoin, InvalidName, NodeName};

use super::child::label;
use crate::size;

/// `ordu agent`. What is given here wins over the file of `--config`.
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// A file of settings, in TOML, whose keys are named as these options; what is given here wins over it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The stable name of this node, unique in the cluster
    #[arg(long, value_name = "NAME", value_parser = name::<NodeName>, required_unless_present = "config")]
    pub(crate) name: Option<String>,
    /// The file with the key of the cluster; see `ordu keygen`
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    pub(crate) key: Option<PathBuf>,
    /// Where to listen for other nodes (UDP and TCP)
    #[arg(long, value_name = "ADDR", required_unless_present = "config")]
    pub(crate) listen: Option<SocketAddr>,
    /// The address that other nodes dial [default: the listen address, if concrete]
    #[arg(long, value_name = "ADDR")]
    pub(crate) advertise: Option<SocketAddr>,
    /// A node to join, as host:port; may be given several times, one that answers is enough
    #[arg(long, value_name = "ADDR", value_parser = join)]
    pub(crate) join: Vec<String>,
    /// The socket for commands [default: in the runtime directory]
    #[arg(long, value_name = "PATH", env = "ORDU_SOCKET")]
    pub(crate) socket: Option<PathBuf>,
    /// Where to keep what must be kept, such as the output of children
    #[arg(long, value_name = "DIR", required_unless_present = "config")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where to answer read-only HTTP: /healthz, /readyz, /metrics, /v1/…; a loopback address
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// The name of the cluster; nodes of other names are strangers [default: default]
    #[arg(long, value_name = "NAME", value_parser = name::<ClusterName>)]
    pub(crate) cluster: Option<String>,
    /// A horde whose children it keeps; may be given several times. Commands that name none are about the first
    /// [default: default]
    #[arg(long, value_name = "NAME", value_parser = name::<HordeName>)]
    pub(crate) horde: Vec<String>,
    /// A label of this node, for children that run on nodes only that carry it; may be given several times
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// How many children it runs at the most [default: no limit]
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<u32>,
    /// How long to keep the output of children that were removed or have finished, or "infinity" [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = crate::duration::parse_or_infinity)]
    pub(crate) log_retention: Option<Duration>,
    /// How much disk the output of all children may take together, in bytes or with KiB, MiB, GiB or TiB
    /// [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(crate) log_max_total: Option<u64>,
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

/// Reads a name of this kind, and keeps it as it was typed.
pub(super) fn name<T: FromStr<Err = InvalidName>>(text: &str) -> Result<String, InvalidName> {
    text.parse::<T>().map(|_| text.to_owned())
}

fn join(text: &str) -> Result<String, InvalidJoin> {
    InvalidJoin::check(text).map(|()| text.to_owned())
}
