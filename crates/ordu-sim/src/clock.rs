use std::time::Duration;

use ordu_core::{Now, Time, WallTime};

use crate::Moment;
use crate::random::micros;

/// Microseconds since the Unix epoch at which every simulated world begins.
pub const EPOCH: u64 = 1_767_225_600_000_000;

/// The two clocks of one host: both drift, the wall clock is also off and can be stepped, the monotonic one
/// stands still while the host is suspended.
#[derive(Clone, Debug)]
pub struct Clock {
    base: u64,
    drift_ppm: i64,
    wall_offset: i64,
    suspended: Duration,
    asleep_since: Option<Moment>,
}

impl Clock {
    /// A clock whose monotonic reading starts at `base` and whose wall clock is off by `offset_ms`.
    pub fn new(base: u64, drift_ppm: i64, offset_ms: i64) -> Self {
        Self {
            base,
            drift_ppm,
            wall_offset: offset_ms * 1_000,
            suspended: Duration::ZERO,
            asleep_since: None,
        }
    }

    /// Both readings at a moment.
    pub fn read(&self, at: Moment) -> Now {
        let awake = self.awake(at);
        let wall = EPOCH
            .saturating_add(self.drifted(at.0))
            .saturating_add_signed(self.wall_offset);
        Now {
            mono: Time(self.base + self.drifted(awake)),
            wall: WallTime(wall),
        }
    }

    /// The first moment at which the monotonic reading is at least `time`, if the host sleeps no more.
    pub fn when(&self, time: Time, now: Moment) -> Moment {
        let ahead = micros(time.since(self.read(now).mono));
        let mut at = Moment(now.0 + self.undrifted(ahead));
        while self.read(at).mono < time {
            at = Moment(at.0 + 1);
        }
        at
    }

    /// How fast both readings run, in millionths too fast.
    pub fn drift_ppm(&self) -> i64 {
        self.drift_ppm
    }

    /// Both readings run at another rate from now on, and jump nowhere.
    pub fn slew(&mut self, at: Moment, ppm: i64) {
        let (mono, wall) = (self.awake(at), at.0);
        let behind = |elapsed| scaled(elapsed, self.drift_ppm) - scaled(elapsed, ppm);
        self.base = self.base.saturating_add_signed(behind(mono));
        self.wall_offset += behind(wall);
        self.drift_ppm = ppm;
    }

    /// Steps the wall clock.
    pub fn step(&mut self, by_ms: i64) {
        self.wall_offset += by_ms * 1_000;
    }

    /// How far the wall clock is off, not counting drift, in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.wall_offset / 1_000
    }

    /// The host is suspended: the monotonic clock stands still.
    pub fn sleep(&mut self, at: Moment) {
        self.asleep_since.get_or_insert(at);
    }

    /// The host runs again.
    pub fn wake(&mut self, at: Moment) {
        if let Some(since) = self.asleep_since.take() {
            self.suspended += at.since(since);
        }
    }

    fn awake(&self, at: Moment) -> u64 {
        let asleep = self.asleep_since.map_or(Duration::ZERO, |since| at.since(since));
        at.0.saturating_sub(micros(self.suspended + asleep))
    }

    fn drifted(&self, elapsed: u64) -> u64 {
        elapsed.saturating_add_signed(scaled(elapsed, self.drift_ppm))
    }

    fn undrifted(&self, elapsed: u64) -> u64 {
        elapsed.saturating_add_signed(scaled(elapsed, -self.drift_ppm))
    }
}

fn scaled(elapsed: u64, ppm: i64) -> i64 {
    // The division of wide numbers is slow, and this is asked twice for each input of each node.
    if let Some(product) = i64::try_from(elapsed)
        .ok()
        .and_then(|elapsed| elapsed.checked_mul(ppm))
    {
        return product / 1_000_000;
    }
    i64::try_from(i128::from(elapsed) * i128::from(ppm) / 1_000_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_met_early_whatever_the_drift() {
        for drift in [-900, -1, 0, 1, 900] {
            let clock = Clock::new(123, drift, 0);
            let now = Moment(77_777_777);
            let deadline = clock.read(now).mono + Duration::from_secs(90);
            let at = clock.when(deadline, now);
            assert!(clock.read(at).mono >= deadline);
            assert!(clock.read(Moment(at.0 - 200_000)).mono < deadline);
        }
    }

    #[test]
    fn a_suspended_host_loses_monotonic_time_but_no_wall_time() {
        let mut clock = Clock::new(0, 0, 0);
        clock.sleep(Moment(1_000_000));
        clock.wake(Moment(61_000_000));
        let now = clock.read(Moment(62_000_000));
        assert_eq!(now.mono, Time(2_000_000));
        assert_eq!(now.wall, WallTime(EPOCH + 62_000_000));
    }

    #[test]
    fn a_slewed_clock_jumps_nowhere_and_goes_on_at_its_new_rate() {
        let mut clock = Clock::new(1_000_000, 200, 0);
        let then = Moment(50_000_000);
        let before = clock.read(then);
        clock.slew(then, -5_000);
        let after = clock.read(then);
        assert_eq!((after.mono, after.wall), (before.mono, before.wall));
        let later = clock.read(Moment(60_000_000));
        assert_eq!(later.mono.since(after.mono), Duration::from_millis(9_950));
        assert_eq!(later.wall.0 - after.wall.0, 9_950_000);
    }

    #[test]
    fn a_step_moves_the_wall_clock_alone() {
        let mut clock = Clock::new(0, 0, 0);
        let before = clock.read(Moment(5));
        clock.step(-3_600_000);
        let after = clock.read(Moment(5));
        assert_eq!(after.mono, before.mono);
        assert_eq!(after.wall.0 + 3_600_000_000, before.wall.0);
    }
}
