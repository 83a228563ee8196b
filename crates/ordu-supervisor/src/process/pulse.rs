use std::time::Duration;

/// How long a keeper may be silent before it is asked whether it is there.
const PERIOD: Duration = Duration::from_secs(1);

/// How long it may take to answer. The price of a wrong judgement is every child, so a machine that is very
/// busy must not lead to one.
const LIMIT: Duration = Duration::from_secs(5);

/// How often it is looked whether it has answered.
const LOOK: Duration = Duration::from_millis(250);

/// A look that is later than this says that the agent itself stood still, and nothing of the keeper.
const GAP: Duration = Duration::from_secs(1);

/// Judges whether a keeper hangs.
///
/// All times are since the machine was started, and go on while this process or the machine stands still. A
/// pause of the agent shows as a late look: what the keeper may have answered in it was not read, and the
/// wait for the answer begins anew.
#[derive(Debug)]
pub(super) struct Pulse {
    heard: Duration,
    /// Since when an answer is waited for, and when that was last looked at.
    waiting: Option<(Duration, Duration)>,
}

/// What a look at the clock comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Look again.
    Wait,
    /// Ask the keeper whether it is there.
    Ask,
    /// It does not answer.
    Hangs,
}

impl Pulse {
    /// That of a keeper that was heard just now.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            heard: now,
            waiting: None,
        }
    }

    /// The keeper said something, whatever it was.
    pub(super) fn heard(&mut self, now: Duration) {
        *self = Self::new(now);
    }

    /// How long to wait before the next [`look`](Self::look).
    pub(super) fn next_look(&self, now: Duration) -> Duration {
        match self.waiting {
            Some((_, looked)) => (looked + LOOK).saturating_sub(now),
            None => (self.heard + PERIOD).saturating_sub(now),
        }
    }

    /// Says what to do now. All that the keeper has said by now must have been noted.
    pub(super) fn look(&mut self, now: Duration) -> Judgement {
        match &mut self.waiting {
            None if now < self.heard + PERIOD => Judgement::Wait,
            None => {
                self.waiting = Some((now, now));
                Judgement::Ask
            }
            Some((since, looked)) => {
                if now > *looked + GAP {
                    *since = now;
                }
                *looked = now;
                if now < *since + LIMIT {
                    Judgement::Wait
                } else {
                    Judgement::Hangs
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_hours(1);

    /// Looks on time until there is something to do; says what, and when.
    fn until_something(pulse: &mut Pulse, mut now: Duration) -> (Judgement, Duration) {
        loop {
            now += pulse.next_look(now);
            match pulse.look(now) {
                Judgement::Wait => {}
                other => return (other, now),
            }
        }
    }

    #[test]
    fn a_silent_keeper_is_asked_and_one_that_does_not_answer_is_missed() {
        let mut pulse = Pulse::new(START);

        let (asked, at) = until_something(&mut pulse, START);
        assert_eq!((asked, at), (Judgement::Ask, START + PERIOD));
        let (missed, at) = until_something(&mut pulse, at);

        assert_eq!((missed, at), (Judgement::Hangs, START + PERIOD + LIMIT));
    }

    #[test]
    fn a_keeper_that_answers_late_is_not_missed_and_asked_again() {
        let mut pulse = Pulse::new(START);
        let (_, asked) = until_something(&mut pulse, START);
        let mut now = asked;
        while now + LOOK < asked + LIMIT {
            now += pulse.next_look(now);
            assert_eq!(pulse.look(now), Judgement::Wait);
        }

        pulse.heard(now);

        assert_eq!(until_something(&mut pulse, now), (Judgement::Ask, now + PERIOD));
    }

    #[test]
    fn a_pause_of_the_agent_is_not_counted_as_silence_of_the_keeper() {
        let mut pulse = Pulse::new(START);
        let (_, asked) = until_something(&mut pulse, START);

        let woken = asked + Duration::from_hours(8);
        assert_eq!(pulse.look(woken), Judgement::Wait);

        let (missed, at) = until_something(&mut pulse, woken);
        assert_eq!((missed, at), (Judgement::Hangs, woken + LIMIT));
    }

    #[test]
    fn a_pause_of_the_agent_before_it_asked_blames_nobody() {
        let mut pulse = Pulse::new(START);
        let woken = START + Duration::from_hours(8);

        assert_eq!(pulse.look(woken), Judgement::Ask);
        assert_eq!(pulse.look(woken + LOOK), Judgement::Wait);
    }

    #[test]
    fn an_agent_that_pauses_again_and_again_blames_nobody() {
        let mut pulse = Pulse::new(START);
        let (_, mut now) = until_something(&mut pulse, START);

        for _ in 0..100 {
            now += GAP + Duration::from_millis(1);
            assert_eq!(pulse.look(now), Judgement::Wait);
        }
    }
}
