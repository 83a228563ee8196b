use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ordu::Timing;

use crate::apply::{SettingsFile, Undone};
use crate::args::AgentArgs;
use crate::control::default_socket;
use crate::failure::Failure;

/// The horde of an agent that was given none.
const DEFAULT_HORDE: &str = "default";

const LOG_RETENTION: Duration = Duration::from_hours(1);

const LOG_MAX_TOTAL: u64 = 1 << 30;

/// Everything an agent goes by: what the command line says, else what its file says, else the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) key: PathBuf,
    pub(super) listen: SocketAddr,
    pub(super) advertise: Option<SocketAddr>,
    pub(super) joins: Vec<String>,
    pub(super) socket: PathBuf,
    pub(super) data_dir: PathBuf,
    pub(super) http: Option<SocketAddr>,
    pub(super) cluster: String,
    pub(super) hordes: Vec<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) capacity: Option<u32>,
    pub(super) record: Option<PathBuf>,
    /// How long the output of children that are no more is kept; [`Duration::MAX`] stands for ever.
    pub(super) log_retention: Duration,
    /// How many bytes the output of all children may take.
    pub(super) log_max_total: u64,
    /// Whether each child has a control group of its own, where that can be had.
    pub(super) control_groups: bool,
    pub(super) timing: Timing,
    /// What is logged, unless `ORDU_LOG` says so.
    pub(super) log: Option<String>,
}

impl Settings {
    /// Reads the file, if there is one, and puts both together. If they cannot be taken, `undone` says what comes of
    /// nothing.
    pub(super) fn read(args: &AgentArgs, undone: Undone) -> Result<Self, Failure> {
        let required: Vec<&str> = [
            ("name", args.name.is_none()),
            ("key", args.key.is_none()),
            ("listen", args.listen.is_none()),
            ("data_dir", args.data_dir.is_none()),
        ]
        .into_iter()
        .filter_map(|(name, is_missing)| is_missing.then_some(name))
        .collect();
        let file = match &args.config {
            Some(path) => SettingsFile::load(path, &required, undone)?,
            None => SettingsFile::default(),
        };
        Self::merge(args, file)
            .ok_or_else(|| Failure::usage(format!("an agent needs: {}", required.join(", "))).and_so(undone))
    }

    /// None if something is missing that must be there.
    fn merge(args: &AgentArgs, file: SettingsFile) -> Option<Self> {
        // What the command line has several of takes the place of all that the file has.
        let or = |given: &Vec<String>, written: Vec<String>| {
            if given.is_empty() { written } else { given.clone() }
        };
        let mut hordes = or(&args.horde, file.hordes);
        if hordes.is_empty() {
            hordes.push(DEFAULT_HORDE.to_owned());
        }
        let labels = if args.labels.is_empty() {
            file.labels
        } else {
            args.labels.iter().cloned().collect()
        };
        Some(Self {
            name: args.name.clone().or(file.name)?,
            key: args.key.clone().or(file.key)?,
            listen: args.listen.or(file.listen)?,
            advertise: args.advertise.or(file.advertise),
            joins: or(&args.join, file.joins),
            socket: args.socket.clone().or(file.socket).unwrap_or_else(default_socket),
            data_dir: args.data_dir.clone().or(file.data_dir)?,
            http: args.http.or(file.http),
            cluster: args
                .cluster
                .clone()
                .or(file.cluster)
                .unwrap_or_else(|| ordu::DEFAULT_CLUSTER.to_owned()),
            hordes,
            labels,
            capacity: args.capacity.or(file.capacity),
            record: args.record.clone().or(file.record),
            log_retention: args.log_retention.or(file.log_retention).unwrap_or(LOG_RETENTION),
            log_max_total: args.log_max_total.or(file.log_max_total).unwrap_or(LOG_MAX_TOTAL),
            control_groups: !args.no_control_groups && file.control_groups.unwrap_or(true),
            timing: file.timing,
            log: file.log,
        })
    }

    /// The joins that are new in `new`: a node joins those at once.
    pub(super) fn new_joins(&self, new: &Self) -> Vec<String> {
        let is_new = |join: &&String| !self.joins.contains(join);
        new.joins.iter().filter(is_new).cloned().collect()
    }

    /// The names of what differs in `new` and cannot change while the node runs.
    pub(super) fn needing_a_restart(&self, new: &Self) -> Vec<&'static str> {
        let is_gone = |join: &String| !new.joins.contains(join);
        [
            ("name", self.name != new.name),
            ("listen", self.listen != new.listen),
            ("advertise", self.advertise != new.advertise),
            ("join (one is gone)", self.joins.iter().any(is_gone)),
            ("socket", self.socket != new.socket),
            ("data_dir", self.data_dir != new.data_dir),
            ("http", self.http != new.http),
            ("cluster", self.cluster != new.cluster),
            ("horde", self.hordes != new.hordes),
            ("labels", self.labels != new.labels),
            ("capacity", self.capacity != new.capacity),
            ("record", self.record != new.record),
            ("log_retention", self.log_retention != new.log_retention),
            ("log_max_total", self.log_max_total != new.log_max_total),
            ("control_groups", self.control_groups != new.control_groups),
            ("timing", self.timing != new.timing),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }

    /// These, with what can change while a node runs taken from `new`.
    pub(super) fn with_changes_of(&self, new: &Self) -> Self {
        let mut joins = self.joins.clone();
        joins.extend(self.new_joins(new));
        Self {
            key: new.key.clone(),
            log: new.log.clone(),
            joins,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    fn args(words: &[&str]) -> AgentArgs {
        let words = ["ordu", "agent"].iter().chain(words);
        match Cli::parse_from(words).command {
            Command::Agent(args) => args,
            other => panic!("{other:?}"),
        }
    }

    fn settings(text: &str, words: &[&str]) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        std::fs::write(&path, text).unwrap();
        let mut all = vec!["--config", path.to_str().unwrap()];
        all.extend(words);
        Settings::read(&args(&all), Undone::Start).map_err(|failure| failure.render())
    }

    const FILE: &str = "name = \"a\"\nkey = \"/k\"\nlisten = \"10.0.0.1:1\"\ndata_dir = \"/d\"\n\
                        join = [\"b:1\", \"c:1\"]\n[labels]\ndisk = \"ssd\"\n[[horde]]\nname = \"web\"\n";

    #[test]
    fn the_command_line_wins_over_the_file() {
        let words = [
            "--name", "z", "--join", "d:1", "--horde", "jobs", "--label", "zone=b",
        ];
        let settings = settings(FILE, &words).unwrap();
        assert_eq!((settings.name.as_str(), settings.key.to_str()), ("z", Some("/k")));
        assert_eq!(
            (settings.joins, settings.hordes),
            (vec!["d:1".to_owned()], vec!["jobs".to_owned()])
        );
        assert_eq!(
            settings.labels,
            BTreeMap::from([("zone".to_owned(), "b".to_owned())])
        );
    }

    #[test]
    fn all_that_is_missing_is_told_at_once_with_all_else_that_is_wrong() {
        let said = settings("name = \"a\"\ncapacty = 1\n", &["--key", "/k"]).unwrap_err();
        for part in [
            "3 problems",
            "agent.toml:1: the file has no \"listen\"",
            "agent.toml:1: the file has no \"data_dir\"",
            "or the option --data-dir",
            "agent.toml:2: unknown key \"capacty\"",
        ] {
            assert!(said.contains(part), "expected {part}: {said}");
        }
        for given in ["\"name\"", "\"key\""] {
            assert!(!said.contains(&format!("has no {given}")), "{said}");
        }
    }

    #[test]
    fn what_can_change_while_a_node_runs_is_told_apart() {
        let old = settings(FILE, &[]).unwrap();
        let text = FILE
            .replace("\"c:1\"", "\"d:1\"")
            .replace("/k", "/other")
            .replace("ssd", "hdd");
        let new = settings(&format!("log = \"debug\"\n{text}"), &[]).unwrap();
        assert_eq!(old.new_joins(&new), ["d:1"]);
        assert_eq!(old.needing_a_restart(&new), ["join (one is gone)", "labels"]);
        let now = old.with_changes_of(&new);
        assert_eq!(
            (&now.key, &now.log, &now.labels),
            (&new.key, &new.log, &old.labels)
        );
        assert_eq!(now.joins, ["b:1", "c:1", "d:1"]);
    }
}
