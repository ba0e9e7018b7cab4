//! Holding a request while the cluster has no leader: an election passes in a moment, and clients should not hear of it.

use crate::model::Instant;
use crate::runtime::{Runtime, sleep};
use std::future::Future;
use std::time::Duration;

/// Pause after the first refusal; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Longest pause: what a fail-over costs a held request beyond the election itself.
const LONGEST_PAUSE: Duration = Duration::from_millis(160);

/// The patience of one request (`rpc_hold_timeout`).
#[derive(Debug)]
pub(super) struct Hold {
    until: Instant,
    pause: Duration,
}

impl Hold {
    pub fn new<R: Runtime>(patience: Duration) -> Hold {
        Hold { until: R::now() + patience, pause: FIRST_PAUSE }
    }

    /// What is left of the patience.
    pub fn left<R: Runtime>(&self) -> Duration {
        self.until.since(R::now())
    }

    /// Waits a jittered moment, or until `news` (of a leader) comes. Says whether there is time for another attempt.
    pub async fn pause<R: Runtime>(&mut self, news: impl Future<Output = ()>) -> bool {
        let left = self.left::<R>();
        if left.is_zero() {
            return false;
        }
        let half = self.pause.as_nanos() as u64 / 2;
        let pause = Duration::from_nanos(half + R::random() % half.max(1)).min(left);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        tokio::select! {
            biased;
            () = news => {}
            () = sleep::<R>(pause) => {}
        }
        true
    }
}
