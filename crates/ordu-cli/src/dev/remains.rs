//! Nothing that was started here outlives this process: descendants that lose their parent become its own
//! children, and it waits for all of them.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};

use crate::failure::Failure;

/// How long everything may take to end by itself.
const PEACEFUL: Duration = Duration::from_secs(10);

/// How long what was killed may take to be gone.
const FORCED: Duration = Duration::from_secs(5);

/// Orphans among the descendants will become children of this process.
pub(super) fn adopt() -> Result<(), Failure> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|error| Failure::failed(format!("cannot become the parent of orphans: {error}")))
}

/// The process ids of children that have ended since the last call.
pub(super) fn reap() -> Vec<u32> {
    let mut ended = Vec::new();
    while let Ok(Some((pid, _))) = rustix::process::wait(WaitOptions::NOHANG) {
        ended.push(pid.as_raw_nonzero().get().unsigned_abs());
    }
    ended
}

/// Waits until no child is left; kills those that stay too long.
pub(super) fn end() -> Result<(), Failure> {
    if gone_within(PEACEFUL, || {}) || gone_within(FORCED, kill_children) {
        return Ok(());
    }
    Err(Failure::failed("some processes could not be ended"))
}

fn gone_within(limit: Duration, each_time: impl Fn()) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        each_time();
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => return false,
            // No child is left.
            Err(_) => return true,
        }
    }
}

fn kill_children() {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let list = format!("/proc/{own}/task/{own}/children");
    let children = std::fs::read_to_string(list).unwrap_or_default();
    for pid in children
        .split_whitespace()
        .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
    {
        // It may just have ended.
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}
