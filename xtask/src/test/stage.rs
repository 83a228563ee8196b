//! The stages: what each runs.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::counts::Counts;
use crate::cargo;

/// One part of the whole that can be run alone.
pub(crate) struct Stage {
    /// Its name for `--stage`.
    pub(crate) name: &'static str,
    /// What it shows.
    pub(crate) what: &'static str,
    commands: fn() -> Vec<Command>,
}

/// All stages, cheap ones first.
pub(crate) const STAGES: &[Stage] = &[
    Stage {
        name: "fmt",
        what: "the code is formatted",
        commands: || vec![cargo::command(["fmt", "--all", "--check"])],
    },
    Stage {
        name: "clippy",
        what: "no lint speaks up",
        commands: || {
            vec![cargo::command([
                "clippy",
                "--quiet",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ])]
        },
    },
    Stage {
        name: "docs",
        what: "the documentation builds without a warning",
        commands: || {
            let mut doc = cargo::command(["doc", "--quiet", "--workspace", "--no-deps"]);
            doc.env("RUSTDOCFLAGS", "-D warnings");
            vec![doc]
        },
    },
    Stage {
        name: "unit",
        what: "unit, property and conformance tests",
        commands: || {
            vec![test(&[
                "--workspace",
                "--exclude",
                "ordu-sim",
                "--exclude",
                "ordu-cli",
                "--lib",
                "--bins",
                "--tests",
            ])]
        },
    },
    Stage {
        name: "sim",
        what: "many nodes in virtual time, with faults",
        commands: || vec![test(&["-p", "ordu-sim", "--lib", "--bins", "--tests"])],
    },
    Stage {
        name: "planted",
        what: "bugs that are planted in the nodes are found",
        commands: || {
            vec![test(&[
                "-p",
                "ordu-sim",
                "--features",
                "planted-bugs",
                "--test",
                "planted",
            ])]
        },
    },
    Stage {
        name: "doc",
        what: "the examples in the documentation run",
        commands: || vec![test(&["--workspace", "--doc"])],
    },
    Stage {
        name: "processes",
        what: "real agents, real children, the command line",
        commands: || vec![test(&["-p", "ordu-cli", "--bins", "--tests"])],
    },
    Stage {
        name: "examples",
        what: "the example programs run to a good end",
        commands: examples,
    },
];

impl Stage {
    /// Runs it, showing what it says, and adds up what that says. An error is a stage that failed without a test
    /// saying so; what its tests said before counts.
    pub(crate) fn run(&self, counts: &mut Counts) -> Result<(), String> {
        (self.commands)()
            .into_iter()
            .try_for_each(|command| run(command, counts))
    }
}

fn run(mut command: Command, counts: &mut Counts) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cargo: {error}"))?;
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

/// Plain `cargo test`, with the output of tests that passed: one that skips itself says so there.
fn test(which: &[&str]) -> Command {
    let mut command = cargo::command(["test", "--quiet", "--no-fail-fast"]);
    command.args(which).args(["--", "--show-output"]);
    command
}

/// Every `crates/*/examples/*.rs`.
fn examples() -> Vec<Command> {
    let mut found: Vec<(String, String)> = entries(cargo::root().join("crates"))
        .into_iter()
        .flat_map(|package| {
            entries(package.join("examples"))
                .into_iter()
                .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
                .map(move |path| (name(&package), name(&path)))
        })
        .collect();
    found.sort();
    found
        .iter()
        .map(|(package, example)| {
            cargo::command(["run", "--quiet", "--package", package, "--example", example])
        })
        .collect()
}

fn entries(folder: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn name(path: &std::path::Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
