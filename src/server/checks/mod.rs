//! Runs probes: what a check does, once, and what it found.
//!
//! A run never fails. Whatever goes wrong (a program that is not there, a host that is silent, an answer that makes no sense) is a
//! [`Verdict`] whose output says so, in Consul's words where Consul has such a check. Nothing that a program or a server says is kept beyond
//! the output limit; what is read at all is bounded by the module that reads it.

mod dial;
mod docker;
mod grpc;
mod h2;
pub mod http;
mod native;
mod script;
mod setting;
mod tcp;
mod tls;
mod udp;

pub use setting::ProbeSetting;

use crate::health::{Verdict, capped};
use crate::model::{CheckStatus, Probe};
use crate::runtime::Runtime;
use std::time::Duration;

/// What a run may spend.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How long it may take.
    pub timeout: Duration,
    /// The most output kept of what is probed, in bytes.
    pub output: usize,
}

/// Runs `probe` once. It ends by itself soon after `timeout`; dropping it stops everything, child processes included.
///
/// What is not run but told (TTL, alias, maintenance) or made of several runs (a tree) is the health machine's: here it is critical.
pub async fn run<R: Runtime>(probe: &Probe, timeout: Duration, output_limit: usize, setting: &ProbeSetting) -> Verdict {
    let bounds = Bounds { timeout, output: output_limit };
    let verdict = match probe {
        Probe::Script { args } => script::run::<R>(args, bounds).await,
        Probe::Http(probe) => http::run::<R>(probe, bounds, setting).await,
        Probe::Tcp { addr, tls } => tcp::run::<R>(addr, tls.as_ref(), bounds, setting).await,
        Probe::Udp { addr } => udp::run::<R>(addr, bounds).await,
        Probe::Grpc { target, tls } => grpc::run::<R>(target, tls.as_ref(), bounds, setting).await,
        Probe::H2Ping { addr, tls } => h2::run::<R>(addr, tls.as_ref(), bounds, setting).await,
        Probe::Docker { container, shell, args } => docker::run::<R>(docker::Exec { container, shell, args }, bounds, setting).await,
        Probe::Native(probe) => native::run::<R>(probe, bounds, setting).await,
        Probe::Ttl { .. } | Probe::Alias { .. } | Probe::Maintenance | Probe::Tree(_) => {
            critical("this kind of check is not run by itself")
        }
    };
    match probe {
        // These keep the end of what they are told, and say themselves what was cut.
        Probe::Script { .. } | Probe::Http(_) | Probe::Docker { .. } => verdict,
        Probe::Tcp { .. }
        | Probe::Udp { .. }
        | Probe::Grpc { .. }
        | Probe::H2Ping { .. }
        | Probe::Native(_)
        | Probe::Ttl { .. }
        | Probe::Alias { .. }
        | Probe::Maintenance
        | Probe::Tree(_) => Verdict { output: capped(verdict.output, output_limit), ..verdict },
    }
}

fn passing(output: impl Into<String>) -> Verdict {
    Verdict { status: CheckStatus::Passing, output: output.into() }
}

fn critical(output: impl Into<String>) -> Verdict {
    Verdict { status: CheckStatus::Critical, output: output.into() }
}

#[cfg(test)]
mod tests;
