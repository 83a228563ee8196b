use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::refusal::Refusal;
use super::{Agent, logs};
use crate::control::{MAX_LINE, Reply, Request};
use crate::failure::Wrong;

/// How many callers are served at once; more wait in the kernel's queue.
const CALLERS: usize = 256;

/// How many callers read output of children at once, besides the others: they stay for as long as they like.
const READERS: usize = 256;

/// How long a caller may take to say what it wants, and then to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers callers until it is dropped.
pub(super) async fn serve(endpoint: Endpoint, agent: Arc<Agent>) {
    let callers = Arc::new(Semaphore::new(CALLERS));
    let readers = Arc::new(Semaphore::new(READERS));
    while let Ok(place) = Arc::clone(&callers).acquire_owned().await {
        match endpoint.listener().accept().await {
            Ok((stream, _)) => {
                let (agent, readers) = (Arc::clone(&agent), Arc::clone(&readers));
                // A task of its own: a caller that hangs up does not stop half way what it asked for.
                tokio::spawn(async move { session(stream, &agent, place, &readers).await });
            }
            Err(error) => {
                // Out of descriptors, most likely: without a pause this would be a busy loop.
                tracing::warn!(%error, "cannot take a caller");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn session(stream: UnixStream, agent: &Agent, place: OwnedSemaphorePermit, readers: &Semaphore) {
    let allowed = allowed(&stream);
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let request = match allowed {
        Ok(()) => read(&mut reader).await,
        Err(refusal) => Err(refusal),
    };
    let reply = match request {
        Ok(Request::Logs(request)) => {
            let Ok(_reading) = readers.try_acquire() else {
                let message = format!("{READERS} others read output of children here already");
                return write(&mut writer, &Refusal::new(Wrong::Failed, message).into()).await;
            };
            drop(place);
            return match logs::send(agent, request, &mut reader, &mut writer).await {
                Ok(()) => {}
                Err(refusal) => write(&mut writer, &refusal.into()).await,
            };
        }
        Ok(request) => agent.answer(request).await.map_or_else(Reply::from, Reply::Ok),
        Err(refusal) => refusal.into(),
    };
    let _ = timeout(PATIENCE, write(&mut writer, &reply)).await;
    drop(place);
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

async fn read(reader: &mut BufReader<OwnedReadHalf>) -> Result<Request, Refusal> {
    let mut line = Vec::new();
    let mut limited = reader.take(MAX_LINE as u64);
    match timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(Refusal::new(Wrong::Usage, error.to_string())),
        Err(_) => return Err(Refusal::new(Wrong::Usage, "no request came")),
    }
    serde_json::from_slice(&line).map_err(|error| {
        Refusal::new(
            Wrong::Usage,
            format!("not a request this agent understands: {error}"),
        )
    })
}

/// A caller that has gone away misses its answer, which is its own affair.
pub(super) async fn write(writer: &mut OwnedWriteHalf, reply: &Reply) {
    if let Ok(mut line) = serde_json::to_vec(reply) {
        line.push(b'\n');
        let _ = writer.write_all(&line).await;
    }
}
