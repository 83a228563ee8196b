use std::time::{Duration, SystemTime};

/// How much output is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogLimits {
    /// How long that of a child that was deleted or has finished.
    pub(crate) retention: Duration,
    /// How many bytes of all children together.
    pub(crate) total: u64,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self {
            retention: Duration::from_hours(1),
            total: 1 << 30,
        }
    }
}

/// One file of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// What it takes on the disk, in bytes.
    pub(super) size: u64,
    /// When it was last written to.
    pub(super) modified: SystemTime,
    pub(super) whose: Whose,
}

/// Whose output it is. In the order in which they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    /// That of a child that is no more, and has been known not to be for so long.
    Over(Duration),
    /// That of a child that does not run here.
    Absent,
    /// That of a child that runs here, but not the file it writes to.
    Before,
    /// The file that a running child writes to.
    Current,
}

/// Which files go, by their places in the list: what is over for too long, and as much as is needed for the rest to
/// be no more than the total.
pub(super) fn to_remove(files: &[Kept], limits: LogLimits) -> Vec<usize> {
    let rank = |file: &Kept| match file.whose {
        Whose::Over(_) => 0,
        Whose::Absent => 1,
        Whose::Before => 2,
        Whose::Current => 3,
    };
    let age = |file: &Kept| match file.whose {
        Whose::Over(time) => time,
        _ => Duration::ZERO,
    };
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&files[*a], &files[*b]);
        (rank(a), age(b), a.modified).cmp(&(rank(b), age(a), b.modified))
    });
    let mut left: u64 = files.iter().map(|file| file.size).sum();
    order.retain(|index| {
        let file = &files[*index];
        let is_due = match file.whose {
            Whose::Over(time) => time >= limits.retention || left > limits.total,
            Whose::Absent | Whose::Before => left > limits.total,
            Whose::Current => false,
        };
        if is_due {
            left -= file.size;
        }
        is_due
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: LogLimits = LogLimits {
        retention: Duration::from_secs(100),
        total: 1000,
    };

    fn file(size: u64, modified: u64, whose: Whose) -> Kept {
        Kept {
            size,
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(modified),
            whose,
        }
    }

    fn over(seconds: u64) -> Whose {
        Whose::Over(Duration::from_secs(seconds))
    }

    #[test]
    fn what_is_over_goes_after_the_retention_and_nothing_else_does() {
        let files = [
            file(1, 1, over(99)),
            file(1, 1, over(100)),
            file(1, 1, Whose::Absent),
            file(1, 1, Whose::Before),
            file(1, 1, Whose::Current),
        ];

        assert_eq!(to_remove(&files, LIMITS), [1]);
    }

    #[test]
    fn what_is_too_much_goes_in_the_stated_order_and_no_more_than_is_needed() {
        let mut files = vec![
            file(400, 9, Whose::Current),
            file(300, 1, Whose::Before),
            file(300, 5, Whose::Before),
            file(300, 1, Whose::Absent),
            file(300, 1, over(1)),
            file(300, 2, over(50)),
        ];
        assert_eq!(to_remove(&files, LIMITS), [5, 4, 3]);

        files[0].size = 5000;
        assert_eq!(to_remove(&files, LIMITS), [5, 4, 3, 1, 2]);

        files[0].size = 0;
        files.truncate(4);
        assert_eq!(to_remove(&files, LIMITS), [0; 0]);
    }

    #[test]
    fn without_limits_all_is_kept() {
        let limits = LogLimits {
            retention: Duration::MAX,
            total: u64::MAX,
        };
        let files = [
            file(u64::MAX / 4, 1, over(u64::MAX / 2)),
            file(9, 1, Whose::Current),
        ];

        assert_eq!(to_remove(&files, limits), [0; 0]);
    }
}
