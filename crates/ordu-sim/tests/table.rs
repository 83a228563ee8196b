//! What the documentation says of which rule is held by what is true: no rule and no invariant is left out, and what is
//! named is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ordu_sim::invariants;

/// What judges without being an invariant of the folder.
const OTHER_JUDGES: [&str; 2] = ["serves", "no-panic"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of the table, each its rules and what holds them.
fn table() -> Vec<(String, String)> {
    let text = read(&root().join("docs/testing.md"));
    let section = text
        .split("\n## ")
        .find(|it| it.starts_with("Which rule is held by what"));
    let rows = section
        .expect("it is there")
        .lines()
        .filter(|line| line.starts_with("| S"));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').splitn(2, '|').map(str::to_owned);
        (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
    })
    .collect()
}

/// All that stands between backticks.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Every rule by its number.
fn rules() -> Vec<String> {
    let (mut rules, mut chapter) = (Vec::new(), "");
    let text = read(&root().join("docs/semantics.md"));
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            chapter = title.split(' ').next().unwrap_or_default();
            rules.push(chapter.to_owned());
        } else if let Some((number, _)) = line.split_once(". ")
            && number.parse::<u32>().is_ok()
        {
            rules.retain(|rule| rule != chapter);
            rules.push(format!("{chapter}.{number}"));
        }
    }
    rules
}

/// The names of all functions of all crates.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("it can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = read(&path);
            let names = text.split("fn ").skip(1);
            found.extend(names.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
            // The tests of planted bugs are made by a macro from lines like `name: "bug"`.
            let made = text
                .lines()
                .filter_map(|line| Some(line.split_once(": \"")?.0.trim().to_owned()));
            found.extend(made);
        }
    }
}

#[test]
fn every_rule_has_a_row() {
    let table = table();
    let listed: BTreeSet<&str> = table
        .iter()
        .flat_map(|(rules, _)| rules.split([' ', ',']))
        .collect();
    for rule in rules() {
        assert!(listed.contains(rule.as_str()), "{rule} is in no row");
    }
}

#[test]
fn every_file_of_an_invariant_is_an_invariant_of_that_name_in_the_table() {
    let table = table();
    let named: BTreeSet<&str> = table.iter().flat_map(|(_, held)| quoted(held)).collect();
    let judging: BTreeSet<&str> = invariants::all().iter().map(|it| it.name()).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/invariants");
    for entry in fs::read_dir(folder).expect("it can be read").flatten() {
        let path = entry.path();
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a plain name");
        if stem != "mod" {
            let name = stem.replace('_', "-");
            assert!(judging.contains(name.as_str()), "{name} judges nothing");
            assert!(named.contains(name.as_str()), "{name} is in no row");
        }
    }
}

#[test]
fn whatever_is_named_is_there() {
    let mut known = BTreeSet::new();
    functions(&root().join("crates"), &mut known);
    known.extend(invariants::all().iter().map(|it| it.name().to_owned()));
    known.extend(OTHER_JUDGES.map(str::to_owned));
    for (rules, held) in table() {
        for name in quoted(&held) {
            let is_path = name.starts_with("ordu-") && root().join("crates").join(name).exists();
            assert!(is_path || known.contains(name), "{rules}: {name} is nowhere");
        }
    }
}
