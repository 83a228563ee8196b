//! Starting, asking, killing and counting.

mod cluster;
mod network;
mod node;
mod ordu;
mod processes;
mod transcript;
mod waiting;

use std::io::Write as _;

pub(crate) use cluster::{Cluster, unique_mark};
pub(crate) use network::Network;
pub(crate) use node::Node;
pub(crate) use ordu::{Said, ordu, ordu_with_input, program};
pub(crate) use processes::{Copies, Copy, children_of, is_alive, kill};
pub(crate) use transcript::transcript;
pub(crate) use waiting::{eventually, holds_for};

/// Whether this test runs as root; if not, says why it did not run, where the runner of all tests counts it.
pub(crate) fn root_or_skip(test: &str, why: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip(test, why);
    }
    root
}

/// Says that a test did not run, past the capture of a test's output.
pub(crate) fn skip(test: &str, why: &str) {
    let _ = writeln!(std::io::stdout(), "\nSKIPPED: {test}: {why}");
}

/// A figure worth reading even when all is well.
pub(crate) fn measured(what: &str, value: std::time::Duration) {
    println!("{what}: {} ms", value.as_millis());
}
