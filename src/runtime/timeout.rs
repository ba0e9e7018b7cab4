//! Sleeping and giving up, on the node's own clock.

use super::Runtime;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// The time was over first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline elapsed")
    }
}

impl std::error::Error for Elapsed {}

/// Waits for `duration`.
pub fn sleep<R: Runtime>(duration: Duration) -> R::Sleep {
    R::sleep_until(R::now() + duration)
}

/// Runs `future` for at most `duration`; it is dropped when the time is over. If both are ready, the future wins.
pub async fn timeout<R: Runtime, F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    let clock = pin!(sleep::<R>(duration));
    let future = pin!(future);
    tokio::select! {
        biased;
        value = future => Ok(value),
        () = clock => Err(Elapsed),
    }
}
