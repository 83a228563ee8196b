//! Runs a program that may hang, crash or want all memory there is.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// More address space than this no test and no simulated world needs.
const KIBIBYTES: u64 = 8 << 20;

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Exited(i32),
    Signal(i32),
    TimeOut,
    /// What it said was enough.
    Stopped,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::TimeOut => f.write_str("a time-out"),
            Self::Stopped => f.write_str("a stop"),
        }
    }
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) end: End,
    /// Whether the chosen mutant was asked for.
    pub(super) reached: bool,
    /// The lines of its standard output.
    pub(super) lines: Vec<String>,
    pub(super) took: Duration,
}

/// A program, and which mutant is chosen in it.
#[derive(Clone, Debug)]
pub(super) struct Run<'a> {
    pub(super) program: &'a Path,
    pub(super) folder: &'a Path,
    pub(super) args: Vec<String>,
    pub(super) mutant: Option<u32>,
    /// For how long at the most.
    pub(super) limit: Duration,
    /// A folder for notes.
    pub(super) notes: &'a Path,
}

impl Run<'_> {
    /// Runs it until it ends, or until `is_enough` of a line.
    pub(super) fn run(&self, is_enough: impl Fn(&str) -> bool) -> Result<Ran, String> {
        let wrong = |error: std::io::Error| format!("{}: {error}", self.program.display());
        if !self.program.is_file() {
            return Err(format!("{} is not there", self.program.display()));
        }
        let note: PathBuf = self.notes.join(format!("reached-{}", std::process::id()));
        match std::fs::remove_file(&note) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(wrong(error)),
            _ => {}
        }
        // Should nobody be there any more to end it in time, it ends by what it uses.
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        let seconds = (self.limit.as_secs() + 60) * cores;
        let limited = format!("ulimit -v {KIBIBYTES} && ulimit -t {seconds} && exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command
            .args(["-c", &limited])
            .arg(self.program)
            .args(&self.args)
            .current_dir(self.folder)
            .env("CARGO_MANIFEST_DIR", self.folder)
            .env("ORDU_MUTANT_REACHED", &note)
            .env("RUST_BACKTRACE", "0")
            .env_remove("ORDU_MUTANT")
            // The same cases each time, and none looked for that is smaller.
            .env("PROPTEST_RNG_SEED", "1")
            .env("PROPTEST_MAX_SHRINK_ITERS", "0")
            .env_remove("PROPTEST_CASES")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(mutant) = self.mutant {
            command.env("ORDU_MUTANT", mutant.to_string());
        }
        let began = Instant::now();
        let mut child = command.spawn().map_err(wrong)?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let (sender, receiver) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n') {
                let Ok(line) = line else { return };
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
        let mut lines = Vec::new();
        let cut_off = loop {
            let left = self.limit.saturating_sub(began.elapsed());
            match receiver.recv_timeout(left) {
                Ok(line) => {
                    let enough = is_enough(&line);
                    lines.push(line);
                    if enough {
                        break Some(End::Stopped);
                    }
                }
                Err(RecvTimeoutError::Timeout) => break Some(End::TimeOut),
                Err(RecvTimeoutError::Disconnected) => break None,
            }
        };
        if cut_off.is_some() {
            child.kill().map_err(wrong)?;
        }
        let status = child.wait().map_err(wrong)?;
        drop(receiver);
        // It has ended, and so has the pipe.
        let _ = reader.join();
        let exited = || match (status.code(), status.signal()) {
            (Some(code), _) => End::Exited(code),
            (None, signal) => End::Signal(signal.unwrap_or_default()),
        };
        Ok(Ran {
            end: cut_off.unwrap_or_else(exited),
            reached: note.exists(),
            lines,
            took: began.elapsed(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, mutant: Option<u32>, limit: u64) -> Ran {
        let notes = tempfile::tempdir().unwrap();
        let run = Run {
            program: Path::new("/bin/sh"),
            folder: Path::new("/"),
            args: vec!["-c".to_owned(), script.to_owned()],
            mutant,
            limit: Duration::from_secs(limit),
            notes: notes.path(),
        };
        run.run(|line| line == "enough").unwrap()
    }

    #[test]
    fn how_a_program_ends_is_told_apart() {
        assert_eq!(run("exit 101", None, 60).end, End::Exited(101));
        assert_eq!(run("kill -9 $$", None, 60).end, End::Signal(9));
        assert_eq!(run("exec sleep 600", None, 1).end, End::TimeOut);
        assert_eq!(run("echo enough; exec sleep 600", None, 60).end, End::Stopped);
    }

    #[test]
    fn the_mutant_is_told_and_whether_it_was_reached_is_known() {
        let ran = run("echo $ORDU_MUTANT; echo 1 > $ORDU_MUTANT_REACHED", Some(7), 60);
        assert_eq!((ran.lines.as_slice(), ran.reached), (&["7".to_owned()][..], true));
        let ran = run("echo ${ORDU_MUTANT-none}", None, 60);
        assert_eq!(
            (ran.lines.as_slice(), ran.reached),
            (&["none".to_owned()][..], false)
        );
    }

    #[test]
    fn what_is_not_there_is_no_failure_of_a_test() {
        let run = Run {
            program: Path::new("/nowhere/program"),
            folder: Path::new("/"),
            args: Vec::new(),
            mutant: Some(1),
            limit: Duration::from_secs(1),
            notes: Path::new("/nowhere"),
        };
        assert!(run.run(|_| false).unwrap_err().contains("is not there"));
    }
}
