//! A file of an agent's settings.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ordu::{ClusterName, HordeName, InvalidJoin, InvalidTiming, NodeName, Timing};
use toml::de::{DeTable, DeValue};
use tracing_subscriber::EnvFilter;

use super::file::syntax;
use super::problem::{FileProblems, Problem, Undone};
use super::source;
use super::value::{Reader, Unexpected, Value, labels, number, string, tables, yes_or_no};

use crate::agent::check_http_address;
use crate::duration;
use crate::failure::Failure;
use crate::size;

/// How long whoever writes a file that is a pipe may take: an agent that runs reads it again, and does nothing else
/// meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

const KEYS: &[&str] = &[
    "name",
    "key",
    "listen",
    "advertise",
    "join",
    "socket",
    "data_dir",
    "http",
    "cluster",
    "labels",
    "capacity",
    "record",
    "log_retention",
    "log_max_total",
    "control_groups",
    "log",
    "timing",
    "horde",
];

const HORDE_KEYS: &[&str] = &["name"];

/// What a file says; what it does not say is left open.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SettingsFile {
    pub(crate) name: Option<String>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) advertise: Option<SocketAddr>,
    pub(crate) joins: Vec<String>,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) cluster: Option<String>,
    pub(crate) hordes: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) capacity: Option<u32>,
    pub(crate) record: Option<PathBuf>,
    pub(crate) log_retention: Option<Duration>,
    pub(crate) log_max_total: Option<u64>,
    pub(crate) control_groups: Option<bool>,
    pub(crate) timing: Timing,
    pub(crate) log: Option<String>,
}

impl SettingsFile {
    /// Reads a file; all its problems come at once, that one of the `required` keys is not there among them. Paths in it
    /// start at the file.
    pub(crate) fn load(path: &Path, required: &[&'static str], undone: Undone) -> Result<Self, Failure> {
        let text = source::read(path, PATIENCE, undone)?;
        let absolute = std::path::absolute(path)
            .map_err(|error| Failure::failed(format!("{}: {error}; {undone}", path.display())))?;
        Self::parse(&text, absolute.parent().unwrap_or(Path::new("/")), required)
            .map_err(|problems| Failure::Report(Box::new(FileProblems::new(path, &text, problems, undone))))
    }

    fn parse(text: &str, folder: &Path, required: &[&'static str]) -> Result<Self, Vec<Problem>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let (mut problems, is_sound) = syntax(&errors, text);
        if !is_sound {
            return Err(problems);
        }
        let whole = 0..text.len().min(1);
        let missing = required.iter().filter(|key| table.get_ref().get(**key).is_none());
        problems.extend(missing.map(|key| Problem {
            at: whole.clone(),
            message: format!("the file has no {key:?}"),
            expected: format!(
                "a line `{key} = …` before the first table, or the option --{}",
                key.replace('_', "-")
            ),
        }));
        let mut reader = Reader::new("the file", KEYS, table.get_ref(), whole, &mut problems);
        let path = |value: &Value<'_>| string(value, "a path", |path| Ok(folder.join(path)));
        let name = |reader: &mut Reader<'_, '_>| {
            reader.optional("name", |value| {
                string(value, "the name of a node", |name| {
                    NodeName::new(name)
                        .map(|name| name.to_string())
                        .map_err(|error| format!("the name of a node: {error}"))
                })
            })
        };
        let mut settings = Self {
            name: name(&mut reader),
            key: reader.optional("key", path),
            listen: reader.optional("listen", address),
            advertise: reader.optional("advertise", address),
            joins: reader.optional("join", joins).unwrap_or_default(),
            socket: reader.optional("socket", path),
            data_dir: reader.optional("data_dir", path),
            http: reader.optional("http", |value| {
                address(value).and_then(|addr| {
                    check_http_address(addr)
                        .map(|()| addr)
                        .map_err(|_| Unexpected::new("a loopback address, such as \"127.0.0.1:7700\""))
                })
            }),
            cluster: reader.optional("cluster", |value| {
                string(value, "the name of a cluster", |name| {
                    ClusterName::new(name)
                        .map(|name| name.to_string())
                        .map_err(|error| format!("the name of a cluster: {error}"))
                })
            }),
            hordes: Vec::new(),
            labels: reader.optional("labels", labels).unwrap_or_default(),
            capacity: reader.optional("capacity", number),
            record: reader.optional("record", path),
            log_retention: reader.optional("log_retention", |value| {
                string(value, "a time, or \"infinity\"", duration::parse_or_infinity)
            }),
            log_max_total: reader.optional("log_max_total", |value| {
                string(value, size::EXPECTED, size::parse)
            }),
            control_groups: reader.optional("control_groups", yes_or_no),
            timing: Timing::default(),
            log: reader.optional("log", |value| {
                string(
                    value,
                    "a filter such as \"info\" or \"warn,ordu=debug\"",
                    |filter| {
                        EnvFilter::try_new(filter)
                            .map(|_| filter.to_owned())
                            .map_err(|error| {
                                format!("a filter such as \"info\" or \"warn,ordu=debug\": {error}")
                            })
                    },
                )
            }),
        };
        let timing = reader.optional("timing", table_of);
        let entries = reader
            .optional("horde", |value| tables(value, "one [[horde]] for each horde"))
            .unwrap_or_default();
        for entry in entries {
            let horde = read_horde(entry, &settings.hordes, &mut problems);
            settings.hordes.extend(horde);
        }
        if let Some((table, value)) = timing {
            settings.timing = read_timing(table, value, &mut problems);
        }
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(problems)
        }
    }
}

fn address(value: &Value<'_>) -> Result<SocketAddr, Unexpected> {
    const EXPECTED: &str = "an address such as \"10.0.0.1:7600\"";
    string(value, EXPECTED, |text| {
        text.parse().map_err(|_| EXPECTED.to_owned())
    })
}

fn joins(value: &Value<'_>) -> Result<Vec<String>, Unexpected> {
    let DeValue::Array(array) = value.get_ref() else {
        return Err(Unexpected::new(
            "an array of host:port, such as [\"10.0.0.7:7600\", \"node1.example:7600\"]",
        ));
    };
    let mut unexpected = Unexpected::none();
    let mut joins = Vec::new();
    for join in array {
        match join.get_ref().as_str() {
            Some(text) if InvalidJoin::check(text).is_ok() => joins.push(text.to_owned()),
            _ => unexpected.part(
                join.span(),
                "host:port, such as \"10.0.0.7:7600\" or \"node1.example:7600\"",
            ),
        }
    }
    unexpected.or(joins)
}

/// A table and the value it is, for its place.
fn table_of<'a>(value: &'a Value<'a>) -> Result<(&'a DeTable<'a>, &'a Value<'a>), Unexpected> {
    match value.get_ref().as_table() {
        Some(table) => Ok((table, value)),
        None => Err(Unexpected::new("a table of times, such as [timing]")),
    }
}

fn read_horde(entry: &Value<'_>, known: &[String], problems: &mut Vec<Problem>) -> Option<String> {
    let table = entry.get_ref().as_table()?;
    let mut reader = Reader::new("[[horde]]", HORDE_KEYS, table, entry.span(), problems);
    reader.required("name", |value| {
        string(value, "the name of a horde", |name| match HordeName::new(name) {
            Ok(_) if known.iter().any(|other| other == name) => {
                Err("the name of another horde than those before".to_owned())
            }
            Ok(name) => Ok(name.to_string()),
            Err(error) => Err(format!("the name of a horde: {error}")),
        })
    })
}

/// The times that are given, and how they go together.
fn read_timing(table: &DeTable<'_>, value: &Value<'_>, problems: &mut Vec<Problem>) -> Timing {
    let names: Vec<&'static str> = Timing::FIELDS.iter().map(|field| field.name).collect();
    let mut timing = Timing::default();
    let mut wrong_alone = Vec::new();
    let mut reader = Reader::new("[timing]", &names, table, value.span(), problems);
    for field in Timing::FIELDS {
        let (least, most) = (field.least, field.most);
        let time = reader.optional(field.name, |value| {
            string(value, duration::EXPECTED, |text| {
                let time = duration::parse(text)?;
                if (least..=most).contains(&time) {
                    return Ok(time);
                }
                let (least, most) = (duration::show(least), duration::show(most));
                Err(format!("a time from {least} to {most}"))
            })
        });
        match time {
            Some(time) => field.set(&mut timing, time),
            None if table.get(field.name).is_some() => wrong_alone.push(field.name),
            None => {}
        }
    }
    // One that is wrong alone is told already, and what does not go with it may be right.
    let with_good_ones = |problem: &InvalidTiming| {
        let of = [Some(problem.field), problem.with];
        !of.into_iter().flatten().any(|field| wrong_alone.contains(&field))
    };
    let place = |field: &str| table.get(field).map(toml::Spanned::span);
    problems.extend(
        timing
            .problems()
            .into_iter()
            .filter(with_good_ones)
            .map(|problem| {
                Problem {
                    // Of two that do not go together one at least is not the usual.
                    at: place(problem.field)
                        .or_else(|| place(problem.with?))
                        .unwrap_or_else(|| value.span()),
                    message: format!("{:?} does not go with the other times", problem.field),
                    expected: problem.expected,
                }
            }),
    );
    timing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::problem::Lines;

    fn problems(text: &str) -> Vec<String> {
        let mut problems = SettingsFile::parse(text, Path::new("/etc/ordu"), &[]).unwrap_err();
        problems.sort_by_key(|problem| problem.at.start);
        problems
            .iter()
            .map(|problem| {
                let line = Lines::of(text).number(problem.at.start);
                let message = &problem.message;
                format!("{line}: {message}; expected {}", problem.expected)
            })
            .collect()
    }

    #[test]
    fn everything_that_is_said_is_taken() {
        let text = r#"
            name = "a"
            key = "cluster.key"
            listen = "10.0.0.1:7600"
            advertise = "192.0.2.1:7600"
            join = ["b.example:7600", "10.0.0.3:7600"]
            socket = "/run/ordu/ordu.sock"
            data_dir = "data"
            http = "127.0.0.1:7700"
            cluster = "production"
            capacity = 30
            record = "recordings"
            log_retention = "infinity"
            log_max_total = "500MiB"
            control_groups = false
            log = "warn,ordu=debug"

            [labels]
            disk = "ssd"

            [timing]
            suspicion = "1m30s"
            forget_after = "24h"

            [[horde]]
            name = "web"

            [[horde]]
            name = "jobs"
        "#;
        let addr = |text: &str| Some(text.parse().unwrap());
        let path = |path: &str| Some(PathBuf::from(path));
        let expected = SettingsFile {
            name: Some("a".to_owned()),
            key: path("/etc/ordu/cluster.key"),
            listen: addr("10.0.0.1:7600"),
            advertise: addr("192.0.2.1:7600"),
            joins: vec!["b.example:7600".to_owned(), "10.0.0.3:7600".to_owned()],
            socket: path("/run/ordu/ordu.sock"),
            data_dir: path("/etc/ordu/data"),
            http: addr("127.0.0.1:7700"),
            cluster: Some("production".to_owned()),
            hordes: vec!["web".to_owned(), "jobs".to_owned()],
            labels: BTreeMap::from([("disk".to_owned(), "ssd".to_owned())]),
            capacity: Some(30),
            record: path("/etc/ordu/recordings"),
            log_retention: Some(Duration::MAX),
            log_max_total: Some(500 << 20),
            control_groups: Some(false),
            timing: Timing {
                suspicion: Duration::from_secs(90),
                forget_after: Duration::from_hours(24),
                ..Timing::default()
            },
            log: Some("warn,ordu=debug".to_owned()),
        };
        assert_eq!(
            SettingsFile::parse(text, Path::new("/etc/ordu"), &["name", "key"]),
            Ok(expected)
        );
    }

    #[test]
    fn all_problems_come_at_once_each_with_its_line_and_what_was_expected() {
        let text = r#"name = ""
lissten = "10.0.0.1:7600"
advertise = "here"
join = ["b", 7, "c:1"]
http = "0.0.0.0:7700"
capacity = -1
log = "loud=="
[timing]
suspicion = "0s"
suspicoin = "1s"
redial = "5"
[[horde]]
name = "web"
[[horde]]
name = "web"
[[horde]]
nam = "jobs"
"#;
        let problems = problems(text);
        let begins = [
            "1: wrong value of \"name\"; expected the name of a node: ",
            "2: unknown key \"lissten\" in the file, did you mean \"listen\"?; expected one of name, ",
            "3: wrong value of \"advertise\"; expected an address such as ",
            "4: wrong value of \"join\"; expected host:port, such as \"10.0.0.7:7600\"",
            "4: wrong value of \"join\"; expected host:port, such as \"10.0.0.7:7600\"",
            "5: wrong value of \"http\"; expected a loopback address",
            "6: wrong value of \"capacity\"; expected a whole number ",
            "7: wrong value of \"log\"; expected a filter such as ",
            "9: wrong value of \"suspicion\"; expected a time from 100ms to 10m",
            "10: unknown key \"suspicoin\" in [timing], did you mean \"suspicion\"?; expected one of probe_period, ",
            "11: wrong value of \"redial\"; expected a time such as ",
            "15: wrong value of \"name\"; expected the name of another horde than those before",
            "16: [[horde]] has no \"name\"; expected a line `name = …` under it",
            "17: unknown key \"nam\" in [[horde]], did you mean \"name\"?; expected one of name",
        ];
        assert_eq!(problems.len(), begins.len(), "{problems:#?}");
        for (problem, begin) in problems.iter().zip(begins) {
            assert!(problem.starts_with(begin), "expected {begin}: {problem}");
        }
    }

    #[test]
    fn times_that_do_not_go_together_are_a_problem_where_they_stand() {
        let problems = problems("[timing]\nprobe_period = \"100ms\"\nprobe_rtt = \"1s\"\n");
        let expected = "3: \"probe_rtt\" does not go with the other times; expected at most probe_period, which is 100ms";
        assert_eq!(problems, [expected]);
    }

    #[test]
    fn times_that_do_not_go_together_are_told_with_what_is_wrong_with_others_alone() {
        let text =
            "[timing]\nprobe_rtt = \"1s\"\nsuspicion = \"1ms\"\nredial = \"1m\"\nredial_max = \"0s\"\n";
        let problems = problems(text);
        let begins = [
            "2: \"probe_rtt\" does not go with the other times; expected at most probe_period, ",
            "3: wrong value of \"suspicion\"; ",
            // What it is to go with is wrong itself.
            "5: wrong value of \"redial_max\"; ",
        ];
        assert_eq!(problems.len(), begins.len(), "{problems:#?}");
        for (problem, begin) in problems.iter().zip(begins) {
            assert!(problem.starts_with(begin), "expected {begin}: {problem}");
        }
    }

    #[test]
    fn each_bad_address_and_each_entry_that_is_no_table_is_marked_alone() {
        let text =
            "join = [\"b:1\", \"b\", 7]\nhorde = [{ name = \"web\" }, 7]\nlabels = { \"a b\" = \"c\" }\n";
        let mut marked: Vec<&str> = SettingsFile::parse(text, Path::new("/"), &[])
            .unwrap_err()
            .iter()
            .map(|problem| &text[problem.at.clone()])
            .collect();
        marked.sort_unstable();
        assert_eq!(marked, ["\"a b\" = \"c\"", "\"b\"", "7", "7"]);
    }
}
