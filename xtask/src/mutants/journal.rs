//! The file in which each result is written down, so that it can be interrupted and go on.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::outcome::Outcome;
use super::site::Site;

/// What is known of a mutant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) outcome: Outcome,
    pub(super) reached_by_units: bool,
    /// `None`: it was not simulated.
    pub(super) reached_by_sim: Option<bool>,
    /// So many seeds were simulated to their end.
    pub(super) seeds: u64,
    pub(super) seconds: f64,
    /// What failed, but not because of the mutant.
    pub(super) notes: Vec<String>,
}

impl Entry {
    /// Whether there is nothing left to ask: of a survivor the simulator was not, if it had no time.
    pub(super) fn is_final(&self) -> bool {
        !self.outcome.is_survival() || self.reached_by_sim.is_some()
    }
}

/// A line of JSON for each mutant; a later one of the same site replaces an earlier one.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// By the key of its site.
    pub(super) known: HashMap<String, Entry>,
}

impl Journal {
    /// Opens or creates the file. A last line that was cut off is done again; any other line that is none of a
    /// journal's is an error, and the file is left as it is.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(wrong)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(wrong)?;
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let mut known = HashMap::new();
        for (number, line) in text[..whole].lines().enumerate() {
            let parsed = serde_json::from_str(line).ok().as_ref().and_then(parse);
            let (key, entry) = parsed.ok_or_else(|| {
                format!(
                    "{}: line {} is none of a journal of mutants",
                    path.display(),
                    number + 1
                )
            })?;
            known.insert(key, entry);
        }
        let whole = u64::try_from(whole).unwrap_or(u64::MAX);
        file.set_len(whole).map_err(wrong)?;
        file.seek(SeekFrom::Start(whole)).map_err(wrong)?;
        Ok(Self { file, known })
    }

    /// What is known of a site.
    pub(super) fn entry(&self, site: &Site) -> Option<&Entry> {
        self.known.get(&site.key())
    }

    /// Writes a result down.
    pub(super) fn note(&mut self, site: &Site, entry: Entry) -> Result<(), String> {
        let mut line = described(site);
        line["outcome"] = entry.outcome.to_string().into();
        line["reached_by_units"] = entry.reached_by_units.into();
        line["reached_by_sim"] = json!(entry.reached_by_sim);
        line["seeds"] = entry.seeds.into();
        line["seconds"] = json!((entry.seconds * 10.0).round() / 10.0);
        line["notes"] = json!(entry.notes);
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        written.map_err(|error| format!("the journal cannot be written: {error}"))?;
        self.known.insert(site.key(), entry);
        Ok(())
    }
}

/// What a site is.
pub(super) fn described(site: &Site) -> Value {
    json!({
        "number": site.number,
        "file": site.file,
        "line": site.line,
        "function": site.found.function,
        "operator": site.found.operator,
        "before": site.before,
        "after": site.after(),
        "nth": site.nth,
        "key": site.key(),
    })
}

fn parse(line: &Value) -> Option<(String, Entry)> {
    let notes = line["notes"].as_array()?.iter();
    let entry = Entry {
        outcome: Outcome::parse(line["outcome"].as_str()?)?,
        reached_by_units: line["reached_by_units"].as_bool()?,
        reached_by_sim: line["reached_by_sim"].as_bool(),
        seeds: line["seeds"].as_u64()?,
        seconds: line["seconds"].as_f64()?,
        notes: notes.filter_map(Value::as_str).map(str::to_owned).collect(),
    };
    Some((line["key"].as_str()?.to_owned(), entry))
}

#[cfg(test)]
mod tests {
    use super::super::outcome::How;
    use super::super::site::{Form, Found};
    use super::*;

    fn site(number: u32, line: usize, before: &str) -> Site {
        Site {
            number,
            folder: 0,
            file: "a.rs".to_owned(),
            line,
            nth: 0,
            before: before.to_owned(),
            found: Found {
                operator: "not",
                range: 0..0,
                after: "b".to_owned(),
                form: Form::Expression,
                function: "f".to_owned(),
            },
        }
    }

    fn entry(outcome: Outcome) -> Entry {
        Entry {
            outcome,
            reached_by_units: true,
            reached_by_sim: Some(false),
            seeds: 40,
            seconds: 1.5,
            notes: vec!["c".to_owned()],
        }
    }

    #[test]
    fn what_is_in_the_journal_is_known_also_after_the_site_has_moved() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let mut journal = Journal::open(&path).unwrap();
        assert_eq!(journal.entry(&site(7, 10, "!b")), None);
        let found = entry(Outcome::Unit(How::Failed("t".to_owned())));
        journal
            .note(&site(7, 10, "!b"), entry(Outcome::Survived))
            .unwrap();
        journal
            .note(&site(8, 11, "!c"), entry(Outcome::NeverReached))
            .unwrap();
        journal.note(&site(7, 10, "!b"), found.clone()).unwrap();
        journal.file.write_all(b"{\"number\": 9").unwrap();

        let mut journal = Journal::open(&path).unwrap();
        assert_eq!(journal.entry(&site(70, 100, "!b")), Some(&found));
        assert_eq!(journal.entry(&site(9, 12, "!d")), None);
        journal.note(&site(9, 12, "!d"), found).unwrap();
        assert_eq!(Journal::open(&path).unwrap().known.len(), 3);
    }

    #[test]
    fn a_survivor_that_was_not_simulated_is_not_done_with() {
        let asked = |outcome, reached_by_sim| Entry {
            reached_by_sim,
            ..entry(outcome)
        };
        assert!(!asked(Outcome::Survived, None).is_final());
        assert!(!asked(Outcome::NeverReached, None).is_final());
        assert!(asked(Outcome::Survived, Some(false)).is_final());
        assert!(asked(Outcome::Unit(How::TimeOut), None).is_final());
    }

    #[test]
    fn another_file_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes");
        std::fs::write(&path, "my notes\nand more").unwrap();
        assert!(Journal::open(&path).unwrap_err().contains("line 1"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "my notes\nand more");
    }
}
