//! The agent's checks as the catalog has them.

use super::view::{Embedding, LocalCheck};
use crate::model::duration;
use crate::model::{CheckDefinition, Probe, Protocol};
use crate::state::checks::CheckSpec;

/// The word clients see for what a check does.
pub const fn kind(probe: &Probe) -> &'static str {
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
        Probe::Native(native) => protocol(native.protocol),
        Probe::Tree(_) => "tree",
        Probe::Maintenance => "maintenance",
    }
}

const fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Postgres => "postgres",
        Protocol::Redis => "redis",
        Protocol::Mysql => "mysql",
        Protocol::Dns => "dns",
        Protocol::Smtp => "smtp",
    }
}

impl LocalCheck {
    /// The word clients see for what it does.
    pub fn kind(&self) -> &'static str {
        kind(&self.definition.probe)
    }

    /// Time between runs as clients see it; empty if it came with its service.
    pub fn interval(&self) -> String {
        self.shown(|definition| duration::format(definition.interval))
    }

    /// How long a run may take as clients see it, `0s` if that is left to the kind of check; empty if it came with its service.
    pub fn timeout(&self) -> String {
        self.shown(|definition| duration::format(definition.timeout.unwrap_or_default()))
    }

    fn shown(&self, text: impl FnOnce(&CheckDefinition) -> String) -> String {
        match (self.embedding, &self.definition.probe) {
            (Embedding::InService, _) | (Embedding::Alone, Probe::Maintenance) => String::new(),
            (Embedding::Alone, _) => text(&self.definition),
        }
    }

    /// What the catalog should have of it. How it is run stays here: that may hold secrets.
    pub fn catalog_spec(&self) -> CheckSpec {
        let definition = &self.definition;
        CheckSpec {
            id: definition.id.clone(),
            name: definition.name.clone(),
            status: self.status.into(),
            notes: definition.notes.clone(),
            output: self.output.clone(),
            service_id: definition.service_id.clone(),
            kind: self.kind().to_owned(),
            interval: self.interval(),
            timeout: self.timeout(),
            definition: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::agent::local::tests::world::{check_of, held};
    use crate::agent::local::{Embedding, LocalCheck};
    use crate::model::{CheckStatus, Probe};
    use std::time::Duration;

    #[test]
    fn interval_and_timeout_are_shown_of_what_was_registered_alone() {
        let mut definition = check_of("", "c");
        (definition.probe, definition.interval) = (Probe::Script { args: vec!["true".to_owned()] }, Duration::from_secs(10));
        let alone = held(definition);
        let spec = alone.catalog_spec();
        assert_eq!((spec.kind.as_str(), spec.interval.as_str(), spec.timeout.as_str()), ("script", "10s", "0s"));
        assert_eq!((spec.status, spec.definition.as_str()), (CheckStatus::Critical.into(), ""));
        let embedded = LocalCheck { embedding: Embedding::InService, ..alone };
        assert_eq!((embedded.interval().as_str(), embedded.timeout().as_str()), ("", ""));
    }
}
