use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{MAX_LINE, Question, Reply, Request};
use crate::failure::{Failure, Wrong};

/// How long an agent may take beyond the time that the request itself gives it.
const GRACE: Duration = Duration::from_secs(10);

/// A caller of an agent: one connection, one request.
#[derive(Debug)]
pub(crate) struct Client {
    stream: UnixStream,
    patience: Duration,
    horde: Option<String>,
}

impl Client {
    /// Connects to the agent that listens at `socket`.
    pub(crate) fn connect(socket: &Path) -> Result<Self, Failure> {
        match UnixStream::connect(socket) {
            Ok(stream) => Ok(Self {
                stream,
                patience: GRACE,
                horde: None,
            }),
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

    /// Asks about children of this horde; of the agent's first if none is given.
    pub(crate) fn about(self, horde: Option<String>) -> Self {
        Self { horde, ..self }
    }

    /// Waits no longer than this beyond the time that a request itself gives the agent.
    pub(crate) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Asks for something that is answered at once or within `time`.
    pub(crate) fn ask<T: DeserializeOwned>(self, request: &Request, time: Duration) -> Result<T, Failure> {
        let time = time.saturating_add(self.patience);
        self.stream.set_read_timeout(Some(time)).map_err(lost)?;
        let answer = self.send(request)?.next().unwrap_or_else(|| {
            Err(Failure::new(
                Wrong::Unreachable,
                "the agent closed the connection without an answer",
            ))
        });
        match answer {
            // It may have ended after it did what was asked.
            Err(Failure::Plain {
                wrong: Wrong::Unreachable,
                message,
                ..
            }) if request.changes() => Err(Failure::new(
                Wrong::Timeout,
                format!("{message}; what was asked may be done"),
            )),
            answer => answer,
        }
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
        let question = Question {
            horde: self.horde,
            request: request.clone(),
        };
        let mut line = question
            .to_line()
            .map_err(|error| Failure::usage(error.to_string()))?;
        line.push(b'\n');
        let sent = self.stream.write_all(&line).map_err(lost);
        let mut reader = BufReader::new(self.stream);
        if let Err(broken) = sent {
            // An agent that refuses a caller does not listen to the end; what it said is the better answer.
            return Err(match next::<T>(&mut reader) {
                Err(refusal @ Failure::Plain { wrong, .. }) if wrong != Wrong::Unreachable => refusal,
                _ => broken,
            });
        }
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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// How a request ends whose agent reads it and ends without a word.
    fn left_alone_with(request: &Request) -> Failure {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("ordu.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let agent = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            BufReader::new(stream).read_line(&mut String::new()).unwrap();
        });
        let client = Client::connect(&socket).unwrap();
        let failure = client
            .ask::<serde_json::Value>(request, Duration::ZERO)
            .unwrap_err();
        agent.join().unwrap();
        failure
    }

    #[test]
    fn a_change_whose_agent_ends_before_it_answers_may_have_been_done() {
        let stop = Request::Stop {
            id: "web".to_owned(),
            timeout: 0,
        };
        let failure = left_alone_with(&stop);
        assert!(matches!(
            failure,
            Failure::Plain {
                wrong: Wrong::Timeout,
                ..
            }
        ));
        assert!(failure.to_string().ends_with("may be done"), "{failure}");
    }

    #[test]
    fn a_refusal_is_heard_even_if_the_agent_hangs_up_before_it_has_heard_all() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("ordu.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let agent = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream
                .write_all(b"{\"error\":{\"wrong\":\"denied\",\"message\":\"no\"}}\n")
                .unwrap();
            // Closed with nothing read, which may break the caller off in the middle of a word.
        });
        let client = Client::connect(&socket).unwrap();
        let request = Request::Child {
            id: "x".repeat(1 << 20),
        };
        let failure = client
            .ask::<serde_json::Value>(&request, Duration::ZERO)
            .unwrap_err();
        agent.join().unwrap();
        assert!(
            matches!(&failure, Failure::Plain { wrong: Wrong::Denied, message, .. } if message == "no"),
            "{failure:?}"
        );
    }

    #[test]
    fn a_question_whose_agent_ends_before_it_answers_was_asked_of_nobody() {
        let failure = left_alone_with(&Request::Members);
        assert!(matches!(
            failure,
            Failure::Plain {
                wrong: Wrong::Unreachable,
                ..
            }
        ));
    }
}
