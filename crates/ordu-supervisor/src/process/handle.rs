use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::boot::boot;
use super::cgroup::RunGroup;
use super::connection::{Answer, Connection, Order, Started};
use super::error::{KeeperGone, SpawnError, StartError};
use super::ledger::{Ledger, Run};
use super::mark::{Mark, Nonce};
use super::request::SpawnRequest;
use super::wire::{self, Refusal, Request, encode};
use super::{ProcessExit, Signal, keeper, procfs};

/// How many starts are under way at once. Each has pipes open at both ends, in this process and in the socket,
/// and the system bounds both; the keeper starts one after the other anyway.
const STARTS: usize = 64;

/// How a keeper is started.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct KeeperConfig {
    /// Where to note what runs. What a predecessor noted there and left running is killed at the start;
    /// needed only for the case that an agent and its keeper are killed at the same instant. Beside this file there is
    /// another, with `.new` after its name, which has room for the next record, for a disk that becomes full.
    pub ledger: Option<PathBuf>,
    /// Start no child in a control group of its own. Where cgroup v2 can be had, each has one otherwise, below that of
    /// this process, and is killed by it, which reaches also what has forgotten its environment.
    pub without_control_groups: bool,
}

/// What a keeper reports by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeeperEvent {
    /// A child is over: its first process ended like this, and nothing of it is left.
    ///
    /// It may come before [`Keeper::spawn`] returned for the same incarnation.
    Exited {
        /// Which.
        incarnation: u64,
        /// How.
        exit: ProcessExit,
    },
    /// The keeper itself ended unasked. `Exited` was reported for every child; the owner starts a new one.
    Lost,
    /// The same, because it did not answer for five seconds, in which this process did not stand still itself:
    /// something has stopped it, or it is in a system call that does not return. It was killed.
    Hung,
}

/// A process that was started.
#[derive(Debug)]
pub struct Process {
    /// As it was asked for.
    pub incarnation: u64,
    /// Its process id, which is that of its process group too.
    pub pid: u32,
    /// When it started, in clock ticks since the machine did: with the pid, its identity.
    pub start_time: u64,
    /// Whether it has a control group of its own.
    pub in_control_group: bool,
    /// Its standard output ([`Output::Separate`](super::Output::Separate)), or both ([`Output::Merged`](super::Output::Merged)).
    pub stdout: Option<pipe::Receiver>,
    /// Its standard error ([`Output::Separate`](super::Output::Separate)).
    pub stderr: Option<pipe::Receiver>,
}

/// A running keeper; clones are handles to the same one.
///
/// When the last handle is dropped, the keeper ends all children and itself. Nothing here needs to be
/// awaited for that; [`stop`](Self::stop) does it and waits.
#[derive(Clone, Debug)]
pub struct Keeper {
    orders: mpsc::UnboundedSender<Order>,
    /// Beside the orders, which wait when the keeper does not read.
    stops: mpsc::UnboundedSender<oneshot::Sender<()>>,
    starts: Arc<Semaphore>,
    pid: u32,
    run: Nonce,
}

impl Keeper {
    /// Starts a keeper and waits until it is ready. One that is killed before it is ready is replaced, four
    /// times at most; so is one that is not ready after ten seconds.
    ///
    /// The channel has at most one event for each child and one for the keeper; it ends when the keeper has.
    pub async fn start(
        config: KeeperConfig,
    ) -> Result<(Self, mpsc::UnboundedReceiver<KeeperEvent>), StartError> {
        if !keeper::is_initialised() {
            return Err(StartError::NotInitialised);
        }
        let nonce = Nonce::draw().map_err(StartError::Spawn)?;
        let group = RunGroup::place(nonce).filter(|_| !config.without_control_groups);
        let mut run = Run { nonce, group };
        let mut ledger = match config.ledger {
            Some(path) => Some(Ledger::take_over(path, run.clone()).await?),
            None => None,
        };
        run.group = run.group.filter(|group| group.make().is_ok());
        let (orders, inbox) = mpsc::unbounded_channel();
        let (stops, stop) = mpsc::unbounded_channel();
        let (report, events) = mpsc::unbounded_channel();
        let booted = boot(run.group.as_ref()).await;
        if let (Err(_), Some(group)) = (&booted, &run.group) {
            group.remove();
        }
        let (stream, child) = booted?;
        let pid = child.id();
        let connection = Connection::new(stream, child, inbox, stop, report, run);
        if let Some(ledger) = &mut ledger {
            ledger.begin(pid).map_err(|source| ledger.failed(source))?;
        }
        tokio::spawn(connection.run(ledger));
        let starts = Arc::new(Semaphore::new(STARTS));
        let keeper = Self {
            orders,
            stops,
            starts,
            pid,
            run: nonce,
        };
        Ok((keeper, events))
    }

    /// The keeper's own process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Starts a child.
    ///
    /// Any number may be asked for at once; a limited number of starts is under way. If this future is
    /// dropped, the child may have been started all the same: it is reported and can be killed by its
    /// incarnation like any other, but its output goes nowhere.
    pub async fn spawn(&self, request: SpawnRequest) -> Result<Process, SpawnError> {
        let turn = self.turn().await?;
        self.order_spawn(request, turn)?.await
    }

    /// Waits until another start may be under way.
    pub(crate) async fn turn(&self) -> Result<Turn, KeeperGone> {
        let starts = Arc::clone(&self.starts);
        starts.acquire_owned().await.map(Turn).map_err(|_| KeeperGone)
    }

    /// Starts a child, as [`spawn`](Self::spawn): from here on there may be one, until this says that there is none, or
    /// its end is reported.
    pub(crate) fn order_spawn(&self, request: SpawnRequest, turn: Turn) -> Result<Spawning, SpawnError> {
        let incarnation = request.incarnation;
        let mark = Mark::of_run(self.run).map_err(SpawnError::Mark)?;
        let (program, cwd) = (request.program(), request.cwd.clone());
        let mut receivers = Vec::new();
        let mut outputs = Vec::new();
        for _ in 0..request.pipes() {
            let (reader, writer) = io::pipe().map_err(SpawnError::Pipe)?;
            receivers.push(pipe::Receiver::from_owned_fd(reader.into()).map_err(SpawnError::Pipe)?);
            outputs.push(OwnedFd::from(writer));
        }
        let frame = encode(&Request::Spawn(request.into_wire(mark)?));
        if !wire::fits(&frame) {
            return Err(SpawnError::Invalid(
                "the command and its environment are too long",
            ));
        }
        let (to, answered) = oneshot::channel();
        let answer = Answer { to, _permit: turn.0 };
        self.order(Order::Spawn {
            incarnation,
            frame,
            outputs,
            mark,
            answer,
        })?;
        let mut receivers = receivers.into_iter();
        let (stdout, stderr) = (receivers.next(), receivers.next());
        Ok(Spawning {
            incarnation,
            program,
            cwd,
            stdout,
            stderr,
            answered,
        })
    }

    /// Sends a signal to the process group of a child; nothing happens if its first process has ended.
    ///
    /// A process that is stopped handles it when it is continued; [`kill`](Self::kill) needs no continuing.
    pub fn signal(&self, incarnation: u64, signal: Signal) -> Result<(), KeeperGone> {
        self.order(Order::Tell(encode(&Request::Signal { incarnation, signal })))
    }

    /// Asks a child to stop: its process group is sent the stop signal of its request, and then SIGCONT, so that one
    /// that is suspended hears it. What its first process leaves behind when it ends is then sent the same, unless it
    /// is in that process group.
    ///
    /// There is no deadline: [`kill`](Self::kill) ends what takes too long. The child is over, and is reported, when
    /// all of it has ended.
    pub fn ask_to_stop(&self, incarnation: u64) -> Result<(), KeeperGone> {
        self.order(Order::Tell(encode(&Request::Stop { incarnation })))
    }

    /// Kills a child with all its descendants, also those in sessions of their own.
    pub fn kill(&self, incarnation: u64) -> Result<(), KeeperGone> {
        self.order(Order::Tell(encode(&Request::Kill { incarnation })))
    }

    /// Has the keeper end everything unless it is called again within `time`, which counts suspension of
    /// the machine (S9.2). The first call takes out the lease.
    ///
    /// A lease protects against an agent that is stopped but not gone. The deadline is fixed here, at the
    /// call, so a message that is late on its way gives no more time.
    pub fn renew_lease(&self, time: Duration) -> Result<(), KeeperGone> {
        let until = Some(procfs::since_boot().saturating_add(time));
        self.order(Order::Tell(encode(&Request::Lease { until })))
    }

    /// Gives up the lease: only the end of the agent ends the children.
    pub fn end_lease(&self) -> Result<(), KeeperGone> {
        self.order(Order::Tell(encode(&Request::Lease { until: None })))
    }

    /// Ends all children and the keeper, whoever else has a handle; returns when all of them are gone and
    /// reported.
    ///
    /// A keeper that has not done it after five seconds, because it is stopped or stuck, is killed, and its
    /// children with it: at most ten seconds more.
    pub async fn stop(self) {
        let (done, wait) = oneshot::channel();
        if self.stops.send(done).is_ok() {
            let _ = wait.await;
        }
    }

    fn order(&self, order: Order) -> Result<(), KeeperGone> {
        self.orders.send(order).map_err(|_| KeeperGone)
    }
}

/// Whose turn it is to start a child.
#[derive(Debug)]
pub(crate) struct Turn(OwnedSemaphorePermit);

/// A start that was ordered: what comes of it. To be polled until that is told.
#[derive(Debug)]
pub(crate) struct Spawning {
    incarnation: u64,
    program: String,
    cwd: Option<PathBuf>,
    stdout: Option<pipe::Receiver>,
    stderr: Option<pipe::Receiver>,
    answered: oneshot::Receiver<Result<Result<Started, Refusal>, SpawnError>>,
}

impl Future for Spawning {
    type Output = Result<Process, SpawnError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answered).poll(cx));
        let started = match answer.map_err(|_| KeeperGone)?? {
            Ok(started) => started,
            Err(Refusal::Directory(number)) => {
                let (path, source) = (
                    self.cwd.take().unwrap_or_default(),
                    io::Error::from_raw_os_error(number),
                );
                return Poll::Ready(Err(SpawnError::WorkingDirectory { path, source }));
            }
            Err(Refusal::Program(number)) => {
                return Poll::Ready(Err(SpawnError::Program {
                    program: mem::take(&mut self.program),
                    source: io::Error::from_raw_os_error(number),
                }));
            }
        };
        Poll::Ready(Ok(Process {
            incarnation: self.incarnation,
            pid: started.pid,
            start_time: started.start_time,
            in_control_group: started.in_control_group,
            stdout: self.stdout.take(),
            stderr: self.stderr.take(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_cannot_become_a_keeper_is_refused_one() {
        // The test harness does not call `init`.
        let error = Keeper::start(KeeperConfig::default()).await.unwrap_err();

        assert!(matches!(error, StartError::NotInitialised));
        assert!(
            error
                .to_string()
                .contains("call process::keeper::init() first in main")
        );
    }
}
