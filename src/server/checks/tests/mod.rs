//! What the tests of checks have in common.

mod plugins;
pub mod servers;

use super::{ProbeSetting, run};
use crate::health::Verdict;
use crate::model::Probe;
use crate::runtime::{Runtime, tokio::Tokio};
use rustix::net::{AddressFamily, SocketType};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

pub fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Consul's default.
pub fn limit() -> usize {
    4096
}

/// An address that is taken, so that nobody else gets it, and that refuses. A listener that is dropped would not do: a program that another test
/// starts at that moment holds a copy of it until it is executed.
pub fn refusing(kind: SocketType) -> (OwnedFd, SocketAddr) {
    let socket = rustix::net::socket(AddressFamily::INET, kind, None).expect("a socket");
    rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("binds");
    let addr = SocketAddr::try_from(rustix::net::getsockname(&socket).expect("bound")).expect("an address");
    (socket, addr)
}

/// What one run finds.
pub fn on_tokio(probe: &Probe, timeout: Duration, output_limit: usize) -> Verdict {
    Tokio::block_on(run::<Tokio>(probe, timeout, output_limit, &ProbeSetting::default()))
}
