use std::ffi::{CString, c_char, c_int, c_ulong};
use std::io::{self, PipeWriter, Read};
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr;

use rustix::process::{Pid, WaitOptions, waitpid};

/// `CLONE_INTO_CGROUP` of `linux/sched.h`.
const INTO_CGROUP: u64 = 0x2_0000_0000;

/// A program, and all that its process is before it runs.
///
/// `posix_spawn` would be cheaper where the caller is large; but it can start a process neither in a control group nor
/// without the right to gain privileges. A keeper is small.
#[derive(Debug)]
pub(in super::super) struct Image<'a> {
    pub(in super::super) program: CString,
    pub(in super::super) arguments: Vec<CString>,
    pub(in super::super) environment: Vec<CString>,
    pub(in super::super) directory: Option<CString>,
    /// Standard input, output and error; all of them above 2.
    pub(in super::super) standard: [BorrowedFd<'a>; 3],
    pub(in super::super) open_files: Option<libc::rlimit>,
    pub(in super::super) no_new_privileges: bool,
}

/// What of a start failed.
#[derive(Debug)]
pub(in super::super) enum Failed {
    /// It could not be begun.
    Fork(io::Error),
    /// The working directory may not be entered.
    Directory(io::Error),
    /// The program cannot be run.
    Program(io::Error),
}

/// Starts a process as the leader of its own process group, in this control group if it can be had there, and waits
/// until it runs its program. Nothing of it is left on an error.
///
/// To be called by a process of one thread only, whose signals are handled or at their defaults, and none blocked:
/// that is what the new one has, and what handlers do must be harmless in it.
pub(in super::super) fn start(image: &Image<'_>, group: Option<&OwnedFd>) -> Result<Pid, Failed> {
    let arguments = pointers(&image.arguments);
    let environment = pointers(&image.environment);
    let (mut failure, tell) = io::pipe().map_err(Failed::Fork)?;
    // SAFETY: this process has one thread, so nobody else holds a lock that the new process could need; and what that
    // does before it runs another program or ends is async-signal-safe.
    let number = unsafe {
        match fork(group) {
            0 => become_program(image, &arguments, &environment, &tell),
            number => number,
        }
    };
    let Some(pid) = Pid::from_raw(number).filter(|_| number > 0) else {
        return Err(Failed::Fork(io::Error::last_os_error()));
    };
    drop(tell);
    // Its end closes when the program runs.
    let mut said = [0; 5];
    let Ok(()) = failure.read_exact(&mut said) else {
        return Ok(pid);
    };
    while matches!(
        waitpid(Some(pid), WaitOptions::empty()),
        Err(rustix::io::Errno::INTR)
    ) {}
    let [stage, number @ ..] = said;
    let error = io::Error::from_raw_os_error(c_int::from_ne_bytes(number));
    Err(match stage {
        DIRECTORY => Failed::Directory(error),
        _ => Failed::Program(error),
    })
}

const DIRECTORY: u8 = 1;
const PROGRAM: u8 = 2;

/// As the call of this name; into the control group if there is one and the system can do that.
///
/// # Safety
///
/// As for `fork`.
unsafe fn fork(group: Option<&OwnedFd>) -> c_int {
    if let Some(group) = group {
        // SAFETY: all-zero is a valid `clone_args`. Without `CLONE_VM` and with no stack given, this is a `fork`.
        unsafe {
            let mut how: libc::clone_args = std::mem::zeroed();
            how.flags = INTO_CGROUP;
            how.exit_signal = u64::from(libc::SIGCHLD.unsigned_abs());
            how.cgroup = u64::from(group.as_raw_fd().unsigned_abs());
            let number = libc::syscall(libc::SYS_clone3, &raw const how, size_of::<libc::clone_args>());
            if let Ok(number @ 0..) = c_int::try_from(number) {
                return number;
            }
        }
    }
    // SAFETY: the caller's to see to.
    unsafe { libc::fork() }
}

/// Goes on as the program; or says why it cannot, and ends.
///
/// # Safety
///
/// To be called in a process that was just forked, with pointers into what lives as long as it does.
unsafe fn become_program(
    image: &Image<'_>,
    arguments: &[*const c_char],
    environment: &[*const c_char],
    tell: &PipeWriter,
) -> ! {
    // SAFETY: all these calls are async-signal-safe, and all pointers are valid, each list ended by a null pointer.
    unsafe {
        let (stage, error) = if let Err(failed) = prepare(image) {
            failed
        } else {
            libc::execve(image.program.as_ptr(), arguments.as_ptr(), environment.as_ptr());
            (PROGRAM, errno())
        };
        let [a, b, c, d] = error.to_ne_bytes();
        let said = [stage, a, b, c, d];
        // So few bytes are written as one, or not at all if the caller is gone.
        libc::write(tell.as_raw_fd(), said.as_ptr().cast(), said.len());
        libc::_exit(127)
    }
}

unsafe fn prepare(image: &Image<'_>) -> Result<(), (u8, c_int)> {
    const ZERO: c_ulong = 0;
    const ONE: c_ulong = 1;
    // SAFETY: see `become_program`.
    unsafe {
        checked(PROGRAM, libc::setpgid(0, 0))?;
        for (number, descriptor) in (0..).zip(image.standard) {
            let descriptor: RawFd = descriptor.as_raw_fd();
            checked(PROGRAM, libc::dup2(descriptor, number))?;
        }
        if let Some(limit) = &image.open_files {
            checked(PROGRAM, libc::setrlimit(libc::RLIMIT_NOFILE, limit))?;
        }
        if let Some(directory) = &image.directory {
            checked(DIRECTORY, libc::chdir(directory.as_ptr()))?;
        }
        if image.no_new_privileges {
            checked(
                PROGRAM,
                libc::prctl(libc::PR_SET_NO_NEW_PRIVS, ONE, ZERO, ZERO, ZERO),
            )?;
        }
    }
    Ok(())
}

fn checked(stage: u8, result: c_int) -> Result<(), (u8, c_int)> {
    if result < 0 { Err((stage, errno())) } else { Ok(()) }
}

fn errno() -> c_int {
    // SAFETY: the pointer is to a variable of this thread.
    unsafe { *libc::__errno_location() }
}

fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts
        .iter()
        .map(|text| text.as_ptr())
        .chain([ptr::null()])
        .collect()
}
