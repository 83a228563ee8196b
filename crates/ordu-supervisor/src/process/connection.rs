use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, sendmsg, shutdown};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::ProcessExit;
use super::error::{KeeperGone, SpawnError};
use super::handle::KeeperEvent;
use super::ledger::{Ledger, Run};
use super::mark::Mark;
use super::own_child::OwnChild;
use super::procfs::since_boot;
use super::pulse::{Judgement, Pulse};
use super::sweep::{self, Remains, Session};
use super::wire::{Decoder, Refusal, Reply, Request, encode};

/// How long a keeper may take to end everything once it was told to; then it is killed.
const STOP_TIME: Duration = Duration::from_secs(5);

/// How many frames wait for the socket before callers' orders wait.
const OUTGOING: usize = 64;

/// What the handles ask of the connection.
#[derive(Debug)]
pub(super) enum Order {
    Spawn {
        incarnation: u64,
        frame: Vec<u8>,
        outputs: Vec<OwnedFd>,
        mark: Mark,
        answer: Answer,
    },
    Tell(Vec<u8>),
}

/// Where the keeper's answer to one start goes.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) to: oneshot::Sender<Result<Result<Started, Refusal>, SpawnError>>,
    /// Until then this is one of the starts under way.
    pub(super) _permit: OwnedSemaphorePermit,
}

/// Identity of a started process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started {
    pub(super) pid: u32,
    pub(super) start_time: u64,
    pub(super) in_control_group: bool,
}

#[derive(Debug)]
struct Frame {
    bytes: Vec<u8>,
    sent: usize,
    /// Go with the first byte.
    descriptors: Vec<OwnedFd>,
}

#[derive(Debug)]
struct Known {
    /// `None` until the keeper said that it started.
    started: Option<Started>,
    answer: Option<Answer>,
}

/// The agent's end of the socket: the only task that speaks with the keeper.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    keeper: OwnChild,
    orders: mpsc::UnboundedReceiver<Order>,
    stops: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    events: mpsc::UnboundedSender<KeeperEvent>,
    replies: Decoder,
    outgoing: VecDeque<Frame>,
    children: BTreeMap<u64, Known>,
    /// Whether a start was ever asked for.
    has_started: bool,
    run: Run,
    ledger: Option<Ledger>,
    /// The keeper was asked to end, and must have until then.
    stopping: Option<Instant>,
    stopped: Vec<oneshot::Sender<()>>,
    pulse: Pulse,
}

impl Connection {
    pub(super) fn new(
        stream: UnixStream,
        keeper: OwnChild,
        orders: mpsc::UnboundedReceiver<Order>,
        stops: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
        events: mpsc::UnboundedSender<KeeperEvent>,
        run: Run,
    ) -> Self {
        Self {
            stream,
            keeper,
            orders,
            stops,
            events,
            replies: Decoder::default(),
            outgoing: VecDeque::new(),
            children: BTreeMap::new(),
            has_started: false,
            run,
            ledger: None,
            stopping: None,
            stopped: Vec::new(),
            pulse: Pulse::new(since_boot()),
        }
    }

    /// Carries orders and replies until the keeper is gone.
    pub(super) async fn run(mut self, ledger: Option<Ledger>) {
        self.ledger = ledger;
        let mut stuck = false;
        self.pulse.heard(since_boot());
        let mut look_at = Instant::now();
        loop {
            let until = self.stopping.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = sleep_until(until), if self.stopping.is_some() => {
                    // Stopped by a signal, or in a system call that does not return.
                    stuck = true;
                    break;
                }
                readable = self.stream.readable() => {
                    if readable.is_err() || !self.receive() {
                        break;
                    }
                }
                writable = self.stream.writable(), if !self.outgoing.is_empty() => {
                    if writable.is_err() || self.send().is_err() {
                        break;
                    }
                }
                // After the replies that have come: they tell that it lives.
                () = sleep_until(look_at), if self.stopping.is_none() => {
                    match self.pulse.look(since_boot()) {
                        Judgement::Wait => {}
                        Judgement::Ask => {
                            self.push(encode(&Request::Ping), Vec::new());
                            if self.send().is_err() {
                                break;
                            }
                        }
                        Judgement::Hangs => {
                            stuck = true;
                            break;
                        }
                    }
                    look_at = Instant::now() + self.pulse.next_look(since_boot());
                }
                order = self.orders.recv(), if self.stopping.is_none() && self.outgoing.len() < OUTGOING => {
                    self.take(order);
                    if self.send().is_err() {
                        break;
                    }
                }
                // After the orders given before it, but for those that a keeper that does not read leaves.
                stop = self.stops.recv(), if self.stopping.is_none() => {
                    self.stopped.extend(stop);
                    self.begin_stop();
                }
            }
            if self.stopping.is_some() && self.outgoing.is_empty() {
                // Its end-of-file. What it still has to say is read above.
                let _ = shutdown(&self.stream, Shutdown::Write);
            }
        }
        self.conclude(stuck).await;
    }

    fn begin_stop(&mut self) {
        self.stopping = Some(Instant::now() + STOP_TIME);
    }

    fn take(&mut self, order: Option<Order>) {
        match order {
            Some(Order::Spawn {
                incarnation,
                frame,
                outputs,
                mark,
                answer,
            }) => {
                if self.children.contains_key(&incarnation) {
                    let _ = answer.to.send(Err(SpawnError::AlreadyRuns(incarnation)));
                    return;
                }
                self.has_started = true;
                self.children.insert(
                    incarnation,
                    Known {
                        started: None,
                        answer: Some(answer),
                    },
                );
                if let Some(ledger) = &mut self.ledger {
                    ledger.announce(incarnation, mark);
                }
                self.push(frame, outputs);
            }
            Some(Order::Tell(bytes)) => self.push(bytes, Vec::new()),
            // Nobody has a handle any more.
            None => self.begin_stop(),
        }
    }

    fn push(&mut self, bytes: Vec<u8>, descriptors: Vec<OwnedFd>) {
        self.outgoing.push_back(Frame {
            bytes,
            sent: 0,
            descriptors,
        });
    }

    /// Sends what the socket takes.
    fn send(&mut self) -> io::Result<()> {
        while let Some(frame) = self.outgoing.front_mut() {
            let result = self
                .stream
                .try_io(Interest::WRITABLE, || send_part(self.stream.as_fd(), frame));
            match result {
                Ok(count) => {
                    frame.descriptors.clear();
                    frame.sent += count;
                    if frame.sent == frame.bytes.len() {
                        self.outgoing.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what there is; says whether the keeper is still there.
    fn read(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 16 << 10];
        loop {
            match self.stream.try_read(&mut bytes) {
                Ok(0) => return Ok(false),
                Ok(count) => self.replies.push(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes in the keeper's replies; says whether it is still there.
    fn receive(&mut self) -> bool {
        let open = self.read().unwrap_or(false);
        while let Ok(Some(reply)) = self.replies.next() {
            self.pulse.heard(since_boot());
            self.handle(reply);
        }
        open
    }

    fn handle(&mut self, reply: Reply) {
        match reply {
            Reply::Ready | Reply::Pong => {}
            Reply::Spawned {
                incarnation,
                pid,
                start_time,
                in_control_group,
            } => {
                let Some(child) = self.children.get_mut(&incarnation) else {
                    return;
                };
                let started = Started {
                    pid,
                    start_time,
                    in_control_group,
                };
                child.started = Some(started);
                if let Some(ledger) = &mut self.ledger {
                    ledger.add(incarnation, pid, start_time);
                }
                if let Some(answer) = child.answer.take() {
                    let _ = answer.to.send(Ok(Ok(started)));
                }
            }
            Reply::Refused { incarnation, refusal } => {
                if let Some(ledger) = &mut self.ledger {
                    ledger.remove(incarnation);
                }
                if let Some(answer) = self.children.remove(&incarnation).and_then(|child| child.answer) {
                    let _ = answer.to.send(Ok(Err(refusal)));
                }
            }
            Reply::Exited { incarnation, exit } => {
                if self.children.remove(&incarnation).is_some() {
                    self.report_exit(incarnation, exit);
                }
            }
        }
    }

    fn report_exit(&mut self, incarnation: u64, exit: ProcessExit) {
        if let Some(ledger) = &mut self.ledger {
            ledger.remove(incarnation);
        }
        let _ = self.events.send(KeeperEvent::Exited { incarnation, exit });
    }

    /// The keeper is gone: ends what it may have left behind, and reports.
    async fn conclude(mut self, stuck: bool) {
        let leaders = self.children.values().filter_map(|child| child.started);
        let remains = Remains {
            run: self.run.nonce,
            group: self.run.group,
            session: Session::Certain(self.keeper.id()),
            leaders: leaders.map(|leader| (leader.pid, leader.start_time)).collect(),
        };
        let mut keeper = self.keeper;
        // Callers wait until there is another keeper: one that has started nothing left nothing behind.
        let orderly = self.stopping.is_some() && !stuck && self.children.is_empty();
        let is_clean = orderly || !self.has_started;
        let ended = tokio::task::spawn_blocking(move || {
            // It may be only its socket that broke. A keeper that ended by itself is not harmed.
            let _ = keeper.kill();
            // Not reaped yet, it keeps its number, which is that of its children's session.
            let all_ended = is_clean || sweep::end_children_of(&keeper, &remains);
            let _ = keeper.wait();
            if let Some(group) = remains.group {
                group.remove();
            }
            all_ended
        });
        let all_ended = ended.await.unwrap_or(false);

        for (incarnation, child) in std::mem::take(&mut self.children) {
            if let Some(answer) = child.answer {
                let _ = answer.to.send(Err(KeeperGone.into()));
            } else {
                let exit = ProcessExit::Lost;
                let _ = self.events.send(KeeperEvent::Exited { incarnation, exit });
            }
        }
        if let Some(ledger) = self.ledger {
            ledger.close(all_ended, self.stopping.is_some());
        }
        if self.stopping.is_none() {
            let event = if stuck {
                KeeperEvent::Hung
            } else {
                KeeperEvent::Lost
            };
            let _ = self.events.send(event);
        }
        // Others may have asked while the first stop was under way.
        self.stops.close();
        while let Ok(done) = self.stops.try_recv() {
            self.stopped.push(done);
        }
        for done in self.stopped {
            let _ = done.send(());
        }
        // Orders that nobody took: their callers' channels end with this one.
    }
}

fn send_part(socket: BorrowedFd<'_>, frame: &Frame) -> io::Result<usize> {
    let descriptors: Vec<BorrowedFd<'_>> = frame.descriptors.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let rest = IoSlice::new(&frame.bytes[frame.sent..]);
    Ok(sendmsg(
        socket,
        &[rest],
        &mut ancillary,
        SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
    )?)
}
