use std::path::PathBuf;

use clap::Args;

/// `ordu dev`.
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) nodes: u8,
    /// A file of children to apply once the nodes are there
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}
