//! The few calls that the operating system offers only through raw interfaces.
//!
//! Everything unsafe of this crate is here. Signal dispositions belong to the whole process, so the
//! functions that change them are called by the keeper alone, which runs no other code.

mod fork;

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::Pid;

pub(super) use fork::{Failed, Image, start};

use super::Signal;

/// Where the handler of SIGCHLD writes; -1 until it is set.
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// Signals that must not end or stop a keeper: a service manager that stops a whole control group sends
/// them to the keeper as well, which has to outlive the agent to end the children.
const SURVIVED: [c_int; 19] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGPIPE,
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGIO,
    libc::SIGPWR,
    libc::SIGSTKFLT,
    libc::SIGXCPU,
    libc::SIGXFSZ,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGSYS,
];

extern "C" fn ignore(_signal: c_int) {}

extern "C" fn wake(_signal: c_int) {
    // SAFETY: `__errno_location` and `write` are async-signal-safe; `WAKE` is a descriptor that stays open
    // for the life of the process (or -1, which `write` refuses), and one byte of a static is readable.
    unsafe {
        let errno = libc::__errno_location();
        let saved = *errno;
        libc::write(WAKE.load(Ordering::Relaxed), b"!".as_ptr().cast(), 1);
        *errno = saved;
    }
}

/// Makes the calling process deaf to signals that would end or stop it and has SIGCHLD write one byte to
/// `wake_fd`, which must not block and must stay open until the process ends.
///
/// Handlers are used and not `SIG_IGN` or a mask, because a handled signal is back at its default after
/// `exec`, with nothing to undo: so children start with default dispositions and an empty mask.
pub(super) fn handle_signals(wake_fd: BorrowedFd<'_>) -> io::Result<()> {
    WAKE.store(wake_fd.as_raw_fd(), Ordering::Relaxed);
    for signal in 1..=libc::SIGRTMAX() {
        if matches!(signal, libc::SIGKILL | libc::SIGSTOP) || (32..libc::SIGRTMIN()).contains(&signal) {
            continue;
        }
        // SAFETY: all-zero is a valid `sigaction`; both handlers have the signature of `sa_handler` and do
        // only what is async-signal-safe.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            if signal == libc::SIGCHLD {
                action.sa_sigaction = wake as extern "C" fn(c_int) as libc::sighandler_t;
                action.sa_flags = libc::SA_RESTART | libc::SA_NOCLDSTOP;
            } else if SURVIVED.contains(&signal) || signal >= libc::SIGRTMIN() {
                action.sa_sigaction = ignore as extern "C" fn(c_int) as libc::sighandler_t;
                action.sa_flags = libc::SA_RESTART;
            } else {
                // An agent started by `nohup` or a careless parent ignores signals; children must not.
                action.sa_sigaction = libc::SIG_DFL;
            }
            if libc::sigaction(signal, &raw const action, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    // SAFETY: the set is initialised by `sigemptyset` before it is read.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        match libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Closes every descriptor from 3 up: what the process that started this one left open.
///
/// Called once, at the very start of a keeper, when nothing of it owns a descriptor above 2 yet.
pub(super) fn close_inherited() -> io::Result<()> {
    // SAFETY: no memory is touched, and the caller owns no descriptor in the range.
    match unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Descriptor 0 of this process, which a keeper is given as its socket.
pub(super) fn standard_input() -> BorrowedFd<'static> {
    // SAFETY: descriptor 0 is open from the start of the process (the runtime opens `/dev/null` there
    // otherwise) and is never closed, only replaced by `dup2`.
    unsafe { BorrowedFd::borrow_raw(0) }
}

/// Sends `signal` to every process of `group`.
pub(super) fn signal_group(group: Pid, signal: Signal) -> io::Result<()> {
    // SAFETY: `kill` reads no memory.
    match unsafe { libc::kill(-group.as_raw_nonzero().get(), signal.number()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sends `signal` to the process that the descriptor was opened for.
pub(super) fn signal_pinned(pinned: BorrowedFd<'_>, signal: Signal) -> io::Result<()> {
    let no_details = std::ptr::null::<libc::siginfo_t>();
    let (pinned, signal) = (pinned.as_raw_fd(), signal.number());
    // SAFETY: no memory is touched where no details are given.
    match unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pinned, signal, no_details, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
