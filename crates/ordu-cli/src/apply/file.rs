use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;

use ordu::{ChildId, ChildSpec, NodeName, ProcessSpec};
use toml::de::DeTable;

use super::problem::{FileProblems, Lines, Problem, Undone};
use super::source;
use super::value::{Reader, Value, command, labels, number, string, tables, variables, word, yes_or_no};
use crate::control::{Definition, StopTimeout};
use crate::deadline::Deadline;
use crate::duration;
use crate::failure::{Failure, Wrong};
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
    "labels",
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
    ///
    /// `-` is standard input; paths in it start at the working directory. It has to be written, read and understood within
    /// `limit`.
    pub(crate) fn load(path: &Path, limit: Duration) -> Result<Self, Failure> {
        let deadline = Deadline::after(limit);
        let name = shown(path).to_owned();
        let text = if path == name {
            source::read(path, limit, Undone::Apply)?
        } else {
            source::read_from(standard_input()?, &name, limit, Undone::Apply)?
        };
        let path_of_file = std::path::absolute(path)
            .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
        let late = format!(
            "{}: it is not read to its end within {}; {}",
            name.display(),
            duration::show(limit),
            Undone::Apply
        );
        let parse = move || {
            let folder = path_of_file.parent().unwrap_or(Path::new("/"));
            Self::parse(&text, folder).map_err(|problems| {
                Failure::Report(Box::new(FileProblems::new(&name, &text, problems, Undone::Apply)))
            })
        };
        if limit.is_zero() {
            // Nothing will be done, and that is said of each of its children.
            return parse();
        }
        deadline
            .or_late(parse)
            .unwrap_or_else(|| Err(Failure::new(Wrong::Timeout, late)))
    }

    /// Reads the text of a file that lies in `folder`.
    pub(super) fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let (mut problems, is_sound) = syntax(&errors, text);
        if !is_sound {
            return Err(problems);
        }
        let whole = 0..text.len().min(1);
        let mut reader = Reader::new("the file", &["child"], table.get_ref(), whole, &mut problems);
        let entries = reader
            .optional("child", |value| tables(value, "one [[child]] for each child"))
            .unwrap_or_default();
        let lines = Lines::of(text);
        let mut lines_of_ids = BTreeMap::new();
        let mut children = Vec::new();
        for entry in entries {
            if let Some((id, child)) = read_child(entry, folder, &mut problems) {
                let line = lines.number(id_place(entry).start);
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

/// Standard input as it comes: what a buffer has taken in already cannot be waited for.
fn standard_input() -> Result<File, Failure> {
    let own = std::io::stdin().as_fd().try_clone_to_owned();
    own.map(File::from)
        .map_err(|error| Failure::failed(format!("standard input: {error}")))
}

/// What a file is called in messages.
pub(crate) fn shown(path: &Path) -> &Path {
    if path == Path::new("-") {
        Path::new("standard input")
    } else {
        path
    }
}

/// What the parser cannot read, and whether the rest is sound: what it guessed after an error would give problems that are
/// none, unless all it found are keys that stand there twice.
pub(super) fn syntax(errors: &[toml::de::Error], text: &str) -> (Vec<Problem>, bool) {
    /// What the parser says of what is nested deeper than it goes down; it says it again at each level.
    const TOO_DEEP: &str = "cannot recurse further";
    /// What it says of a key that stands there twice, of which it takes the first.
    const TWICE: &str = "duplicate key";
    let end = text.len();
    let problem = |error: &toml::de::Error, expected: &str| Problem {
        at: error.span().unwrap_or(end..end),
        message: error.message().to_owned(),
        expected: expected.to_owned(),
    };
    if let Some(error) = errors.iter().find(|error| error.message().contains(TOO_DEEP)) {
        let expected = "arrays and tables within each other at most 80 deep";
        return (vec![problem(error, expected)], false);
    }
    let is_twice = |error: &toml::de::Error| error.message() == TWICE;
    let problems = errors.iter().map(|error| match error.span() {
        Some(at) if is_twice(error) => Problem {
            message: format!(
                "{TWICE} {:?}",
                text.get(at.clone()).unwrap_or_default().trim_matches(['"', '\''])
            ),
            at,
            expected: "each key once in its table".to_owned(),
        },
        _ => problem(error, "valid TOML"),
    });
    (problems.collect(), errors.iter().all(is_twice))
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
        string(value, "a directory", |cwd| {
            if cwd.contains('\0') {
                return Err("a directory, without NUL".to_owned());
            }
            paths::text(&folder.join(cwd))
        })
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
        string(value, StopTimeout::EXPECTED, str::parse::<StopTimeout>)
    });
    let env = reader.optional("env", variables);
    let node = reader.optional("node", |value| {
        string(value, "the name of a node", |node| match NodeName::new(node) {
            Ok(node) => Ok(node.to_string()),
            Err(error) => Err(format!("the name of a node: {error}")),
        })
    });
    let labels = reader.optional("labels", labels);
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
        labels: labels.unwrap_or_default(),
        max_restarts: max_restarts.unwrap_or(usual.max_restarts),
        within: within.map_or(usual.within, |time| {
            u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
        }),
        ..usual
    };
    if let Some(problem) = oversize(entry, &definition) {
        problems.push(problem);
        return Some((id, None));
    }
    Some((id, Some(definition)))
}

/// What no node would take: it goes to every other in one piece.
fn oversize(entry: &Value<'_>, definition: &Definition) -> Option<Problem> {
    let process = ProcessSpec {
        command: definition.command.clone(),
        env: definition.env.clone(),
        cwd: Some(definition.cwd.clone().into()),
        stop_signal: definition.stop_signal.clone(),
        allow_new_privileges: definition.allow_new_privileges,
    };
    let (len, most) = (process.child_spec().args.len(), ChildSpec::MAX_ARGS);
    (len > most).then(|| Problem {
        at: place_of(entry, "command"),
        message: format!("the command and its variables take {len} bytes"),
        expected: format!("at most {most}; put what is long into a file and name that"),
    })
}

fn id_place(entry: &Value<'_>) -> Range<usize> {
    place_of(entry, "id")
}

/// Where the value of a key is; the entry itself if it has none.
fn place_of(entry: &Value<'_>, key: &str) -> Range<usize> {
    entry
        .get_ref()
        .get(key)
        .map_or_else(|| entry.span(), toml::Spanned::span)
}

#[cfg(test)]
mod tests;
