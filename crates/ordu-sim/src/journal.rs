//! The file in which a long campaign writes down every seed it has run, so that it can be interrupted and go on.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use ordu_sim::Report;

/// What is kept of a seed that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The virtual time of all its nodes together.
    pub(crate) node_time: Duration,
    pub(crate) events: u64,
    pub(crate) settled_after: Option<Duration>,
    /// The invariant that was violated.
    pub(crate) failed: Option<String>,
}

/// A line for each seed: the seed, node time and settling time in microseconds, events, and the violated invariant,
/// or `-`.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Outcome {
    pub(crate) fn of(report: &Report) -> Self {
        Self {
            node_time: report.node_time,
            events: report.events,
            settled_after: report.settled_after,
            failed: report
                .violation
                .as_ref()
                .map(|violation| violation.invariant.to_owned()),
        }
    }

    fn line(&self, seed: u64) -> String {
        let micros = |time: Duration| time.as_micros().to_string();
        let settled = self.settled_after.map_or_else(|| "-".into(), micros);
        let failed = self.failed.as_deref().unwrap_or("-");
        format!(
            "{seed} {} {settled} {} {failed}\n",
            micros(self.node_time),
            self.events
        )
    }

    fn parse(line: &str) -> Option<(u64, Self)> {
        let words: Vec<&str> = line.split(' ').collect();
        let &[seed, node_time, settled, events, failed] = words.as_slice() else {
            return None;
        };
        let micros = |word: &str| word.parse().ok().map(Duration::from_micros);
        let absent = |word: &str| word == "-";
        let outcome = Self {
            node_time: micros(node_time)?,
            events: events.parse().ok()?,
            settled_after: if absent(settled) {
                None
            } else {
                Some(micros(settled)?)
            },
            failed: (!absent(failed)).then(|| failed.to_owned()),
        };
        Some((seed.parse().ok()?, outcome))
    }
}

impl Journal {
    /// Opens or creates the file; gives the seeds it already has. A last line that was cut off is run again; any
    /// other line that is none of a journal's is an error, and the file is left as it is.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, BTreeMap<u64, Outcome>)> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let mut done = BTreeMap::new();
        for (number, line) in text[..whole].lines().enumerate() {
            let Some((seed, outcome)) = Outcome::parse(line) else {
                let what = format!("line {} is none of a campaign: {line:?}", number + 1);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            };
            done.insert(seed, outcome);
        }
        let whole = u64::try_from(whole).unwrap_or(u64::MAX);
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        Ok((Self { file }, done))
    }

    /// Writes down a seed.
    pub(crate) fn note(&mut self, seed: u64, outcome: &Outcome) -> io::Result<()> {
        self.file.write_all(outcome.line(seed).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(failed: Option<&str>) -> Outcome {
        Outcome {
            node_time: Duration::from_micros(1_234_567),
            events: 89,
            settled_after: failed.is_none().then_some(Duration::from_millis(100)),
            failed: failed.map(str::to_owned),
        }
    }

    #[test]
    fn a_campaign_goes_on_after_its_last_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("campaign");
        let (mut journal, done) = Journal::open(&path).unwrap();
        assert!(done.is_empty());
        journal.note(7, &outcome(None)).unwrap();
        journal.note(9, &outcome(Some("owned"))).unwrap();
        journal.file.write_all(b"11 12").unwrap();

        let (mut journal, done) = Journal::open(&path).unwrap();
        assert_eq!(
            done,
            BTreeMap::from([(7, outcome(None)), (9, outcome(Some("owned")))])
        );
        journal.note(11, &outcome(None)).unwrap();

        let (_, done) = Journal::open(&path).unwrap();
        assert_eq!(done.keys().copied().collect::<Vec<_>>(), [7, 9, 11]);
    }

    #[test]
    fn another_file_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes");
        std::fs::write(&path, "my notes\nand more").unwrap();
        let error = Journal::open(&path).unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "my notes\nand more");
    }
}
