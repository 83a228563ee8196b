//! Which cases are covered, and why the others are not.

use std::collections::{BTreeMap, BTreeSet};

/// The numbers of all cases.
const CASES: &[std::ops::RangeInclusive<u32>] = &[
    1..=5,
    8..=10,
    12..=14,
    16..=45,
    47..=53,
    55..=57,
    59..=64,
    66..=67,
    69..=69,
    71..=75,
    77..=79,
    81..=83,
    88..=90,
    92..=95,
    97..=101,
    103..=103,
    107..=118,
    120..=122,
    124..=124,
    126..=127,
    129..=130,
    132..=135,
];

const NO_INIT: &str = "there is no init callback: a supervisor is built from values";
const BY_TYPE: &str = "Rust's types rule it out: it does not compile";
const NO_PARTITION: &str = "PartitionSupervisor is not offered";

/// What is not covered, and why.
const LEFT_OUT: &[(u32, &str)] = &[
    (2, NO_INIT),
    (3, NO_INIT),
    (4, NO_INIT),
    (19, BY_TYPE),
    (20, BY_TYPE),
    (22, BY_TYPE),
    (
        23,
        "there is no list of modules: code is not replaced while it runs",
    ),
    (24, BY_TYPE),
    (
        27,
        "simple_one_for_one is not offered; a dynamic supervisor has no spec of its own",
    ),
    (28, BY_TYPE),
    (33, BY_TYPE),
    (39, BY_TYPE),
    (42, "a dynamic supervisor has none of these operations"),
    (
        69,
        "there is no registry of names; that a tree comes back is covered by cases 66 and 67",
    ),
    (94, "a child cannot leave its supervisor, which owns it"),
    (109, "specs are built by methods; a wrong one does not compile"),
    (132, "code is not replaced while it runs"),
    (133, NO_PARTITION),
    (134, NO_PARTITION),
    (135, NO_PARTITION),
];

const SOURCES: &[&str] = &[
    include_str!("auto_shutdown.rs"),
    include_str!("calls.rs"),
    include_str!("dynamic.rs"),
    include_str!("intensity.rs"),
    include_str!("restarts.rs"),
    include_str!("specs.rs"),
    include_str!("start.rs"),
    include_str!("stops.rs"),
    include_str!("../../driver/calls.rs"),
    include_str!("../../driver/dynamic.rs"),
    include_str!("../../driver/nested.rs"),
    include_str!("../../driver/restarts.rs"),
    include_str!("../../driver/scale.rs"),
    include_str!("../../driver/stops.rs"),
];

/// The numbers in the name of a test: `case_034_to_038_…`, `case_008_and_009_…`, `case_014_…`.
fn numbers(name: &str) -> Vec<u32> {
    let mut words = name.split('_').skip(1);
    let mut numbers = Vec::new();
    let mut range_from = None;
    while let Some(Ok(number)) = words.next().map(str::parse::<u32>) {
        numbers.extend(range_from.take().unwrap_or(number)..=number);
        match words.next() {
            Some("to") => range_from = Some(number + 1),
            Some("and") => {}
            _ => break,
        }
    }
    numbers
}

fn covered() -> BTreeSet<u32> {
    let names = SOURCES
        .iter()
        .flat_map(|source| source.split("fn "))
        .filter(|text| text.starts_with("case_"));
    names
        .flat_map(|text| numbers(text.split('(').next().unwrap_or_default()))
        .collect()
}

#[test]
fn every_case_is_covered_or_left_out_for_a_reason() {
    let all: BTreeSet<u32> = CASES.iter().cloned().flatten().collect();
    let left_out: BTreeMap<u32, &str> = LEFT_OUT.iter().copied().collect();
    let covered = covered();
    println!("covered: {covered:?}");
    for (number, reason) in &left_out {
        println!("left out: {number}: {reason}");
    }
    let missing: Vec<_> = all
        .iter()
        .filter(|number| !covered.contains(number) && !left_out.contains_key(number))
        .collect();
    assert_eq!(missing, Vec::<&u32>::new(), "neither covered nor left out");
    let twice: Vec<_> = left_out
        .keys()
        .filter(|number| covered.contains(number))
        .collect();
    assert_eq!(twice, Vec::<&u32>::new(), "both covered and left out");
    let unknown: Vec<_> = covered
        .iter()
        .chain(left_out.keys())
        .filter(|number| !all.contains(number))
        .collect();
    assert_eq!(unknown, Vec::<&u32>::new(), "no such case");
}

#[test]
fn numbers_are_read_from_names() {
    assert_eq!(numbers("case_014_a_start"), [14]);
    assert_eq!(numbers("case_034_to_036_life"), [34, 35, 36]);
    assert_eq!(numbers("case_005_and_010_starts"), [5, 10]);
}
