use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;

use rustix::process::Pid;

use super::cgroup::RunGroup;
use super::error::StartError;
use super::mark::{Mark, Nonce};
use super::record_file::RecordFile;
use super::sweep::{self, Remains, Session};
use super::{Signal, procfs};

/// What the first line starts with.
const HEADER: &str = "ordu processes 2";

/// How many lines about children that are over the file holds at most, beside as many as there are children.
const SLACK: usize = 1024;

/// The record of what runs, for whoever comes after an agent and a keeper that were killed at once.
///
/// A text file, with NULs behind the text. The first line has the boot id, and before there is a keeper a second one has
/// the first part of all marks of its children, with their control group, if there is one. Then come `keeper PID START`,
/// once it runs; `? CHILD MARK` before a child is started; `+ CHILD PID START` when it is up; and `- CHILD` when it is
/// over or did not come up. So there is no moment in which a process exists whose mark is not on record, also if the disk
/// is full when it is started.
///
/// It needs no sync to disk: what runs does not outlive the machine's page cache, and the boot id tells.
///
/// A keeper that is lost leaves its room to the record of the next one, for which a full disk may have no other.
#[derive(Debug)]
pub(super) struct Ledger {
    file: RecordFile,
    boot_id: String,
    run: Run,
    keeper: Option<(u32, u64)>,
    /// What predecessors left that could not be ended: a process may be in a system call that does not return.
    undead: Vec<Run>,
    children: BTreeMap<u64, (Mark, Option<(u32, u64)>)>,
    /// Lines in the file that say nothing any more.
    stale: usize,
}

/// What all that one keeper starts has in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) nonce: Nonce,
    pub(super) group: Option<RunGroup>,
}

impl Ledger {
    /// Opens the record, kills what a predecessor noted there and still runs, and starts the record of a new run, of
    /// which there is no keeper yet.
    pub(super) async fn take_over(path: PathBuf, run: Run) -> Result<Self, StartError> {
        let at = path.clone();
        let opened = tokio::task::spawn_blocking(move || Self::take_over_now(at, run));
        let result = opened.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        result.map_err(|source| StartError::Ledger { path, source })
    }

    fn take_over_now(path: PathBuf, run: Run) -> io::Result<Self> {
        let boot_id = procfs::boot_id()?;
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = RecordFile::new(path);
        let record = file.read()?.and_then(|text| Record::parse(&text, &boot_id));
        let mut ledger = Self {
            file,
            boot_id,
            run,
            keeper: None,
            undead: record.map(Record::end).unwrap_or_default(),
            children: BTreeMap::new(),
            stale: 0,
        };
        ledger.rewrite()?;
        Ok(ledger)
    }

    /// The keeper runs.
    pub(super) fn begin(&mut self, keeper: u32) -> io::Result<()> {
        let start = i32::try_from(keeper)
            .ok()
            .and_then(Pid::from_raw)
            .map(procfs::stat)
            .transpose()?;
        self.keeper = Some((keeper, start.map_or(0, |stat| stat.start)));
        self.rewrite()
    }

    /// The error of a failed [`begin`](Self::begin).
    pub(super) fn failed(&self, source: io::Error) -> StartError {
        StartError::Ledger {
            path: self.file.path().to_owned(),
            source,
        }
    }

    /// A child is about to be started.
    pub(super) fn announce(&mut self, incarnation: u64, mark: Mark) {
        self.children.insert(incarnation, (mark, None));
        self.append(&announced(incarnation, mark));
    }

    /// It is up.
    pub(super) fn add(&mut self, incarnation: u64, pid: u32, start: u64) {
        if let Some((_, process)) = self.children.get_mut(&incarnation) {
            *process = Some((pid, start));
            self.append(&started(incarnation, pid, start));
        }
    }

    /// It is over, or did not come up.
    pub(super) fn remove(&mut self, incarnation: u64) {
        if let Some((_, process)) = self.children.remove(&incarnation) {
            self.stale += if process.is_some() { 3 } else { 2 };
            self.append(&format!("- {incarnation}\n"));
        }
    }

    /// The keeper is gone, and with it all that it started, if it is so; else the next to come has it on record. If
    /// another keeper is to follow, its record has the room of this one.
    pub(super) fn close(mut self, all_ended: bool, is_last: bool) {
        if !all_ended || !self.undead.is_empty() {
            return;
        }
        if is_last {
            self.file.remove();
        } else {
            // If this fails, the next to come finds that nothing of it runs.
            let _ = self.file.replace("");
        }
    }

    fn append(&mut self, line: &str) {
        let worn = self.stale > SLACK + self.children.len();
        if worn || !self.file.append(line) {
            // If this fails, the next addition tries it again.
            let _ = self.rewrite();
        }
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let mut text = format!("{HEADER} {}\n", self.boot_id);
        for run in &self.undead {
            text.push_str(&line_of_run("undead", run));
        }
        text.push_str(&line_of_run("run", &self.run));
        if let Some((keeper, start)) = self.keeper {
            let _ = writeln!(text, "keeper {keeper} {start}");
        }
        for (incarnation, (mark, process)) in &self.children {
            text.push_str(&announced(*incarnation, *mark));
            if let Some((pid, start)) = process {
                text.push_str(&started(*incarnation, *pid, *start));
            }
        }
        self.file.replace(&text)?;
        self.stale = 0;
        Ok(())
    }
}

fn line_of_run(word: &str, run: &Run) -> String {
    let group = run.group.as_ref().and_then(|group| group.path().to_str());
    format!("{word} {} {}\n", run.nonce, group.unwrap_or("-"))
}

fn announced(incarnation: u64, mark: Mark) -> String {
    format!("? {incarnation} {mark}\n")
}

fn started(incarnation: u64, pid: u32, start: u64) -> String {
    format!("+ {incarnation} {pid} {start}\n")
}

/// What a predecessor left in the file.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    run: Option<Run>,
    undead: Vec<Run>,
    keeper: Option<(u32, u64)>,
    children: BTreeMap<u64, (u32, u64)>,
}

impl Record {
    /// Reads the file; nothing if it is of another run of the machine, whose processes are all gone. Lines
    /// that make no sense (the last one may be cut) are passed over.
    fn parse(text: &str, boot_id: &str) -> Option<Self> {
        let mut lines = text
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'));
        if lines.next()?.strip_prefix(HEADER)?.trim() != boot_id {
            return None;
        }
        let mut record = Self {
            run: None,
            undead: Vec::new(),
            keeper: None,
            children: BTreeMap::new(),
        };
        for line in lines {
            // The path at the end of a line may have blanks.
            let words: Vec<&str> = line
                .splitn(if line.starts_with('+') { 4 } else { 3 }, ' ')
                .collect();
            match words[..] {
                ["run", nonce, group] => record.run = parse_run(nonce, group),
                ["undead", nonce, group] => record.undead.extend(parse_run(nonce, group)),
                ["keeper", pid, start] => record.keeper = parse_process(pid, start),
                ["+", incarnation, pid, start] => {
                    if let (Ok(incarnation), Some(process)) = (incarnation.parse(), parse_process(pid, start))
                    {
                        record.children.insert(incarnation, process);
                    }
                }
                ["-", incarnation] => {
                    if let Ok(incarnation) = incarnation.parse() {
                        record.children.remove(&incarnation);
                    }
                }
                // A mark (`?`) needs no reading: its first part is that of the run.
                _ => {}
            }
        }
        Some(record)
    }

    /// Kills what of it still runs: the keeper first, which could start more. Gives what could not be ended.
    fn end(self) -> Vec<Run> {
        if let Some((keeper, start)) = self.keeper
            && let Some(pid) = i32::try_from(keeper).ok().and_then(Pid::from_raw)
        {
            procfs::signal_exactly(pid, start, Signal::KILL);
        }
        let session = Session::Recorded(self.keeper.map_or(0, |(keeper, _)| keeper));
        let leaders: BTreeSet<_> = self.children.into_values().collect();
        let last = self.run.map(|run| (run, session, leaders));
        let before = self
            .undead
            .into_iter()
            .map(|run| (run, Session::Recorded(0), BTreeSet::new()));
        let has_ended = |(run, session, leaders): (Run, Session, BTreeSet<(u32, u64)>)| {
            let remains = Remains {
                run: run.nonce,
                group: run.group.clone(),
                session,
                leaders,
            };
            (!sweep::end(&remains)).then_some(run)
        };
        before.chain(last).filter_map(has_ended).collect()
    }
}

fn parse_run(nonce: &str, group: &str) -> Option<Run> {
    Some(Run {
        nonce: nonce.parse().ok()?,
        group: (group != "-").then(|| RunGroup::at(group)),
    })
}

fn parse_process(pid: &str, start: &str) -> Option<(u32, u64)> {
    Some((pid.parse().ok()?, start.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Nonce = Nonce::planted(7);

    fn mark(start: u128) -> Mark {
        Mark {
            run: RUN,
            start: Nonce::planted(start),
        }
    }

    #[test]
    fn a_record_says_what_was_added_and_not_removed() {
        let run = Run {
            nonce: RUN,
            group: Some(RunGroup::at("/sys/fs/cgroup/a b/ordu")),
        };
        let undead = Run {
            nonce: Nonce::planted(6),
            group: None,
        };
        let text = [
            format!("{HEADER} boot\n"),
            line_of_run("undead", &undead),
            line_of_run("run", &run),
            "keeper 7 70\n".into(),
            announced(1, mark(1)),
            started(1, 11, 110),
            announced(2, mark(2)),
            started(2, 12, 120),
            "- 1\n".into(),
            announced(3, mark(3)),
            "+ 3 13 13".into(),
        ];

        let record = Record::parse(&text.concat(), "boot").unwrap();

        let expected = Record {
            run: Some(run),
            undead: vec![undead],
            keeper: Some((7, 70)),
            children: BTreeMap::from([(2, (12, 120))]),
        };
        assert_eq!(record, expected);
    }

    #[test]
    fn a_record_of_another_boot_says_nothing() {
        assert_eq!(
            Record::parse(&format!("{HEADER} earlier\nkeeper 7 70\n"), "boot"),
            None
        );
        assert_eq!(Record::parse("", "boot"), None);
        assert_eq!(Record::parse("\u{fffd}", "boot"), None);
    }

    #[test]
    fn a_mark_is_on_record_before_its_process_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("processes");
        let run = Run {
            nonce: RUN,
            group: None,
        };
        let mut ledger = Ledger::take_over_now(path.clone(), run.clone()).unwrap();
        let read = || fs::read_to_string(&path).unwrap();
        assert_eq!(
            Record::parse(&read(), &procfs::boot_id().unwrap()).unwrap().run,
            Some(run)
        );

        ledger.announce(1, mark(5));

        assert!(read().contains(&mark(5).to_string()), "{}", read());
    }
}
