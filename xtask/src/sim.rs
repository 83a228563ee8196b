//! `cargo xtask sim`: the simulator with the arguments given, built with optimisation.

use crate::cargo;

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let status = cargo::command([
        "run",
        "--quiet",
        "--release",
        "-p",
        "ordu-sim",
        "--bin",
        "ordu-sim",
        "--",
    ])
    .args(args)
    .status()
    .map_err(|error| format!("cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the simulator ended with {status}"))
    }
}
