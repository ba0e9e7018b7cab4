//! The agent's registrations as rows of the catalog.

use super::{LocalCheck, LocalService, LocalView};
use crate::model::{NodeName, Probe, Protocol, ServiceSpec};
use crate::state::checks::{Check, CheckSpec};
use crate::state::services::Service;

/// A service as a row of `node`'s. Local rows have no indexes.
pub fn service_row(node: &NodeName, service: &LocalService) -> Service {
    Service::new(node, &service.spec, 0, 0)
}

/// A check as a row of `node`'s, with what `view` has of its service.
pub fn check_row(node: &NodeName, view: &LocalView, check: &LocalCheck) -> Check {
    let service = view.services.get(check.definition.service_id.as_str()).map(|service| service_row(node, service));
    Check::new(node, &check_spec(check), service.as_ref(), 0, 0)
}

/// What the catalog is told of a check.
pub fn check_spec(check: &LocalCheck) -> CheckSpec {
    let definition = &check.definition;
    CheckSpec {
        id: definition.id.clone(),
        name: definition.name.clone(),
        status: check.status.into(),
        notes: definition.notes.clone(),
        output: check.output.clone(),
        service_id: definition.service_id.clone(),
        kind: kind(&definition.probe).to_owned(),
        interval: String::new(),
        timeout: String::new(),
        definition: String::new(),
    }
}

/// The word for what a check does (`Type`).
pub fn kind(probe: &Probe) -> &'static str {
    match probe {
        Probe::Ttl { .. } => "ttl",
        Probe::Script { .. } => "script",
        Probe::Docker { .. } => "docker",
        Probe::Http(_) => "http",
        Probe::Tcp { .. } => "tcp",
        Probe::Udp { .. } => "udp",
        Probe::Grpc { .. } => "grpc",
        Probe::H2Ping { .. } => "h2ping",
        Probe::Alias { .. } => "alias",
        Probe::Native(native) => match native.protocol {
            Protocol::Postgres => "postgres",
            Protocol::Redis => "redis",
            Protocol::Mysql => "mysql",
            Protocol::Dns => "dns",
            Protocol::Smtp => "smtp",
        },
        Probe::Tree(_) => "tree",
        Probe::Maintenance => "maintenance",
    }
}

/// A number for what was registered of a service, as 16 hex digits (`ContentHash`): FNV-1a of its JSON, 64 bits. The same for the same
/// registration, after a restart too.
pub fn content_hash(spec: &ServiceSpec) -> String {
    let document = serde_json::to_vec(spec).expect("names of fields and text for keys");
    let hash = document.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::content_hash;
    use crate::model::ServiceSpec;

    #[test]
    fn the_hash_tells_registrations_apart_and_nothing_else() {
        let spec = ServiceSpec::new("web", "web");
        let other = ServiceSpec { port: 1, ..spec.clone() };
        assert_eq!((content_hash(&spec).len(), content_hash(&spec)), (16, content_hash(&spec.clone())));
        assert_ne!(content_hash(&spec), content_hash(&other));
    }
}
