use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};

use super::LogFiles;
use super::files::create_directory;

/// How far over its size a file may grow to end a line that began in it.
const SLACK: usize = 64 << 10;

/// The current file of a log, to write to. Only one may be open for a log at a time.
///
/// Files are their owner's alone (mode 0600, in directories of mode 0700). Nothing here fails for good: a
/// file or a directory that was removed, moved away or could not be made is made by the next write that can,
/// and a line in the log then says how many bytes are missing at that place.
#[derive(Debug)]
pub struct RotatingFile {
    files: LogFiles,
    /// `None` if it could not be opened.
    current: Option<Current>,
    /// Bytes that came and were not written, after all that were; the log does not say so yet.
    missing: u64,
}

#[derive(Debug)]
struct Current {
    file: File,
    /// The device and the number of the file on it: is it still the one at its path?
    identity: (u64, u64),
    size: u64,
    /// The file is empty or ends in a newline.
    at_line_start: bool,
}

impl RotatingFile {
    /// Opens the log to append to it, and creates the file and its directory if they are missing.
    ///
    /// If that cannot be done, it is tried again by each write.
    #[must_use]
    pub fn open(files: LogFiles) -> Self {
        let current = Current::open(&files).ok();
        Self {
            files,
            current,
            missing: 0,
        }
    }

    /// How many bytes were not written since the last one that was; the log does not say so yet.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Notes that so many bytes came and will not be written.
    pub fn skip(&mut self, bytes: u64) {
        self.missing = self.missing.saturating_add(bytes);
    }

    /// Appends, and rotates between lines when a file is full; says before it how many bytes are missing.
    ///
    /// If it fails, what was not written is skipped.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        let result = self
            .look()
            .and_then(|()| self.tell_missing())
            .and_then(|()| self.write_lines(&mut rest));
        self.skip(rest.len() as u64);
        result
    }

    /// Ends the last line, if it is not, and says how many bytes are missing after it.
    pub fn end_line(&mut self) -> io::Result<()> {
        let is_whole = |current: &Current| current.at_line_start;
        if self.missing == 0 && self.current.as_ref().is_none_or(is_whole) {
            return Ok(());
        }
        self.look()?;
        self.tell_missing()?;
        self.current()?.end_line()
    }

    /// Makes sure that the open file is the one at its path.
    fn look(&mut self) -> io::Result<()> {
        let found = fs::metadata(self.files.path(0));
        let is_same = match (&mut self.current, found) {
            (Some(current), Ok(found)) if identity(&found) == current.identity => {
                // It may have been emptied by hand. What is no file, a device or a pipe, is never full.
                current.size = found.len();
                current.at_line_start |= found.is_file() && current.size == 0;
                true
            }
            _ => false,
        };
        if !is_same {
            self.current = None;
            self.current = Some(Current::open(&self.files)?);
        }
        Ok(())
    }

    fn current(&mut self) -> io::Result<&mut Current> {
        self.current
            .as_mut()
            .ok_or_else(|| io::Error::other("the log is not open"))
    }

    fn tell_missing(&mut self) -> io::Result<()> {
        if self.missing == 0 {
            return Ok(());
        }
        let notice = format!("ordu: {} bytes of output were dropped here\n", self.missing);
        let current = self.current()?;
        current.end_line()?;
        let before = current.size;
        let mut rest = notice.as_bytes();
        let result = current.append(&mut rest);
        if result.is_err() {
            // Half a notice says nothing.
            if current.file.set_len(before).is_ok() {
                (current.size, current.at_line_start) = (before, true);
            }
        } else {
            self.missing = 0;
        }
        result
    }

    /// Writes, and leaves in `bytes` what it could not.
    fn write_lines(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let file_size = self.files.file_size();
            let current = self.current()?;
            let room = usize::try_from(file_size.saturating_sub(current.size)).unwrap_or(usize::MAX);
            let Some(fitting) = bytes.get(..room).filter(|fitting| fitting.len() < bytes.len()) else {
                return current.append(bytes);
            };
            let end = if let Some(newline) = fitting.iter().rposition(|&byte| byte == b'\n') {
                newline + 1
            } else if current.at_line_start && current.size > 0 {
                0
            } else {
                let reach = &bytes[..bytes.len().min(room + if current.size > 0 { SLACK } else { 0 })];
                // A line that does not end in reach is longer than a file may be: it is cut.
                reach
                    .iter()
                    .position(|&byte| byte == b'\n')
                    .map_or(room.max(1), |newline| newline + 1)
            };
            let (mut part, rest) = bytes.split_at(end);
            let result = current.append(&mut part);
            *bytes = &bytes[end - part.len()..];
            result?;
            *bytes = rest;
            if !bytes.is_empty() {
                self.rotate()?;
            }
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        // The oldest is replaced by the next younger, and so on. With one file in all, it is emptied.
        if self.files.file_count() == 1 {
            let current = self.current()?;
            current.file.set_len(0)?;
            (current.size, current.at_line_start) = (0, true);
            return Ok(());
        }
        for age in (1..self.files.file_count()).rev() {
            match fs::rename(self.files.path(age - 1), self.files.path(age)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.current = None;
        self.current = Some(Current::open(&self.files)?);
        Ok(())
    }
}

impl Current {
    fn open(files: &LogFiles) -> io::Result<Self> {
        files.begin_life()?;
        create_directory(files.directory())?;
        let mut options = File::options();
        options.create(true).append(true).read(true).mode(0o600);
        let file = options.open(files.path(0))?;
        let found = file.metadata()?;
        let size = found.len();
        let mut last = [b'\n'];
        if size > 0 {
            file.read_exact_at(&mut last, size - 1)?;
        }
        Ok(Self {
            file,
            identity: identity(&found),
            size,
            at_line_start: last == [b'\n'],
        })
    }

    fn end_line(&mut self) -> io::Result<()> {
        if self.at_line_start {
            Ok(())
        } else {
            self.append(&mut b"\n".as_slice())
        }
    }

    /// Appends, and leaves in `bytes` what it could not.
    fn append(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.size += count as u64;
                    self.at_line_start = bytes[count - 1] == b'\n';
                    *bytes = &bytes[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn identity(found: &fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(size: u64, count: usize) -> (tempfile::TempDir, LogFiles) {
        let directory = tempfile::tempdir().unwrap();
        let files = LogFiles::new(directory.path().join("logs"), "a/b").with_limits(size, count);
        (directory, files)
    }

    fn contents(files: &LogFiles) -> Vec<String> {
        (0..10)
            .filter_map(|age| fs::read_to_string(files.path(age)).ok())
            .collect()
    }

    #[test]
    fn files_are_rotated_between_lines_and_the_oldest_is_dropped() {
        let (_directory, files) = log(10, 3);
        let mut file = RotatingFile::open(files.clone());

        file.write(b"one\ntwo\nthree\nfour\n").unwrap();
        file.write(b"five\nsix\nse").unwrap();
        file.write(b"ven\neight\n").unwrap();

        assert_eq!(contents(&files), ["eight\n", "six\nseven\n", "four\nfive\n"]);
    }

    #[test]
    fn a_line_longer_than_a_file_is_cut_and_nothing_of_it_lost() {
        let (_directory, files) = log(10, 3);
        let mut file = RotatingFile::open(files.clone());

        file.write(b"0123456789abcdefghij01234\n").unwrap();

        assert_eq!(contents(&files), ["01234\n", "abcdefghij", "0123456789"]);
    }

    #[test]
    fn a_log_is_continued_where_it_ended() {
        let (_directory, files) = log(100, 2);
        RotatingFile::open(files.clone()).write(b"no newline").unwrap();

        let mut file = RotatingFile::open(files.clone());
        file.end_line().unwrap();
        file.write(b"next\n").unwrap();
        file.end_line().unwrap();

        assert_eq!(contents(&files), ["no newline\nnext\n"]);
    }

    #[test]
    fn a_log_of_one_file_starts_over_when_it_is_full() {
        let (_directory, files) = log(6, 1);
        let mut file = RotatingFile::open(files.clone());

        file.write(b"one\ntwo\nsix\n").unwrap();

        assert_eq!(contents(&files), ["six\n"]);
    }

    #[test]
    fn a_file_that_was_removed_or_moved_away_or_emptied_is_written_anew() {
        // Small enough that a file taken for what it was would be rotated.
        let (directory, files) = log(10, 3);
        let mut file = RotatingFile::open(files.clone());
        file.write(b"one\n").unwrap();

        fs::remove_file(files.path(0)).unwrap();
        file.write(b"two\n").unwrap();
        assert_eq!(contents(&files), ["two\n"]);

        fs::rename(files.path(0), directory.path().join("elsewhere")).unwrap();
        file.write(b"three\n").unwrap();
        assert_eq!(contents(&files), ["three\n"]);

        fs::write(files.path(0), "").unwrap();
        file.write(b"four\n").unwrap();
        assert_eq!(contents(&files), ["four\n"]);

        fs::remove_dir_all(directory.path().join("logs")).unwrap();
        file.write(b"five\n").unwrap();
        assert_eq!(contents(&files), ["five\n"]);
    }

    #[test]
    fn a_log_whose_directory_is_no_directory_goes_on_once_it_is_one_and_says_what_is_missing() {
        let (directory, files) = log(100, 3);
        let logs = directory.path().join("logs");
        fs::write(&logs, "a file").unwrap();
        let mut file = RotatingFile::open(files.clone());

        assert_eq!(
            file.write(b"12345\n").unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(file.missing(), 6);
        fs::remove_file(&logs).unwrap();
        file.write(b"next\n").unwrap();

        assert_eq!(
            contents(&files),
            ["ordu: 6 bytes of output were dropped here\nnext\n"]
        );
        assert_eq!(file.missing(), 0);
    }

    #[test]
    fn on_a_full_disk_every_byte_is_written_or_counted() {
        let (_directory, files) = log(100, 3);
        fs::create_dir_all(files.directory()).unwrap();
        std::os::unix::fs::symlink("/dev/full", files.path(0)).unwrap();
        let mut file = RotatingFile::open(files.clone());

        for line in [b"12345\n", b"67890\n"] {
            assert_eq!(file.write(line).unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
        assert_eq!(file.missing(), 12);
        file.skip(3);
        fs::remove_file(files.path(0)).unwrap();
        file.end_line().unwrap();

        assert_eq!(contents(&files), ["ordu: 15 bytes of output were dropped here\n"]);
    }

    #[test]
    fn another_life_of_an_id_begins_with_an_empty_log_and_the_old_one_is_put_aside() {
        let (_directory, files) = log(10, 3);
        let (one, two) = (files.clone().of_life("1"), files.clone().of_life("2"));
        let mut file = RotatingFile::open(one.clone());
        file.write(b"old 1\nold 2\n").unwrap();
        // A restart of the same life goes on.
        let mut file = RotatingFile::open(one.clone());
        file.write(b"old 3\n").unwrap();
        assert!(one.exist() && !two.exist());
        assert_eq!(two.last_lines(9).unwrap(), b"");

        let mut file = RotatingFile::open(two.clone());
        file.write(b"new\n").unwrap();

        assert!(two.exist() && !one.exist());
        assert_eq!(two.last_lines(9).unwrap(), b"new\n");
        assert_eq!(contents(&files), ["new\n"]);
        let aside = |name: &str| fs::read_to_string(files.directory().join(name)).unwrap();
        assert_eq!(aside("a%2Fb+1.log"), "old 3\n");
        assert_eq!(aside("a%2Fb+1.log.1"), "old 2\n");
        assert_eq!(aside("a%2Fb+1.log.2"), "old 1\n");
    }

    #[test]
    fn the_longest_id_and_the_longest_life_make_names_that_a_file_system_takes() {
        let directory = tempfile::tempdir().unwrap();
        let files = LogFiles::new(directory.path(), &"/".repeat(10_000)).with_limits(2, 10);
        // The name of the first, which is put aside, is longer written as part of a file's.
        for life in ["/", "2"] {
            let files = files.clone().of_life(&life.repeat(100));
            RotatingFile::open(files).write(b"a\nb\n").unwrap();
        }
        let names = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(names, 5, "two of each life and the name of the last");
    }

    #[test]
    fn files_and_directories_are_their_owners_alone() {
        let (directory, files) = log(10, 3);
        let files = files.of_life("1");
        RotatingFile::open(files.clone())
            .write(b"123456789\n1\n")
            .unwrap();

        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&directory.path().join("logs")), 0o700);
        for entry in fs::read_dir(files.directory()).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }

    #[test]
    fn the_last_lines_are_found_across_files() {
        let (_directory, files) = log(10, 3);
        let mut file = RotatingFile::open(files.clone());
        assert_eq!(files.last_lines(3).unwrap(), b"");
        file.write(b"one\ntwo\nthree\nfour\nfive\nsix\nseven").unwrap();

        let last = |count| String::from_utf8(files.last_lines(count).unwrap()).unwrap();
        assert_eq!(last(0), "");
        assert_eq!(last(1), "seven");
        assert_eq!(last(3), "five\nsix\nseven");
        assert_eq!(last(99), "three\nfour\nfive\nsix\nseven");

        file.end_line().unwrap();
        assert_eq!(last(2), "six\nseven\n");

        fs::remove_file(files.path(0)).unwrap();
        assert_eq!(last(2), "four\nfive\n");
    }
}
