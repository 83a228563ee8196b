//! The command line as it is typed.

mod agent;
mod child;
mod client;
mod dev;
mod refused;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use ordu::{ClusterName, NodeName};

use crate::duration;
use crate::failure::Failure;

pub(crate) use agent::AgentArgs;
pub(crate) use child::{ChildArg, ChildrenArgs, StartArgs};
pub(crate) use client::{Ask, Change, LAST_WORDS, Look};
pub(crate) use dev::DevArgs;

/// Does with the command line of this process what is to be done. What cannot be taken is told, as what `--help` asks for
/// is.
pub(crate) fn read(run: impl FnOnce(Command) -> Result<ExitCode, Failure>) -> Result<ExitCode, Failure> {
    match Cli::try_parse() {
        Ok(cli) => run(cli.command),
        Err(error) => refused::tell(error),
    }
}

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 failed, 2 usage, 3 agent unreachable, 4 not found, 5 denied,
            6 timeout (it may have been done), 7 partial (some of it was done)";

/// A distributed supervisor: keeps commands running on the machines of a cluster, each on exactly one.
#[derive(Debug, Parser)]
#[command(name = "ordu", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one node of a cluster, until it is told to stop
    Agent(AgentArgs),
    /// Run a whole cluster on this machine, to try things out
    Dev(DevArgs),
    /// Start a command and keep it running somewhere in the cluster
    Start(StartArgs),
    /// List all children
    Ps(Look),
    /// Show all about children
    Show(ChildrenArgs<Look>),
    /// Count the children
    Count(Look),
    /// Stop children and keep their definitions
    Stop(ChildrenArgs<Change>),
    /// Start children again; one that runs is stopped first
    Restart(ChildrenArgs<Change>),
    /// Forget stopped children
    Rm(RmArgs),
    /// Show the output of a child on the asked node, where it runs or ran
    Logs(LogsArgs),
    /// List the members of the cluster, and say who may be one
    Members(MembersArgs),
    /// Take a member that is gone for good out of the cluster; one that lives leaves first
    Remove(RemoveArgs),
    /// Start and change children so that they are as a file says
    Apply(ApplyArgs),
    /// Print the children that are to run as a file for `ordu apply`, with the values of their environments
    Export(Look),
    /// Make the secret key of a new cluster
    Keygen(KeygenArgs),
    /// Print a completion script for a shell
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Small programs for `examples/demo.toml`
    #[command(hide = true, subcommand)]
    Demo(Demo),
}

/// See [`Command::Demo`].
#[derive(Debug, Subcommand)]
pub(crate) enum Demo {
    /// A web server that says which child of which node it is
    Web {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:8780")]
        listen: std::net::SocketAddr,
    },
}

/// See [`Command::Rm`].
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    #[command(flatten)]
    pub(crate) children: ChildrenArgs<Change>,
    /// If it runs, stop it first
    #[arg(long)]
    pub(crate) force: bool,
}

/// See [`Command::Members`].
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct MembersArgs {
    #[command(subcommand)]
    pub(crate) list: Option<MemberList>,
    #[command(flatten)]
    pub(crate) look: Look,
}

/// What is done about the list of those that may be members.
#[derive(Debug, Subcommand)]
pub(crate) enum MemberList {
    /// Let only these be members: others are refused, and those that are there leave
    Set(SetMembersArgs),
    /// Let everybody who has the key be a member again
    Clear(Change),
    /// Show who may be a member
    Listed(Look),
}

/// See [`MemberList::Set`].
#[derive(Debug, Args)]
pub(crate) struct SetMembersArgs {
    /// The names of all nodes that may be members, that of the asked one among them
    #[arg(value_name = "NAME", required = true, value_parser = agent::name::<NodeName>)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// See [`Command::Remove`].
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The member's name, as `ordu members` shows it
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// See [`Command::Logs`].
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    pub(crate) child: ChildArg<Look>,
    /// Go on as new lines come
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last N lines; at most the last 4 MiB are shown, with or without this
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) lines: Option<usize>,
}

/// See [`Command::Apply`].
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) change: Change,
    /// The file, in TOML: one [[child]] with id and command for each child; "-" is standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// How long a child may take to come up, and so to stay for a second; one that does not is a failure, and a
    /// changed one is put back as it was
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse)]
    pub(crate) wait: Duration,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// See [`Command::Keygen`].
#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// The file to create
    #[arg(value_name = "FILE", default_value = "cluster.key")]
    pub(crate) file: PathBuf,
    /// The cluster whose fingerprint to print
    #[arg(long, value_name = "NAME", default_value = ordu::DEFAULT_CLUSTER, value_parser = agent::name::<ClusterName>)]
    pub(crate) cluster: String,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}
