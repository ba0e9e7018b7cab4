//! A node's two clocks: a monotonic one whose rate drifts, a wall clock that steps.

/// 2026-01-01T00:00:00Z, when every run begins.
const EPOCH_NANOS: u64 = 1_767_225_600_000_000_000;

/// A node's clocks, as functions of the world's time. All times in nanoseconds.
#[derive(Debug, Clone)]
pub struct NodeClock {
    /// World time of the last change of rate, and the monotonic reading then.
    since: u64,
    reading: u64,
    /// Parts per million by which the node's clocks run fast (negative: slow).
    drift_ppm: i64,
    /// Difference of the wall clock from an undisturbed one.
    wall_step: i64,
}

impl NodeClock {
    /// A clock that shows `reading` at world time `now`.
    pub fn new(now: u64, reading: u64) -> NodeClock {
        NodeClock { since: now, reading, drift_ppm: 0, wall_step: 0 }
    }

    /// The monotonic reading at world time `now`.
    pub fn monotonic(&self, now: u64) -> u64 {
        let passed = u128::from(now.saturating_sub(self.since));
        self.reading + (passed * self.rate() / 1_000_000) as u64
    }

    /// World time at which the monotonic clock first shows `reading`; never before `now`.
    pub fn world_time_of(&self, reading: u64, now: u64) -> u64 {
        let wait = u128::from(reading.saturating_sub(self.reading));
        let wait = (wait * 1_000_000).div_ceil(self.rate());
        u64::try_from(u128::from(self.since) + wait).unwrap_or(u64::MAX).max(now)
    }

    /// The wall clock at world time `now`: it drifts with the monotonic one and keeps its steps.
    pub fn wall(&self, now: u64) -> u64 {
        let drifted = self.monotonic(now).wrapping_sub(self.reading).wrapping_add(self.since);
        EPOCH_NANOS.saturating_add(drifted).saturating_add_signed(self.wall_step)
    }

    /// Runs at another rate from `now` on. The monotonic clock goes on from its reading.
    pub fn set_drift(&mut self, now: u64, drift_ppm: i64) {
        assert!(drift_ppm.abs() < 1_000_000, "a clock that stands still or runs backwards is not a drift");
        let wall = self.wall(now);
        self.reading = self.monotonic(now);
        self.since = now;
        self.drift_ppm = drift_ppm;
        self.wall_step += wall.wrapping_sub(self.wall(now)) as i64;
    }

    /// Sets the wall clock forward or back.
    pub fn step_wall(&mut self, nanos: i64) {
        self.wall_step += nanos;
    }

    /// The machine was off: the monotonic clock starts again, the wall clock goes on.
    pub fn reboot(&mut self, now: u64) {
        let wall = self.wall(now);
        self.reading = 1_000_000_000;
        self.since = now;
        self.wall_step += wall.wrapping_sub(self.wall(now)) as i64;
    }

    fn rate(&self) -> u128 {
        (1_000_000 + self.drift_ppm) as u128
    }
}

#[cfg(test)]
mod tests {
    use super::NodeClock;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn ten_seconds_on_a_clock_one_percent_fast_take_nine_point_nine() {
        let mut clock = NodeClock::new(0, 0);
        clock.set_drift(0, 10_000);
        assert_eq!(clock.world_time_of(10 * SECOND, 0), 9_900_990_100);
        assert!(clock.monotonic(9_900_990_100) >= 10 * SECOND);
        assert!(clock.monotonic(9_900_990_098) < 10 * SECOND);
    }

    #[test]
    fn a_change_of_rate_or_a_wall_step_never_moves_the_monotonic_clock() {
        let mut clock = NodeClock::new(0, 5 * SECOND);
        clock.set_drift(3 * SECOND, -50_000);
        assert_eq!(clock.monotonic(3 * SECOND), 8 * SECOND);
        let wall = clock.wall(4 * SECOND);
        clock.step_wall(-(3600 * SECOND as i64));
        assert_eq!(clock.wall(4 * SECOND), wall - 3600 * SECOND);
        assert_eq!(clock.monotonic(4 * SECOND), 8 * SECOND + 950_000_000);
        clock.set_drift(4 * SECOND, 0);
        assert_eq!(clock.wall(4 * SECOND), wall - 3600 * SECOND);
    }

    #[test]
    fn a_reboot_starts_the_monotonic_clock_again_and_keeps_the_wall_clock() {
        let mut clock = NodeClock::new(0, 50 * SECOND);
        let wall = clock.wall(9 * SECOND);
        clock.reboot(9 * SECOND);
        assert_eq!(clock.monotonic(9 * SECOND), SECOND);
        assert_eq!(clock.wall(9 * SECOND), wall);
    }
}
