//! Reading one value of the file: its meaning, or a problem with its place.

use std::collections::BTreeMap;
use std::ops::Range;

use ordu::InvalidName;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;

/// A value and its place in the file.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// A table that is read key by key; whatever is left over is unknown.
#[derive(Debug)]
pub(super) struct Reader<'a, 'p> {
    what: &'static str,
    known: &'p [&'static str],
    table: &'a DeTable<'a>,
    at: Range<usize>,
    problems: &'p mut Vec<Problem>,
}

impl<'a, 'p> Reader<'a, 'p> {
    /// Begins to read a table with these keys.
    pub(super) fn new(
        what: &'static str,
        known: &'p [&'static str],
        table: &'a DeTable<'a>,
        at: Range<usize>,
        problems: &'p mut Vec<Problem>,
    ) -> Self {
        for key in table
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
        {
            problems.push(Problem {
                at: key.span(),
                message: format!(
                    "unknown key {:?} in {what}{}",
                    key.get_ref(),
                    nearest(key.get_ref(), known)
                ),
                expected: format!("one of {}", known.join(", ")),
            });
        }
        Self {
            what,
            known,
            table,
            at,
            problems,
        }
    }

    /// The value of a key that need not be there, read by `read`, which says what it expects.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'a Value<'a>) -> Result<T, Unexpected>,
    ) -> Option<T> {
        debug_assert!(self.known.contains(&key), "{key} is not known in {}", self.what);
        let value = self.table.get(key)?;
        match read(value) {
            Ok(value) => Some(value),
            Err(Unexpected(parts)) => {
                self.problems
                    .extend(parts.into_iter().map(|(at, expected)| Problem {
                        at: at.unwrap_or_else(|| value.span()),
                        message: format!("wrong value of {key:?}"),
                        expected,
                    }));
                None
            }
        }
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'a Value<'a>) -> Result<T, Unexpected>,
    ) -> Option<T> {
        if self.table.get(key).is_none() {
            self.problems.push(Problem {
                at: self.at.clone(),
                message: format!("{} has no {key:?}", self.what),
                expected: format!("a line `{key} = …` under it"),
            });
        }
        self.optional(key, read)
    }
}

/// Asks whether another key was meant, if one is near enough.
fn nearest(key: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|word| (strsim::jaro_winkler(key, word), word))
        .max_by(|one, other| one.0.total_cmp(&other.0))
        // As clap judges options that were mistyped.
        .filter(|(likeness, _)| *likeness > 0.8);
    near.map_or_else(String::new, |(_, word)| format!(", did you mean {word:?}?"))
}

/// A value is not what it should be, in one or more of its parts: the place of each, `None` for all of the value,
/// and what was expected there.
#[derive(Debug)]
pub(super) struct Unexpected(Vec<(Option<Range<usize>>, String)>);

impl Unexpected {
    pub(super) fn new(expected: impl Into<String>) -> Self {
        Self(vec![(None, expected.into())])
    }

    /// Nothing yet.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds a part.
    pub(super) fn part(&mut self, at: Range<usize>, expected: impl Into<String>) {
        self.0.push((Some(at), expected.into()));
    }

    /// The value, if nothing is wrong with any part of it.
    pub(super) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

/// A string that means something.
pub(super) fn string<T>(
    value: &Value<'_>,
    expected: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Unexpected> {
    match value.get_ref() {
        DeValue::String(text) => parse(text).map_err(|error| {
            // On the command line the word belongs to the message; here it is before it already.
            Unexpected::new(error.strip_prefix("expected ").unwrap_or(&error))
        }),
        other => Err(Unexpected::new(format!(
            "{expected}, as a string; found {}",
            found(other)
        ))),
    }
}

/// One of the words that a type is written as.
pub(super) fn word<T: DeserializeOwned>(value: &Value<'_>, words: &[&str]) -> Result<T, Unexpected> {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    let expected = quoted.join(" or ");
    string(value, &expected, |text| {
        serde_json::from_value(text.into()).map_err(|_: serde_json::Error| expected.clone())
    })
}

/// True or false.
pub(super) fn yes_or_no(value: &Value<'_>) -> Result<bool, Unexpected> {
    match value.get_ref() {
        DeValue::Boolean(value) => Ok(*value),
        _ => Err(Unexpected::new("true or false, without quotes")),
    }
}

/// A whole number that is not negative.
pub(super) fn number(value: &Value<'_>) -> Result<u32, Unexpected> {
    let unexpected = || Unexpected::new("a whole number from 0 to 4294967295");
    match value.get_ref() {
        DeValue::Integer(number) => {
            u32::from_str_radix(number.as_str(), number.radix()).map_err(|_| unexpected())
        }
        _ => Err(unexpected()),
    }
}

/// An array of strings with at least one in it, the first of them not empty.
pub(super) fn command(value: &Value<'_>) -> Result<Vec<String>, Unexpected> {
    const EXPECTED: &str = "an array of strings, the program and its arguments; never a shell's command line";
    let DeValue::Array(array) = value.get_ref() else {
        return Err(Unexpected::new(EXPECTED));
    };
    let mut unexpected = Unexpected::none();
    let mut words = Vec::new();
    for word in array {
        match word.get_ref().as_str() {
            Some(text) if text.contains('\0') => unexpected.part(word.span(), "a string without NUL"),
            Some(text) => words.push(text.to_owned()),
            None => unexpected.part(word.span(), "a string"),
        }
    }
    match array.first() {
        Some(program) if program.get_ref().as_str() == Some("") => {
            unexpected.part(
                program.span(),
                "a program to run, as the first string of the array",
            );
        }
        Some(_) => {}
        None => {
            return Err(Unexpected::new(
                "a program to run, as the first string of the array",
            ));
        }
    }
    unexpected.or(words)
}

/// An array of tables, `[[…]]`.
pub(super) fn tables<'a>(value: &'a Value<'a>, expected: &str) -> Result<Vec<&'a Value<'a>>, Unexpected> {
    let DeValue::Array(array) = value.get_ref() else {
        return Err(Unexpected::new(expected));
    };
    let mut unexpected = Unexpected::none();
    for entry in array.iter().filter(|entry| !entry.get_ref().is_table()) {
        unexpected.part(entry.span(), expected);
    }
    unexpected.or(array.iter().collect())
}

/// A table of variables.
pub(super) fn variables(value: &Value<'_>) -> Result<BTreeMap<String, String>, Unexpected> {
    strings(value, "{ PORT = \"80\" }", |name, text| {
        let mut wrong = Vec::new();
        if name.is_empty() {
            wrong.push((
                Part::Name,
                "a name of a variable before the '=', not an empty one".to_owned(),
            ));
        } else if name.contains(['=', '\0']) {
            wrong.push((Part::Name, "a name without '=' and NUL".to_owned()));
        }
        if text.contains('\0') {
            wrong.push((Part::Text, format!("a value without NUL for {name}")));
        }
        wrong
    })
}

/// A table of labels.
pub(super) fn labels(value: &Value<'_>) -> Result<BTreeMap<String, String>, Unexpected> {
    strings(value, "{ disk = \"ssd\" }", |name, text| {
        let wrong = match ordu::check_label(name, text) {
            Ok(()) => return Vec::new(),
            Err(InvalidName::Empty { max, .. }) => {
                let expected = format!("a name of a label, of 1 to {max} bytes, before the '='");
                (Part::Name, expected)
            }
            Err(error) => (Part::Both, format!("a label: {error}")),
        };
        vec![wrong]
    })
}

/// What of an entry of a table of strings is wrong.
#[derive(Clone, Copy, Debug)]
enum Part {
    Name,
    Text,
    Both,
}

/// A table of strings, of each of which `check` tells what is wrong.
fn strings(
    value: &Value<'_>,
    example: &str,
    check: impl Fn(&str, &str) -> Vec<(Part, String)>,
) -> Result<BTreeMap<String, String>, Unexpected> {
    let DeValue::Table(table) = value.get_ref() else {
        return Err(Unexpected::new(format!("a table of strings, such as {example}")));
    };
    let mut unexpected = Unexpected::none();
    let mut all = BTreeMap::new();
    for (name, value) in table {
        let (name, at) = (name.get_ref(), name.span());
        let text = value.get_ref().as_str();
        // Of the name something may be wrong, too.
        for (part, expected) in check(name, text.unwrap_or_default()) {
            let place = match part {
                Part::Name => at.clone(),
                Part::Text => value.span(),
                Part::Both => at.start..value.span().end,
            };
            unexpected.part(place, expected);
        }
        match text {
            Some(text) => drop(all.insert(name.to_string(), text.to_owned())),
            None => unexpected.part(value.span(), format!("a string as the value of {name}")),
        }
    }
    unexpected.or(all)
}

fn found(value: &DeValue<'_>) -> String {
    format!("{} {}", article(value.type_str()), value.type_str())
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}
