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

#[cfg(test)]
mod tests {
    use super::{FIRST_PAUSE, Hold, LONGEST_PAUSE};
    use crate::runtime::Runtime;
    use crate::runtime::tokio::Tokio;
    use std::future::{pending, ready};
    use std::time::Duration;

    #[test]
    fn news_of_a_leader_ends_a_pause_at_once() {
        Tokio::block_on(async {
            let mut hold = Hold::new::<Tokio>(Duration::from_secs(3600));
            hold.pause = Duration::from_secs(3000);
            let before = Tokio::now();
            assert!(hold.pause::<Tokio>(ready(())).await);
            assert!(Tokio::now().since(before) < Duration::from_secs(60), "it does not sit the pause out");
        });
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        Tokio::block_on(async {
            let mut hold = Hold::new::<Tokio>(Duration::from_secs(3600));
            let mut expected = FIRST_PAUSE;
            for _ in 0..10 {
                assert_eq!(hold.pause, expected);
                assert!(hold.pause::<Tokio>(ready(())).await);
                expected = (expected * 2).min(LONGEST_PAUSE);
            }
            assert_eq!(hold.pause, LONGEST_PAUSE);
        });
    }

    #[test]
    fn patience_ends_and_no_pause_outlasts_it() {
        Tokio::block_on(async {
            let patience = Duration::from_millis(30);
            let (mut hold, before) = (Hold::new::<Tokio>(patience), Tokio::now());
            hold.pause = Duration::from_secs(3000);
            while hold.pause::<Tokio>(pending()).await {}
            assert!(Tokio::now().since(before) >= patience, "not before the patience is over");
            assert!(Tokio::now().since(before) < Duration::from_secs(60), "the pause is cut to what is left");
            assert!(!hold.pause::<Tokio>(ready(())).await, "not even for news");
        });
    }
}
