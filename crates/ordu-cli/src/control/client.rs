use std::io::{self, BufRead as _, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use serde::de::DeserializeOwned;

use super::{MAX_LINE, Question, Reply, Request};
use crate::failure::{Failure, Wrong};

/// A caller of an agent: one connection, one request.
#[derive(Debug)]
pub(crate) struct Client {
    stream: UnixStream,
    patience: Duration,
    horde: Option<String>,
}

impl Client {
    /// Connects to the agent that listens at `socket`, and waits no longer than `patience`, now and for an answer beyond the
    /// time that a request itself gives the agent.
    pub(crate) fn connect_within(socket: &Path, patience: Duration) -> Result<Self, Failure> {
        match connect(socket, patience) {
            Ok(stream) => Ok(Self {
                stream,
                patience,
                horde: None,
            }),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(Failure::new(
                Wrong::Denied,
                format!(
                    "the agent at {} is not yours to command: {error}",
                    socket.display()
                ),
            )),
            Err(error) if is_late(&error) => Err(Failure::new(
                Wrong::Timeout,
                format!("the agent at {} took no call in time", socket.display()),
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

    /// Asks for something that is answered at once or within `time`.
    pub(crate) fn ask<T: DeserializeOwned>(self, request: &Request, time: Duration) -> Result<T, Failure> {
        let (end, changes) = (end_of(time.saturating_add(self.patience)), request.changes());
        match self.send(request, end)?.next(end) {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(without_answer(
                Wrong::Unreachable,
                "the agent closed the connection without an answer",
                changes,
            )),
            Err(failure) => Err(failure),
        }
    }

    /// Asks for something that is answered bit by bit. The first bit has to come within the patience of this caller, and
    /// so each of the others unless they come only as something happens, which may be never.
    pub(crate) fn stream<T: DeserializeOwned>(
        self,
        request: &Request,
        as_it_happens: bool,
    ) -> Result<impl Iterator<Item = Result<T, Failure>>, Failure> {
        let patience = self.patience;
        let mut end = end_of(patience);
        let mut answers = self.send(request, end)?;
        Ok(std::iter::from_fn(move || {
            let answer = answers.next(end);
            end = if as_it_happens { None } else { end_of(patience) };
            answer.transpose()
        }))
    }

    fn send(self, request: &Request, end: Option<Instant>) -> Result<Answers, Failure> {
        let question = Question {
            horde: self.horde,
            request: request.clone(),
        };
        let mut line = question
            .to_line()
            .map_err(|error| Failure::usage(error.to_string()))?;
        line.push(b'\n');
        let mut stream = Timed {
            stream: self.stream,
            end,
        };
        let sent = stream.write_all(&line);
        let mut answers = Answers {
            reader: BufReader::new(stream),
            changes: request.changes(),
        };
        if let Err(broken) = sent {
            // An agent that refuses a caller does not listen to the end; what it said is the better answer.
            let said = if is_late(&broken) {
                None
            } else {
                answers.next::<serde_json::Value>(end).err()
            };
            return Err(match said {
                Some(refusal @ Failure::Plain { wrong, .. }) if wrong != Wrong::Unreachable => refusal,
                _ => answers.lost(&broken),
            });
        }
        Ok(answers)
    }
}

/// What an agent answers, bit by bit.
struct Answers {
    reader: BufReader<Timed>,
    /// Whether what was asked for may be done though nobody says so.
    changes: bool,
}

impl Answers {
    fn next<T: DeserializeOwned>(&mut self, end: Option<Instant>) -> Result<Option<T>, Failure> {
        self.reader.get_mut().end = end;
        let mut line = Vec::new();
        let read = (&mut self.reader)
            .take(MAX_LINE as u64)
            .read_until(b'\n', &mut line);
        if let Err(error) = read {
            return Err(self.lost(&error));
        }
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

    fn lost(&self, error: &io::Error) -> Failure {
        if is_late(error) {
            return without_answer(Wrong::Timeout, "the agent did not answer in time", self.changes);
        }
        let message = format!("the connection to the agent broke: {error}");
        without_answer(Wrong::Unreachable, &message, self.changes)
    }
}

/// An agent may have ended, or be late, after it did what was asked.
fn without_answer(wrong: Wrong, message: &str, changes: bool) -> Failure {
    if changes {
        Failure::new(Wrong::Timeout, format!("{message}; what was asked may be done"))
    } else {
        Failure::new(wrong, message)
    }
}

/// A connection of which no read and no write goes on after a moment; without one, as long as it takes.
#[derive(Debug)]
struct Timed {
    stream: UnixStream,
    end: Option<Instant>,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.end.map(|end| end.saturating_duration_since(Instant::now()));
        match left {
            // That stands for no limit at all.
            Some(Duration::ZERO) => Err(ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(into)
    }
}

impl Write for Timed {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Connects; an agent that takes no calls is waited for so long.
fn connect(path: &Path, limit: Duration) -> io::Result<UnixStream> {
    if limit.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    // Longer than anybody waits, and short enough for every system.
    let limit = limit.min(Duration::from_hours(24 * 365));
    set_socket_timeout(&socket, Timeout::Send, Some(limit))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

fn end_of(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
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
        let client = Client::connect_within(&socket, Duration::from_secs(10)).unwrap();
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
        let client = Client::connect_within(&socket, Duration::from_secs(10)).unwrap();
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

    #[test]
    fn an_agent_that_takes_no_call_or_says_nothing_is_waited_for_no_longer_than_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ordu.sock");
        let socket = socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        rustix::net::bind(&socket, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        // One that waits to be taken is as many as there may be, and one more.
        rustix::net::listen(&socket, 0).unwrap();
        let patience = Duration::from_millis(50);
        let first = Client::connect_within(&path, patience).unwrap();
        let late = first
            .ask::<serde_json::Value>(&Request::Members, Duration::ZERO)
            .unwrap_err();
        assert_eq!(late.to_string(), "the agent did not answer in time");
        let waiting: Vec<_> = (0..3).map(|_| Client::connect_within(&path, patience)).collect();
        let late = waiting.into_iter().find_map(Result::err).unwrap();
        assert_eq!(late.wrong(), Some(Wrong::Timeout));
        assert!(late.to_string().ends_with("took no call in time"), "{late}");
    }
}
