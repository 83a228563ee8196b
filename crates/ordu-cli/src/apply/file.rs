use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use ordu::{ChildId, NodeName, ProcessSpec};
use toml::de::{DeTable, DeValue};

use super::problem::{FileProblems, Problem, line};
use super::value::{Reader, Unexpected, Value, command, number, string, variables, word, yes_or_no};
use crate::control::{Definition, StopTimeout};
use crate::duration;
use crate::failure::Failure;
use crate::paths;

const KEYS: &[&str] = &[
    "id",
    "command",
    "restart",
    "stop_signal",
    "allow_new_privileges",
    "stop_timeout",
    "env",
    "cwd",
    "node",
    "max_restarts",
    "within",
];

/// A file of children, read and found good.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ChildFile {
    /// In the order of the file.
    pub(crate) children: Vec<FileChild>,
}

/// One `[[child]]`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileChild {
    /// Its id.
    pub(crate) id: String,
    /// What it is.
    pub(crate) definition: Definition,
}

impl ChildFile {
    /// Reads a file; all its problems come at once.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
        let path_of_file = std::path::absolute(path)
            .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
        let folder = path_of_file.parent().unwrap_or(Path::new("/"));
        Self::parse(&text, folder)
            .map_err(|problems| Failure::Report(Box::new(FileProblems::new(path, &text, problems))))
    }

    /// Reads the text of a file that lies in `folder`.
    fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut problems: Vec<Problem> = errors.iter().map(|error| syntax(error, text)).collect();
        // What the parser guessed after an error would give problems that are none.
        if !problems.is_empty() {
            return Err(problems);
        }
        let whole = 0..text.len().min(1);
        let mut reader = Reader::new("the file", &["child"], table.get_ref(), whole, &mut problems);
        let entries = reader.optional("child", entries).unwrap_or_default();
        let mut lines_of_ids = BTreeMap::new();
        let mut children = Vec::new();
        for entry in entries {
            if let Some((id, child)) = read_child(entry, folder, &mut problems) {
                let line = line(text, id_place(entry).start);
                if let Some(first) = lines_of_ids.insert(id.clone(), line) {
                    problems.push(Problem {
                        at: id_place(entry),
                        message: format!("duplicate id {id:?}"),
                        expected: format!("another id than that of the child at line {first}"),
                    });
                }
                children.extend(child.map(|definition| FileChild { id, definition }));
            }
        }
        if problems.is_empty() {
            Ok(Self { children })
        } else {
            Err(problems)
        }
    }
}

fn syntax(error: &toml::de::Error, text: &str) -> Problem {
    let end = text.len();
    let at = error.span().unwrap_or(end..end);
    Problem {
        at,
        message: error.message().to_owned(),
        expected: "valid TOML".to_owned(),
    }
}

/// Each `[[child]]` and its place; an entry that is no table says so by its place.
type Entries<'a> = Vec<&'a Value<'a>>;

fn entries<'a>(value: &'a Value<'a>) -> Result<Entries<'a>, Unexpected> {
    match value.get_ref() {
        DeValue::Array(array) if array.iter().all(|entry| entry.get_ref().is_table()) => {
            Ok(array.iter().collect())
        }
        _ => Err(Unexpected::new("one [[child]] for each child")),
    }
}

/// The child's id if it has a good one, so that duplicates are found even among children with problems.
fn read_child(
    entry: &Value<'_>,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Option<(String, Option<Definition>)> {
    let table = entry.get_ref().as_table()?;
    let mut reader = Reader::new("[[child]]", KEYS, table, entry.span(), problems);
    let id = reader.required("id", |value| {
        string(value, "an id", |id| match ChildId::new(id) {
            Ok(id) => Ok(id.to_string()),
            Err(error) => Err(format!("an id: {error}")),
        })
    });
    let command = reader.required("command", command);
    let cwd = reader.optional("cwd", |value| {
        string(value, "a directory", |cwd| paths::text(&folder.join(cwd)))
    });
    let restart = reader.optional("restart", |value| {
        word(value, &["permanent", "transient", "temporary"])
    });
    let stop_signal = reader.optional("stop_signal", |value| {
        string(value, "a signal such as \"SIGTERM\"", |signal| {
            let probe = ProcessSpec::new(["probe"]).stop_signal(signal);
            probe
                .validate()
                .map(|()| signal.to_owned())
                .map_err(|_| "a signal such as \"SIGTERM\"".to_owned())
        })
    });
    let allow_new_privileges = reader.optional("allow_new_privileges", yes_or_no);
    let stop_timeout = reader.optional("stop_timeout", |value| {
        string(
            value,
            &format!("{}, or \"infinity\"", duration::EXPECTED),
            str::parse::<StopTimeout>,
        )
    });
    let env = reader.optional("env", variables);
    let node = reader.optional("node", |value| {
        string(value, "the name of a node", |node| match NodeName::new(node) {
            Ok(node) => Ok(node.to_string()),
            Err(error) => Err(format!("the name of a node: {error}")),
        })
    });
    let max_restarts = reader.optional("max_restarts", number);
    let within = reader.optional("within", |value| {
        string(value, duration::EXPECTED, duration::parse_period)
    });

    let id = id?;
    let Some(mut command) = command else {
        return Some((id, None));
    };
    let cwd = match cwd.map_or_else(|| paths::text(folder), Ok) {
        Ok(cwd) => cwd,
        Err(message) => {
            problems.push(Problem {
                at: entry.span(),
                message,
                expected: "a path in UTF-8".to_owned(),
            });
            return Some((id, None));
        }
    };
    if let Some(program) = command.first_mut() {
        *program = paths::program(program, Path::new(&cwd));
    }
    let usual = Definition::new(command, cwd);
    let definition = Definition {
        env: env.unwrap_or_default(),
        restart: restart.unwrap_or(usual.restart),
        stop_signal: stop_signal.unwrap_or_else(|| usual.stop_signal.clone()),
        allow_new_privileges: allow_new_privileges.unwrap_or(usual.allow_new_privileges),
        stop_timeout: stop_timeout.unwrap_or(usual.stop_timeout),
        node,
        max_restarts: max_restarts.unwrap_or(usual.max_restarts),
        within: within.map_or(usual.within, |time| {
            u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
        }),
        ..usual
    };
    Some((id, Some(definition)))
}

fn id_place(entry: &Value<'_>) -> Range<usize> {
    entry
        .get_ref()
        .get("id")
        .map_or_else(|| entry.span(), toml::Spanned::span)
}

#[cfg(test)]
mod tests;
