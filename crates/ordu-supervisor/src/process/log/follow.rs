use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use super::LogFiles;

/// How often it is looked whether there is more.
const INTERVAL: Duration = Duration::from_millis(100);

/// The most that is returned at once.
const BLOCK: usize = 64 << 10;

/// Reads a log as it is written, through rotations, and goes on when its files are removed.
///
/// It reads the files and needs nothing from the writer, so it works on the log of a child that is over or
/// has never run, too. Lines are missed only if the whole log is overwritten faster than it is read, or
/// removed.
#[derive(Debug)]
pub struct Follower {
    files: LogFiles,
    /// `None` until there is one.
    file: Option<File>,
    position: u64,
    /// The files before it in the log, which have been read: they show where the log goes on, should `file` be
    /// removed. That they are open keeps their identities from being given to others.
    before: Vec<File>,
}

impl Follower {
    /// The last `lines` lines, and a follower that goes on from exactly there.
    pub fn start(files: LogFiles, lines: usize) -> io::Result<(Vec<u8>, Self)> {
        let file = files.newest()?;
        let (mut last, mut position, mut before) = (Vec::new(), 0, Vec::new());
        if let Some(file) = &file {
            position = file.metadata()?.len();
            last = files.last_lines_before(file, position, lines)?;
            before = files.files_before(file)?;
        }
        let follower = Self {
            files,
            file,
            position,
            before,
        };
        Ok((last, follower))
    }

    /// Waits for more and returns it: at least one byte, at most 64 KiB, not cut at lines.
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let bytes = self.read()?;
            if !bytes.is_empty() {
                return Ok(bytes);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// What there is now; empty if there is no more.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let Some(file) = &self.file else {
                self.file = self.first_unread()?;
                if self.file.is_none() {
                    return Ok(Vec::new());
                }
                continue;
            };
            if file.metadata()?.len() < self.position {
                // Emptied, by hand or as the only file of its log.
                self.position = 0;
            }
            // Looked up before the read: what is written until the rotation is then read, too.
            let age = self.files.age_of(file)?;
            let mut bytes = vec![0; BLOCK];
            let count = file.read_at(&mut bytes, self.position)?;
            if count > 0 {
                bytes.truncate(count);
                self.position += count as u64;
                return Ok(bytes);
            }
            let next = match age {
                Some(0) => return Ok(Vec::new()),
                Some(age) => self.files.next_after(age)?,
                None => self.first_unread()?,
            };
            let Some(next) = next else {
                // In the middle of a rotation, or nothing was printed since it was removed.
                return Ok(Vec::new());
            };
            self.before.extend(self.file.replace(next));
            self.position = 0;
            let files = &self.files;
            self.before
                .retain(|read| files.age_of(read).is_ok_and(|age| age.is_some()));
        }
    }

    /// The oldest file of the log that was not read yet, when the one being read is no part of it any more.
    fn first_unread(&self) -> io::Result<Option<File>> {
        let mut youngest_read = self.files.file_count();
        for read in &self.before {
            youngest_read = self
                .files
                .age_of(read)?
                .map_or(youngest_read, |age| age.min(youngest_read));
        }
        self.files.next_after(youngest_read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::RotatingFile;
    use super::*;

    #[test]
    fn a_follower_reads_every_line_through_rotations() {
        let directory = tempfile::tempdir().unwrap();
        let files = LogFiles::new(directory.path(), "a").with_limits(50, 3);
        let mut file = RotatingFile::open(files.clone());
        file.write(b"before\nlast\n").unwrap();
        let (last, mut follower) = Follower::start(files, 1).unwrap();
        assert_eq!(last, b"last\n");

        let mut read = String::new();
        let mut written = String::new();
        for number in 0..200 {
            let line = format!("line {number}\n");
            file.write(line.as_bytes()).unwrap();
            written.push_str(&line);
            // Now and then it is two files behind.
            if number % 11 == 0 {
                loop {
                    let bytes = follower.read().unwrap();
                    if bytes.is_empty() {
                        break;
                    }
                    read.push_str(std::str::from_utf8(&bytes).unwrap());
                }
                assert_eq!(read, written);
            }
        }
    }

    #[test]
    fn a_follower_that_was_overtaken_goes_on_with_the_oldest_file() {
        let directory = tempfile::tempdir().unwrap();
        let files = LogFiles::new(directory.path(), "a").with_limits(4, 2);
        let mut file = RotatingFile::open(files.clone());
        file.write(b"1\n").unwrap();
        let (_, mut follower) = Follower::start(files, 0).unwrap();

        file.write(b"2\n3\n4\n5\n6\n7\n").unwrap();

        let mut read = follower.read().unwrap();
        while let Ok(more) = follower.read()
            && !more.is_empty()
        {
            read.extend(more);
        }
        // The rest of its own file, which is no longer part of the log, and what still is.
        assert_eq!(String::from_utf8(read).unwrap(), "2\n5\n6\n7\n");
    }

    fn read_all(follower: &mut Follower) -> String {
        let mut all = Vec::new();
        loop {
            let bytes = follower.read().unwrap();
            if bytes.is_empty() {
                return String::from_utf8(all).unwrap();
            }
            all.extend(bytes);
        }
    }

    #[test]
    fn a_follower_goes_on_when_files_are_removed_and_repeats_nothing() {
        for removed in [&[0][..], &[1], &[0, 1], &[0, 1, 2], &[2]] {
            let directory = tempfile::tempdir().unwrap();
            let files = LogFiles::new(directory.path(), "a").with_limits(4, 3);
            let mut file = RotatingFile::open(files.clone());
            file.write(b"1\n2\n3\n4\n5\n").unwrap();
            let (last, mut follower) = Follower::start(files.clone(), 9).unwrap();
            assert_eq!(last, b"1\n2\n3\n4\n5\n");

            for age in removed {
                std::fs::remove_file(files.path(*age)).unwrap();
            }
            assert_eq!(read_all(&mut follower), "", "{removed:?}");
            file.write(b"6\n").unwrap();
            file.write(b"7\n8\n").unwrap();

            assert_eq!(read_all(&mut follower), "6\n7\n8\n", "{removed:?}");
        }
    }

    #[test]
    fn a_follower_shows_a_new_life_after_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let files = LogFiles::new(directory.path(), "a");
        let (one, two) = (files.clone().of_life("1"), files.clone().of_life("2"));
        RotatingFile::open(one.clone()).write(b"old\n").unwrap();
        let (_, mut follower) = Follower::start(files, 0).unwrap();

        RotatingFile::open(two).write(b"new\n").unwrap();

        assert_eq!(read_all(&mut follower), "new\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_follower_waits_for_a_log_that_does_not_exist_yet() {
        let directory = tempfile::tempdir().unwrap();
        let files = LogFiles::new(directory.path(), "a");
        let (last, mut follower) = Follower::start(files.clone(), 10).unwrap();
        assert_eq!(last, b"");

        let (read, ()) = tokio::join!(follower.next(), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            RotatingFile::open(files).write(b"first\n").unwrap();
        });

        assert_eq!(read.unwrap(), b"first\n");
    }
}
