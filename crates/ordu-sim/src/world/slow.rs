use std::time::Duration;

use ordu_core::Input;

use super::World;
use super::happening::Happening;
use super::host::Held;
use crate::{Boot, HostId, Machine};

impl<M: Machine> World<M> {
    /// Keeps what a slow process will get to later; gives it back if it gets to it now.
    pub(super) fn delay(&mut self, boot: Boot, input: Input) -> Option<Input> {
        let by = self.hosts[boot.host.0].slow;
        let now = self.now;
        let Some(process) = self.process_mut(boot) else {
            return Some(input);
        };
        let by = match by {
            Some(by) => by,
            // What waits already comes first.
            None if !process.late.is_empty() => Duration::ZERO,
            None => return Some(input),
        };
        let is_timer = |input: &Input| matches!(input, Input::Timer);
        if is_timer(&input) && process.late.iter().any(|(_, waits)| is_timer(waits)) {
            return None;
        }
        let last = process.late.back().map_or(now, |(last, _)| *last);
        let due = last.max(now + by);
        process.late.push_back((due, input));
        self.agenda.enter(due, Happening::Late(boot));
        None
    }

    /// A slow process gets to what is due.
    pub(super) fn late(&mut self, boot: Boot) {
        let now = self.now;
        let Some(process) = self.process_mut(boot) else {
            return;
        };
        let first = process.late.front();
        if first.is_some_and(|(due, _)| *due <= now)
            && let Some((_, input)) = process.late.pop_front()
        {
            self.get_to(boot, input);
        }
    }

    /// The clocks of a machine run at another rate, and its timers with them.
    pub(super) fn slew(&mut self, at: HostId, ppm: i64) {
        self.hosts[at.0].clock.slew(self.now, ppm);
        if let Some(process) = &mut self.hosts[at.0].process {
            process.timer_at = None;
        }
        if let Some(boot) = self.running(at) {
            self.timer(boot);
        }
    }

    /// A process is as quick as ever, and has got to all that waited.
    pub(super) fn quicken(&mut self, at: HostId) {
        self.hosts[at.0].slow = None;
        while let Some(boot) = self.running(at)
            && let Some((_, input)) = self.process_mut(boot).and_then(|it| it.late.pop_front())
        {
            self.get_to(boot, input);
        }
    }

    /// What a slow process has not got to when it is stopped it gets to once it goes on, before anything else.
    pub(super) fn keep_late(&mut self, boot: Boot) {
        if let Some(process) = self.process_mut(boot) {
            let late = std::mem::take(&mut process.late);
            let late = late
                .into_iter()
                .filter(|(_, input)| !matches!(input, Input::Timer));
            process.inbox.extend(late.map(|(_, input)| Held::Input(input)));
        }
    }
}
