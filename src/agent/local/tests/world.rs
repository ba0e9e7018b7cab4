//! Registrations to try things on.

use crate::agent::local::{
    Effects, Embedding, FileChange, Local, LocalChange, LocalCheck, LocalSettings, Origin, OtherChecks, Record, RecordFile,
};
use crate::health::{self, Verdict};
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

/// A registration over HTTP.
pub fn register(local: &mut Local, definition: ServiceDefinition, others: OtherChecks) -> Effects {
    apply(local, LocalChange::RegisterService { definition: Box::new(definition), others })
}

/// A change that is not refused.
pub fn apply(local: &mut Local, change: LocalChange) -> Effects {
    let effects = local.apply(wall(), change).expect("the change is made");
    local.check_invariants();
    effects
}

/// A check stands so now.
pub fn settle(local: &mut Local, id: &str, status: CheckStatus, output: &str) -> Effects {
    local.settle(wall(), id, Verdict { status, output: output.to_owned() })
}

/// Files written and removed, by folder and with the ids they were told by.
pub fn files(effects: &Effects, ids: &[&str]) -> Vec<(&'static str, &'static str, String)> {
    let named = |file: &RecordFile| {
        let id = ids.iter().find(|id| RecordFile::of(file.folder, id) == *file);
        id.map_or_else(|| file.name.clone(), |id| (*id).to_owned())
    };
    let told = |change: &FileChange| match change {
        FileChange::Write { file, .. } => ("write", file.folder.path(), named(file)),
        FileChange::Remove(file) => ("remove", file.folder.path(), named(file)),
    };
    effects.files.iter().map(told).collect()
}

/// The records that were written.
pub fn records(effects: &Effects) -> Vec<Record> {
    let record = |change: &FileChange| match change {
        FileChange::Write { file, bytes } => Some(Record::decode(file, bytes).expect("a record")),
        FileChange::Remove(_) => None,
    };
    effects.files.iter().filter_map(record).collect()
}

/// How an alias check is told that its target stands; the last word counts.
pub fn target(effects: &Effects, alias: &str) -> Option<Verdict> {
    let told = |input: &health::Input| match input {
        health::Input::Target { check, verdict } if **check == *alias => Some(verdict.clone()),
        health::Input::Target { .. }
        | health::Input::Watch { .. }
        | health::Input::Forget(_)
        | health::Input::OutputLimit(_)
        | health::Input::Done { .. }
        | health::Input::Heartbeat { .. } => None,
    };
    effects.health.iter().filter_map(told).next_back()
}
