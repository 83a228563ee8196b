use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use super::file_stem;

/// How much [`LogFiles::last_lines`] returns at most.
const MOST: usize = 4 << 20;

/// Where the log of one child is: a current file and older ones, which have a number appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFiles {
    directory: PathBuf,
    stem: String,
    file_size: u64,
    file_count: usize,
}

impl LogFiles {
    /// The log of the child with this id: three files of 10 MB at most.
    pub fn new(directory: impl Into<PathBuf>, id: &str) -> Self {
        Self {
            directory: directory.into(),
            stem: file_stem(id),
            file_size: 10_000_000,
            file_count: 3,
        }
    }

    /// The same log in files of at most `size` bytes, `count` of them with the current one. Both are at
    /// least 1; readers and the writer should agree on `count`.
    #[must_use]
    pub fn with_limits(mut self, size: u64, count: usize) -> Self {
        (self.file_size, self.file_count) = (size.max(1), count.max(1));
        self
    }

    /// The path of the current file (`age` 0) or of the `age`th before it.
    #[must_use]
    pub fn path(&self, age: usize) -> PathBuf {
        let name = match age {
            0 => format!("{}.log", self.stem),
            age => format!("{}.log.{age}", self.stem),
        };
        self.directory.join(name)
    }

    /// The last `count` lines, across files; fewer if there are no more or they are longer than 4 MiB.
    ///
    /// A last line that is not ended yet counts as one. Empty if the child has printed nothing yet.
    pub fn last_lines(&self, count: usize) -> io::Result<Vec<u8>> {
        match File::open(self.path(0)) {
            Ok(current) => self.last_lines_before(&current, current.metadata()?.len(), count),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Removes all files of the log.
    pub fn remove(&self) -> io::Result<()> {
        for age in 0..self.file_count {
            match fs::remove_file(self.path(age)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn file_size(&self) -> u64 {
        self.file_size
    }

    pub(super) fn file_count(&self) -> usize {
        self.file_count
    }

    pub(super) fn directory(&self) -> &PathBuf {
        &self.directory
    }

    /// The age of a file that was opened as one of this log, if it is still part of it.
    pub(super) fn age_of(&self, file: &File) -> io::Result<Option<usize>> {
        let own = file.metadata()?;
        let is_own = |age: &usize| {
            fs::metadata(self.path(*age)).is_ok_and(|it| (it.dev(), it.ino()) == (own.dev(), own.ino()))
        };
        Ok((0..self.file_count).find(is_own))
    }

    /// The last lines of `current` up to the position `end`, and of the files before it.
    pub(super) fn last_lines_before(&self, current: &File, end: u64, count: usize) -> io::Result<Vec<u8>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut lines = Backwards {
            found: Vec::new(),
            wanted: count,
        };
        let mut enough = lines.take(current, end)?;
        // It may have been rotated since it was opened.
        let mut age = self.age_of(current)?.map_or(self.file_count, |age| age + 1);
        while !enough && age < self.file_count {
            let older = match File::open(self.path(age)) {
                Ok(older) => older,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            };
            enough = lines.take(&older, older.metadata()?.len())?;
            age += 1;
        }
        Ok(lines.finish())
    }
}

/// Collects blocks from the end of a log towards its beginning.
struct Backwards {
    /// Latest first.
    found: Vec<Vec<u8>>,
    wanted: usize,
}

impl Backwards {
    /// Takes in a file from `end` backwards; says whether that was enough.
    fn take(&mut self, file: &File, mut end: u64) -> io::Result<bool> {
        while end > 0 {
            let start = end.saturating_sub(64 << 10);
            let mut block = vec![0; usize::try_from(end - start).unwrap_or_default()];
            file.read_exact_at(&mut block, start)?;
            self.found.push(block);
            end = start;
            if self.newlines() > self.wanted || self.found.iter().map(Vec::len).sum::<usize>() >= MOST {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn newlines(&self) -> usize {
        self.found.iter().flatten().filter(|&&byte| byte == b'\n').count()
    }

    fn finish(self) -> Vec<u8> {
        let all: Vec<u8> = self.found.into_iter().rev().flatten().collect();
        // The newline at the very end ends the last line, it does not begin another.
        let body = all.strip_suffix(b"\n").unwrap_or(&all);
        let newlines = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
        let start = newlines
            .map(|(position, _)| position + 1)
            .nth(self.wanted - 1)
            .unwrap_or(0);
        all[start..].to_vec()
    }
}
