//! The time that counts: that during which this process ran.

use crate::model::Instant;
use std::time::Duration;

/// How often the watch is looked at while anything runs, so that an outage is noticed.
const BEAT: Duration = Duration::from_secs(1);
/// A look that is later than this was kept from us: by a frozen machine, or one too busy to serve its clients either.
const LATE: Duration = Duration::from_millis(500);
/// After an outage nothing ends for so long: what clients sent meanwhile is read first.
const SETTLING: Duration = Duration::from_secs(1);

/// Whether the clock was to be looked at each [`BEAT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// It was.
    Due,
    /// Nothing was waited for.
    None,
}

/// A clock that stands still while the process does.
#[derive(Debug)]
pub(super) struct Clock {
    /// The last look, and what the clock showed.
    seen: Instant,
    time: Duration,
    settled: Instant,
}

impl Clock {
    pub(super) fn new(now: Instant) -> Clock {
        Clock { seen: now, time: Duration::ZERO, settled: now }
    }

    /// Goes on to `now`. Of a look that comes too late, only the time up to when it should have come counts; while nothing runs, none is due.
    pub(super) fn tick(&mut self, now: Instant, looks: Looks) {
        let passed = now.since(self.seen);
        let late = looks == Looks::Due && passed > BEAT + LATE;
        if late {
            self.settled = now + SETTLING;
        }
        self.time += if late { BEAT } else { passed };
        self.seen = self.seen.max(now);
    }

    /// What it shows, as of the last look.
    pub(super) fn time(&self) -> Duration {
        self.time
    }

    /// When it will show `time`, if it runs on; that may lie in the past.
    pub(super) fn when(&self, time: Duration) -> Instant {
        (self.seen + time.saturating_sub(self.time)).max(self.settled)
    }

    /// When it should be looked at next.
    pub(super) fn next_beat(&self) -> Instant {
        self.seen + BEAT
    }

    /// Whether an outage has just ended.
    pub(super) fn is_settling(&self, now: Instant) -> bool {
        now < self.settled
    }
}
