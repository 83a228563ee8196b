use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A signal of the operating system, by its Linux number.
///
/// Parses from `SIGTERM`, `term`, `15`, `SIGRTMIN+3`; prints as `SIGTERM`.
///
/// ```
/// use ordu_supervisor::process::Signal;
///
/// assert_eq!("term".parse(), Ok(Signal::TERM));
/// assert_eq!("15".parse(), Ok(Signal::TERM));
/// assert_eq!(Signal::TERM.to_string(), "SIGTERM");
/// assert!("SIGNOTHING".parse::<Signal>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signal(i32);

/// Every signal that has a name, in numeric order.
const NAMES: [(&str, i32); 31] = [
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("STKFLT", libc::SIGSTKFLT),
    ("CHLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("PWR", libc::SIGPWR),
    ("SYS", libc::SIGSYS),
];

/// The range of real-time signals that the C library leaves to programs.
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

impl Signal {
    /// Hang up.
    pub const HUP: Self = Self(libc::SIGHUP);
    /// Interrupt, as Ctrl-C sends it.
    pub const INT: Self = Self(libc::SIGINT);
    /// Quit.
    pub const QUIT: Self = Self(libc::SIGQUIT);
    /// Terminate: the usual request to stop.
    pub const TERM: Self = Self(libc::SIGTERM);
    /// End at once; cannot be caught.
    pub const KILL: Self = Self(libc::SIGKILL);
    /// Suspend; cannot be caught.
    pub const STOP: Self = Self(libc::SIGSTOP);
    /// Resume.
    pub const CONT: Self = Self(libc::SIGCONT);
    /// For the program's own use.
    pub const USR1: Self = Self(libc::SIGUSR1);
    /// For the program's own use.
    pub const USR2: Self = Self(libc::SIGUSR2);

    /// The signal of this number, if there is one that programs may send.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        ((1..=31).contains(&number) || REAL_TIME.contains(&number)).then_some(Self(number))
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl FromStr for Signal {
    type Err = UnknownSignal;

    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        let unknown = || UnknownSignal(text.to_owned());
        if let Ok(number) = text.parse::<i32>() {
            return Self::from_number(number).ok_or_else(unknown);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some(offset) = name.strip_prefix("RTMIN") {
            let offset = if offset.is_empty() {
                Ok(0)
            } else {
                offset.trim_start_matches('+').parse::<i32>()
            };
            return offset
                .ok()
                .and_then(|offset| REAL_TIME.start().checked_add(offset))
                .filter(|number| REAL_TIME.contains(number))
                .map(Self)
                .ok_or_else(unknown);
        }
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, number)| Self(*number))
            .ok_or_else(unknown)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => write!(f, "SIG{name}"),
            None if self.0 == *REAL_TIME.start() => f.write_str("SIGRTMIN"),
            None => write!(f, "SIGRTMIN+{}", self.0 - REAL_TIME.start()),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text names no signal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown signal {0:?}: expected a name such as SIGTERM or TERM, or a number from 1 to 64")]
pub struct UnknownSignal(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_parses_from_what_it_prints_and_from_its_number() {
        for number in (1..=31).chain(REAL_TIME) {
            let signal = Signal::from_number(number).unwrap();
            assert_eq!(signal.to_string().parse(), Ok(signal));
            assert_eq!(number.to_string().parse(), Ok(signal));
        }
    }

    #[test]
    fn numbers_that_no_program_may_send_are_refused() {
        for text in ["0", "-1", "32", "33", "65", "RTMIN+99", "RTMIN-1", "", "SIG"] {
            assert!(text.parse::<Signal>().is_err(), "{text:?} was taken for a signal");
        }
    }
}
