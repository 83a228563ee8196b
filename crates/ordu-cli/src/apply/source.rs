//! The text of a file that people or programs wrote, however long and whatever is in it.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::problem::{FileProblems, Problem, Undone};
use crate::duration;
use crate::failure::{Failure, Wrong};

/// The longest file that is read, in bytes: some ten thousand children.
pub(crate) const MAX_LEN: usize = 4 * 1024 * 1024;

/// Reads a file of text, at most [`MAX_LEN`] bytes of UTF-8 without NUL. If it cannot be taken, `undone` says what comes
/// of nothing. A pipe that nobody writes to is waited for no longer than `limit`.
pub(crate) fn read(path: &Path, limit: Duration, undone: Undone) -> Result<String, Failure> {
    // Without O_NONBLOCK to open a pipe would wait for somebody who writes to it, for ever.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(|error| unreadable(path, &error, undone))?;
    read_from(file, path, limit, undone)
}

/// The same of what is open already; `path` is what it is called in errors.
pub(crate) fn read_from(
    source: impl Read + AsFd,
    path: &Path,
    limit: Duration,
    undone: Undone,
) -> Result<String, Failure> {
    let bytes = read_within(source, limit).map_err(|error| match error.kind() {
        ErrorKind::TimedOut => Failure::new(
            Wrong::Timeout,
            format!(
                "{}: nobody has written all of it within {}; {undone}",
                path.display(),
                duration::show(limit)
            ),
        ),
        _ => unreadable(path, &error, undone),
    })?;
    check(bytes).map_err(|(text, problem)| {
        Failure::Report(Box::new(FileProblems::new(path, &text, vec![problem], undone)))
    })
}

/// Reads to the end, or one byte more than may be read. Never waits in a read: what cannot be waited for with a limit
/// could hold up its thread for ever.
fn read_within(mut source: impl Read + AsFd, limit: Duration) -> io::Result<Vec<u8>> {
    let end = Instant::now().checked_add(limit);
    let mut bytes = Vec::new();
    let mut part = vec![0; 64 * 1024];
    while bytes.len() <= MAX_LEN {
        await_readable(source.as_fd(), end)?;
        match source.read(&mut part) {
            Ok(0) => break,
            Ok(len) => bytes.extend_from_slice(&part[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(MAX_LEN + 1);
    Ok(bytes)
}

/// Waits until a read would not.
fn await_readable(source: BorrowedFd<'_>, end: Option<Instant>) -> io::Result<()> {
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        // A time that is too long to be said is one without end.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::new(&source, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) => return Err(ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn unreadable(path: &Path, error: &io::Error, undone: Undone) -> Failure {
    Failure::usage(format!("{}: {error}; {undone}", path.display()))
}

/// The text, or what there is of it and the first thing that is wrong with it.
fn check(bytes: Vec<u8>) -> Result<String, (String, Problem)> {
    let nul = bytes.iter().position(|byte| *byte == 0);
    let not_text = std::str::from_utf8(&bytes).err().map(|error| error.valid_up_to());
    // A character that the limit cuts in two is the limit's fault.
    let cut = MAX_LEN.saturating_sub(3);
    let (end, message, expected) = match (nul, not_text) {
        (Some(at), not_text) if not_text.is_none_or(|bad| at < bad) => {
            (at, "a byte that is 0", "text without such bytes".to_owned())
        }
        (_, Some(at)) if at < cut || bytes.len() <= MAX_LEN => {
            (at, "bytes that are no UTF-8", "text in UTF-8".to_owned())
        }
        _ if bytes.len() > MAX_LEN => (
            not_text.unwrap_or(MAX_LEN).min(MAX_LEN),
            "the file is longer than 4 MiB",
            format!("its end: at most 4 MiB ({MAX_LEN} bytes) are read"),
        ),
        _ => return Ok(String::from_utf8(bytes).expect("it was checked just now")),
    };
    let text = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
    let at = text.len();
    let problem = Problem {
        at: at..at,
        message: message.to_owned(),
        expected,
    };
    Err((text, problem))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::apply::problem::Lines;

    /// Longer than reading what is there takes.
    const SOON: Duration = Duration::from_secs(10);

    fn refused(bytes: &[u8]) -> (usize, String) {
        let (text, problem) = check(bytes.to_vec()).unwrap_err();
        (
            Lines::of(&text).number(problem.at.start),
            format!("{}; expected {}", problem.message, problem.expected),
        )
    }

    #[test]
    fn text_is_taken_as_it_is_up_to_the_limit() {
        for text in [String::new(), "a = \"ä\"\n".to_owned(), "x".repeat(MAX_LEN)] {
            assert_eq!(check(text.clone().into_bytes()).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_text_is_refused_with_the_line_of_its_first_bad_byte() {
        assert_eq!(
            refused(b"a = 1\nb = \"\xff\"\n"),
            (2, "bytes that are no UTF-8; expected text in UTF-8".to_owned())
        );
        assert_eq!(
            refused(b"a = 1\n\nb = \"\0\xff\"\n"),
            (3, "a byte that is 0; expected text without such bytes".to_owned())
        );
    }

    #[test]
    fn a_file_without_end_is_refused_after_so_many_bytes() {
        let (line, why) = refused(&vec![b'\n'; MAX_LEN + 1]);
        assert_eq!(line, MAX_LEN + 1);
        assert_eq!(
            why,
            "the file is longer than 4 MiB; expected its end: at most 4 MiB (4194304 bytes) are read"
        );
        let mut cut_character = vec![b'x'; MAX_LEN];
        cut_character.extend("ä".bytes().take(1));
        assert!(
            refused(&cut_character)
                .1
                .starts_with("the file is longer than 4 MiB")
        );
    }

    #[test]
    fn no_more_is_read_than_the_limit() {
        let Err(Failure::Report(report)) = read(Path::new("/dev/zero"), SOON, Undone::Apply) else {
            panic!("it was read");
        };
        assert_eq!(report.to_string(), "/dev/zero: 1 problem; nothing was applied");
    }

    #[test]
    fn a_pipe_is_read_to_its_end_and_one_that_is_left_open_for_no_longer_than_is_given() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"a = 1\n").unwrap();
        let short = Duration::from_millis(50);
        let failure = read_from(&reader, Path::new("pipe"), short, Undone::Apply).unwrap_err();
        assert_eq!(failure.wrong(), Some(Wrong::Timeout));
        assert_eq!(
            failure.to_string(),
            "pipe: nobody has written all of it within 50ms; nothing was applied"
        );

        writer.write_all(b"b = 2\n").unwrap();
        drop(writer);
        let text = read_from(&reader, Path::new("pipe"), Duration::MAX, Undone::Apply).unwrap();
        assert_eq!(text, "b = 2\n");
    }

    #[test]
    fn a_file_that_is_not_there_says_what_comes_of_nothing() {
        let said = |undone| {
            read(Path::new("/no/such/file"), SOON, undone)
                .unwrap_err()
                .to_string()
        };
        let ends = [
            (Undone::Apply, "; nothing was applied"),
            (Undone::Start, "; the agent was not started"),
            (Undone::Reread, "; the settings and the key stay as they were"),
        ];
        for (undone, end) in ends {
            assert!(said(undone).ends_with(end), "{}", said(undone));
        }
    }
}
