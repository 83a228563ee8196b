use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};

use super::super::environment::DEFAULT_PATH;
use super::super::procfs;
use super::super::wire::{Refusal, Spawn};

/// Starts one program as the leader of its own process group and says its pid and start time.
///
/// Nothing is left behind on an error: `posix_spawn` reports one of `exec` itself and reaps.
pub(super) fn launch(spawn: Spawn, outputs: Vec<OwnedFd>, null: &File) -> Result<(Pid, u64), Refusal> {
    let cwd = spawn.cwd.map(|cwd| PathBuf::from(OsString::from_vec(cwd)));
    let wrong = |error: &io::Error| refusal(cwd.as_deref(), error);

    let mut words = spawn.command.into_iter().map(OsString::from_vec);
    let name = words
        .next()
        .ok_or(Refusal::Program(Errno::INVAL.raw_os_error()))?;
    let path = spawn
        .env
        .iter()
        .find(|(name, _)| name == b"PATH")
        .map(|(_, value)| OsStr::from_bytes(value));
    let program = find(&name, path, cwd.as_deref()).map_err(|error| wrong(&error.into()))?;
    let (stdout, stderr) = outputs_of(outputs, null).map_err(|error| wrong(&error))?;

    // The program is given as a path, so the library uses `posix_spawn` (it forks only to search a changed
    // PATH), and with that the cost of a start does not depend on the size of this process.
    let mut command = Command::new(program);
    command.arg0(name).args(words).env_clear();
    command.envs(
        spawn
            .env
            .into_iter()
            .map(|(k, v)| (OsString::from_vec(k), OsString::from_vec(v))),
    );
    command
        .stdin(null.try_clone().map_err(|error| wrong(&error))?)
        .stdout(stdout)
        .stderr(stderr);
    command.process_group(0);
    if let Some(cwd) = &cwd {
        command.current_dir(cwd);
    }

    let child = with_open_files(spawn.open_files, || command.spawn()).map_err(|error| wrong(&error))?;
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("the system gives valid pids");
    // It cannot be reaped before this loop does so, hence it is there to be read.
    let start = procfs::stat(pid).map(|stat| stat.start).unwrap_or_default();
    Ok((pid, start))
}

/// Runs `start` under another soft limit of open files, which the new process inherits.
fn with_open_files<T>(limit: Option<u64>, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some(limit) = limit else { return start() };
    let own = getrlimit(Resource::Nofile);
    let current = own.maximum.map_or(limit, |maximum| limit.min(maximum));
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(current),
            maximum: own.maximum,
        },
    )?;
    let result = start();
    setrlimit(Resource::Nofile, own)?;
    result
}

fn outputs_of(outputs: Vec<OwnedFd>, null: &File) -> io::Result<(Stdio, Stdio)> {
    let mut outputs = outputs.into_iter();
    Ok(match (outputs.next(), outputs.next()) {
        (None, _) => (null.try_clone()?.into(), null.try_clone()?.into()),
        (Some(both), None) => (both.try_clone()?.into(), both.into()),
        (Some(stdout), Some(stderr)) => (stdout.into(), stderr.into()),
    })
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

/// Says which of the two was wrong: `posix_spawn` has one error number for both.
fn refusal(cwd: Option<&Path>, error: &io::Error) -> Refusal {
    let number = |error: &io::Error| error.raw_os_error().unwrap_or(Errno::INVAL.raw_os_error());
    if let Some(cwd) = cwd {
        match fs::metadata(cwd) {
            Err(error) => return Refusal::Directory(number(&error)),
            Ok(found) if !found.is_dir() => return Refusal::Directory(Errno::NOTDIR.raw_os_error()),
            Ok(_) => {}
        }
        if let Err(error) = access(cwd, Access::EXEC_OK) {
            return Refusal::Directory(error.raw_os_error());
        }
    }
    Refusal::Program(number(error))
}
