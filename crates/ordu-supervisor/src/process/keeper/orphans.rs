use std::collections::BTreeMap;

use rustix::process::Pid;

use super::super::procfs;

/// Processes that the keeper adopted because their parent ended, and whose child each of them is.
///
/// An orphan is known by its process group, or, if it left that, by the mark in its environment. One that
/// has neither belongs to no child: it ends with the keeper.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    known: BTreeMap<i32, Option<u64>>,
}

impl Orphans {
    /// Looks who was adopted. `is_running` tells leaders from orphans, `group` says whose process group a
    /// number is, `marked` whose mark an entry of an environment is.
    pub(super) fn refresh(
        &mut self,
        is_running: impl Fn(Pid) -> bool,
        group: impl Fn(i32) -> Option<u64>,
        marked: impl Fn(&[u8]) -> Option<u64>,
    ) {
        let mut seen = BTreeMap::new();
        for pid in procfs::children(rustix::process::getpid()) {
            if is_running(pid) {
                continue;
            }
            let number = pid.as_raw_nonzero().get();
            // Only this process reaps it, so until `forget` its number stays its own.
            let owner = self.known.get(&number).copied().unwrap_or_else(|| {
                let by_group = procfs::stat(pid).ok().and_then(|stat| group(stat.group));
                by_group.or_else(|| {
                    procfs::environment(pid)
                        .split(|&byte| byte == 0)
                        .find_map(&marked)
                })
            });
            seen.insert(number, owner);
        }
        self.known = seen;
    }

    /// It was reaped.
    pub(super) fn forget(&mut self, pid: Pid) {
        self.known.remove(&pid.as_raw_nonzero().get());
    }

    /// Those of one child.
    pub(super) fn of(&self, incarnation: u64) -> impl Iterator<Item = Pid> {
        let of_it = move |(pid, owner): (&i32, &Option<u64>)| {
            Pid::from_raw(*pid).filter(|_| *owner == Some(incarnation))
        };
        self.known.iter().filter_map(of_it)
    }
}
