//! Control groups (cgroup v2), where they can be had.
//!
//! A process cannot leave its group by forgetting its environment, its session or its parent; only a privileged
//! one can be moved out of it. And `cgroup.kill` ends all of a group as one act that no `fork` escapes. So where this
//! user may make groups below the one that it is in itself, each start of a child has a group of its own.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;

use super::mark::Nonce;

/// The group of everything that one keeper starts; each start has a group in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunGroup {
    path: PathBuf,
}

impl RunGroup {
    /// The place for it, below the group of this process; nothing where there is no cgroup v2 to be seen.
    pub(super) fn place(run: Nonce) -> Option<Self> {
        let own = own_group(&fs::read_to_string("/proc/self/cgroup").ok()?)?.to_owned();
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let me = std::process::id().to_string();
        // Where the view of the mount is another than that of the path, the path leads elsewhere or nowhere.
        let is_own = |path: &PathBuf| {
            fs::read_to_string(path.join("cgroup.procs"))
                .is_ok_and(|members| members.lines().any(|member| member == me))
        };
        let parent = mounts
            .lines()
            .filter_map(|line| path_in_mount(line, &own))
            .find(is_own)?;
        Some(Self::at(parent.join(format!("ordu-{run}"))))
    }

    /// The one of this path.
    pub(super) fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it; fails where this user may not, and where the kernel cannot kill a group (before 5.14).
    pub(super) fn make(&self) -> io::Result<()> {
        fs::create_dir(&self.path)?;
        if self.path.join("cgroup.kill").exists() {
            return Ok(());
        }
        self.remove();
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Makes the group of one start.
    pub(super) fn make_group(&self, start: Nonce) -> io::Result<Group> {
        let path = self.path.join(start.to_string());
        fs::create_dir(&path)?;
        Ok(Group { path })
    }

    /// Whose start a process belongs to, if it is in a group of this.
    pub(super) fn start_of(&self, pid: Pid) -> Option<Nonce> {
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", pid.as_raw_nonzero())).ok()?;
        let own = self.path.file_name()?.to_str()?;
        let mut names = own_group(&groups)?.split('/').skip_while(|name| *name != own);
        names.nth(1)?.parse().ok()
    }

    /// Kills whatever is in it, in the groups of all starts.
    pub(super) fn kill(&self) {
        kill(&self.path);
    }

    /// Whether a process is in it.
    pub(super) fn is_populated(&self) -> bool {
        is_populated(&self.path)
    }

    /// Removes it, if all that was in it is gone.
    pub(super) fn remove(&self) {
        remove(&self.path);
    }
}

/// The group of one start.
#[derive(Debug)]
pub(super) struct Group {
    path: PathBuf,
}

impl Group {
    /// What a process is started into it by.
    pub(super) fn open(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::open(&self.path, flags, Mode::empty())?)
    }

    /// Kills whatever is in it.
    pub(super) fn kill(&self) {
        kill(&self.path);
    }

    /// Whether a process is in it.
    pub(super) fn is_populated(&self) -> bool {
        is_populated(&self.path)
    }

    /// Those that are in it.
    pub(super) fn members(&self) -> Vec<Pid> {
        let mut found = Vec::new();
        members(&self.path, &mut found);
        found
    }

    /// Removes it, if all that was in it is gone.
    pub(super) fn remove(self) {
        remove(&self.path);
    }
}

/// The path of a process's group in the unified hierarchy, from its `/proc/PID/cgroup`.
fn own_group(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::"))
}

/// Where a line of `/proc/self/mountinfo` shows the group, if it is a mount of cgroup v2.
fn path_in_mount(line: &str, group: &str) -> Option<PathBuf> {
    let (mount, kind) = line.split_once(" - ")?;
    if !kind.starts_with("cgroup2 ") {
        return None;
    }
    let mut fields = mount.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    let below = group.strip_prefix(root.trim_end_matches('/'))?;
    Some(Path::new(&unescape(point)).join(below.trim_start_matches('/')))
}

/// The kernel writes blanks and backslashes in paths as octal numbers.
fn unescape(path: &str) -> String {
    path.replace(r"\040", " ")
        .replace(r"\011", "\t")
        .replace(r"\134", r"\")
}

/// What is in it is gone, or else `is_populated` goes on to tell.
fn kill(path: &Path) {
    let _ = fs::write(path.join("cgroup.kill"), "1");
}

fn is_populated(path: &Path) -> bool {
    fs::read_to_string(path.join("cgroup.events"))
        .is_ok_and(|events| events.lines().any(|line| line == "populated 1"))
}

fn members(path: &Path, found: &mut Vec<Pid>) {
    let listed = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    found.extend(listed.lines().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)));
    for group in groups_in(path) {
        members(&group, found);
    }
}

/// Also with the groups that children have made in theirs.
fn remove(path: &Path) {
    for group in groups_in(path) {
        remove(&group);
    }
    let _ = fs::remove_dir(path);
}

fn groups_in(path: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIFIED: &str =
        "30 23 0:26 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate";

    #[test]
    fn the_place_of_a_group_follows_from_the_mount_and_the_path_of_the_process() {
        let own = own_group("9:name=systemd:/x\n0::/user.slice/a b\n").unwrap();

        assert_eq!(
            path_in_mount(UNIFIED, own),
            Some("/sys/fs/cgroup/unified/user.slice/a b".into())
        );
        assert_eq!(path_in_mount(UNIFIED, "/"), Some("/sys/fs/cgroup/unified".into()));
    }

    #[test]
    fn a_mount_of_a_part_of_the_tree_shows_what_is_in_that_part() {
        let part = r"30 23 0:26 /pod/one /my\040groups rw - cgroup2 cgroup2 rw";

        assert_eq!(
            path_in_mount(part, "/pod/one/agent"),
            Some("/my groups/agent".into())
        );
        assert_eq!(path_in_mount(part, "/pod/two"), None);
    }

    #[test]
    fn other_mounts_show_no_groups() {
        let first = "31 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu";

        assert_eq!(path_in_mount(first, "/"), None);
        assert_eq!(own_group("4:memory:/x\n1:cpu:/\n"), None);
    }
}
