//! The keeper's own process.
//!
//! It runs no async runtime and starts no thread: one loop over its socket, its children's ends and one
//! timer. It is small on purpose, so starting a program from it is cheap whatever the agent weighs.

mod child;
mod end;
mod ending;
mod family;
mod launch;
mod noted;
mod orphans;
mod serve;
mod signs;

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::net::sockopt::{socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketType};

use super::cgroup::RunGroup;
use super::sys;

/// The first argument that makes a process a keeper.
pub(super) const ARGUMENT: &str = "__keeper";

static INITIALISED: AtomicBool = AtomicBool::new(false);

/// To be called first in `main` by every program that wants to run operating-system processes.
///
/// A keeper is this same program, started once more with `__keeper` as its first argument, a socket as its standard
/// input, and perhaps the path of a control group as its second argument. In that process the call never returns: it serves until the agent is gone. In any
/// other it only notes that it was called, and [`Keeper::start`](super::Keeper::start) is allowed.
///
/// Call it before threads start and before arguments are parsed.
///
/// ```
/// ordu_supervisor::process::keeper::init();
/// // … the rest of `main`.
/// ```
pub fn init() {
    let mut arguments = std::env::args_os().skip(1);
    let asked = arguments.next().is_some_and(|argument| argument == ARGUMENT);
    if asked && standard_input_is_a_socket() {
        serve::run(arguments.next().map(RunGroup::at));
    }
    INITIALISED.store(true, Ordering::Release);
}

/// Whether [`init`] was called in this process.
pub(super) fn is_initialised() -> bool {
    INITIALISED.load(Ordering::Acquire)
}

fn standard_input_is_a_socket() -> bool {
    let input = sys::standard_input();
    socket_domain(input).is_ok_and(|domain| domain == AddressFamily::UNIX)
        && socket_type(input).is_ok_and(|kind| kind == SocketType::STREAM)
}
