use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ordu_core::{ChildId, Event, HordeName, Life};
use ordu_supervisor::process::log::{Dropped, LogFiles, file_stem};

use super::{ChildLog, DroppedOutput, LogError};
use crate::events::EventSource;

/// The logs of one node: a directory for each horde, a few rotating files for each child.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    /// The directories of the hordes of this node. Of the children of others nothing is known.
    hordes: HashSet<PathBuf>,
    events: EventSource,
    /// By the paths of their current files.
    entries: Mutex<HashMap<PathBuf, Entry>>,
    /// How many bytes of all output were dropped.
    dropped: AtomicU64,
}

/// What is known of one log beside its files.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The life of the id, if there is a child.
    pub(super) life: Option<Life>,
    /// How many runs write to it: one, and two for a moment.
    pub(super) runs: usize,
    /// Of which life the last of them is. It may have none yet that others know of, or ever will.
    written: Option<Life>,
    dropped: Option<DroppedOutput>,
    /// What the last run left out at its end, and the log does not say yet.
    missing: u64,
}

impl Logs {
    pub(crate) fn new(dir: PathBuf, hordes: &[HordeName], events: EventSource) -> Self {
        let hordes = hordes.iter().map(|horde| directory(&dir, horde)).collect();
        Self {
            shared: Arc::new(Shared {
                dir,
                hordes,
                events,
                entries: Mutex::default(),
                dropped: AtomicU64::new(0),
            }),
        }
    }

    /// Notes which life of an id there is; `None`: the child was deleted or has finished.
    pub(crate) fn note_child(&self, horde: &HordeName, id: &ChildId, life: Option<Life>) {
        let path = self.files(horde, id.as_str()).path(0);
        let mut entries = self.entries();
        if life.is_some() {
            entries.entry(path).or_default().life = life;
        } else if let Some(entry) = entries.get_mut(&path) {
            entry.life = None;
        }
    }

    /// The log of a child that runs, or has run, on this node: of the life of the id that there is, or of the last one
    /// if there is none.
    pub(crate) fn of(&self, horde: &HordeName, id: &str) -> Result<ChildLog, LogError> {
        let files = self.files(horde, id);
        let entries = self.entries();
        let entry = entries.get(&files.path(0));
        let last = entry.and_then(|entry| entry.written);
        let (life, runs, dropped) = match entry {
            Some(entry) if entry.runs > 0 => (entry.written, entry.runs, entry.dropped.clone()),
            Some(entry) => (entry.life, 0, entry.dropped.clone()),
            None => (None, 0, None),
        };
        drop(entries);
        let files = match life {
            Some(life) => files.of_life(&life.to_string()),
            None => files,
        };
        // A disk that was full from the beginning took no file, and what came of the output is known all the same.
        let was_dropped = dropped.is_some() && life.is_none_or(|life| last == Some(life));
        if runs > 0 || was_dropped || files.exist() {
            Ok(ChildLog::new(files, dropped))
        } else {
            Err(LogError::NoLog { id: id.to_owned() })
        }
    }

    /// How many bytes of all output were dropped since the node started.
    pub(crate) fn dropped_bytes(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// A run begins to write to the log.
    pub(crate) fn begin_run(&self, horde: &HordeName, id: &ChildId, life: Life) -> LogRun {
        let files = self.files(horde, id.as_str()).of_life(&life.to_string());
        let mut entries = self.entries();
        let entry = entries.entry(files.path(0)).or_default();
        entry.runs += 1;
        if entry.written != Some(life) {
            // What the life before has lost is not of this one.
            (entry.dropped, entry.missing) = (None, 0);
        }
        entry.written = Some(life);
        drop(entries);
        LogRun {
            logs: self.clone(),
            horde: horde.clone(),
            id: id.clone(),
            files,
        }
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, HashMap<PathBuf, Entry>> {
        self.shared.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// Whether the children of this directory's horde are known here.
    pub(super) fn knows_children_in(&self, directory: &Path) -> bool {
        self.shared.hordes.contains(directory)
    }

    fn files(&self, horde: &HordeName, id: &str) -> LogFiles {
        LogFiles::new(directory(&self.shared.dir, horde), id)
    }
}

/// A horde may be called `..`: its name is made safe as a child's is.
fn directory(dir: &Path, horde: &HordeName) -> PathBuf {
    dir.join(file_stem(horde.as_str()))
}

/// One run of a child, while it writes to its log: the files stay for as long as this does.
#[derive(Debug)]
pub(crate) struct LogRun {
    logs: Logs,
    horde: HordeName,
    id: ChildId,
    files: LogFiles,
}

impl LogRun {
    pub(crate) fn files(&self) -> &LogFiles {
        &self.files
    }

    /// What the run before left out at its end.
    pub(crate) fn take_missing(&self) -> u64 {
        let mut entries = self.logs.entries();
        let entry = entries.get_mut(&self.files.path(0));
        entry.map_or(0, |entry| std::mem::take(&mut entry.missing))
    }

    /// What this run left out at its end.
    pub(crate) fn leave_missing(&self, bytes: u64) {
        if let Some(entry) = self.logs.entries().get_mut(&self.files.path(0)) {
            entry.missing = bytes;
        }
    }

    /// Output was dropped: it is counted at once, and everybody is told now and then.
    pub(crate) fn dropped(&self, dropped: Dropped) {
        self.logs
            .shared
            .dropped
            .fetch_add(dropped.bytes, Ordering::Relaxed);
        if let Some(entry) = self.logs.entries().get_mut(&self.files.path(0)) {
            let before = entry.dropped.as_ref().map_or(0, |before| before.bytes);
            entry.dropped = Some(DroppedOutput {
                bytes: before.saturating_add(dropped.bytes),
                reason: dropped.reason.clone(),
            });
        }
        if dropped.report > 0 {
            self.logs.shared.events.record(Event::OutputDropped {
                horde: self.horde.clone(),
                id: self.id.clone(),
                bytes: dropped.report,
                reason: dropped.reason,
            });
        }
    }
}

impl Drop for LogRun {
    fn drop(&mut self) {
        if let Some(entry) = self.logs.entries().get_mut(&self.files.path(0)) {
            entry.runs = entry.runs.saturating_sub(1);
        }
    }
}
