use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::Logs;
use super::retention::{Kept, LogLimits, Whose, to_remove};
use crate::published::Published;

/// How often it is looked what can go, at the longest and at the shortest.
const PERIODS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// Since when which log is known to be over, by the path of its current file.
type OverSince = HashMap<PathBuf, Instant>;

impl Logs {
    /// Removes what is not kept any more, for as long as it runs.
    ///
    /// Not before the node is ready: until then it does not know which children there are.
    pub(crate) async fn tend(self, published: &Published, limits: LogLimits) {
        let period = (limits.retention / 4).clamp(PERIODS.0, PERIODS.1);
        let mut over = OverSince::new();
        loop {
            tokio::time::sleep(period).await;
            if !published.is_ready() {
                continue;
            }
            let logs = self.clone();
            let looked = tokio::task::spawn_blocking(move || {
                logs.sweep(&mut over, limits);
                over
            });
            over = looked.await.unwrap_or_default();
        }
    }

    fn sweep(&self, over: &mut OverSince, limits: LogLimits) {
        let found = find(self.dir());
        let now = Instant::now();
        let logs: HashSet<&PathBuf> = found.iter().map(|file| &file.log).collect();
        let mut over_now = OverSince::new();
        let mut whose: HashMap<&PathBuf, Whose> = HashMap::new();
        for log in logs {
            let standing = self.standing(log);
            if standing == Whose::Over(Duration::ZERO) {
                let since = over.get(log).copied().unwrap_or(now);
                over_now.insert(log.clone(), since);
                whose.insert(log, Whose::Over(now.saturating_duration_since(since)));
            } else {
                whose.insert(log, standing);
            }
        }
        let kept: Vec<Kept> = found
            .iter()
            .map(|file| Kept {
                size: file.size,
                modified: file.modified,
                whose: match whose.get(&file.log) {
                    Some(Whose::Current) if file.age > 0 => Whose::Before,
                    Some(standing) => *standing,
                    None => Whose::Absent,
                },
            })
            .collect();
        for index in to_remove(&kept, limits) {
            self.remove(&found[index], kept[index].whose);
        }
        *over = over_now;
        // Of what is over and has no file nothing needs to be known any more.
        let kept_logs: HashSet<PathBuf> = find(self.dir()).into_iter().map(|file| file.log).collect();
        let mut entries = self.entries();
        entries.retain(|log, entry| entry.life.is_some() || entry.runs > 0 || kept_logs.contains(log));
        // The room of all that were ever there at once is given back.
        let room = 2 * entries.len();
        entries.shrink_to(room);
    }

    /// Whose log it is, and of one that runs that of its current file.
    fn standing(&self, log: &Path) -> Whose {
        if is_put_aside(log) {
            return Whose::Over(Duration::ZERO);
        }
        let entries = self.entries();
        let entry = entries.get(log);
        if entry.is_some_and(|entry| entry.runs > 0) {
            return Whose::Current;
        }
        let life = entry.and_then(|entry| entry.life);
        drop(entries);
        let is_known = log.parent().is_some_and(|horde| self.knows_children_in(horde));
        match life {
            None if is_known => Whose::Over(Duration::ZERO),
            None => Whose::Absent,
            Some(life) => match fs::read_to_string(log.with_extension("life")) {
                Ok(noted) if noted != life.to_string() => Whose::Over(Duration::ZERO),
                _ => Whose::Absent,
            },
        }
    }

    fn remove(&self, file: &Found, whose: Whose) {
        // The lock is not held while the disk is at work: the node's loop takes it too. A run that begins right now
        // writes its log anew.
        let runs = self.entries().get(&file.log).is_some_and(|entry| entry.runs > 0);
        if runs && whose != Whose::Before {
            return;
        }
        if let Err(error) = fs::remove_file(&file.path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %file.path.display(), %error, "cannot remove the output of a child that is over");
        }
        if !runs && file.age == 0 {
            // Without it, what is left of the log is of no life.
            let _ = fs::remove_file(file.log.with_extension("life"));
        }
    }
}

/// A file of a log.
#[derive(Debug)]
struct Found {
    path: PathBuf,
    /// The path of the current file of its log.
    log: PathBuf,
    age: usize,
    size: u64,
    modified: SystemTime,
}

/// All files of logs below a directory. What cannot be read is passed over.
fn find(dir: &Path) -> Vec<Found> {
    let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
    let hordes = entries(dir).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let files = hordes.flat_map(|horde| entries(&horde.path()));
    files
        .filter_map(|entry| {
            let path = entry.path();
            let (log, age) = log_of(&path)?;
            let found = entry.metadata().ok()?;
            Some(Found {
                path,
                log,
                age,
                size: found.blocks() * 512,
                modified: found.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            })
        })
        .collect()
}

/// Which log a file belongs to, by its name: `STEM.log`, `STEM.log.N`.
fn log_of(path: &Path) -> Option<(PathBuf, usize)> {
    let name = path.file_name()?.to_str()?;
    if name.strip_suffix(".log").is_some() {
        return Some((path.to_owned(), 0));
    }
    let (current, age) = name.rsplit_once('.')?;
    let age = age.parse().ok().filter(|age| *age > 0)?;
    current.strip_suffix(".log")?;
    Some((path.with_file_name(current), age))
}

/// Whether it is the log of an earlier life of its id.
fn is_put_aside(log: &Path) -> bool {
    log.file_name()
        .is_some_and(|name| name.as_encoded_bytes().contains(&b'+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_logs_are_told_from_others_by_their_names() {
        let of = |name: &str| log_of(&Path::new("/logs/default").join(name));
        let log = |name: &str, age| Some((Path::new("/logs/default").join(name), age));

        assert_eq!(of("a.log"), log("a.log", 0));
        assert_eq!(of("a.log.2"), log("a.log", 2));
        assert_eq!(of("a.log.1.log"), log("a.log.1.log", 0));
        assert_eq!(of("a.log.1.log.1"), log("a.log.1.log", 1));
        assert_eq!(of("a+1.log.1"), log("a+1.log", 1));
        for other in ["a.life", "a", "a.log.x", "a.log.0", "log", "1", ".1"] {
            assert_eq!(of(other), None, "{other}");
        }
        assert!(is_put_aside(Path::new("/logs/h/a+1.log")));
        assert!(!is_put_aside(Path::new("/logs+/h/a.log")));
    }
}
