use std::convert::Infallible;
use std::io;
use std::time::Duration;

use ordu_core::StartId;
use ordu_supervisor::process::log::{RotatingFile, drain};
use ordu_supervisor::process::{Keeper, Process, SpawnError, SpawnRequest};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::log::LogRun;

/// How long the last words of a run are waited for when the next one starts. Its processes are gone by then, so
/// only a slow disk can hold them up.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What came of one start.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) start: StartId,
    pub(super) result: Result<u32, StartFailed>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum StartFailed {
    #[error("cannot open its log: {0}")]
    Log(io::Error),
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// One start of a process: starts it, tells what came of it, and then writes down what it prints until all of
/// it has ended. The process itself outlives this being dropped; its output does not.
///
/// The handle to the keeper is let go of before the output is written down, however long that takes: while there
/// is one the keeper lives, and it must not outlive the driver.
pub(super) struct Run {
    pub(super) start: StartId,
    /// The keeper that there is, and those that come after it.
    pub(super) keepers: watch::Receiver<Keeper>,
    /// Closed when the start is not wanted any more.
    pub(super) wanted: oneshot::Receiver<Infallible>,
    pub(super) request: SpawnRequest,
    pub(super) log: LogRun,
    /// The run before of the same child, which may still write to the log: only one may at a time.
    pub(super) previous: Option<JoinHandle<()>>,
    pub(super) spawned: mpsc::UnboundedSender<Spawned>,
}

impl Run {
    pub(super) async fn run(self) {
        let (start, log) = (self.start, self.log);
        let (mut keepers, mut wanted) = (self.keepers, self.wanted);
        let started = match open(&log, self.previous).await {
            Ok(file) => match spawn(&mut keepers, self.request, &mut wanted).await {
                Ok(process) => Ok((file, process)),
                Err(error) => Err(error.into()),
            },
            Err(error) => Err(StartFailed::Log(error)),
        };
        drop(keepers);
        match started {
            Ok((file, process)) => {
                // If the driver has ended nobody is left to be told, and the keeper has been stopped.
                let _ = self.spawned.send(Spawned {
                    start,
                    result: Ok(process.pid),
                });
                let drained = drain(process.stdout, process.stderr, file, |dropped| {
                    log.dropped(dropped);
                });
                match drained.await {
                    Ok(file) => log.leave_missing(file.missing()),
                    Err(error) => {
                        let log = log.files().path(0);
                        tracing::warn!(log = %log.display(), %error, "cannot write the output of a child");
                    }
                }
            }
            Err(error) => drop(self.spawned.send(Spawned {
                start,
                result: Err(error),
            })),
        }
    }
}

/// Starts it under the keeper that there is, and once more under the next if that one is gone before it has answered: a
/// keeper that is gone has taken with it whatever it had started. Once only, for the program itself may be the cause.
async fn spawn(
    keepers: &mut watch::Receiver<Keeper>,
    request: SpawnRequest,
    wanted: &mut oneshot::Receiver<Infallible>,
) -> Result<Process, SpawnError> {
    let keeper = keepers.borrow_and_update().clone();
    let gone = match keeper.spawn(request.clone()).await {
        Err(SpawnError::KeeperGone(gone)) => gone,
        answered => return answered,
    };
    drop(keeper);
    let is_replaced = keepers.changed().await.is_ok();
    if !is_replaced || matches!(wanted.try_recv(), Err(TryRecvError::Closed)) {
        return Err(gone.into());
    }
    let next = keepers.borrow_and_update().clone();
    next.spawn(request).await
}

/// A log that cannot be opened is no reason not to start: it is tried again with each write.
async fn open(log: &LogRun, previous: Option<JoinHandle<()>>) -> io::Result<RotatingFile> {
    if let Some(mut previous) = previous
        && timeout(LAST_WORDS, &mut previous).await.is_err()
    {
        previous.abort();
        let _ = previous.await;
    }
    let (files, missing) = (log.files().clone(), log.take_missing());
    let opened = tokio::task::spawn_blocking(move || {
        let mut file = RotatingFile::open(files);
        file.skip(missing);
        file
    });
    opened.await.map_err(io::Error::other)
}
