use std::io;
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::task::JoinError;
use tokio::time::{Instant, sleep_until};

use super::RotatingFile;
use super::sink::{Sink, Written};
use super::stream::Stream;

/// How much waits to be written at most.
const WAITING: usize = 256 << 10;

/// How long a child waits for a disk that is slow; then its output is dropped until the disk is back.
const STALL: Duration = Duration::from_secs(1);

/// What is read from one stream in one go.
const TURN: usize = 64 << 10;

/// Writes what a child prints to its log until all its outputs have ended; returns the file.
///
/// Files are written on the runtime's threads for blocking work. The child is never kept waiting for more
/// than about a second: output that the disk does not take in time, or refuses, is dropped, and a line in
/// the log says how much. About 512 KiB are held in memory at most. A descendant that keeps an output open
/// keeps this running; whoever starts the child again ends the drain before it, as only one may write.
///
/// Fails if the very last write does; whatever was refused before that has been made up for by a line.
pub async fn drain(
    stdout: Option<pipe::Receiver>,
    stderr: Option<pipe::Receiver>,
    file: RotatingFile,
) -> io::Result<RotatingFile> {
    let hold_back = stdout.is_some() && stderr.is_some();
    let mut drain = Drain {
        streams: [stdout, stderr].map(|pipe| pipe.map(|pipe| Stream::new(pipe, hold_back))),
        waiting: Vec::new(),
        lost: 0,
        refused: 0,
        sink: Sink::Idle(file),
    };
    loop {
        drain.start_write();
        if drain.is_done() {
            return drain.sink.close().await;
        }
        drain.step().await?;
    }
}

struct Drain {
    /// Those that have not ended.
    streams: [Option<Stream>; 2],
    waiting: Vec<u8>,
    /// Bytes dropped after those that wait.
    lost: usize,
    /// Bytes dropped before those that wait.
    refused: usize,
    sink: Sink,
}

impl Drain {
    fn is_done(&self) -> bool {
        let nothing_left = self.waiting.is_empty() && self.lost + self.refused == 0;
        self.streams.iter().all(Option::is_none) && nothing_left && self.sink.busy_since().is_none()
    }

    /// Hands what waits to a writing thread, if none is at work.
    fn start_write(&mut self) {
        if self.waiting.is_empty() && self.lost + self.refused == 0 {
            return;
        }
        let Some(mut file) = self.sink.take_idle() else {
            return;
        };
        let mut bytes = notice(std::mem::take(&mut self.refused));
        bytes.append(&mut self.waiting);
        if self.lost > 0 && bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        bytes.extend(notice(std::mem::take(&mut self.lost)));
        let task = tokio::task::spawn_blocking(move || {
            let result = file.write(&bytes);
            (file, bytes.len(), result)
        });
        self.sink = Sink::Busy {
            task,
            since: Instant::now(),
        };
    }

    /// Waits for one thing to happen and deals with it.
    async fn step(&mut self) -> io::Result<()> {
        let stalls_at = self.sink.busy_since().map(|since| since + STALL);
        let full = self.waiting.len() >= WAITING;
        let stalled = full && stalls_at.is_some_and(|at| at <= Instant::now());
        let reads = !full || stalled;
        let deadline = self
            .streams
            .iter()
            .flatten()
            .filter_map(|it| it.flush_at)
            .chain(stalls_at.filter(|_| full && !stalled))
            .min();
        let [one, two] = &self.streams;
        let ready = tokio::select! {
            () = readable(one.as_ref()), if reads => Ready::Stream(0),
            () = readable(two.as_ref()), if reads => Ready::Stream(1),
            written = self.sink.written() => Ready::Written(written),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Ready::Time,
        };
        match ready {
            Ready::Stream(index) => self.read(index, stalled),
            Ready::Time => self.flush_due(),
            Ready::Written(written) => {
                let (file, count, result) = written.map_err(io::Error::other)?;
                self.sink = Sink::Idle(file);
                if let Err(error) = result {
                    self.refused += count;
                    if self.streams.iter().all(Option::is_none) {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads what one stream has, within its turn. What is too much is left in the pipe or dropped.
    fn read(&mut self, index: usize, stalled: bool) {
        let Some(stream) = &mut self.streams[index] else {
            return;
        };
        let mut bytes = [0; 8 << 10];
        for _ in 0..TURN / bytes.len() {
            let full = self.waiting.len() >= WAITING;
            if full && !stalled {
                break;
            }
            match stream.pipe.try_read(&mut bytes) {
                Ok(count @ 1..) if full => self.lost += stream.drop(&bytes[..count]),
                Ok(count @ 1..) => {
                    let skipped = stream.skip(&bytes[..count]);
                    let before = if self.waiting.is_empty() {
                        &mut self.refused
                    } else {
                        &mut self.lost
                    };
                    *before += skipped;
                    stream.take(&bytes[skipped..count], &mut self.waiting);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Ok(_) | Err(_) => {
                    stream.lines.flush(&mut self.waiting);
                    self.streams[index] = None;
                    break;
                }
            }
        }
    }

    fn flush_due(&mut self) {
        let now = Instant::now();
        for stream in self.streams.iter_mut().flatten() {
            if stream.flush_at.is_some_and(|at| at <= now) {
                stream.lines.flush(&mut self.waiting);
                stream.flush_at = None;
            }
        }
    }
}

/// What [`Drain::step`] waited for.
enum Ready {
    Stream(usize),
    Written(Result<Written, JoinError>),
    Time,
}

/// Waits until there is something to read or the stream has ended; for ever if it has ended before.
async fn readable(stream: Option<&Stream>) {
    match stream {
        // An error shows in the read as well.
        Some(stream) => drop(stream.pipe.readable().await),
        None => std::future::pending().await,
    }
}

/// A line that stands for output that is not there.
fn notice(bytes: usize) -> Vec<u8> {
    match bytes {
        0 => Vec::new(),
        _ => format!("ordu: {bytes} bytes of output were dropped here\n").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Read;
    use std::os::fd::OwnedFd;

    use tokio::io::AsyncWriteExt;

    use super::super::LogFiles;
    use super::super::stream::UNFINISHED;
    use super::*;

    #[tokio::test]
    async fn lines_of_two_streams_are_not_mixed() {
        let directory = tempfile::tempdir().unwrap();
        let files = LogFiles::new(directory.path(), "a");
        let ((mut out, stdout), (mut err, stderr)) = (pipe::pipe().unwrap(), pipe::pipe().unwrap());
        let drained = tokio::spawn(drain(
            Some(stdout),
            Some(stderr),
            RotatingFile::open(files.clone()).unwrap(),
        ));

        for _ in 0..500 {
            out.write_all(b"out-").await.unwrap();
            err.write_all(b"err-").await.unwrap();
            tokio::task::yield_now().await;
            out.write_all(b"out\n").await.unwrap();
            err.write_all(b"err\n").await.unwrap();
        }
        drop((out, err));
        drained.await.unwrap().unwrap();

        let text = fs::read_to_string(files.path(0)).unwrap();
        let count = |wanted: &str| text.lines().filter(|line| *line == wanted).count();
        assert_eq!(
            (count("out-out"), count("err-err"), text.lines().count()),
            (500, 500, 1000)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_unfinished_line_appears_after_a_while_and_is_ended_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let files = LogFiles::new(directory.path(), "a");
        let ((mut out, stdout), (err, stderr)) = (pipe::pipe().unwrap(), pipe::pipe().unwrap());
        let drained = tokio::spawn(drain(
            Some(stdout),
            Some(stderr),
            RotatingFile::open(files.clone()).unwrap(),
        ));

        out.write_all(b"Password: ").await.unwrap();
        while fs::read(files.path(0)).unwrap() != b"Password: " {
            tokio::time::sleep(UNFINISHED).await;
        }
        drop((out, err));
        drained.await.unwrap().unwrap();

        assert_eq!(fs::read(files.path(0)).unwrap(), b"Password: \n");
    }

    #[tokio::test]
    async fn a_flood_arrives_whole_across_files() {
        let directory = tempfile::tempdir().unwrap();
        let files = LogFiles::new(directory.path(), "a").with_limits(1_000_000, 9);
        let (mut out, stdout) = pipe::pipe().unwrap();
        let drained = tokio::spawn(drain(
            Some(stdout),
            None,
            RotatingFile::open(files.clone()).unwrap(),
        ));

        let mut sent = String::new();
        for number in 0..500_000 {
            sent.push_str(&number.to_string());
            sent.push('\n');
        }
        out.write_all(sent.as_bytes()).await.unwrap();
        drop(out);
        drained.await.unwrap().unwrap();

        let read: String = (0..9)
            .rev()
            .filter_map(|age| fs::read_to_string(files.path(age)).ok())
            .collect();
        assert!(read == sent, "{} bytes of {}", read.len(), sent.len());
    }

    #[tokio::test]
    async fn a_full_disk_does_not_hold_up_the_child() {
        let full = File::options().append(true).open("/dev/full").unwrap();
        let (mut out, stdout) = pipe::pipe().unwrap();
        let drained = tokio::spawn(drain(Some(stdout), None, RotatingFile::over(full)));

        out.write_all(&vec![b'x'; 5_000_000]).await.unwrap();
        drop(out);

        assert_eq!(
            drained.await.unwrap().unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
    }

    #[tokio::test]
    async fn a_disk_that_hangs_costs_output_but_never_the_child_and_the_log_says_so() {
        // A pipe that nobody reads stands for the disk.
        let (mut disk, writer) = io::pipe().unwrap();
        let (mut out, stdout) = pipe::pipe().unwrap();
        let drained = tokio::spawn(drain(
            Some(stdout),
            None,
            RotatingFile::over(OwnedFd::from(writer).into()),
        ));

        let line = "0123456789\n".repeat(1000);
        for _ in 0..1000 {
            out.write_all(line.as_bytes()).await.unwrap();
        }
        let mut text = String::new();
        let read = tokio::task::spawn_blocking(move || disk.read_to_string(&mut text).map(|_| text));
        drop(out);
        drop(drained.await.unwrap().unwrap());

        let text = read.await.unwrap().unwrap();
        let notice = |line: &str| {
            let bytes = line
                .trim_end()
                .strip_prefix("ordu: ")?
                .strip_suffix(" bytes of output were dropped here")?;
            Some(bytes.parse::<usize>().unwrap())
        };
        let dropped: Vec<usize> = text.lines().filter_map(notice).collect();
        let printed = text
            .split_inclusive('\n')
            .filter(|line| notice(line).is_none())
            .map(str::len)
            .sum::<usize>();
        // Each time at most one line was cut in two, and got an end.
        let ends = printed + dropped.iter().sum::<usize>() - line.len() * 1000;
        assert!(
            !dropped.is_empty() && ends <= dropped.len() + 1,
            "{printed} bytes, dropped {dropped:?}"
        );
    }
}
