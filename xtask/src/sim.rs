//! `cargo xtask sim`: the simulator with the arguments given, built with optimisation.

use crate::cargo;

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let mut command = cargo::command([
        "run",
        "--quiet",
        "--release",
        "-p",
        "ordu-sim",
        "--bin",
        "ordu-sim",
    ]);
    if args.iter().any(|arg| arg == "--planted") {
        command.args(["--features", "planted-bugs"]);
    }
    let status = command
        .arg("--")
        .args(args)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the simulator ended with {status}"))
    }
}
