use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use rustix::process::Pid;

use super::error::StartError;
use super::procfs;
use super::sweep::{self, Session, Target};

/// What the first line starts with.
const HEADER: &str = "ordu processes 1";

/// How many lines about children that are over the file holds at most, beside as many as there are children.
const SLACK: usize = 1024;

/// The record of what runs, for whoever comes after an agent and a keeper that were killed at once.
///
/// A text file: a line with the boot id, one with the keeper, then `+` for a child and `-` when it is over.
/// It needs no sync to disk: what runs does not outlive the machine's page cache, and the boot id tells.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    boot_id: String,
    keeper: (u32, u64),
    /// The file to append to; `None` before the first write and after a failed one, which the next mends by
    /// writing the whole file anew.
    file: Option<File>,
    children: BTreeMap<u64, (u32, u64, Option<Vec<u8>>)>,
    /// Lines in the file that say nothing any more.
    stale: usize,
}

impl Ledger {
    /// Opens the record and kills what a predecessor noted there and still runs.
    pub(super) async fn take_over(path: PathBuf) -> Result<Self, StartError> {
        let at = path.clone();
        let opened = tokio::task::spawn_blocking(move || Self::take_over_now(at));
        let result = opened.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        result.map_err(|source| StartError::Ledger { path, source })
    }

    fn take_over_now(path: PathBuf) -> io::Result<Self> {
        let boot_id = procfs::boot_id()?;
        match fs::read(&path) {
            Ok(bytes) => {
                if let Some(record) = Record::parse(&String::from_utf8_lossy(&bytes), &boot_id) {
                    record.end();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(directory) = path.parent() {
                    fs::create_dir_all(directory)?;
                }
            }
            Err(error) => return Err(error),
        }
        Ok(Self {
            path,
            boot_id,
            keeper: (0, 0),
            file: None,
            children: BTreeMap::new(),
            stale: 0,
        })
    }

    /// Starts the record of a new keeper.
    pub(super) fn begin(&mut self, keeper: u32) -> io::Result<()> {
        let start = i32::try_from(keeper)
            .ok()
            .and_then(Pid::from_raw)
            .map(procfs::stat)
            .transpose()?;
        self.keeper = (keeper, start.map_or(0, |stat| stat.start));
        self.rewrite()
    }

    /// The error of a failed [`begin`](Self::begin).
    pub(super) fn failed(&self, source: io::Error) -> StartError {
        StartError::Ledger {
            path: self.path.clone(),
            source,
        }
    }

    pub(super) fn add(&mut self, incarnation: u64, pid: u32, start: u64, mark: Option<&[u8]>) {
        self.children
            .insert(incarnation, (pid, start, mark.map(Into::into)));
        self.append(&child_line(incarnation, pid, start, mark));
    }

    pub(super) fn remove(&mut self, incarnation: u64) {
        if self.children.remove(&incarnation).is_some() {
            self.stale += 2;
            self.append(&format!("- {incarnation}\n"));
        }
    }

    /// Everything is over.
    pub(super) fn close(self) {
        // If this fails, the next to come finds that nothing of it runs.
        let _ = fs::remove_file(&self.path);
    }

    fn append(&mut self, line: &str) {
        let worn = self.stale > SLACK + self.children.len();
        let appended = match &mut self.file {
            Some(file) if !worn => file.write_all(line.as_bytes()),
            _ => self.rewrite(),
        };
        if appended.is_err() {
            self.file = None;
        }
    }

    /// Replaces the file as one act, so a reader finds the old or the new one.
    fn rewrite(&mut self) -> io::Result<()> {
        let (keeper, start) = self.keeper;
        let mut text = format!("{HEADER} {}\nkeeper {keeper} {start}\n", self.boot_id);
        for (incarnation, (pid, start, mark)) in &self.children {
            text.push_str(&child_line(*incarnation, *pid, *start, mark.as_deref()));
        }
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&new, &self.path)?;
        self.file = Some(file);
        self.stale = 0;
        Ok(())
    }
}

fn child_line(incarnation: u64, pid: u32, start: u64, mark: Option<&[u8]>) -> String {
    let mut line = format!("+ {incarnation} {pid} {start} ");
    match mark {
        None => line.push('-'),
        Some(mark) => {
            for byte in mark {
                let _ = write!(line, "{byte:02x}");
            }
        }
    }
    line.push('\n');
    line
}

/// What a predecessor left in the file.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    keeper: (u32, u64),
    children: BTreeMap<u64, Target>,
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
            keeper: (0, 0),
            children: BTreeMap::new(),
        };
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["keeper", pid, start] => {
                    record.keeper = (pid.parse().unwrap_or_default(), start.parse().unwrap_or_default());
                }
                ["+", incarnation, pid, start, mark] => {
                    if let (Ok(incarnation), Ok(pid), Ok(start)) =
                        (incarnation.parse(), pid.parse(), start.parse())
                    {
                        let target = Target {
                            identity: Some((pid, start)),
                            mark: parse_mark(mark),
                        };
                        record.children.insert(incarnation, target);
                    }
                }
                ["-", incarnation] => {
                    if let Ok(incarnation) = incarnation.parse() {
                        record.children.remove(&incarnation);
                    }
                }
                _ => {}
            }
        }
        Some(record)
    }

    /// Kills what of it still runs: the keeper first, which could start more.
    fn end(self) {
        let (keeper, start) = self.keeper;
        if let Some(pid) = i32::try_from(keeper).ok().and_then(Pid::from_raw) {
            procfs::signal_exactly(pid, start, rustix::process::Signal::KILL);
        }
        let targets: Vec<Target> = self.children.into_values().collect();
        sweep::end(Session::Recorded(keeper), &targets);
    }
}

fn parse_mark(text: &str) -> Option<Vec<u8>> {
    let digits = text
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok());
    digits
        .map(|pair| u8::from_str_radix(pair?, 16).ok())
        .collect::<Option<Vec<u8>>>()
        .filter(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_what_was_added_and_not_removed() {
        let text = [
            format!("{HEADER} boot\nkeeper 7 70\n"),
            child_line(1, 11, 110, None),
            child_line(2, 12, 120, Some(b"ORDU_FENCE=ab c")),
            "- 1\n".into(),
            "+ 3 13 13".into(),
        ];

        let record = Record::parse(&text.concat(), "boot").unwrap();

        assert_eq!(record.keeper, (7, 70));
        let two = Target {
            identity: Some((12, 120)),
            mark: Some(b"ORDU_FENCE=ab c".to_vec()),
        };
        assert_eq!(record.children, BTreeMap::from([(2, two)]));
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
}
