//! What runs, by the word of the operating system alone.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// One running copy of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) pid: u32,
    pub(crate) node: String,
    pub(crate) epoch: u64,
    pub(crate) fence: String,
    /// The mark of the start that it is of.
    pub(crate) start: String,
}

/// All running copies of the children of one cluster, by their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copies(pub(crate) BTreeMap<String, Vec<Copy>>);

impl Copies {
    /// Those whose environment has `TEST_MARK=mark`.
    pub(crate) fn of(mark: &str) -> Self {
        let mut copies: BTreeMap<String, Vec<Copy>> = BTreeMap::new();
        for pid in pids() {
            let environment = environment(pid);
            if environment.get("TEST_MARK").is_none_or(|found| found != mark) {
                continue;
            }
            let variable = |name| environment.get(name).cloned().unwrap_or_default();
            copies.entry(variable("ORDU_ID")).or_default().push(Copy {
                pid,
                node: variable("ORDU_NODE"),
                epoch: variable("ORDU_EPOCH").parse().unwrap_or(0),
                fence: variable("ORDU_FENCE"),
                start: variable("ORDU_MARK"),
            });
        }
        Self(copies)
    }

    /// Exactly these ids run, one copy each; gives them.
    pub(crate) fn one_each(&self, ids: &[String]) -> Result<BTreeMap<String, Copy>, String> {
        let strange: Vec<&String> = self.0.keys().filter(|id| !ids.contains(id)).collect();
        let counts: Vec<String> = ids
            .iter()
            .map(|id| (id, self.0.get(id).map_or(0, Vec::len)))
            .filter(|(_, count)| *count != 1)
            .map(|(id, count)| format!("{count} of {id}"))
            .collect();
        if strange.is_empty() && counts.is_empty() {
            let only = |(id, copies): (&String, &Vec<Copy>)| (id.clone(), copies[0].clone());
            Ok(self.0.iter().map(only).collect())
        } else {
            Err(format!(
                "there run {}, and unasked for {strange:?}",
                counts.join(", ")
            ))
        }
    }

    /// How many run on each node.
    pub(crate) fn per_node(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for copy in self.0.values().flatten() {
            *counts.entry(copy.node.as_str()).or_insert(0) += 1;
        }
        counts
    }
}

/// Whether a process of this id exists and has not ended.
pub(crate) fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

/// Sends a signal to a process that is there.
pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// All processes whose parent this one is, those included that have ended and were not waited for.
pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    let is_child = |pid: &u32| stat(*pid).is_some_and(|(_, of)| of == parent);
    let mut children: Vec<u32> = pids().filter(is_child).collect();
    children.sort_unstable();
    children
}

/// The keeper of an agent: its child that runs the same program.
pub(crate) fn keeper_of(agent: u32) -> Option<u32> {
    pids().find(|pid| {
        stat(*pid).is_some_and(|(state, parent)| parent == agent && state != 'Z')
            && fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.split(|byte| *byte == 0).any(|word| word == b"__keeper"))
    })
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn environment(pid: u32) -> BTreeMap<String, String> {
    let bytes = environ(pid);
    let variables = bytes.split(|byte| *byte == 0).filter_map(|variable| {
        let (name, value) = std::str::from_utf8(variable).ok()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    variables.collect()
}

/// The environment as the kernel shows it. Whoever spawned a process goes on a moment before the kernel shows the
/// new environment: it is empty then, and read again for as long as that can be the reason.
fn environ(pid: u32) -> Vec<u8> {
    let begun = Instant::now();
    loop {
        let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        // A kernel thread has no program, and no environment ever.
        let is_program = || fs::read_link(format!("/proc/{pid}/exe")).is_ok();
        if !bytes.is_empty() || begun.elapsed() > Duration::from_millis(20) || !is_program() {
            return bytes;
        }
        std::thread::yield_now();
    }
}

/// The state and the parent of a process.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may have spaces and parentheses of its own.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}
