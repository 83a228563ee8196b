//! Ending processes for good.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal as Named, WaitOptions, WaitStatus, getpgrp, getpid, kill_process, wait};

use super::super::cgroup::RunGroup;
use super::super::{ProcessExit, Signal, procfs, sys};

/// How long everything together may take to end; what the kernel itself cannot end (a process in a hung
/// system call) is left to end when it returns from there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Kills whatever descends from this process and reaps it; calls `reaped` for each.
///
/// Each round kills all children with their groups. A group is killed as one act that no `fork` escapes;
/// who is in a group of its own becomes a child of this process when its parent dies, and falls in a later
/// round. It is over when there is no child left.
pub(super) fn end_everything(
    wake: &std::io::PipeReader,
    control_groups: Option<&RunGroup>,
    mut reaped: impl FnMut(Pid, ProcessExit),
) {
    let started = Instant::now();
    let own_group = getpgrp().as_raw_nonzero().get();
    while started.elapsed() < PATIENCE {
        if let Some(groups) = control_groups {
            groups.kill();
        }
        for pid in procfs::children(getpid()) {
            // An unreaped child keeps its pid, and its group the number: neither can be another's.
            if let Some(group) = procfs::stat(pid)
                .ok()
                .map(|stat| stat.group)
                .filter(|it| *it != own_group)
                && let Some(group) = Pid::from_raw(group)
            {
                let _ = sys::signal_group(group, Signal::KILL);
            }
            let _ = kill_process(pid, Named::KILL);
        }
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => reaped(pid, exit_of(status)),
                Ok(None) => break,
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
        let pause = rustix::time::Timespec {
            tv_sec: 0,
            tv_nsec: 5_000_000,
        };
        let _ = poll(&mut [PollFd::new(wake, PollFlags::IN)], Some(&pause));
        super::serve::empty(wake);
    }
}

/// What a reaped process ended with.
pub(super) fn exit_of(status: WaitStatus) -> ProcessExit {
    match (
        status.exit_status(),
        status.terminating_signal().and_then(Signal::from_number),
    ) {
        (Some(code), _) => ProcessExit::Code(code),
        (None, Some(signal)) => ProcessExit::Signal(signal),
        (None, None) => ProcessExit::Lost,
    }
}
