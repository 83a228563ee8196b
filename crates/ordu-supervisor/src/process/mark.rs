use std::fmt;
use std::io;
use std::str::FromStr;

use rustix::process::Pid;
use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};

use super::procfs;

/// What tells one start from all others, also from starts of other agents, other machines and other times.
///
/// Each process has the mark of its start in its environment, as [`VARIABLE`](Self::VARIABLE), and hands it on to
/// what it starts. That is how descendants are found that left the process group, the session and the family tree
/// of the child. It has two parts: the first is common to all starts of one keeper and is in the ledger before that
/// keeper exists, so that nothing it ever starts can have a mark that is not on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) run: Nonce,
    pub(super) start: Nonce,
}

impl Mark {
    /// The variable that holds it.
    pub(super) const VARIABLE: &str = "ORDU_MARK";

    /// A mark that nobody else has.
    pub(super) fn of_run(run: Nonce) -> io::Result<Self> {
        let start = Nonce::draw()?;
        Ok(Self { run, start })
    }

    /// The entry of an environment.
    pub(super) fn entry(&self) -> Vec<u8> {
        format!("{}={self}", Self::VARIABLE).into_bytes()
    }

    fn from_entry(entry: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(entry).ok()?;
        text.strip_prefix(Self::VARIABLE)?.strip_prefix('=')?.parse().ok()
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.run, self.start)
    }
}

impl FromStr for Mark {
    type Err = NotANonce;

    fn from_str(text: &str) -> Result<Self, NotANonce> {
        let (run, start) = text.split_once('.').ok_or(NotANonce)?;
        Ok(Self {
            run: run.parse()?,
            start: start.parse()?,
        })
    }
}

/// 128 bits that were drawn once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Nonce(u128);

/// A text that is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotANonce;

impl Nonce {
    /// Fresh ones from the system. That fails only on systems that have no random numbers to give.
    pub(super) fn draw() -> io::Result<Self> {
        let mut bytes = [0; 16];
        let mut filled = 0;
        while filled < bytes.len() {
            match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
                Ok(count) => filled += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self(u128::from_ne_bytes(bytes)))
    }

    #[cfg(test)]
    pub(super) const fn planted(value: u128) -> Self {
        Self(value)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Nonce {
    type Err = NotANonce;

    fn from_str(text: &str) -> Result<Self, NotANonce> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or(NotANonce)
    }
}

/// What the environment of a process says of its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marked {
    With(Mark),
    /// There is an environment, and no mark in it.
    Not,
    /// There is none to see: the process has none, is not this user's to look at, or is just replacing its program.
    Unclear,
}

/// Looks at the environment that a process was started with.
pub(super) fn mark_of(pid: Pid) -> Marked {
    let environment = procfs::environment(pid);
    if environment.is_empty() {
        return Marked::Unclear;
    }
    let mut entries = environment.split(|&byte| byte == 0);
    entries
        .find_map(Mark::from_entry)
        .map_or(Marked::Not, Marked::With)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_from_what_it_prints() {
        let mark = Mark::of_run(Nonce::draw().unwrap()).unwrap();

        assert_eq!(mark.to_string().parse(), Ok(mark));
        assert_eq!(Mark::from_entry(&mark.entry()), Some(mark));
    }

    #[test]
    fn what_is_no_mark_is_not_taken_for_one() {
        let half = "0".repeat(32);
        for text in [
            "",
            ".",
            &half,
            &format!("{half}.+{}", &half[1..]),
            &format!("{half}.{half}0"),
        ] {
            assert_eq!(text.parse::<Mark>(), Err(NotANonce), "{text}");
        }
        assert_eq!(
            Mark::from_entry(format!("ORDU_MARKS={half}.{half}").as_bytes()),
            None
        );
    }

    #[test]
    fn two_marks_are_never_the_same() {
        let run = Nonce::draw().unwrap();

        assert_ne!(Mark::of_run(run).unwrap(), Mark::of_run(run).unwrap());
    }
}
