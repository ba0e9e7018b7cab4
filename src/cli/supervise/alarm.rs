//! A clock and an alarm that count the time the machine was suspended.
//!
//! The runtime's clock stands still while a machine sleeps; a session at a server does not.

use crate::model::Instant;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create, timerfd_settime,
};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

const SECOND: u64 = 1_000_000_000;

/// The time since the machine was started, the same for all its processes.
pub(in crate::cli) fn now() -> Instant {
    let time = clock_gettime(ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    Instant::from_nanos(seconds.saturating_mul(SECOND).saturating_add(nanos))
}

/// An alarm that can be set anew.
pub(in crate::cli) struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    /// One that is not set. Errors are the operating system's.
    #[allow(deprecated, reason = "sound for a descriptor that is owned; the constructor that replaces it is unsafe to call")]
    pub(in crate::cli) fn new() -> io::Result<Alarm> {
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Alarm(AsyncFd::with_interest(timer, Interest::READABLE)?))
    }

    /// Waits until [`now`] has reached `deadline`. Errors are the operating system's.
    pub(in crate::cli) async fn at(&self, deadline: Instant) -> io::Result<()> {
        // Setting it forgets that it rang before. An earlier point than the first nanosecond would switch it off.
        let nanos = deadline.as_nanos().max(1);
        let clipped = |number: u64| number.try_into().unwrap_or(i64::MAX);
        let it_value = Timespec { tv_sec: clipped(nanos / SECOND), tv_nsec: clipped(nanos % SECOND) };
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::ABSTIME, &Itimerspec { it_interval: never, it_value })?;
        while now() < deadline {
            self.0.readable().await?.clear_ready();
        }
        Ok(())
    }

    /// Waits for `duration`, like [`Alarm::at`].
    pub(in crate::cli) async fn after(&self, duration: Duration) -> io::Result<()> {
        self.at(now() + duration).await
    }
}

#[cfg(test)]
mod tests {
    use super::{Alarm, now};
    use crate::runtime::Runtime;
    use crate::runtime::tokio::Tokio;
    use std::time::Duration;

    #[test]
    fn an_alarm_rings_when_its_time_has_come_and_can_be_set_again() {
        Tokio::block_on(async {
            let alarm = Alarm::new().unwrap();
            for wait in [Duration::ZERO, Duration::from_millis(20), Duration::from_millis(5)] {
                let deadline = now() + wait;
                alarm.at(deadline).await.unwrap();
                assert!(now() >= deadline);
            }
            let early = now();
            alarm.at(early).await.unwrap();
        });
    }
}
