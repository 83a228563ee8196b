//! Builds the copy, and finds out which mutants do not compile.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::render::Mark;
use crate::cargo;

/// A program that was built of the copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) package: String,
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// The folder of its package.
    pub(super) folder: PathBuf,
}

/// Why there are no programs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Because of these mutants.
    Mutants(BTreeSet<u32>),
    /// Something else.
    Other(String),
}

/// The test programs of both packages.
pub(super) const TESTS: &[&str] = &[
    "test",
    "--no-run",
    "-p",
    "ordu-crdt",
    "-p",
    "ordu-core",
    "--lib",
    "--tests",
];

/// The simulator, quickly built and quick enough.
pub(super) const SIMULATOR: &[&str] = &[
    "build",
    "-p",
    "ordu-sim",
    "--bin",
    "ordu-sim",
    "--profile",
    "campaign",
    "--config",
    "profile.campaign.lto=false",
    "--config",
    "profile.campaign.codegen-units=16",
    "--config",
    "profile.campaign.debug=false",
];

/// Builds `what` of the copy in `tree`, which has its mutants at these places.
pub(super) fn build(
    what: &[&str],
    tree: &Path,
    target: &Path,
    marks: &BTreeMap<String, Vec<Mark>>,
) -> Result<Vec<Program>, Failure> {
    let output = command(what, tree, target)
        .output()
        .map_err(|error| Failure::Other(format!("cargo: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let messages: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    if output.status.success() {
        return Ok(messages.iter().filter_map(program).collect());
    }
    let to_blame: BTreeSet<u32> = messages
        .iter()
        .flat_map(|message| blamed(message, marks))
        .collect();
    if to_blame.is_empty() {
        let errors = messages
            .iter()
            .filter_map(|message| message["message"]["rendered"].as_str());
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::Other(errors.chain([&*said]).collect()));
    }
    Err(Failure::Mutants(to_blame))
}

fn command(what: &[&str], tree: &Path, target: &Path) -> Command {
    let mut command = cargo::command(what);
    command
        .args(["--message-format=json", "--quiet"])
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", target)
        // What lints say of mutants is no error.
        .env("RUSTFLAGS", "--cap-lints=allow")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stdin(Stdio::null());
    command
}

fn program(message: &Value) -> Option<Program> {
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    Some(Program {
        package: folder.file_name()?.to_string_lossy().into_owned(),
        name: message["target"]["name"].as_str()?.to_owned(),
        path: message["executable"].as_str()?.into(),
        folder: folder.to_owned(),
    })
}

/// The mutants that an error of the compiler is about: where it points, at the mutated text before anything else, and
/// else the nearest.
fn blamed(message: &Value, marks: &BTreeMap<String, Vec<Mark>>) -> BTreeSet<u32> {
    let message = &message["message"];
    if message["level"] != "error" {
        return BTreeSet::new();
    }
    let mut spans = Vec::new();
    collect(message, marks, &mut spans);
    let (primary, others): (Vec<_>, Vec<_>) = spans.into_iter().partition(|span| span.is_primary);
    for spans in [&primary, &others] {
        for way in [in_mutated, innermost, within] {
            let found: BTreeSet<u32> = spans.iter().flat_map(way).collect();
            if !found.is_empty() {
                return found;
            }
        }
    }
    primary
        .iter()
        .chain(&others)
        .filter_map(nearest)
        .take(1)
        .collect()
}

/// Where an error points in a file with mutants.
struct Span<'a> {
    is_primary: bool,
    range: Range<usize>,
    marks: &'a [Mark],
}

fn collect<'a>(message: &Value, marks: &'a BTreeMap<String, Vec<Mark>>, spans: &mut Vec<Span<'a>>) {
    for span in message["spans"].as_array().into_iter().flatten() {
        let at = |name: &str| span[name].as_u64().and_then(|at| usize::try_from(at).ok());
        let file = span["file_name"].as_str().unwrap_or_default();
        let of = marks
            .iter()
            .find(|(name, _)| Path::new(file).ends_with(name.as_str()));
        if let (Some((_, marks)), Some(start), Some(end)) = (of, at("byte_start"), at("byte_end")) {
            spans.push(Span {
                is_primary: span["is_primary"] == true,
                range: start..end,
                marks,
            });
        }
    }
    for child in message["children"].as_array().into_iter().flatten() {
        let before = spans.len();
        collect(child, marks, spans);
        for span in &mut spans[before..] {
            span.is_primary = false;
        }
    }
}

fn contains(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn in_mutated(span: &Span<'_>) -> Vec<u32> {
    let marks = span.marks.iter();
    let found = marks.filter(|mark| contains(&mark.mutated, &span.range));
    found.map(|mark| mark.number).collect()
}

fn innermost(span: &Span<'_>) -> Vec<u32> {
    let around = span
        .marks
        .iter()
        .filter(|mark| contains(&mark.whole, &span.range));
    let least = around.min_by_key(|mark| mark.whole.len());
    least.map(|mark| mark.number).into_iter().collect()
}

fn within(span: &Span<'_>) -> Vec<u32> {
    let marks = span.marks.iter();
    let found = marks.filter(|mark| contains(&span.range, &mark.whole));
    found.map(|mark| mark.number).collect()
}

fn nearest(span: &Span<'_>) -> Option<u32> {
    let distance = |mark: &&Mark| mark.whole.start.abs_diff(span.range.start);
    span.marks.iter().min_by_key(distance).map(|mark| mark.number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn marks() -> BTreeMap<String, Vec<Mark>> {
        let mark = |number, whole, mutated| Mark {
            number,
            whole,
            mutated,
        };
        let of = vec![
            mark(1, 10..100, 30..40),
            mark(2, 60..90, 70..75),
            mark(3, 200..250, 220..230),
        ];
        BTreeMap::from([("crates/a/src/b.rs".to_owned(), of)])
    }

    fn to_blame(file: &str, at: Range<usize>) -> Vec<u32> {
        let message = json!({"message": {"level": "error", "spans": [
            {"file_name": file, "byte_start": at.start, "byte_end": at.end, "is_primary": true},
        ]}});
        blamed(&message, &marks()).into_iter().collect()
    }

    #[test]
    fn an_error_is_the_fault_of_the_mutant_to_which_it_points() {
        let file = "crates/a/src/b.rs";
        assert_eq!(to_blame(file, 32..33), [1]);
        assert_eq!(to_blame(file, 70..75), [2]);
        assert_eq!(to_blame(file, 76..80), [2]);
        assert_eq!(to_blame(file, 50..55), [1]);
        assert_eq!(to_blame(file, 150..255), [3]);
        assert_eq!(to_blame(file, 190..192), [3]);
        assert_eq!(to_blame("/tree/crates/a/src/b.rs", 32..33), [1]);
        assert!(to_blame("crates/a/src/c.rs", 32..33).is_empty());
    }

    #[test]
    fn a_note_of_an_error_counts_where_the_error_points_nowhere() {
        let message = json!({"message": {"level": "error", "spans": [], "children": [{"spans": [
            {"file_name": "crates/a/src/b.rs", "byte_start": 222, "byte_end": 223, "is_primary": true},
        ]}]}});
        assert_eq!(blamed(&message, &marks()), BTreeSet::from([3]));
        let warning = json!({"message": {"level": "warning", "spans": [
            {"file_name": "crates/a/src/b.rs", "byte_start": 222, "byte_end": 223, "is_primary": true},
        ]}});
        assert!(blamed(&warning, &marks()).is_empty());
    }
}
