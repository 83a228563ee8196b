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
                for index in 0..self.hosts.len() {
                    let usual = self.setup.hosts[index].drift_ppm;
                    if self.hosts[index].clock.drift_ppm() != usual {
                        self.slew(HostId(index), usual);
                    }
                    let clock = &mut self.hosts[index].clock;
                    clock.step(-clock.offset_ms());
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
            Fault::Narrow(from, to, largest) => self.network.narrow(from, to, largest),
            Fault::Break(at, with) => self.break_one(at, with),
            Fault::Reject(from, to) => self.network.reject(from, to),
            Fault::Allow(from, to) => self.network.allow(from, to),
            Fault::Slow(host, by) => self.hosts[host.0].slow = Some(by),
            Fault::Quick(host) => self.quicken(host),
            Fault::Slew(host, ppm) => self.slew(host, ppm),
            Fault::Readdress(host, address) => self.readdress(host, address),
            Fault::Misname(host, like) => {
                self.hosts[host.0].made.named_like = Some(like).filter(|like| *like != host);
            }
            Fault::Clone(host, of) if host != of => {
                let like = self.hosts[of.0].made.named_like.unwrap_or(of);
                let made = &mut self.hosts[host.0].made;
                (made.named_like, made.clone_of) = (Some(like).filter(|like| *like != host), Some(of));
            }
            Fault::Clone(..) => {}
            Fault::Upgrade(host) => self.hosts[host.0].made.is_of_another_version = true,
            Fault::Repair(host) => self.repair(host),
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
