//! The stages: what each runs.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::built::{self, Built};
use super::counts::Counts;
use crate::cargo;

/// One part of the whole that can be run alone.
pub(crate) struct Stage {
    /// Its name for `--stage`.
    pub(crate) name: &'static str,
    /// What it shows.
    pub(crate) what: &'static str,
    commands: fn() -> Result<Vec<Command>, String>,
}

/// All stages, cheap ones first.
pub(crate) const STAGES: &[Stage] = &[
    Stage {
        name: "fmt",
        what: "the code is formatted",
        commands: || Ok(vec![cargo::command(["fmt", "--all", "--check"])]),
    },
    Stage {
        name: "clippy",
        what: "no lint speaks up",
        commands: || {
            Ok(vec![cargo::command([
                "clippy",
                "--quiet",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ])])
        },
    },
    Stage {
        name: "docs",
        what: "the documentation builds without a warning",
        commands: || {
            let mut doc = cargo::command(["doc", "--quiet", "--workspace", "--no-deps"]);
            doc.env("RUSTDOCFLAGS", "-D warnings");
            Ok(vec![doc])
        },
    },
    Stage {
        name: "build",
        what: "all tests and examples are built",
        commands: || {
            built::tests()?;
            built::examples()?;
            Ok(Vec::new())
        },
    },
    Stage {
        name: "unit",
        what: "unit, property and conformance tests",
        commands: || tests(|package| !["ordu-sim", "ordu-cli"].contains(&package)),
    },
    Stage {
        name: "sim",
        what: "many nodes in virtual time, with faults",
        commands: || tests(|package| package == "ordu-sim"),
    },
    Stage {
        name: "planted",
        what: "bugs that are planted in the nodes are found",
        commands: || {
            Ok(vec![cargo_test(&[
                "--features",
                "ordu-sim/planted-bugs",
                "--test",
                "planted",
            ])])
        },
    },
    Stage {
        name: "doc",
        what: "the examples in the documentation run",
        commands: || Ok(vec![cargo_test(&["--doc"])]),
    },
    Stage {
        name: "processes",
        what: "real agents, real children, the command line",
        commands: || tests(|package| package == "ordu-cli"),
    },
    Stage {
        name: "examples",
        what: "the example programs run to a good end",
        commands: || Ok(built::examples()?.iter().map(Built::command).collect()),
    },
];

impl Stage {
    /// Runs it, showing what it says, and adds up what that says. An error is a stage that failed without a test
    /// saying so; what its other tests said counts.
    pub(crate) fn run(&self, counts: &mut Counts) -> Result<(), String> {
        let outcomes: Vec<_> = (self.commands)()?
            .into_iter()
            .map(|command| run(command, counts))
            .collect();
        outcomes.into_iter().collect()
    }
}

fn run(mut command: Command, counts: &mut Counts) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let stdout = child.stdout.take().expect("stdout is piped");
    let failed_before = counts.failed;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.map_err(|error| format!("reading the output of cargo: {error}"))?;
        let line = String::from_utf8_lossy(&line);
        if counts.line(&line) {
            println!("{line}");
        }
    }
    let status = child.wait().map_err(|error| format!("cargo: {error}"))?;
    if status.success() || counts.failed > failed_before {
        Ok(())
    } else {
        Err(format!("{status}"))
    }
}

/// The tests of some packages, with the output of those that passed: one that skips itself says so there.
fn tests(of: impl Fn(&str) -> bool) -> Result<Vec<Command>, String> {
    let wanted = built::tests()?.iter().filter(|test| of(&test.package));
    let command = |test: &Built| {
        let mut command = test.command();
        command.args(["--quiet", "--show-output"]);
        command
    };
    Ok(wanted.map(command).collect())
}

/// Plain `cargo test` of some tests of the workspace, in the same way.
fn cargo_test(which: &[&str]) -> Command {
    let mut command = cargo::command(["test", "--quiet", "--workspace", "--no-fail-fast"]);
    command.args(which).args(["--", "--show-output"]);
    command
}
