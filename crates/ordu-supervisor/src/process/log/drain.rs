use std::io;
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::task::JoinError;
use tokio::time::{Instant, sleep_until};

use super::RotatingFile;
use super::dropped::{Dropped, Drops, reason_of};
use super::sink::{Sink, Written};
use super::stream::Stream;

/// How much waits to be written at most.
const WAITING: usize = 256 << 10;

/// How long a child waits for a disk that is slow; then its output is dropped until the disk is back.
const STALL: Duration = Duration::from_secs(1);

/// What is read from one stream in one go.
const TURN: usize = 64 << 10;

/// How soon a disk that has refused output is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Writes what a child prints to its log until all its outputs have ended; returns the file.
///
/// Files are written on the runtime's threads for blocking work. The child is never kept waiting for more
/// than about a second: output that the disk does not take in time, or refuses, is dropped, and a line in
/// the log says how much, as soon as the disk takes one. `tell` is told of each drop as well, and every ten seconds,
/// from the first on, how much of it to report. About 512 KiB are held in memory at most. A descendant that keeps an output open
/// keeps this running; whoever starts the child again ends the drain before it, as only one may write.
///
/// [`RotatingFile::missing`] of what is returned says how much of what was dropped last the log does not tell
/// of. Fails only if a thread panicked.
pub async fn drain(
    stdout: Option<pipe::Receiver>,
    stderr: Option<pipe::Receiver>,
    file: RotatingFile,
    tell: impl FnMut(Dropped),
) -> io::Result<RotatingFile> {
    let hold_back = stdout.is_some() && stderr.is_some();
    let mut drain = Drain {
        streams: [stdout, stderr].map(|pipe| pipe.map(|pipe| Stream::new(pipe, hold_back))),
        waiting: Vec::new(),
        skipped: 0,
        lost: 0,
        sink: Sink::Idle(file),
        refused: None,
        drops: Drops::new(tell),
    };
    loop {
        drain.start_write();
        if drain.is_done() {
            drain.drops.tell_all();
            return drain.sink.close().await;
        }
        drain.step().await?;
    }
}

struct Drain<F> {
    /// Those that have not ended.
    streams: [Option<Stream>; 2],
    /// Bytes dropped before those that wait.
    skipped: u64,
    waiting: Vec<u8>,
    /// Bytes dropped after those that wait.
    lost: u64,
    sink: Sink,
    refused: Option<Refused>,
    drops: Drops<F>,
}

/// The disk did not take what it was given last.
struct Refused {
    reason: String,
    /// When it is tried again.
    retry_at: Instant,
    /// Something is missing in the log, and it does not say so.
    untold: bool,
}

impl<F: FnMut(Dropped)> Drain<F> {
    fn is_done(&self) -> bool {
        let nothing_left = self.waiting.is_empty() && self.skipped + self.lost == 0;
        self.have_ended() && nothing_left && self.sink.busy_since().is_none()
    }

    fn have_ended(&self) -> bool {
        self.streams.iter().all(Option::is_none)
    }

    /// Whether there is something to write, if only that something is missing. What has ended gets one try.
    fn has_work(&self) -> bool {
        let is_untold = self.refused.as_ref().is_some_and(|refused| refused.untold);
        !self.waiting.is_empty() || self.skipped + self.lost > 0 || is_untold && !self.have_ended()
    }

    /// Hands what waits to a writing thread, if none is at work.
    fn start_write(&mut self) {
        let retries_later = |refused: &Refused| refused.retry_at > Instant::now() && !self.have_ended();
        if !self.has_work() || self.refused.as_ref().is_some_and(retries_later) {
            return;
        }
        let Some(mut file) = self.sink.take_idle() else {
            return;
        };
        let skipped = std::mem::take(&mut self.skipped);
        let bytes = std::mem::take(&mut self.waiting);
        let lost = std::mem::take(&mut self.lost);
        let task = tokio::task::spawn_blocking(move || {
            file.skip(skipped);
            let before = file.missing();
            let mut result = file.write(&bytes);
            let unwritten = if result.is_ok() {
                0
            } else {
                file.missing() - before
            };
            file.skip(lost);
            if result.is_ok() && lost > 0 {
                result = file.end_line();
            }
            (file, unwritten, result)
        });
        self.sink = Sink::Busy {
            task,
            since: Instant::now(),
        };
    }

    /// Waits for one thing to happen and deals with it.
    async fn step(&mut self) -> io::Result<()> {
        let busy_since = self.sink.busy_since();
        let stalls_at = busy_since.map(|since| since + STALL);
        let full = self.waiting.len() >= WAITING;
        let stalled = full && (self.refused.is_some() || stalls_at.is_some_and(|at| at <= Instant::now()));
        let reads = !full || stalled;
        let retry_at = self.refused.as_ref().map(|refused| refused.retry_at);
        let deadline = self
            .streams
            .iter()
            .flatten()
            .filter_map(|it| it.flush_at)
            .chain(stalls_at.filter(|_| full && !stalled))
            .chain(retry_at.filter(|_| busy_since.is_none() && self.has_work()))
            .chain(self.drops.deadline())
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
                let (file, unwritten, result) = written.map_err(io::Error::other)?;
                self.refused = result.err().map(|error| Refused {
                    reason: reason_of(&error),
                    retry_at: Instant::now() + RETRY,
                    untold: file.missing() > 0,
                });
                self.note_dropped(unwritten);
                self.sink = Sink::Idle(file);
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
        let mut dropped = 0;
        for _ in 0..TURN / bytes.len() {
            let full = self.waiting.len() >= WAITING;
            if full && !stalled {
                break;
            }
            match stream.pipe.try_read(&mut bytes) {
                Ok(count @ 1..) if full => {
                    let lost = stream.drop(&bytes[..count]) as u64;
                    self.lost += lost;
                    dropped += lost;
                }
                Ok(count @ 1..) => {
                    let skipped = stream.skip(&bytes[..count]);
                    let before = if self.waiting.is_empty() {
                        &mut self.skipped
                    } else {
                        &mut self.lost
                    };
                    *before += skipped as u64;
                    dropped += skipped as u64;
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
        self.note_dropped(dropped);
    }

    fn note_dropped(&mut self, bytes: u64) {
        let reason = || match &self.refused {
            Some(refused) => refused.reason.clone(),
            None => "the disk did not take it in time".to_owned(),
        };
        self.drops.add(bytes, reason);
    }

    fn flush_due(&mut self) {
        self.drops.tell_due();
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

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use tokio::io::AsyncWriteExt;
    use tokio::time::timeout;

    use super::super::LogFiles;
    use super::super::stream::UNFINISHED;
    use super::*;

    #[tokio::test]
    async fn lines_of_two_streams_are_not_mixed() {
        let directory = tempfile::tempdir().unwrap();
        let files = LogFiles::new(directory.path(), "a");
        let ((mut out, stdout), (mut err, stderr)) = (pipe::pipe().unwrap(), pipe::pipe().unwrap());
        let file = RotatingFile::open(files.clone());
        let drained = tokio::spawn(drain(Some(stdout), Some(stderr), file, |_| {}));

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
        let file = RotatingFile::open(files.clone());
        let drained = tokio::spawn(drain(Some(stdout), Some(stderr), file, |_| {}));

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
        let file = RotatingFile::open(files.clone());
        let drained = tokio::spawn(drain(Some(stdout), None, file, |_| {}));

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

    /// A log whose current file is another thing.
    fn log_over(directory: &Path, thing: impl FnOnce(&Path)) -> LogFiles {
        let files = LogFiles::new(directory, "a").with_limits(u64::MAX, 1);
        thing(&files.path(0));
        files
    }

    /// Gathers what was dropped.
    fn gathered() -> (Arc<Mutex<Vec<Dropped>>>, impl FnMut(Dropped)) {
        let all = Arc::new(Mutex::new(Vec::new()));
        let gathered = Arc::clone(&all);
        (all, move |dropped| gathered.lock().unwrap().push(dropped))
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_disk_does_not_hold_up_the_child_and_every_byte_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let files = log_over(directory.path(), |path| symlink("/dev/full", path).unwrap());
        let (mut out, stdout) = pipe::pipe().unwrap();
        let (told, tell) = gathered();
        let drained = tokio::spawn(drain(Some(stdout), None, RotatingFile::open(files), tell));

        let begun = Instant::now();
        out.write_all(&vec![b'x'; 5_000_000]).await.unwrap();
        assert!(begun.elapsed() <= STALL, "{:?}", begun.elapsed());
        drop(out);
        let file = drained.await.unwrap().unwrap();

        assert_eq!(file.missing(), 5_000_000);
        let told = told.lock().unwrap();
        assert_eq!(told.iter().map(|dropped| dropped.bytes).sum::<u64>(), 5_000_000);
        assert!(
            told.iter()
                .all(|dropped| dropped.reason == "No space left on device")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_disk_is_tried_again_now_and_then_and_the_log_says_what_is_missing_once_it_can() {
        let directory = tempfile::tempdir().unwrap();
        let files = log_over(directory.path(), |path| symlink("/dev/full", path).unwrap());
        let (mut out, stdout) = pipe::pipe().unwrap();
        let (told, tell) = gathered();
        let drained = tokio::spawn(drain(Some(stdout), None, RotatingFile::open(files.clone()), tell));
        out.write_all(b"12345\n").await.unwrap();
        while told.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }

        fs::remove_file(files.path(0)).unwrap();
        // The child prints nothing more.
        let tried_again = async {
            while !fs::read(files.path(0)).is_ok_and(|text| text.ends_with(b"\n")) {
                tokio::time::sleep(RETRY / 10).await;
            }
        };
        timeout(Duration::from_mins(1), tried_again)
            .await
            .expect("the disk is not tried again");
        out.write_all(b"next\n").await.unwrap();
        drop(out);
        drained.await.unwrap().unwrap();

        assert_eq!(
            fs::read_to_string(files.path(0)).unwrap(),
            "ordu: 6 bytes of output were dropped here\nnext\n"
        );
    }

    #[tokio::test]
    async fn a_disk_that_hangs_costs_output_but_never_the_child_and_the_log_says_so() {
        // A pipe that nobody reads stands for the disk.
        let directory = tempfile::tempdir().unwrap();
        let files = log_over(directory.path(), |path| {
            mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        });
        let file = RotatingFile::open(files.clone());
        let mut disk = File::open(files.path(0)).unwrap();
        let (mut out, stdout) = pipe::pipe().unwrap();
        let (told, tell) = gathered();
        let drained = tokio::spawn(drain(Some(stdout), None, file, tell));

        let line = "0123456789\n".repeat(1000);
        let said = async {
            for _ in 0..1000 {
                out.write_all(line.as_bytes()).await.unwrap();
            }
        };
        let said = timeout(Duration::from_secs(30), said).await;
        let mut text = String::new();
        let read = tokio::task::spawn_blocking(move || disk.read_to_string(&mut text).map(|_| text));
        drop(out);
        drop(drained.await.unwrap().unwrap());
        said.expect("the child is held up");

        let text = read.await.unwrap().unwrap();
        let notice = |line: &str| {
            let bytes = line
                .trim_end()
                .strip_prefix("ordu: ")?
                .strip_suffix(" bytes of output were dropped here")?;
            Some(bytes.parse::<u64>().unwrap())
        };
        let dropped: Vec<u64> = text.lines().filter_map(notice).collect();
        let told: u64 = told.lock().unwrap().iter().map(|dropped| dropped.bytes).sum();
        assert_eq!(dropped.iter().sum::<u64>(), told);
        let printed: usize = text
            .split_inclusive('\n')
            .filter(|line| notice(line).is_none())
            .map(str::len)
            .sum();
        // Each time at most one line was cut in two, and got an end.
        let ends = printed + usize::try_from(told).unwrap() - line.len() * 1000;
        assert!(
            !dropped.is_empty() && ends <= dropped.len() + 1,
            "{printed} bytes, dropped {dropped:?}"
        );
    }
}
