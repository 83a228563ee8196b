use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use super::LogFiles;

/// How often it is looked whether there is more.
const INTERVAL: Duration = Duration::from_millis(100);

/// The most that is returned at once.
const BLOCK: usize = 64 << 10;

/// Reads a log as it is written, through rotations.
///
/// It reads the files and needs nothing from the writer, so it works on the log of a child that is over or
/// has never run, too. Lines are missed only if the whole log is overwritten faster than it is read.
#[derive(Debug)]
pub struct Follower {
    files: LogFiles,
    /// `None` until there is one.
    file: Option<File>,
    position: u64,
}

impl Follower {
    /// The last `lines` lines, and a follower that goes on from exactly there.
    pub fn start(files: LogFiles, lines: usize) -> io::Result<(Vec<u8>, Self)> {
        match File::open(files.path(0)) {
            Ok(file) => {
                let position = file.metadata()?.len();
                let last = files.last_lines_before(&file, position, lines)?;
                Ok((
                    last,
                    Self {
                        files,
                        file: Some(file),
                        position,
                    },
                ))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((
                Vec::new(),
                Self {
                    files,
                    file: None,
                    position: 0,
                },
            )),
            Err(error) => Err(error),
        }
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
                match File::open(self.files.path(0)) {
                    Ok(file) => self.file = Some(file),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                    Err(error) => return Err(error),
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
            match age {
                Some(0) => return Ok(Vec::new()),
                Some(age) => match File::open(self.files.path(age - 1)) {
                    Ok(next) => (self.file, self.position) = (Some(next), 0),
                    // In the middle of a rotation.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                    Err(error) => return Err(error),
                },
                None => {
                    let mut ages = (0..self.files.file_count()).rev();
                    self.file = ages.find_map(|age| File::open(self.files.path(age)).ok());
                    self.position = 0;
                    if self.file.is_none() {
                        return Ok(Vec::new());
                    }
                }
            }
        }
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
        let mut file = RotatingFile::open(files.clone()).unwrap();
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
        let mut file = RotatingFile::open(files.clone()).unwrap();
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

    #[tokio::test(start_paused = true)]
    async fn a_follower_waits_for_a_log_that_does_not_exist_yet() {
        let directory = tempfile::tempdir().unwrap();
        let files = LogFiles::new(directory.path(), "a");
        let (last, mut follower) = Follower::start(files.clone(), 10).unwrap();
        assert_eq!(last, b"");

        let (read, ()) = tokio::join!(follower.next(), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            RotatingFile::open(files).unwrap().write(b"first\n").unwrap();
        });

        assert_eq!(read.unwrap(), b"first\n");
    }
}
