use std::sync::Arc;
use std::time::Duration;

use ordu_core::{ExitCause, Input, MemberInfo, MemberState, NodeId, Output};

use super::World;
use super::happening::Happening;
use super::host::{Held, Process};
use crate::{Boot, Fault, HostId, Machine, Moment, What};

/// Datagrams beyond these find the socket buffer of a process that stands still full.
const SOCKET_BUFFER: usize = 256;
/// How long a manager of services waits before it starts again what was refused.
const REFUSED: Duration = Duration::from_secs(1);
/// A process that is handed more than this at one moment spins.
const SPINNING: u32 = 20_000;

impl<M: Machine> World<M> {
    /// Starts a process of the host's node, unless one runs; at once or, like a manager of services, when the one that
    /// is leaving has gone.
    pub(super) fn boot(&mut self, at: HostId) {
        if let Some(process) = &mut self.hosts[at.0].process {
            process.replaced = process.leaving;
            return;
        }
        let host = &mut self.hosts[at.0];
        host.starts_again = false;
        host.dark = false;
        host.asleep = false;
        host.clock.wake(self.now);
        let boot = Boot {
            host: at,
            number: host.boots,
        };
        host.boots += 1;
        let mut wall = host.clock.read(self.now).wall.millis();
        if self.setup.boots_in_order {
            wall = wall.max(host.last_boot_ms + 1);
        }
        host.last_boot_ms = wall;
        let entropy = u128::from(self.chance.boots.number()) << 64 | u128::from(self.chance.boots.number());
        let node = NodeId::new(wall, entropy);
        let node = self.identity(at, node);
        let (made, config) = (self.hosts[at.0].made, self.config(at));
        let node = self.cloned_identity(at, node);
        let name = config.name.clone();
        let mut machine = M::boot(config, node, self.chance.boots.number());
        self.plant(&mut machine);
        self.hosts[at.0].process = Some(Process::new(boot.number, node, machine, made));
        self.trace
            .line(self.now, || format!("{boot} boots as {node} named {name}"));
        self.report(What::Booted { boot, node });
        self.tell_of_a_move(at);
        self.handle(boot, Input::Timer);
    }

    /// Hands a process what happened, now or once it goes on.
    pub(super) fn feed(&mut self, boot: Boot, input: Input) {
        let asleep = self.hosts[boot.host.0].asleep;
        let Some(process) = self.process_mut(boot) else {
            return;
        };
        if process.paused || asleep {
            if matches!(input, Input::Datagram { .. }) {
                if process.datagrams_held == SOCKET_BUFFER {
                    return;
                }
                process.datagrams_held += 1;
            }
            process.inbox.push_back(Held::Input(input));
        } else if let Some(input) = self.delay(boot, input) {
            self.handle(boot, input);
        }
    }

    /// A slow process gets to what happened a while ago.
    pub(super) fn get_to(&mut self, boot: Boot, input: Input) {
        let is_due =
            |process: &Process<M>, mono| process.machine.next_deadline().is_some_and(|due| due <= mono);
        let mono = self.hosts[boot.host.0].clock.read(self.now).mono;
        let is_early =
            matches!(input, Input::Timer) && !self.process(boot).is_some_and(|it| is_due(it, mono));
        if !is_early {
            self.handle(boot, input);
        }
    }

    /// Keeps what happens to a process that stands still; gives it back if it does not.
    pub(super) fn hold(&mut self, boot: Boot, happening: Happening) -> Option<Happening> {
        let asleep = self.hosts[boot.host.0].asleep;
        match self.process_mut(boot) {
            Some(process) if process.paused || asleep => {
                process.inbox.push_back(Held::Happening(happening));
                None
            }
            _ => Some(happening),
        }
    }

    pub(super) fn pause(&mut self, at: HostId) {
        let Some(boot) = self.running(at) else { return };
        if let Some(process) = self.process_mut(boot)
            && !process.paused
        {
            process.paused = true;
            self.keep_late(boot);
            self.report(What::Paused(boot));
        }
    }

    pub(super) fn suspend(&mut self, at: HostId) {
        let host = &mut self.hosts[at.0];
        if host.dark || host.asleep {
            return;
        }
        host.asleep = true;
        host.clock.sleep(self.now);
        if let Some(boot) = self.running(at) {
            self.keep_late(boot);
            self.report(What::Paused(boot));
        }
    }

    /// The process on a host goes on, whatever held it.
    pub(super) fn resume(&mut self, at: HostId) {
        let host = &mut self.hosts[at.0];
        let was_paused = host.process.as_ref().is_some_and(|process| process.paused);
        let was_still = host.asleep || was_paused;
        host.asleep = false;
        host.clock.wake(self.now);
        let Some(boot) = self.running(at).filter(|_| was_still) else {
            return;
        };
        let Some(process) = self.process_mut(boot) else {
            return;
        };
        process.paused = false;
        process.datagrams_held = 0;
        process.timer_at = None;
        let inbox = std::mem::take(&mut process.inbox);
        self.report(What::Resumed(boot));
        let timer_first = self.chance.shell.below(2) == 0;
        if timer_first {
            self.timer(boot);
        }
        for held in inbox {
            match held {
                Held::Input(input) => self.feed(boot, input),
                Held::Happening(happening) => self.agenda.enter(self.now, happening),
            }
        }
        self.timer(boot);
        if was_paused {
            self.acknowledge_all(boot);
        }
    }

    /// A process may have something due.
    pub(super) fn timer(&mut self, boot: Boot) {
        let (now, asleep) = (self.now, self.hosts[boot.host.0].asleep);
        let mono = self.hosts[boot.host.0].clock.read(now).mono;
        let Some(process) = self.process_mut(boot) else {
            return;
        };
        if process.timer_at.is_some_and(|at| at > now) {
            return;
        }
        process.timer_at = None;
        if process.paused || asleep {
            return;
        }
        if process.machine.next_deadline().is_some_and(|due| due <= mono) {
            if let Some(timer) = self.delay(boot, Input::Timer) {
                self.handle(boot, timer);
            }
        } else {
            self.arm(boot);
        }
    }

    fn handle(&mut self, boot: Boot, input: Input) {
        let now = self.now;
        let readings = self.hosts[boot.host.0].clock.read(now);
        self.trace.input(now, boot, &input);
        self.traffic.inputs += 1;
        self.hears = matches!(input, Input::Received { .. } | Input::Datagram { .. });
        let Some(process) = self.process_mut(boot) else {
            return;
        };
        match &mut process.handled {
            (at, times) if *at == now => *times += 1,
            handled => *handled = (now, 1),
        }
        let spins = process.handled.1 == SPINNING;
        let ended = match &input {
            Input::ChildExited { start, .. }
            | Input::ChildStartFailed { start, .. }
            | Input::ChildIgnored { start } => process.ended.remove(start),
            _ => None,
        };
        process.machine.handle(readings, input);
        if let Some(copy) = ended {
            self.report(What::CopyEndSeen(copy));
        }
        if spins {
            self.nonsense(
                boot,
                format!("was handed {SPINNING} inputs at one moment: it spins"),
            );
        }
        while let Some(output) = self
            .process_mut(boot)
            .and_then(|process| process.machine.poll_output())
        {
            self.carry_out(boot, output);
        }
        self.arm(boot);
    }

    /// Puts the node's next deadline on the agenda; the shell gets to it a little late.
    pub(super) fn arm(&mut self, boot: Boot) {
        let Some(due) = self
            .process(boot)
            .and_then(|process| process.machine.next_deadline())
        else {
            return;
        };
        let exact = self.hosts[boot.host.0].clock.when(due, self.now);
        let armed = self.process(boot).and_then(|process| process.timer_at);
        if armed.is_some_and(|at| at <= exact) {
            return;
        }
        let late = self
            .chance
            .shell
            .duration(Duration::from_micros(1), self.setup.scheduling);
        let at: Moment = exact + late;
        if armed.is_some_and(|armed| armed <= at) {
            return;
        }
        if let Some(process) = self.process_mut(boot) {
            process.timer_at = Some(at);
        }
        self.agenda.enter(at, Happening::Timer(boot));
    }

    fn carry_out(&mut self, boot: Boot, output: Output) {
        self.trace.output(self.now, boot, &output);
        match output {
            Output::Dial { dial, addr, timeout } => self.dial(boot, dial, addr, timeout),
            Output::Close { conn, reason } => self.close(boot, conn, &reason),
            Output::Datagram { conn, bytes } => self.send_datagram(boot, conn, bytes),
            Output::Send { conn, channel, bytes } => self.send_frame(boot, conn, channel, bytes),
            Output::Probe { probe, addr } => self.probe(boot, probe, addr),
            Output::StartChild {
                start,
                horde,
                id,
                life,
                token,
                spec,
            } => self.start_worker(boot, start, (horde, id), life, token, spec),
            Output::ShutdownChild { start } => self.shut_down_worker(boot, start),
            Output::KillChild { start } => self.kill_worker(boot, start),
            Output::Reply { request, result } => self.reply(boot, request, result),
            Output::Child {
                horde,
                id,
                life,
                info,
            } => self.report(What::Child {
                boot,
                horde,
                id,
                life,
                info,
            }),
            Output::Member { node, info } => {
                self.look_for_leaving(boot, node, info.as_ref());
                self.report(What::Member { boot, node, info });
            }
            Output::MemberList { names } => self.report(What::MemberList { boot, names }),
            Output::Event(event) => self.report(What::Told { boot, event }),
            Output::Exit { cause } => self.end(boot, Some(cause)),
        }
    }

    /// The node of a host is told whom to dial from now on.
    pub(super) fn join(&mut self, at: HostId, others: Vec<HostId>) {
        if let Some(boot) = self.running(at) {
            self.feed(boot, Input::Seeds(self.addresses(&others)));
        }
        self.hosts[at.0].told = Some(others);
    }

    /// A process that leaves because it was removed or is on no list is started again like one that was asked to: others may
    /// know of nobody but of its host.
    fn look_for_leaving(&mut self, boot: Boot, node: NodeId, info: Option<&Arc<MemberInfo>>) {
        let leaves = info.is_some_and(|info| matches!(info.state, MemberState::Draining | MemberState::Left));
        if let Some(process) = self.process_mut(boot).filter(|process| process.node == node) {
            process.leaving |= leaves;
        }
    }

    /// A process is asked to leave.
    pub(super) fn leave(&mut self, at: HostId) {
        if let Some(boot) = self.running(at)
            && let Some(process) = self.process_mut(boot)
        {
            process.leaving = true;
            self.feed(boot, Input::Leave);
        }
    }

    /// A process ends: by itself if there is a cause, else because it is killed.
    pub(super) fn end(&mut self, boot: Boot, cause: Option<ExitCause>) {
        if self.process(boot).is_none() {
            return;
        }
        let Some(process) = self.hosts[boot.host.0].process.take() else {
            return;
        };
        self.trace
            .line(self.now, || format!("{boot} ends, cause {cause:?}"));
        // A manager of services starts again what ends by itself, and what left if it is told to.
        let comes_back = match &cause {
            None => false,
            Some(ExitCause::Left) => {
                let is_kept_up = self.kept_up.remove(&boot.host);
                process.replaced || is_kept_up
            }
            Some(_) => true,
        };
        let orderly = cause.is_some();
        self.hosts[boot.host.0].starts_again = comes_back;
        if comes_back {
            // Whom nobody lets in would be started again for ever, without a pause.
            let is_refused = matches!(
                cause,
                Some(ExitCause::NotListed { .. } | ExitCause::NameTaken { .. })
            );
            let pause = if is_refused { REFUSED } else { Duration::ZERO };
            self.later(pause, Happening::Inflict(Fault::Boot(boot.host)));
        }
        self.report(What::Ended { boot, cause });
        for call in process.calls.into_values() {
            self.report(What::CallLost(call));
        }
        for worker in process.workers.into_values() {
            self.orphan(boot, &worker);
        }
        for (link, side) in process.conns.into_values() {
            self.end_dies(link, side, orderly);
        }
    }

    pub(super) fn nonsense(&mut self, boot: Boot, detail: String) {
        self.trace
            .line(self.now, || format!("{boot} talks nonsense: {detail}"));
        self.report(What::Nonsense { boot, detail });
    }
}
