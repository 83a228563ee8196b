use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::file_stem;

/// How much [`LogFiles::last_lines`] returns at most.
const MOST: usize = 4 << 20;

/// The most of a life's name that counts: with the longest stem, the name of a file has 255 bytes then.
const LIFE: usize = 48;

/// Where the log of one child is: a current file `STEM.log` and older ones, which have a number appended.
///
/// An id can be used again by another child, another *life* of the id. Which life a log is of is noted in a
/// file `STEM.life` beside it; when another one begins to write ([`of_life`](Self::of_life)), what is there is
/// put aside as `STEM+LIFE.log`, and is no longer part of the log. No stem has a `+`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFiles {
    directory: PathBuf,
    stem: String,
    life: Option<String>,
    file_size: u64,
    file_count: usize,
}

impl LogFiles {
    /// The log of the child with this id: three files of 10 MB at most.
    pub fn new(directory: impl Into<PathBuf>, id: &str) -> Self {
        Self {
            directory: directory.into(),
            stem: file_stem(id),
            life: None,
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

    /// The log of this life of the id only. Lives are told apart by the first 48 bytes of the stems of their
    /// names ([`file_stem`]).
    #[must_use]
    pub fn of_life(mut self, life: &str) -> Self {
        let mut life = file_stem(life);
        life.truncate(LIFE);
        self.life = Some(life);
        self
    }

    /// Whether there is something to read: a file of this log, which is not of another life.
    #[must_use]
    pub fn exist(&self) -> bool {
        self.are_of_this_life() && (0..self.file_count).any(|age| self.path(age).exists())
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
        match self.newest()? {
            Some(newest) => self.last_lines_before(&newest, newest.metadata()?.len(), count),
            None => Ok(Vec::new()),
        }
    }

    /// Removes all files of the log.
    pub fn remove(&self) -> io::Result<()> {
        for age in 0..self.file_count {
            remove_if_there(&self.path(age))?;
        }
        remove_if_there(&self.life_path())
    }

    /// Opens the current file; if that was removed, the youngest that was not.
    pub(super) fn newest(&self) -> io::Result<Option<File>> {
        if !self.are_of_this_life() {
            return Ok(None);
        }
        for age in 0..self.file_count {
            if let Some(file) = self.open(age)? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Opens one file, if it is there.
    pub(super) fn open(&self, age: usize) -> io::Result<Option<File>> {
        match File::open(self.path(age)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The files that were written before this one.
    pub(super) fn files_before(&self, file: &File) -> io::Result<Vec<File>> {
        let own = self.age_of(file)?.unwrap_or(self.file_count);
        let older = (own + 1..self.file_count).map(|age| self.open(age));
        older.filter_map(io::Result::transpose).collect()
    }

    /// The file that was written after that of this age; if that was removed, the next one.
    pub(super) fn next_after(&self, age: usize) -> io::Result<Option<File>> {
        for younger in (0..age).rev() {
            if let Some(file) = self.open(younger)? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Puts the files of another life aside and notes that those to come are of this one.
    ///
    /// A file that cannot be put aside is an error: what is printed now must not be taken for its end.
    pub(super) fn begin_life(&self) -> io::Result<()> {
        let Some(life) = &self.life else {
            return Ok(());
        };
        let before = self.noted_life()?;
        if before.as_ref() == Some(life) {
            return Ok(());
        }
        let mut name = file_stem(before.as_deref().unwrap_or_default());
        name.truncate(LIFE);
        let aside = Self {
            stem: format!("{}+{name}", self.stem),
            ..self.clone()
        };
        // The oldest first: what a rename that fails leaves behind is a shorter log, and no mixed one.
        for age in (0..self.file_count).rev() {
            match fs::rename(self.path(age), aside.path(age)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        create_directory(&self.directory)?;
        let mut options = File::options();
        options.create(true).truncate(true).write(true).mode(0o600);
        options.open(self.life_path())?.write_all(life.as_bytes())
    }

    fn are_of_this_life(&self) -> bool {
        self.life.is_none() || self.noted_life().is_ok_and(|noted| noted == self.life)
    }

    fn noted_life(&self) -> io::Result<Option<String>> {
        match fs::read(self.life_path()) {
            Ok(life) => Ok(Some(String::from_utf8_lossy(&life).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn life_path(&self) -> PathBuf {
        self.directory.join(format!("{}.life", self.stem))
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
            // One that is not there was removed by hand.
            if let Some(older) = self.open(age)? {
                enough = lines.take(&older, older.metadata()?.len())?;
            }
            age += 1;
        }
        Ok(lines.finish())
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a directory and those above it, for their owner alone, unless they are there.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
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
