use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, getrlimit};

use super::super::cgroup::{Group, RunGroup};
use super::super::environment::DEFAULT_PATH;
use super::super::mark::Mark;
use super::super::wire::{Refusal, Spawn};
use super::super::{procfs, sys};

/// A program that runs.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) pid: Pid,
    pub(super) start_time: u64,
    /// Its control group, if it could have one.
    pub(super) group: Option<Group>,
}

/// Starts one program as the leader of its own process group; nothing is left behind on an error.
pub(super) fn launch(
    spawn: Spawn,
    outputs: &[OwnedFd],
    null: &File,
    groups: Option<&RunGroup>,
) -> Result<Launched, Refusal> {
    let cwd = spawn.cwd.map(|cwd| PathBuf::from(OsString::from_vec(cwd)));
    let name = spawn.command.first().ok_or_else(|| refused(Errno::INVAL))?;
    let path = spawn
        .env
        .iter()
        .find(|(name, _)| name == b"PATH")
        .map(|(_, value)| OsStr::from_bytes(value));
    let program = find(OsStr::from_bytes(name), path, cwd.as_deref()).map_err(refused)?;
    let stdout = outputs.first().map_or(null.as_fd(), AsFd::as_fd);
    let image = sys::Image {
        program: text(program.into_os_string().into_vec())?,
        arguments: spawn.command.into_iter().map(text).collect::<Result<_, _>>()?,
        environment: environment(spawn.env, spawn.mark)?,
        directory: cwd.map(|cwd| text(cwd.into_os_string().into_vec())).transpose()?,
        standard: [null.as_fd(), stdout, outputs.get(1).map_or(stdout, AsFd::as_fd)],
        open_files: spawn.open_files.map(open_files),
        no_new_privileges: !spawn.allow_new_privileges,
    };

    let group = groups.and_then(|groups| groups.make_group(spawn.mark.start).ok());
    let door = group.as_ref().and_then(|group| group.open().ok());
    match sys::start(&image, door.as_ref()) {
        Ok(pid) => Ok(Launched {
            pid,
            // It cannot be reaped before this loop does so, hence it is there to be read.
            start_time: procfs::stat(pid).map(|stat| stat.start).unwrap_or_default(),
            group: joined(group, pid, groups, spawn.mark),
        }),
        Err(failed) => {
            group.into_iter().for_each(Group::remove);
            Err(match failed {
                sys::Failed::Directory(error) => Refusal::Directory(number(&error)),
                sys::Failed::Fork(error) | sys::Failed::Program(error) => Refusal::Program(number(&error)),
            })
        }
    }
}

/// The group, if the process is in it: where it could not be started there, it was started all the same.
fn joined(group: Option<Group>, pid: Pid, groups: Option<&RunGroup>, mark: Mark) -> Option<Group> {
    let group = group?;
    if groups.and_then(|groups| groups.start_of(pid)) == Some(mark.start) {
        return Some(group);
    }
    group.remove();
    None
}

/// The child's own, with its mark instead of any that the caller may have put there.
fn environment(env: Vec<(Vec<u8>, Vec<u8>)>, mark: Mark) -> Result<Vec<CString>, Refusal> {
    env.into_iter()
        .filter(|(name, _)| name != Mark::VARIABLE.as_bytes())
        .map(|(name, value)| text([name.as_slice(), b"=", &value].concat()))
        .chain([text(mark.entry())])
        .collect()
}

/// The soft limit, as far as the hard one lets it.
fn open_files(limit: u64) -> libc::rlimit {
    let hard = getrlimit(Resource::Nofile).maximum;
    libc::rlimit {
        rlim_cur: hard.map_or(limit, |hard| limit.min(hard)),
        rlim_max: hard.unwrap_or(libc::RLIM_INFINITY),
    }
}

fn text(bytes: Vec<u8>) -> Result<CString, Refusal> {
    CString::new(bytes).map_err(|_| refused(Errno::INVAL))
}

fn refused(error: Errno) -> Refusal {
    Refusal::Program(error.raw_os_error())
}

fn number(error: &std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(Errno::INVAL.raw_os_error())
}

/// The path of the program, as `execvp` would find it: a bare name is looked up in the child's own PATH.
fn find(name: &OsStr, path: Option<&OsStr>, cwd: Option<&Path>) -> Result<PathBuf, Errno> {
    if name.is_empty() || name.as_bytes().contains(&b'/') {
        return Ok(name.into());
    }
    let mut error = Errno::NOENT;
    for directory in std::env::split_paths(path.unwrap_or(OsStr::new(DEFAULT_PATH))) {
        let mut candidate = directory.join(name);
        if candidate.is_relative() {
            candidate = cwd.unwrap_or(Path::new(".")).join(candidate);
        }
        match access(&candidate, Access::EXEC_OK) {
            Ok(()) if candidate.is_file() => return Ok(candidate),
            Err(Errno::ACCESS) => error = Errno::ACCESS,
            Ok(()) | Err(_) => {}
        }
    }
    Err(error)
}
