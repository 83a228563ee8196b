//! How a keeper comes to run.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::net::UnixStream;

use super::cgroup::RunGroup;
use super::error::StartError;
use super::keeper;
use super::own_child::OwnChild;
use super::wire::{Decoder, Reply};

/// How long a keeper may take to start.
const START_TIME: Duration = Duration::from_secs(10);

/// How many keepers are started if one after the other is killed before it is ready.
const ATTEMPTS: u32 = 5;

/// Why a keeper was not ready.
#[derive(Debug)]
enum NotReady {
    /// Something from outside has killed or stopped it: the next one may fare better.
    Struck(io::Error),
    /// It cannot work here.
    Unable(io::Error),
}

/// Starts a keeper, which makes its control groups there if anywhere, and waits until it is ready; gives the socket to
/// speak with it.
pub(super) async fn boot(control_groups: Option<&RunGroup>) -> Result<(UnixStream, OwnChild), StartError> {
    let mut attempt = 1;
    loop {
        let (stream, mut keeper) = spawn(control_groups).map_err(StartError::Spawn)?;
        match wait_until_ready(&stream, &mut keeper).await {
            Ok(()) => return Ok((stream, keeper)),
            Err(NotReady::Struck(_)) if attempt < ATTEMPTS => attempt += 1,
            Err(NotReady::Struck(source) | NotReady::Unable(source)) => {
                return Err(StartError::NotReady(source));
            }
        }
    }
}

fn spawn(control_groups: Option<&RunGroup>) -> io::Result<(UnixStream, OwnChild)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let ours = UnixStream::from_std(ours)?;
    let name = std::env::args_os()
        .next()
        .unwrap_or_else(|| OsString::from("keeper"));
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0(name)
        .arg(keeper::ARGUMENT)
        .args(control_groups.map(RunGroup::path))
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null());
    Ok((ours, OwnChild::spawn(&mut command)?))
}

/// Waits for the first word of a keeper; one that says none is gone when this returns.
async fn wait_until_ready(stream: &UnixStream, keeper: &mut OwnChild) -> Result<(), NotReady> {
    let error = match tokio::time::timeout(START_TIME, first_word(stream)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error,
        Err(late) => {
            let _ = keeper.kill();
            let _ = keeper.wait();
            return Err(NotReady::Struck(late.into()));
        }
    };
    let has_ended = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
    );
    if !has_ended {
        let _ = keeper.kill();
    }
    let status = keeper.wait();
    Err(match status {
        Ok(status) if has_ended => {
            let error = io::Error::new(error.kind(), format!("it has ended: {status}"));
            if status.signal().is_some() {
                NotReady::Struck(error)
            } else {
                NotReady::Unable(error)
            }
        }
        _ => NotReady::Unable(error),
    })
}

async fn first_word(stream: &UnixStream) -> io::Result<()> {
    let mut replies = Decoder::default();
    let mut bytes = [0; 64];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => replies.push(&bytes[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        match replies.next::<Reply>().map_err(io::Error::other)? {
            Some(Reply::Ready) => return Ok(()),
            Some(_) => return Err(io::Error::other("another word than expected")),
            None => {}
        }
    }
}
