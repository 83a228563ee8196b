use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{MAX_LINE, Reply, Request};
use crate::failure::{Failure, Wrong};

/// How long an agent may take beyond the time that the request itself gives it.
const GRACE: Duration = Duration::from_secs(10);

/// A caller of an agent: one connection, one request.
#[derive(Debug)]
pub(crate) struct Client {
    stream: UnixStream,
}

impl Client {
    /// Connects to the agent that listens at `socket`.
    pub(crate) fn connect(socket: &Path) -> Result<Self, Failure> {
        match UnixStream::connect(socket) {
            Ok(stream) => Ok(Self { stream }),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(Failure::new(
                Wrong::Denied,
                format!(
                    "the agent at {} is not yours to command: {error}",
                    socket.display()
                ),
            )),
            Err(error) => Err(Failure::new(
                Wrong::Unreachable,
                format!("no agent answers at {}: {error}", socket.display()),
            )
            .with_help("start one with `ordu agent`, or name its socket with --socket or ORDU_SOCKET")),
        }
    }

    /// Asks for something that is answered at once or within `time`.
    pub(crate) fn ask<T: DeserializeOwned>(self, request: &Request, time: Duration) -> Result<T, Failure> {
        let time = time.saturating_add(GRACE);
        self.stream.set_read_timeout(Some(time)).map_err(lost)?;
        let mut answers = self.send(request)?;
        answers.next().unwrap_or_else(|| {
            Err(Failure::new(
                Wrong::Unreachable,
                "the agent closed the connection without an answer",
            ))
        })
    }

    /// Asks for something that is answered bit by bit, for as long as it takes.
    pub(crate) fn stream<T: DeserializeOwned>(
        self,
        request: &Request,
    ) -> Result<impl Iterator<Item = Result<T, Failure>>, Failure> {
        self.send(request)
    }

    fn send<T: DeserializeOwned>(
        mut self,
        request: &Request,
    ) -> Result<impl Iterator<Item = Result<T, Failure>>, Failure> {
        let mut line = serde_json::to_vec(request).map_err(|error| Failure::usage(error.to_string()))?;
        line.push(b'\n');
        self.stream.write_all(&line).map_err(lost)?;
        let mut reader = BufReader::new(self.stream);
        Ok(std::iter::from_fn(move || next(&mut reader).transpose()))
    }
}

fn next<T: DeserializeOwned>(reader: &mut BufReader<UnixStream>) -> Result<Option<T>, Failure> {
    let mut line = Vec::new();
    reader
        .take(MAX_LINE as u64)
        .read_until(b'\n', &mut line)
        .map_err(lost)?;
    if line.is_empty() {
        return Ok(None);
    }
    let strange = |error: serde_json::Error| {
        Failure::failed(format!(
            "the agent answered what this ordu does not understand: {error}"
        ))
        .with_help("the agent may be of another version")
    };
    match serde_json::from_slice(&line).map_err(strange)? {
        Reply::Ok(value) => serde_json::from_value(value).map(Some).map_err(strange),
        Reply::Error { wrong, message } => Err(Failure::new(wrong, message)),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn lost(error: std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Failure::new(
            Wrong::Timeout,
            "the agent did not answer in time; what was asked may be done",
        ),
        _ => Failure::new(
            Wrong::Unreachable,
            format!("the connection to the agent broke: {error}"),
        ),
    }
}
