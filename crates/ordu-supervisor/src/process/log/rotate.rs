use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::LogFiles;

/// How far over its size a file may grow to end a line that began in it.
const SLACK: usize = 64 << 10;

/// The current file of a log, to write to. Only one may be open for a log at a time.
#[derive(Debug)]
pub struct RotatingFile {
    files: LogFiles,
    file: File,
    size: u64,
    /// The file is empty or ends in a newline.
    at_line_start: bool,
}

impl RotatingFile {
    /// Opens the log to append to it, and creates the file and its directory if they are missing.
    pub fn open(files: LogFiles) -> io::Result<Self> {
        fs::create_dir_all(files.directory())?;
        let mut file = File::options()
            .create(true)
            .append(true)
            .read(true)
            .open(files.path(0))?;
        let size = file.seek(SeekFrom::End(0))?;
        let mut last = [b'\n'];
        if size > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(Self {
            files,
            file,
            size,
            at_line_start: last == [b'\n'],
        })
    }

    /// A log that is written to something else than a file.
    #[cfg(test)]
    pub(super) fn over(file: File) -> Self {
        Self {
            files: LogFiles::new("/", "none").with_limits(u64::MAX, 1),
            file,
            size: 0,
            at_line_start: true,
        }
    }

    /// Appends, and rotates between lines when a file is full.
    pub fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room =
                usize::try_from(self.files.file_size().saturating_sub(self.size)).unwrap_or(usize::MAX);
            let Some(fitting) = bytes.get(..room).filter(|fitting| fitting.len() < bytes.len()) else {
                return self.append(bytes);
            };
            let part = if let Some(newline) = fitting.iter().rposition(|&byte| byte == b'\n') {
                newline + 1
            } else if self.at_line_start && self.size > 0 {
                0
            } else {
                let reach = &bytes[..bytes.len().min(room + if self.size > 0 { SLACK } else { 0 })];
                // A line that does not end in reach is longer than a file may be: it is cut.
                reach
                    .iter()
                    .position(|&byte| byte == b'\n')
                    .map_or(room.max(1), |newline| newline + 1)
            };
            self.append(&bytes[..part])?;
            bytes = &bytes[part..];
            if !bytes.is_empty() {
                self.rotate()?;
            }
        }
        Ok(())
    }

    /// Ends the last line, if it is not.
    pub fn end_line(&mut self) -> io::Result<()> {
        if self.at_line_start {
            Ok(())
        } else {
            self.write(b"\n")
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        if let Some(last) = bytes.last() {
            self.at_line_start = *last == b'\n';
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        // The oldest is replaced by the next younger, and so on. With one file in all, it is emptied.
        for age in (1..self.files.file_count()).rev() {
            match fs::rename(self.files.path(age - 1), self.files.path(age)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let mut options = File::options();
        options.create(true).append(true).read(true);
        self.file = options.open(self.files.path(0))?;
        if self.files.file_count() == 1 {
            self.file.set_len(0)?;
        }
        self.size = self.file.metadata()?.len();
        self.at_line_start = true;
        Ok(())
    }
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
        let mut file = RotatingFile::open(files.clone()).unwrap();

        file.write(b"one\ntwo\nthree\nfour\n").unwrap();
        file.write(b"five\nsix\nse").unwrap();
        file.write(b"ven\neight\n").unwrap();

        assert_eq!(contents(&files), ["eight\n", "six\nseven\n", "four\nfive\n"]);
    }

    #[test]
    fn a_line_longer_than_a_file_is_cut_and_nothing_of_it_lost() {
        let (_directory, files) = log(10, 3);
        let mut file = RotatingFile::open(files.clone()).unwrap();

        file.write(b"0123456789abcdefghij01234\n").unwrap();

        assert_eq!(contents(&files), ["01234\n", "abcdefghij", "0123456789"]);
    }

    #[test]
    fn a_log_is_continued_where_it_ended() {
        let (_directory, files) = log(100, 2);
        RotatingFile::open(files.clone())
            .unwrap()
            .write(b"no newline")
            .unwrap();

        let mut file = RotatingFile::open(files.clone()).unwrap();
        file.end_line().unwrap();
        file.write(b"next\n").unwrap();
        file.end_line().unwrap();

        assert_eq!(contents(&files), ["no newline\nnext\n"]);
    }

    #[test]
    fn a_log_of_one_file_starts_over_when_it_is_full() {
        let (_directory, files) = log(6, 1);
        let mut file = RotatingFile::open(files.clone()).unwrap();

        file.write(b"one\ntwo\nsix\n").unwrap();

        assert_eq!(contents(&files), ["six\n"]);
    }

    #[test]
    fn the_last_lines_are_found_across_files() {
        let (_directory, files) = log(10, 3);
        let mut file = RotatingFile::open(files.clone()).unwrap();
        assert_eq!(files.last_lines(3).unwrap(), b"");
        file.write(b"one\ntwo\nthree\nfour\nfive\nsix\nseven").unwrap();

        let last = |count| String::from_utf8(files.last_lines(count).unwrap()).unwrap();
        assert_eq!(last(0), "");
        assert_eq!(last(1), "seven");
        assert_eq!(last(3), "five\nsix\nseven");
        assert_eq!(last(99), "three\nfour\nfive\nsix\nseven");

        file.end_line().unwrap();
        assert_eq!(last(2), "six\nseven\n");
    }
}
