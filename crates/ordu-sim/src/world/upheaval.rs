use super::World;
use crate::{Fault, HostId, Machine, Queues, What};

impl<M: Machine> World<M> {
    /// Something goes wrong, or is put right.
    pub fn inflict(&mut self, fault: Fault) {
        self.trace.line(self.now, || format!("=== {fault:?}"));
        self.report(What::Inflicted(fault.clone()));
        match fault {
            Fault::Split(groups) => self.split(&groups),
            Fault::Cut(from, to) => self.network.cut(from, to),
            Fault::Mend(from, to) => self.network.mend(from, to),
            Fault::Heal => self.network.mend_all(),
            Fault::Disturb(from, to, path) => self.network.disturb(from, to, |_| path),
            Fault::Clear => {
                self.network.clear();
                self.hurry_all();
            }
            Fault::Pause(host) => self.pause(host),
            Fault::Resume(host) | Fault::Wake(host) => self.resume(host),
            Fault::Suspend(host) => self.suspend(host),
            Fault::Crash(host) => {
                if let Some(boot) = self.running(host) {
                    self.resume_kernel(host);
                    self.end(boot, None);
                }
            }
            Fault::PowerOff(host) => {
                self.hosts[host.0].dark = true;
                if let Some(boot) = self.running(host) {
                    self.end(boot, None);
                }
            }
            Fault::Boot(host) => self.boot(host),
            Fault::Join(host, others) => self.join(host, others),
            Fault::StepClock(host, by_ms) => self.hosts[host.0].clock.step(by_ms),
            Fault::CorrectClocks => {
                for host in &mut self.hosts {
                    let off = host.clock.offset_ms();
                    host.clock.step(-off);
                }
            }
            Fault::ResetLifelines(host) => self.reset_lifelines(host),
            Fault::KillKeeper(host) => {
                if let Some(boot) = self.running(host) {
                    self.kill_keeper(boot);
                }
            }
            Fault::Leave(host) => self.leave(host),
            Fault::Remove(asked, removed) => self.remove(asked, removed),
            Fault::SetMembers(asked, listed) => self.set_members(asked, listed.as_deref()),
            Fault::CalmChildren => self.calm_workers(),
        }
    }

    /// Tells whoever watches that from now on nothing goes wrong any more.
    pub fn declare_calm(&mut self) {
        self.trace.line(self.now, || "=== calm".to_owned());
        // A transfer needs the room that it has in a real shell, or it never ends.
        self.setup.queues = Queues::default();
        self.report(What::Calm);
    }

    /// Tells whoever watches that all has settled, and that nobody waits for an answer.
    pub fn declare_serving(&mut self) {
        self.trace.line(self.now, || "=== serving".to_owned());
        self.report(What::Serving);
    }

    fn split(&mut self, groups: &[Vec<HostId>]) {
        let group = |host: HostId| groups.iter().position(|group| group.contains(&host));
        for from in 0..self.hosts.len() {
            for to in 0..self.hosts.len() {
                let (from, to) = (HostId(from), HostId(to));
                if from != to && (group(from).is_none() || group(from) != group(to)) {
                    self.network.cut(from, to);
                }
            }
        }
    }

    /// A kill ends a suspended machine's sleep only once it wakes; here both come at once.
    fn resume_kernel(&mut self, host: HostId) {
        let now = self.now;
        let host = &mut self.hosts[host.0];
        host.asleep = false;
        host.clock.wake(now);
    }
}
