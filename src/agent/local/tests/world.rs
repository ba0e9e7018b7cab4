//! Registrations to try things on.

use crate::agent::local::{Embedding, Local, LocalCheck, LocalSettings, Origin};
use crate::model::{CheckDefinition, CheckStatus, NodeName, Probe, ServiceDefinition, ServiceSpec, Thresholds, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// An hour after the epoch.
pub fn wall() -> Timestamp {
    after(Duration::ZERO)
}

/// That long after [`wall`].
pub fn after(time: Duration) -> Timestamp {
    Timestamp::from_unix_nanos(3_600_000_000_000 + time.as_nanos() as u64)
}

pub fn settings() -> LocalSettings {
    LocalSettings::of(NodeName::parse("n1").unwrap())
}

pub fn empty() -> Local {
    Local::new(settings())
}

/// A TTL check of a minute.
pub fn check_of(service: &str, id: &str) -> CheckDefinition {
    CheckDefinition {
        id: id.to_owned(),
        name: id.to_owned(),
        notes: String::new(),
        service_id: service.to_owned(),
        initial: None,
        probe: Probe::Ttl { ttl: Duration::from_secs(60) },
        interval: Duration::ZERO,
        timeout: None,
        thresholds: Thresholds::default(),
        deregister_after: None,
        output_limit: None,
        token: String::new(),
    }
}

/// A service with those checks.
pub fn service(id: &str, checks: &[&str]) -> ServiceDefinition {
    let checks = checks.iter().map(|check| check_of(id, check)).collect();
    ServiceDefinition { spec: ServiceSpec::new(id, id), checks, token: String::new() }
}

/// A check as it stands before its first result, registered alone over HTTP.
pub fn held(definition: CheckDefinition) -> LocalCheck {
    let definition = Arc::new(definition);
    LocalCheck { definition, status: CheckStatus::Critical, output: String::new(), origin: Origin::Api, embedding: Embedding::Alone }
}
