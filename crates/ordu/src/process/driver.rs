use std::collections::HashMap;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::time::Duration;

use ordu_core::{Shutdown, StartId};
use ordu_supervisor::process::{
    self as os, Keeper, KeeperConfig, KeeperEvent, ProcessExit, SpawnRequest, environment,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::outage::Outage;
use super::panic::catch_panic;
use super::run::{Run, Spawned};
use super::state::{Asked, Phase, Process, exit_reason};
use super::{Logs, ProcessSpec};
use crate::kind::{StartRequest, Starting};

/// How often a new keeper is tried while none can be started.
const KEEPER_RETRY: Duration = Duration::from_millis(500);

/// What the node asks.
#[derive(Debug)]
pub(super) enum Order {
    Start(StartRequest, Starting),
    Shutdown(StartId),
    Kill(StartId),
}

/// Speaks with the keeper and keeps the books of the processes.
#[derive(Debug)]
pub(super) struct Driver {
    /// The keeper that there is; starts under way see when it is replaced.
    keeper: watch::Sender<Keeper>,
    events: mpsc::UnboundedReceiver<KeeperEvent>,
    config: KeeperConfig,
    open_files: Option<u64>,
    logs: Logs,
    outage: Outage,
    orders: mpsc::UnboundedReceiver<Order>,
    spawned: mpsc::UnboundedReceiver<Spawned>,
    spawned_sender: mpsc::UnboundedSender<Spawned>,
    processes: HashMap<StartId, Process>,
    /// The last run of each child that may still write to its log, by the path of the log.
    runs: HashMap<PathBuf, JoinHandle<()>>,
}

impl Driver {
    pub(super) fn new(
        keeper: Keeper,
        events: mpsc::UnboundedReceiver<KeeperEvent>,
        config: KeeperConfig,
        open_files: Option<u64>,
        logs: Logs,
        outage: Outage,
        orders: mpsc::UnboundedReceiver<Order>,
    ) -> Self {
        let (spawned_sender, spawned) = mpsc::unbounded_channel();
        let (processes, runs) = (HashMap::new(), HashMap::new());
        Self {
            keeper: watch::Sender::new(keeper),
            events,
            config,
            open_files,
            logs,
            outage,
            orders,
            spawned,
            spawned_sender,
            processes,
            runs,
        }
    }

    /// Works until the kind is dropped, then ends the keeper and all children.
    ///
    /// A panic ends them as well, before anything of the children is reported: an end that is reported while
    /// the child still runs would be the start of a second copy. It is passed on once they are gone.
    pub(super) async fn run(mut self) {
        let worked = catch_panic(self.work()).await;
        let keeper = self.keeper.borrow().clone();
        keeper.stop().await;
        if let Err(panic) = worked {
            drop(self);
            resume_unwind(panic);
        }
    }

    async fn work(&mut self) {
        loop {
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                Some(spawned) = self.spawned.recv() => self.note_spawned(spawned),
                event = self.events.recv() => match event {
                    Some(KeeperEvent::Exited { incarnation, exit }) => {
                        self.note_exit(StartId(incarnation), exit);
                    }
                    Some(KeeperEvent::Hung) => {
                        tracing::error!(
                            pid = self.keeper.borrow().pid(),
                            "the keeper of processes did not answer for seconds and was killed; starting a new one"
                        );
                        self.replace_keeper().await;
                    }
                    Some(KeeperEvent::Lost) | None => {
                        tracing::error!(
                            pid = self.keeper.borrow().pid(),
                            "the keeper of processes has ended; starting a new one"
                        );
                        self.replace_keeper().await;
                    }
                },
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Start(request, starting) => self.start(&request, starting),
            Order::Shutdown(start) => self.shutdown(start),
            Order::Kill(start) => self.kill(start),
        }
    }

    fn start(&mut self, request: &StartRequest, starting: Starting) {
        let (process, stop_signal) = match read(request) {
            Ok(read) => read,
            Err(error) => return starting.failed(error.to_string()),
        };
        let spawn = spawn_request(request, process, stop_signal, self.open_files);
        let (want, wanted) = oneshot::channel();
        let entry = Process {
            stop_signal,
            phase: Phase::Starting(starting, want),
            asked: Asked::Nothing,
        };
        self.processes.insert(request.start, entry);
        let log = self.logs.begin_run(&request.horde, &request.id, request.life);
        let path = log.files().path(0);
        let run = Run {
            start: request.start,
            keepers: self.keeper.subscribe(),
            wanted,
            request: spawn,
            log,
            previous: self.runs.remove(&path),
            spawned: self.spawned_sender.clone(),
        };
        self.runs.insert(path, tokio::spawn(run.run()));
        if self.runs.len() > 2 * self.processes.len() + 64 {
            self.runs.retain(|_, run| !run.is_finished());
        }
    }

    fn shutdown(&mut self, start: StartId) {
        let Some(process) = self.processes.get_mut(&start) else {
            return;
        };
        process.asked = process.asked.max(Asked::Stop);
        match process.phase {
            // Once the keeper has answered: only then can it signal.
            Phase::Starting(..) => self.give_up(start),
            Phase::Running(_) | Phase::GivenUp(_) => drop(self.keeper.borrow().ask_to_stop(start.0)),
            Phase::EndedEarly(..) => {}
        }
    }

    fn kill(&mut self, start: StartId) {
        let Some(process) = self.processes.get_mut(&start) else {
            return;
        };
        process.asked = Asked::Kill;
        match process.phase {
            Phase::Starting(..) => self.give_up(start),
            Phase::Running(_) | Phase::GivenUp(_) => drop(self.keeper.borrow().kill(start.0)),
            Phase::EndedEarly(..) => {}
        }
    }

    /// Notes that a start is not wanted any more; what came of it is stopped as was asked, by its signal or by
    /// force, once the keeper has answered. When a stop turns into a kill is the core's to say.
    fn give_up(&mut self, start: StartId) {
        if let Some(Process {
            stop_signal,
            phase: Phase::Starting(starting, _),
            asked,
        }) = self.processes.remove(&start)
        {
            let process = Process {
                stop_signal,
                phase: Phase::GivenUp(starting),
                asked,
            };
            self.processes.insert(start, process);
        }
    }

    fn note_spawned(&mut self, Spawned { start, result }: Spawned) {
        let Some(Process {
            stop_signal,
            phase,
            asked,
        }) = self.processes.remove(&start)
        else {
            return;
        };
        let phase = match (phase, result) {
            (
                Phase::Starting(starting, _) | Phase::GivenUp(starting) | Phase::EndedEarly(starting, _),
                Err(error),
            ) => {
                return starting.failed(error.to_string());
            }
            (Phase::EndedEarly(starting, exit), Ok(pid)) => {
                return starting
                    .started(Some(pid))
                    .exited(exit_reason(exit, asked, stop_signal));
            }
            (Phase::Starting(starting, _), Ok(pid)) => Phase::Running(starting.started(Some(pid))),
            (Phase::GivenUp(starting), Ok(_)) => {
                // If the keeper is gone so is the child, and that is reported as well.
                let _ = match asked {
                    Asked::Kill => self.keeper.borrow().kill(start.0),
                    Asked::Stop | Asked::Nothing => self.keeper.borrow().ask_to_stop(start.0),
                };
                Phase::GivenUp(starting)
            }
            (Phase::Running(running), _) => Phase::Running(running),
        };
        self.processes.insert(
            start,
            Process {
                stop_signal,
                phase,
                asked,
            },
        );
    }

    fn note_exit(&mut self, start: StartId, exit: ProcessExit) {
        let Some(Process {
            stop_signal,
            phase,
            asked,
        }) = self.processes.remove(&start)
        else {
            return;
        };
        match phase {
            Phase::Running(running) => running.exited(exit_reason(exit, asked, stop_signal)),
            Phase::GivenUp(starting) => starting.failed("stopped before it was up"),
            Phase::Starting(starting, _) | Phase::EndedEarly(starting, _) => {
                let phase = Phase::EndedEarly(starting, exit);
                self.processes.insert(
                    start,
                    Process {
                        stop_signal,
                        phase,
                        asked,
                    },
                );
            }
        }
    }

    /// The keeper has ended, and every child with it, which was told before. Orders wait until there is a new
    /// one: so the restarts that follow find it.
    async fn replace_keeper(&mut self) {
        loop {
            match Keeper::start(self.config.clone()).await {
                Ok((keeper, events)) => {
                    self.outage.end();
                    self.keeper.send_replace(keeper);
                    self.events = events;
                    return;
                }
                Err(error) => self.outage.go_on(error.to_string()),
            }
            sleep(KEEPER_RETRY).await;
            if self.orders.is_closed() {
                return;
            }
        }
    }
}

fn read(request: &StartRequest) -> Result<(ProcessSpec, os::Signal), super::InvalidProcessSpec> {
    let process = ProcessSpec::from_child_spec(&request.spec)?;
    let signal = process.signal()?;
    Ok((process, signal))
}

fn spawn_request(
    request: &StartRequest,
    process: ProcessSpec,
    stop_signal: os::Signal,
    open_files: Option<u64>,
) -> SpawnRequest {
    let ordu = [
        ("ORDU_ID", request.id.to_string()),
        ("ORDU_EPOCH", request.token.epoch.to_string()),
        ("ORDU_FENCE", request.token.to_string()),
        ("ORDU_NODE", request.node.to_string()),
    ];
    let mut spawn = SpawnRequest::new(request.start.0, process.command);
    spawn.env = environment(process.env, ordu);
    spawn.cwd = process.cwd;
    spawn.open_files = open_files;
    spawn.allow_new_privileges = process.allow_new_privileges;
    spawn.stop_signal = stop_signal;
    match request.spec.shutdown {
        Shutdown::BrutalKill => spawn.leftover_timeout = Duration::ZERO,
        Shutdown::Timeout(timeout) => spawn.leftover_timeout = timeout,
        // Nobody asked it to stop, so nobody waits however long that takes: what a crash left behind must not hold up
        // the restart for ever.
        Shutdown::Infinity => {}
    }
    spawn
}
