//! What the tests run: the test executables and examples of the whole workspace, built once.
//!
//! Cargo chooses the features of dependencies by the packages it is asked for. Asked for one package after the other it
//! would build most of them several times; asked for all at once it builds each once.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::cargo;

/// A program that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Built {
    /// The package it is of.
    pub(crate) package: String,
    /// The name of its target.
    pub(crate) name: String,
    /// The executable.
    path: PathBuf,
    /// The folder of its package, in which Cargo runs tests.
    folder: PathBuf,
}

impl Built {
    /// Runs it as `cargo run` or `cargo test` does.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder);
        command
    }

    /// What a message of Cargo says was built, if it is a program that is to be run.
    fn of(message: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(message).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let target = &message["target"];
        let is_example = target["kind"][0] == "example";
        if message["reason"] != "compiler-artifact" || !(message["profile"]["test"] == true || is_example) {
            return None;
        }
        let folder = PathBuf::from(text(&message["manifest_path"])?)
            .parent()?
            .to_owned();
        Some(Self {
            package: folder.file_name()?.to_string_lossy().into_owned(),
            name: text(&target["name"])?,
            path: text(&message["executable"])?.into(),
            folder,
        })
    }
}

/// All tests, in the order of their packages and names.
pub(crate) fn tests() -> Result<&'static [Built], String> {
    static TESTS: OnceLock<Result<Vec<Built>, String>> = OnceLock::new();
    let wanted = ["test", "--workspace", "--lib", "--bins", "--tests", "--no-run"];
    TESTS
        .get_or_init(|| build(&wanted))
        .as_deref()
        .map_err(Clone::clone)
}

/// Every `crates/*/examples/*.rs`.
pub(crate) fn examples() -> Result<&'static [Built], String> {
    static EXAMPLES: OnceLock<Result<Vec<Built>, String>> = OnceLock::new();
    let wanted = ["build", "--workspace", "--examples"];
    EXAMPLES
        .get_or_init(|| build(&wanted))
        .as_deref()
        .map_err(Clone::clone)
}

fn build(wanted: &[&str]) -> Result<Vec<Built>, String> {
    let output = cargo::command(wanted)
        .args(["--quiet", "--message-format=json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo {}: {}", wanted.join(" "), output.status));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut built: Vec<Built> = messages.lines().filter_map(Built::of).collect();
    built.sort_by(|a, b| (&a.package, &a.name).cmp(&(&b.package, &b.name)));
    Ok(built)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_and_an_example_are_to_be_run_and_a_library_is_not() {
        let message = |kind: &str, test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/a/b/Cargo.toml",
                "target":{{"kind":["{kind}"],"name":"n"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let built = Built {
            package: "b".to_owned(),
            name: "n".to_owned(),
            path: "/t/n".into(),
            folder: "/a/b".into(),
        };
        assert_eq!(Built::of(&message("test", true, "\"/t/n\"")), Some(built.clone()));
        assert_eq!(Built::of(&message("example", false, "\"/t/n\"")), Some(built));
        assert_eq!(Built::of(&message("lib", false, "null")), None);
        assert_eq!(Built::of(&message("bin", false, "\"/t/n\"")), None);
        assert_eq!(Built::of(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(Built::of("not a message"), None);
    }
}
