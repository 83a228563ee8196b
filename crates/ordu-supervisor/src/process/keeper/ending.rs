use std::time::Duration;

use super::super::ProcessExit;

/// How long after a kill, or after a look that did not tell, it is looked again.
pub(super) const AGAIN: Duration = Duration::from_millis(10);

/// How rarely at most it is looked whom a child that ends has forked.
const RARELY: Duration = Duration::from_secs(1);

/// How far the end of one child has come, and what is to be done next.
///
/// A stop that was asked for has no deadline here: when it turns into a kill is the asker's to say, who counts from
/// the moment of asking and for the whole child. Only where nobody asked, because the first process ended of its own
/// accord, is there nobody who counts; then what it left behind has `leftover_timeout`.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// The stop signal was sent to the process group while the first process lived.
    asked: bool,
    /// Since when it ends, in whatever way.
    since: Option<Duration>,
    /// How the first process ended, once it is reaped.
    first: Option<ProcessExit>,
    /// What is left was sent the stop signal.
    told: bool,
    kill_at: Option<Duration>,
}

/// What is to be done about a child of which something is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Send the stop signal to all that is left; but not to the process group if that was sent it already: to many
    /// programs a second one means that they are to end at once.
    Tell {
        group_too: bool,
    },
    Kill,
    Nothing,
}

impl Ending {
    /// It is asked to stop. Says whether the process group is to be signalled.
    pub(super) fn ask(&mut self, now: Duration) -> bool {
        let lives = self.first.is_none();
        self.asked |= lives;
        self.since.get_or_insert(now);
        lives
    }

    /// All of it is to be killed, from now on until nothing is left.
    pub(super) fn kill(&mut self, now: Duration) {
        self.kill_at = Some(now);
        self.since.get_or_insert(now);
    }

    /// Its first process was reaped. Its pid is only the number of its group from now on.
    pub(super) fn first_ended(&mut self, exit: ProcessExit, now: Duration, leftover_timeout: Duration) {
        self.first.get_or_insert(exit);
        self.since.get_or_insert(now);
        if !self.asked {
            self.kill_at.get_or_insert(now.saturating_add(leftover_timeout));
        }
    }

    /// How its first process ended, if it has.
    pub(super) fn first(&self) -> Option<ProcessExit> {
        self.first
    }

    /// What is due; as done with this. `all_known`: it is clear which processes are left.
    pub(super) fn due(&mut self, now: Duration, all_known: bool) -> Due {
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill_at = Some(now + AGAIN);
            self.told = true;
            return Due::Kill;
        }
        if self.first.is_some() && !self.told && all_known {
            self.told = true;
            return Due::Tell {
                group_too: !self.asked,
            };
        }
        Due::Nothing
    }

    /// When to look next whom it has forked, if nothing of it happens before: a program that is asked to stop does most
    /// of that at once.
    pub(super) fn next_look(&self, now: Duration) -> Option<Duration> {
        let for_so_long = now.saturating_sub(self.since?);
        Some(now + (for_so_long / 8).clamp(AGAIN, RARELY))
    }

    /// When the next kill is due.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.kill_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXIT: ProcessExit = ProcessExit::Code(0);
    const TIMEOUT: Duration = Duration::from_secs(5);

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_is_left_after_a_stop_is_told_once_and_never_killed_unasked() {
        let mut ending = Ending::default();

        assert!(ending.ask(at(0)));
        ending.first_ended(EXIT, at(10), TIMEOUT);

        assert_eq!(ending.due(at(10), true), Due::Tell { group_too: false });
        assert_eq!(ending.due(at(3_600_000), true), Due::Nothing);
        assert_eq!(ending.deadline(), None);
    }

    #[test]
    fn what_a_first_process_leaves_behind_is_told_and_killed_after_its_time() {
        let mut ending = Ending::default();

        ending.first_ended(EXIT, at(10), TIMEOUT);

        assert_eq!(ending.due(at(10), true), Due::Tell { group_too: true });
        assert_eq!(ending.due(at(5_009), true), Due::Nothing);
        assert_eq!(ending.due(at(5_010), true), Due::Kill);
    }

    #[test]
    fn a_stop_after_the_first_process_has_ended_neither_tells_again_nor_gives_more_time() {
        let mut ending = Ending::default();
        ending.first_ended(EXIT, at(0), TIMEOUT);
        ending.due(at(0), true);

        assert!(!ending.ask(at(0)));

        assert_eq!(ending.due(at(1), true), Due::Nothing);
        assert_eq!(ending.due(TIMEOUT, true), Due::Kill);
    }

    #[test]
    fn nobody_is_told_before_it_is_clear_who_is_left() {
        let mut ending = Ending::default();
        ending.ask(at(0));
        ending.first_ended(EXIT, at(0), TIMEOUT);

        assert_eq!(ending.due(at(1), false), Due::Nothing);
        assert_eq!(ending.due(at(2), true), Due::Tell { group_too: false });
    }

    #[test]
    fn a_kill_is_repeated_until_nothing_is_left_and_nobody_is_told_any_more() {
        let mut ending = Ending::default();
        ending.ask(at(0));

        ending.kill(at(7));

        assert_eq!(ending.due(at(7), true), Due::Kill);
        ending.first_ended(EXIT, at(8), TIMEOUT);
        assert_eq!(ending.due(at(8), true), Due::Nothing);
        assert_eq!(ending.due(at(7) + AGAIN, true), Due::Kill);
    }

    #[test]
    fn a_child_that_ends_is_looked_at_again_and_the_longer_it_takes_the_less_often() {
        let mut ending = Ending::default();
        assert_eq!(ending.next_look(at(7)), None);

        ending.ask(at(0));
        ending.first_ended(EXIT, at(900), TIMEOUT);

        assert_eq!(ending.next_look(at(0)), Some(AGAIN));
        assert_eq!(ending.next_look(at(1_600)), Some(at(1_800)));
        assert_eq!(ending.next_look(at(3_600_000)), Some(at(3_601_000)));
    }

    #[test]
    fn an_endless_leftover_timeout_does_not_overflow() {
        let mut ending = Ending::default();

        ending.first_ended(EXIT, at(1), Duration::MAX);

        assert_eq!(ending.due(at(2), true), Due::Tell { group_too: true });
        assert_eq!(ending.due(at(u64::MAX), true), Due::Nothing);
    }
}
