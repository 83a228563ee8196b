use std::collections::BTreeSet;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, WaitOptions, getpid, waitpid};

use super::procfs;

/// The children of this process whose ends are collected by who started them. Held while one is started, so
/// that none has ended before it is noted.
static AWAITED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A child of this process whose end [`reap_orphans`] leaves to who started it.
#[derive(Debug)]
pub(super) struct OwnChild(Child);

impl OwnChild {
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut awaited = AWAITED.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn()?;
        awaited.insert(child.id());
        Ok(Self(child))
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.0.kill()
    }

    pub(super) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait()
    }
}

impl Drop for OwnChild {
    fn drop(&mut self) {
        let mut awaited = AWAITED.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.remove(&self.0.id());
    }
}

/// Collects the ends of children that this process has not started: orphans come to the first process of a
/// container, and stay as zombies if it does not do this. Returns how many it were. To be called whenever a
/// SIGCHLD has come.
///
/// For programs that start processes through a [`Keeper`](super::Keeper) only: the ends of any others would
/// be collected as well, and whoever started them would wait in vain.
pub fn reap_orphans() -> usize {
    let awaited = AWAITED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_foreign = |pid: &Pid| !awaited.contains(&pid.as_raw_nonzero().get().unsigned_abs());
    let ended = |pid: &Pid| matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(Some(_)));
    procfs::children(getpid())
        .into_iter()
        .filter(is_foreign)
        .filter(ended)
        .count()
}
