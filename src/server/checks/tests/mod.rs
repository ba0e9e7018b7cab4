//! What the tests of checks have in common.

mod plugins;
pub mod servers;

use super::{ProbeSetting, run};
use crate::health::Verdict;
use crate::model::Probe;
use crate::runtime::{Runtime, tokio::Tokio};
use std::time::Duration;

pub fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Consul's default.
pub fn limit() -> usize {
    4096
}

/// What one run finds.
pub fn on_tokio(probe: &Probe, timeout: Duration, output_limit: usize) -> Verdict {
    Tokio::block_on(run::<Tokio>(probe, timeout, output_limit, &ProbeSetting::default()))
}
