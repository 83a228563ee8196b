//! The `ordu` binary: an agent that runs one node of a cluster, and the commands that speak to it.
#![forbid(unsafe_code)]
// They panic where nobody reads any more, or the disk is full.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod agent;
mod apply;
mod args;
mod commands;
mod control;
mod deadline;
mod demo;
mod dev;
mod duration;
mod failure;
mod output;
mod paths;
mod size;

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: an agent starts this program once more as the keeper of its processes.
    ordu::keeper::init();
    match args::read(commands::run) {
        Ok(code) => code,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}
