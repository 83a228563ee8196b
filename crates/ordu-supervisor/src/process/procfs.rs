//! What `/proc` says of processes.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::{ClockId, clock_gettime};

use super::{Signal, sys};

/// What keepers call themselves.
pub(super) const KEEPER: &CStr = c"ordu-keeper";

/// One process at one instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stat {
    pub(super) pid: Pid,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) session: i32,
    /// Ended, and not reaped yet or just being so.
    pub(super) dead: bool,
    /// Its name is that of a keeper: it is one, or was forked by one and does not run its program yet.
    pub(super) is_keeper: bool,
    /// Clock ticks from the start of the machine to that of the process: with the pid, an identity.
    pub(super) start: u64,
}

/// Reads one process; fails with "not found" once it is reaped.
pub(super) fn stat(pid: Pid) -> io::Result<Stat> {
    let text = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero()))?;
    parse(pid, &text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unreadable /proc/PID/stat"))
}

fn parse(pid: Pid, text: &[u8]) -> Option<Stat> {
    // The second field is the program's name in parentheses and may itself hold blanks and parentheses.
    let name_end = text.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(text.get(name_end + 1..)?).ok()?;
    let name = text.get(..name_end)?.splitn(2, |&byte| byte == b'(').nth(1);
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<i32>().ok();
    Some(Stat {
        pid,
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        dead: matches!(*fields.first()?, "Z" | "X"),
        is_keeper: name == Some(KEEPER.to_bytes()),
        start: fields.get(19)?.parse().ok()?,
    })
}

/// Whether exactly that process still runs.
pub(super) fn runs(seen: &Stat) -> bool {
    stat(seen.pid).is_ok_and(|now| now.start == seen.start && !now.dead)
}

/// All processes of the machine that can be seen.
pub(super) fn all() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(Pid::from_raw)
        .filter_map(|pid| stat(pid).ok())
        .collect()
}

/// The living and the unreaped children of a process.
pub(super) fn children(pid: Pid) -> Vec<Pid> {
    listed_children(pid).unwrap_or_else(|| {
        // Kernels built without CONFIG_PROC_CHILDREN.
        let parent = pid.as_raw_nonzero().get();
        all()
            .into_iter()
            .filter(|stat| stat.parent == parent)
            .map(|stat| stat.pid)
            .collect()
    })
}

fn listed_children(pid: Pid) -> Option<Vec<Pid>> {
    let mut found = Vec::new();
    let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())) else {
        return Some(found);
    };
    for task in tasks.flatten() {
        match fs::read_to_string(task.path().join("children")) {
            Ok(list) => {
                found.extend(
                    list.split_ascii_whitespace()
                        .filter_map(|pid| pid.parse().ok())
                        .filter_map(Pid::from_raw),
                );
            }
            // Either this thread has just ended or the kernel does not list children at all.
            Err(_) if task.path().join("stat").exists() => return None,
            Err(_) => {}
        }
    }
    Some(found)
}

/// The environment a process was started with, entries ended by NUL; empty if it may not be read.
pub(super) fn environment(pid: Pid) -> Vec<u8> {
    fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default()
}

/// Names this run of the machine.
pub(super) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

/// Sends a signal to exactly that process: not to another one that got its number in the meantime.
pub(super) fn signal_exactly(pid: Pid, start: u64, signal: Signal) -> bool {
    // The descriptor pins the process it was opened for; the start time then tells which one that is.
    let Ok(pinned) = pidfd_open(pid, PidfdFlags::empty()) else {
        return false;
    };
    stat(pid).is_ok_and(|now| now.start == start) && sys::signal_pinned(pinned.as_fd(), signal).is_ok()
}

/// Time since the machine started, suspension included (S9.2).
pub(super) fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let text = b"42 (a) (b c) S 7 8 9 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 2 3";

        let stat = parse(Pid::INIT, text).unwrap();

        assert_eq!(
            (stat.parent, stat.group, stat.session, stat.start),
            (7, 8, 9, 12345)
        );
        assert!(!stat.dead && !stat.is_keeper);
        let keeper = b"42 (ordu-keeper) S 7 8 9 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 2 3";
        assert!(parse(Pid::INIT, keeper).unwrap().is_keeper);
    }

    #[test]
    fn this_process_finds_itself_among_all() {
        let me = rustix::process::getpid();

        let found = all().into_iter().find(|stat| stat.pid == me).unwrap();

        assert_eq!(found.start, stat(me).unwrap().start);
        assert_eq!(
            found.parent,
            rustix::process::getppid().unwrap().as_raw_nonzero().get()
        );
    }
}
