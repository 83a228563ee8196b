use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::descriptors::Descriptors;
use super::endpoint::Endpoint;
use super::places::{Doing, Place, Places};
use super::refusal::Refusal;
use super::seldom::Seldom;
use super::{Agent, logs};
use crate::control::{MAX_LINE, Question, Reply, Request};
use crate::failure::Wrong;

/// How many changes are under way at once: each may take as long as its caller says.
const CHANGES: usize = 256;

/// A request longer than this has to wait for its turn with others that are, so that all requests together take
/// bounded memory: almost none is.
const SHORT: usize = 64 * 1024;

/// How many long requests are read at once.
const LONG_ONES: usize = 4;

/// How long a caller may take to say what it wants, and then to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one that was refused may go on speaking before nobody listens any more.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long to wait after the operating system could not give a caller; without a pause it would be a busy loop.
const PAUSE: Duration = Duration::from_millis(100);

/// What all sessions share.
#[derive(Debug)]
struct Desk {
    agent: Arc<Agent>,
    callers: Places,
    readers: Places,
    changes: Semaphore,
    long_ones: Semaphore,
    denied: Seldom,
}

/// Answers callers until it is dropped.
pub(super) async fn serve(endpoint: Endpoint, agent: Arc<Agent>, room: Descriptors) {
    let desk = Arc::new(Desk {
        agent,
        callers: Places::new(room.callers),
        readers: Places::new(room.readers),
        changes: Semaphore::new(CHANGES),
        long_ones: Semaphore::new(LONG_ONES),
        denied: Seldom::default(),
    });
    let trouble = Seldom::default();
    loop {
        let accepted = endpoint.listener().accept().await;
        let Some((stream, _)) = or_pause(accepted, &trouble, "cannot take a caller").await else {
            continue;
        };
        let place = desk.callers.enter(Doing::Asking).await;
        let desk = Arc::clone(&desk);
        // A task of its own: a caller that hangs up does not stop half way what it asked for.
        tokio::spawn(async move { desk.session(stream, place).await });
    }
}

/// What was accepted. Otherwise this process has most likely too many files open: it says so and waits a little.
pub(super) async fn or_pause<T>(accepted: io::Result<T>, trouble: &Seldom, what: &str) -> Option<T> {
    match accepted {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            if let Some(unsaid) = trouble.happened() {
                tracing::warn!(%error, unsaid, "{what}; raise the limit of open files if it is that");
            }
            sleep(PAUSE).await;
            None
        }
    }
}

impl Desk {
    async fn session(&self, stream: UnixStream, place: Place) {
        let allowed = allowed(&stream);
        let (reader, writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        let request = match allowed {
            Ok(()) => tokio::select! {
                biased;
                () = place.shown_out() => return,
                request = self.read(&mut reader) => request,
            },
            Err(refusal) => {
                if let Some(unsaid) = self.denied.happened() {
                    tracing::warn!(unsaid, "a caller was denied: {}", refusal.message);
                }
                Err(refusal)
            }
        };
        let mut answer = Answer { writer, place };
        match request {
            Ok(Question {
                horde,
                request: Request::Logs(request),
            }) => {
                // They stay for as long as they like, so they sit elsewhere.
                // A place may come free only once its holder has let an answer wait.
                let reading = timeout(PATIENCE, self.readers.enter(Doing::Waiting)).await;
                let Ok(place) = reading else {
                    let message = "too many others read output of children here already; end some of them";
                    return answer.send(&Refusal::new(Wrong::Failed, message).into()).await;
                };
                answer.place = place;
                if let Err(refusal) =
                    logs::send(&self.agent, horde.as_deref(), request, &mut reader, &mut answer).await
                {
                    answer.send(&refusal.into()).await;
                }
            }
            Ok(question) => {
                let change = question.request.changes().then(|| self.changes.try_acquire());
                if let Some(Err(_)) = change {
                    let message = format!("{CHANGES} changes are under way here already; ask again");
                    return answer.send(&Refusal::new(Wrong::Failed, message).into()).await;
                }
                if answer.place.begin(Doing::Waiting).is_err() {
                    return;
                }
                let reply = self
                    .agent
                    .answer(question)
                    .await
                    .map_or_else(Reply::from, Reply::Ok);
                drop(change);
                answer.send(&reply).await;
            }
            Err(refusal) => {
                answer.send(&refusal.into()).await;
                answer.end_after(&mut reader).await;
            }
        }
    }

    async fn read(&self, reader: &mut BufReader<OwnedReadHalf>) -> Result<Question, Refusal> {
        let mut line = Vec::new();
        let read = async {
            let mut short = (&mut *reader).take(SHORT as u64);
            let read = short.read_until(b'\n', &mut line).await?;
            if read < SHORT || line.ends_with(b"\n") {
                return Ok(());
            }
            let _turn = self.long_ones.acquire().await;
            let mut rest = reader.take((MAX_LINE - SHORT) as u64);
            rest.read_until(b'\n', &mut line).await.map(drop)
        };
        match timeout(PATIENCE, read).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Refusal::new(Wrong::Usage, io::Error::to_string(&error))),
            Err(_) => {
                let message = format!("no whole request came within {} s", PATIENCE.as_secs());
                return Err(Refusal::new(Wrong::Usage, message));
            }
        }
        Question::from_line(&line).map_err(|error| {
            Refusal::new(
                Wrong::Usage,
                format!("not a request this agent understands: {error}"),
            )
        })
    }
}

/// The mode of the socket keeps others out already; this holds even if somebody changed it.
fn allowed(stream: &UnixStream) -> Result<(), Refusal> {
    let peer = stream
        .peer_cred()
        .map_err(|error| Refusal::new(Wrong::Denied, format!("cannot tell who you are: {error}")))?;
    let own = rustix::process::geteuid().as_raw();
    if peer.uid() == own || peer.uid() == 0 {
        return Ok(());
    }
    let message = format!(
        "this agent is user {own}'s to command; you are user {}",
        peer.uid()
    );
    Err(Refusal::new(Wrong::Denied, message))
}

/// An answer as it is sent. One that is longer than a caller reads is a refusal that says so.
fn line_of(reply: &Reply) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(reply)?;
    if line.len() >= MAX_LINE {
        let message = format!(
            "the answer is {} bytes long, and one may have {MAX_LINE} at the most; ask about less at once",
            line.len()
        );
        line = serde_json::to_vec(&Reply::from(Refusal::new(Wrong::Failed, message)))?;
    }
    line.push(b'\n');
    Ok(line)
}

/// Where a caller is answered, and the place it has for that long.
#[derive(Debug)]
pub(super) struct Answer {
    writer: OwnedWriteHalf,
    place: Place,
}

impl Answer {
    /// Sends a whole answer. A caller that has gone away, or does not take it in time, misses it, which is its own
    /// affair.
    pub(super) async fn send(&mut self, reply: &Reply) {
        let _ = timeout(PATIENCE, self.send_part(reply)).await;
    }

    /// Sends one of many parts, however long that takes, unless somebody else needs the place; `false` once there
    /// is nobody to send the others to.
    pub(super) async fn send_part(&mut self, reply: &Reply) -> bool {
        let Ok(line) = line_of(reply) else {
            return false;
        };
        if self.place.begin(Doing::Taking).is_err() {
            return false;
        }
        let sent = tokio::select! {
            biased;
            () = self.place.shown_out() => false,
            sent = self.writer.write_all(&line) => sent.is_ok(),
        };
        sent && self.place.begin(Doing::Waiting).is_ok()
    }

    /// Ends a session whose caller may still speak: a close with words unread would break the connection before it
    /// has read the answer.
    async fn end_after(mut self, reader: &mut BufReader<OwnedReadHalf>) {
        let _ = self.writer.shutdown().await;
        let _ = self.place.begin(Doing::Taking);
        let mut rest = reader.take(MAX_LINE as u64);
        let mut nowhere = tokio::io::sink();
        tokio::select! {
            biased;
            () = self.place.shown_out() => {}
            _ = timeout(LAST_WORDS, tokio::io::copy(&mut rest, &mut nowhere)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_too_long_is_a_refusal_in_words() {
        let fits = Reply::Ok("x".repeat(MAX_LINE - 16).into());
        let line = line_of(&fits).unwrap();
        assert!(line.len() <= MAX_LINE && line.ends_with(b"\n"));
        assert_eq!(serde_json::from_slice::<Reply>(&line).unwrap(), fits);

        let line = line_of(&Reply::Ok("\0".repeat(MAX_LINE / 4).into())).unwrap();
        let Reply::Error { message, .. } = serde_json::from_slice(&line).unwrap() else {
            panic!("it was sent");
        };
        assert!(
            message.starts_with("the answer is 25165833 bytes long"),
            "{message}"
        );
    }
}
