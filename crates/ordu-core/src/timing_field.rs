use alloc::string::String;
use alloc::{format, vec::Vec};
use core::time::Duration;

use crate::Timing;

/// One of the times of [`Timing`], by its name, with the range it may be in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TimingField {
    /// The name of the field.
    pub name: &'static str,
    /// The shortest it may be: below it a node would mistake the usual for a fault.
    pub least: Duration,
    /// The longest it may be: above it nobody would see a fault end.
    pub most: Duration,
    read: fn(&Timing) -> Duration,
    place: fn(&mut Timing) -> &mut Duration,
}

/// A time of [`Timing`] that is out of its range, or does not go with another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {got:?}; expected {expected}")]
#[non_exhaustive]
pub struct InvalidTiming {
    /// The name of the field.
    pub field: &'static str,
    /// What it is.
    pub got: Duration,
    /// The name of the field that it does not go with; `None`: it is out of its own range.
    pub with: Option<&'static str>,
    /// What was expected, in words.
    pub expected: String,
}

impl TimingField {
    /// What it is in `timing`.
    pub fn of(&self, timing: &Timing) -> Duration {
        (self.read)(timing)
    }

    /// Makes it `time` in `timing`; [`Timing::problems`] tells whether it may be.
    pub fn set(&self, timing: &mut Timing, time: Duration) {
        *(self.place)(timing) = time;
    }
}

macro_rules! fields {
    ($($name:ident: $least:expr, $most:expr;)*) => {
        &[$(TimingField {
            name: stringify!($name),
            least: $least,
            most: $most,
            read: |timing| timing.$name,
            place: |timing| &mut timing.$name,
        }),*]
    };
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Each is to be shorter than the other, or at most as long.
const ORDER: &[(&str, &str)] = &[
    ("probe_rtt", "probe_period"),
    ("settle", "settle_max"),
    ("redial", "redial_max"),
    // A member is not forgotten before it is known to be down and its children are taken over, nor before all nodes
    // can have compared what it wrote.
    ("suspicion", "forget_after"),
    ("settle_max", "forget_after"),
    ("t_own", "forget_after"),
    ("sync_period", "forget_after"),
];

impl Timing {
    /// All its times, in the order of its fields.
    pub const FIELDS: &'static [TimingField] = fields! {
        probe_period: ms(50), MINUTE;
        probe_rtt: ms(10), MINUTE;
        suspicion: ms(100), Duration::from_mins(10);
        settle: ms(10), MINUTE;
        settle_per_member: ms(0), ms(1_000);
        settle_max: ms(100), Duration::from_mins(10);
        gap: ms(100), Duration::from_mins(10);
        boot_grace: ms(0), HOUR;
        t_own: ms(10), MINUTE;
        conflict_wait: ms(100), HOUR;
        forget_after: ms(5_000), Duration::from_hours(24 * 366);
        redial: ms(50), MINUTE;
        redial_max: ms(50), HOUR;
        dial_timeout: ms(100), MINUTE;
        sync_period: ms(100), HOUR;
        clock_bound: ms(1_000), Duration::from_hours(24);
    };

    /// What is wrong with it: times out of their ranges, and times that do not go together. Empty: nothing is.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ordu_core::Timing;
    ///
    /// assert!(Timing::default().problems().is_empty());
    /// let hasty = Timing { suspicion: Duration::ZERO, ..Timing::default() };
    /// assert_eq!(hasty.problems()[0].to_string(), "suspicion is 0ns; expected from 100ms to 600s");
    /// ```
    pub fn problems(&self) -> Vec<InvalidTiming> {
        let mut problems: Vec<InvalidTiming> = Self::FIELDS
            .iter()
            .filter(|field| !(field.least..=field.most).contains(&field.of(self)))
            .map(|field| InvalidTiming {
                field: field.name,
                got: field.of(self),
                with: None,
                expected: format!("from {:?} to {:?}", field.least, field.most),
            })
            .collect();
        let field = |name: &str| Self::FIELDS.iter().find(|field| field.name == name);
        for (shorter, longer) in ORDER {
            if let (Some(shorter), Some(longer)) = (field(shorter), field(longer))
                && shorter.of(self) > longer.of(self)
            {
                problems.push(InvalidTiming {
                    field: shorter.name,
                    got: shorter.of(self),
                    with: Some(longer.name),
                    expected: format!("at most {}, which is {:?}", longer.name, longer.of(self)),
                });
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn every_time_is_read_and_set_by_its_name() {
        for field in Timing::FIELDS {
            let (mut timing, other) = (Timing::default(), ms(123_456));
            field.set(&mut timing, other);
            assert_eq!(field.of(&timing), other);
            assert_ne!(timing, Timing::default(), "{}", field.name);
            let changed = Timing::FIELDS.iter().filter(|any| any.of(&timing) == other);
            assert_eq!(changed.count(), 1, "{}", field.name);
        }
    }

    #[test]
    fn what_is_out_of_its_range_and_what_does_not_go_together_is_told_at_once() {
        let timing = Timing {
            suspicion: Duration::ZERO,
            forget_after: Duration::MAX,
            redial: Duration::from_secs(30),
            ..Timing::default()
        };
        let fields: Vec<&str> = timing.problems().iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["suspicion", "forget_after", "redial"]);
    }

    #[test]
    fn a_member_is_forgotten_after_five_seconds_at_the_earliest_and_never_before_it_is_acted_on() {
        let short = Timing {
            forget_after: ms(5_000),
            ..Timing::default()
        };
        assert_eq!(short.problems(), []);
        let slow = Timing {
            suspicion: ms(5_001),
            settle_max: ms(5_002),
            t_own: ms(5_003),
            sync_period: ms(5_004),
            ..short.clone()
        };
        let problems = slow.problems();
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["suspicion", "settle_max", "t_own", "sync_period"]);
        assert_eq!(
            problems[0].to_string(),
            "suspicion is 5.001s; expected at most forget_after, which is 5s"
        );
        let shorter = Timing {
            forget_after: ms(4_999),
            ..short
        };
        assert_eq!(shorter.problems()[0].field, "forget_after");
    }
}
