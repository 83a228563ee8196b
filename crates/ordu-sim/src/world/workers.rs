use std::sync::Arc;
use std::time::Duration;

use ordu_core::{ChildId, ChildSpec, ExitReason, HordeName, Input, Life, StartId, Token};

use super::World;
use super::happening::Happening;
use crate::behaviour::Ending;
use crate::{Behaviour, Boot, CopyEnd, CopyId, HostId, Machine, Rate, What};

/// One simulated worker on a node.
#[derive(Debug)]
pub(super) struct Worker {
    copy: CopyId,
    behaviour: Behaviour,
    up: bool,
    /// Its start does not return.
    hangs: bool,
    os_pid: Option<u32>,
    /// It was killed, and does not die.
    stuck: bool,
    /// Steps planned under an older generation no longer happen.
    generation: u32,
}

/// What a worker does next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    ComeUp,
    FailToStart(&'static str),
    Ignore,
    Exit(ExitReason),
}

/// How long it takes at the most in the calm until a worker that could not be killed dies, if it does.
const LINGERS: Duration = Duration::from_secs(12);

/// What becomes of a worker that is killed.
fn killed(up: bool) -> Step {
    if up {
        Step::Exit(ExitReason::Killed)
    } else {
        Step::FailToStart("killed while starting")
    }
}

impl<M: Machine> World<M> {
    pub(super) fn start_worker(
        &mut self,
        boot: Boot,
        start: StartId,
        (horde, id): (HordeName, ChildId),
        life: Life,
        token: Token,
        spec: Arc<ChildSpec>,
    ) {
        self.counters.copies += 1;
        let copy = CopyId(self.counters.copies);
        let mut behaviour = self.setup.behaviour(&spec);
        if self.calm {
            behaviour = behaviour.calmed();
        }
        let Some(process) = self.process_mut(boot) else {
            return;
        };
        let node = process.node;
        if process.workers.contains_key(&start) {
            return self.nonsense(boot, format!("start {} was used before", start.0));
        }
        let random = &mut self.chance.workers;
        let takes = random.duration(behaviour.start.0, behaviour.start.1);
        let step = if random.chance(behaviour.start_hangs) {
            None
        } else if random.chance(behaviour.start_fails) {
            Some(Step::FailToStart("start failed"))
        } else if random.chance(behaviour.start_ignored) {
            Some(Step::Ignore)
        } else {
            Some(Step::ComeUp)
        };
        let worker = Worker {
            copy,
            behaviour,
            up: false,
            hangs: step.is_none(),
            os_pid: None,
            stuck: false,
            generation: 0,
        };
        if let Some(process) = self.process_mut(boot) {
            process.workers.insert(start, worker);
        }
        self.report(What::CopyStarting {
            copy,
            boot,
            node,
            horde,
            id,
            life,
            token,
            spec,
        });
        if let Some(step) = step {
            self.later(takes, Happening::Worker(boot, start, 0, step));
        }
    }

    pub(super) fn worker(&mut self, boot: Boot, start: StartId, generation: u32, step: Step) {
        let asleep = self.hosts[boot.host.0].asleep;
        let Some(process) = self.process_mut(boot) else {
            return;
        };
        let paused = process.paused;
        let Some(worker) = process.workers.get_mut(&start) else {
            return;
        };
        if worker.generation != generation {
            return;
        }
        if asleep || (paused && !worker.behaviour.os_process) {
            self.hold(boot, Happening::Worker(boot, start, generation, step));
            return;
        }
        match step {
            Step::ComeUp => self.worker_comes_up(boot, start),
            Step::FailToStart(error) => {
                let error = error.to_owned();
                self.worker_ends(boot, start, CopyEnd::StartFailed);
                self.feed(boot, Input::ChildStartFailed { start, error });
            }
            Step::Ignore => {
                self.worker_ends(boot, start, CopyEnd::Ignored);
                self.feed(boot, Input::ChildIgnored { start });
            }
            Step::Exit(reason) => {
                self.worker_ends(boot, start, CopyEnd::Exited(reason.clone()));
                self.feed(boot, Input::ChildExited { start, reason });
            }
        }
    }

    fn worker_comes_up(&mut self, boot: Boot, start: StartId) {
        let pid = self.counters.os_pids + 1;
        let Some(worker) = self
            .process_mut(boot)
            .and_then(|process| process.workers.get_mut(&start))
        else {
            return;
        };
        worker.up = true;
        worker.os_pid = worker.behaviour.os_process.then_some(pid);
        let (copy, os_pid, generation) = (worker.copy, worker.os_pid, worker.generation);
        let ends = worker.behaviour.ends;
        self.counters.os_pids = pid;
        self.report(What::CopyUp(copy));
        if let Some((ending, sooner, later)) = ends {
            let lives = self.chance.workers.duration(sooner, later);
            let reason = match ending {
                Ending::Finishes => ExitReason::Normal,
                Ending::Crashes => ExitReason::Error("crashed".into()),
            };
            self.later(
                lives,
                Happening::Worker(boot, start, generation, Step::Exit(reason)),
            );
        }
        self.feed(boot, Input::ChildStarted { start, os_pid });
    }

    pub(super) fn shut_down_worker(&mut self, boot: Boot, start: StartId) {
        let random = &mut self.chance.workers;
        let Some(worker) = self.hosts[boot.host.0]
            .process
            .as_mut()
            .and_then(|process| process.workers.get_mut(&start))
        else {
            // It may have ended a moment ago, its end still on the way to the node.
            return;
        };
        if worker.stuck {
            return;
        }
        let copy = worker.copy;
        let ignores = random.chance(worker.behaviour.ignores_stop);
        let takes = random.duration(worker.behaviour.stop.0, worker.behaviour.stop.1);
        if !ignores {
            worker.generation += 1;
            let step = if worker.up {
                Step::Exit(ExitReason::Shutdown)
            } else {
                Step::FailToStart("stopped while starting")
            };
            let generation = worker.generation;
            self.later(takes, Happening::Worker(boot, start, generation, step));
        }
        self.report(What::CopyStopping(copy));
    }

    pub(super) fn kill_worker(&mut self, boot: Boot, start: StartId) {
        if self.survives_kill(boot, start) {
            return;
        }
        let takes = self
            .chance
            .workers
            .duration(Duration::from_micros(50), Duration::from_millis(3));
        let Some(worker) = self
            .process_mut(boot)
            .and_then(|process| process.workers.get_mut(&start))
        else {
            return;
        };
        worker.generation += 1;
        let (copy, generation) = (worker.copy, worker.generation);
        let step = killed(worker.up);
        self.later(takes, Happening::Worker(boot, start, generation, step));
        self.report(What::CopyStopping(copy));
    }

    /// Whether a worker does not die of being killed. Nothing that it was about to do happens any more.
    fn survives_kill(&mut self, boot: Boot, start: StartId) -> bool {
        let random = &mut self.chance.workers;
        let process = self.hosts[boot.host.0].process.as_mut();
        let Some(worker) = process.and_then(|process| process.workers.get_mut(&start)) else {
            return false;
        };
        // Whether one dies at last is decided once.
        if worker.stuck {
            return true;
        }
        if !random.chance(worker.behaviour.survives_kill) {
            return false;
        }
        worker.generation += 1;
        worker.stuck = true;
        let copy = worker.copy;
        self.report(What::CopyStopping(copy));
        self.report(What::CopyStuck(copy));
        true
    }

    /// The keeper of a node is killed: its OS processes die, and the node is told of each.
    pub(super) fn kill_keeper(&mut self, boot: Boot) {
        let Some(process) = self.process_mut(boot) else {
            return;
        };
        let mut struck = Vec::new();
        for (start, worker) in &mut process.workers {
            if worker.behaviour.os_process && !worker.stuck {
                worker.generation += 1;
                let step = if worker.up {
                    Step::Exit(ExitReason::Signal(9))
                } else {
                    Step::FailToStart("the keeper died")
                };
                struck.push(Happening::Worker(boot, *start, worker.generation, step));
            }
        }
        for happening in struck {
            let delay = self.shell_delay();
            self.later(delay, happening);
        }
    }

    /// A worker whose node is gone: one inside the node's process died with it, an OS process when the
    /// keeper gets to it.
    pub(super) fn orphan(&mut self, boot: Boot, worker: &Worker) {
        if worker.behaviour.os_process && !self.hosts[boot.host.0].dark {
            let (soon, late) = self.setup.keeper;
            let reaction = self.chance.workers.duration(soon, late);
            self.later(reaction, Happening::OrphanEnds(worker.copy));
        } else {
            self.orphan_ends(worker.copy);
        }
    }

    pub(super) fn orphan_ends(&mut self, copy: CopyId) {
        let end = CopyEnd::DiedWithNode;
        self.report(What::CopyEnded { copy, end });
    }

    /// Children behave from now on, those that run included.
    pub(super) fn calm_workers(&mut self) {
        self.calm = true;
        let (mut freed, mut stuck) = (Vec::new(), Vec::new());
        for (index, host) in self.hosts.iter_mut().enumerate() {
            let Some(process) = &mut host.process else {
                continue;
            };
            let boot = Boot {
                host: HostId(index),
                number: process.number,
            };
            for (start, worker) in &mut process.workers {
                if worker.hangs && worker.generation == 0 {
                    freed.push(Happening::Worker(boot, *start, 0, Step::ComeUp));
                }
                let crashes = matches!(worker.behaviour.ends, Some((Ending::Crashes, ..)));
                if crashes && worker.up && !worker.stuck {
                    worker.generation += 1;
                }
                worker.behaviour = worker.behaviour.calmed();
                if worker.stuck {
                    stuck.push((boot, *start, worker.generation, worker.up));
                }
            }
        }
        for happening in freed {
            self.later(Duration::from_millis(5), happening);
        }
        // Some die at last, of having been killed, others never do.
        for (boot, start, generation, up) in stuck {
            let random = &mut self.chance.workers;
            let after = random.duration(Duration::from_millis(100), LINGERS);
            if random.chance(Rate::percent(60)) {
                self.later(after, Happening::Worker(boot, start, generation, killed(up)));
            }
        }
    }

    fn worker_ends(&mut self, boot: Boot, start: StartId, end: CopyEnd) {
        let Some(process) = self.process_mut(boot) else {
            return;
        };
        if let Some(Worker { copy, .. }) = process.workers.remove(&start) {
            process.ended.insert(start, copy);
            self.report(What::CopyEnded { copy, end });
        }
    }
}
