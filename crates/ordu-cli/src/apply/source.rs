//! The text of a file that people or programs wrote, however long and whatever is in it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::problem::{FileProblems, Problem, Undone};
use crate::failure::Failure;

/// The longest file that is read, in bytes: some ten thousand children.
pub(crate) const MAX_LEN: usize = 4 * 1024 * 1024;

/// Reads a file of text, at most [`MAX_LEN`] bytes of UTF-8 without NUL. If it cannot be taken, `undone` says what comes
/// of nothing.
pub(crate) fn read(path: &Path, undone: Undone) -> Result<String, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error, undone))?;
    read_from(file, path, undone)
}

/// The same of what is open already; `path` is what it is called in errors.
pub(crate) fn read_from(reader: impl Read, path: &Path, undone: Undone) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    reader
        .take(MAX_LEN as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error, undone))?;
    check(bytes).map_err(|(text, problem)| {
        Failure::Report(Box::new(FileProblems::new(path, &text, vec![problem], undone)))
    })
}

fn unreadable(path: &Path, error: &std::io::Error, undone: Undone) -> Failure {
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
            "the file goes on",
            format!("its end: at most {MAX_LEN} bytes are read"),
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
    use super::*;
    use crate::apply::problem::line;

    fn refused(bytes: &[u8]) -> (usize, String) {
        let (text, problem) = check(bytes.to_vec()).unwrap_err();
        (
            line(&text, problem.at.start),
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
            "the file goes on; expected its end: at most 4194304 bytes are read"
        );
        let mut cut_character = vec![b'x'; MAX_LEN];
        cut_character.extend("ä".bytes().take(1));
        assert!(refused(&cut_character).1.starts_with("the file goes on"));
    }

    #[test]
    fn no_more_is_read_than_the_limit() {
        let Err(Failure::Report(report)) = read(Path::new("/dev/zero"), Undone::Apply) else {
            panic!("it was read");
        };
        assert_eq!(report.to_string(), "/dev/zero: 1 problem; nothing was applied");
    }

    #[test]
    fn a_file_that_is_not_there_says_what_comes_of_nothing() {
        let said = |undone| read(Path::new("/no/such/file"), undone).unwrap_err().to_string();
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
