//! Raft's configuration and autopilot, as operators see them.

use super::{ApiError, params::Params};
use crate::model::duration;
use crate::state::autopilot::{AutopilotRow, AutopilotSettings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// `/v1/operator/raft/configuration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RaftConfiguration {
    /// Who takes part.
    pub servers: Vec<RaftServer>,
    /// The log's index of this configuration.
    pub index: u64,
}

/// A server in Raft's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RaftServer {
    /// Its node's id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its node's name, `(unknown)` if gossip does not know it.
    pub node: String,
    /// Its RPC address.
    pub address: String,
    /// Whether it leads.
    pub leader: bool,
    /// Always `"3"`.
    pub protocol_version: String,
    /// Whether it votes.
    pub voter: bool,
    /// The last entry in its log, where known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_index: Option<u64>,
}

/// Which server to remove from Raft's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peer {
    /// By its node's id.
    Id(String),
    /// By its RPC address.
    Address(String),
}

impl Peer {
    /// Reads `id` or `address`, exactly one of them.
    pub fn parse(params: &Params<'_>) -> Result<Peer, ApiError> {
        match (params.value("id"), params.value("address")) {
            (Some(id), None) => Ok(Peer::Id(id.to_owned())),
            (None, Some(address)) => Ok(Peer::Address(address.to_owned())),
            (None, None) => {
                let text = "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove";
                Err(ApiError::bad_request(text))
            }
            (Some(_), Some(_)) => Err(ApiError::bad_request("Must specify only one of ?id or ?address")),
        }
    }

    /// The refusal when no server is meant.
    pub fn not_found(&self) -> String {
        match self {
            Peer::Id(id) => format!("id \"{id}\" was not found in the Raft configuration"),
            Peer::Address(address) => format!("address \"{address}\" was not found in the Raft configuration"),
        }
    }
}

/// `/v1/operator/raft/transfer-leader`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransferLeader {
    /// Whether it took place; otherwise the request failed.
    pub success: bool,
}

/// `/v1/operator/autopilot/configuration`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AutopilotShape<'a> {
    cleanup_dead_servers: bool,
    last_contact_threshold: String,
    max_trailing_logs: u64,
    min_quorum: u32,
    server_stabilization_time: String,
    redundancy_zone_tag: &'a str,
    disable_upgrade_migration: bool,
    upgrade_version_tag: &'a str,
    create_index: u64,
    modify_index: u64,
}

impl<'a> From<&'a AutopilotRow> for AutopilotShape<'a> {
    fn from(row: &'a AutopilotRow) -> AutopilotShape<'a> {
        let settings = &row.settings;
        AutopilotShape {
            cleanup_dead_servers: settings.cleanup_dead_servers,
            last_contact_threshold: duration::format(settings.last_contact_threshold),
            max_trailing_logs: settings.max_trailing_logs,
            min_quorum: settings.min_quorum,
            server_stabilization_time: duration::format(settings.server_stabilization_time),
            redundancy_zone_tag: &settings.redundancy_zone_tag,
            disable_upgrade_migration: settings.disable_upgrade_migration,
            upgrade_version_tag: &settings.upgrade_version_tag,
            create_index: row.create_index,
            modify_index: row.modify_index,
        }
    }
}

/// Reads the body that sets autopilot's settings. Names are compared without case; what is left out has the default it starts with.
pub fn parse_autopilot(body: &[u8]) -> Result<AutopilotSettings, ApiError> {
    let refused = |why: String| ApiError::bad_request(format!("Bad request: Error parsing autopilot config: {why}"));
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(refused("EOF".to_owned()));
    }
    let fields: BTreeMap<String, serde_json::Value> = serde_json::from_slice(body).map_err(|error| refused(error.to_string()))?;
    let mut settings = default_settings();
    for (name, value) in fields {
        set(&mut settings, &name, value).map_err(refused)?;
    }
    Ok(settings)
}

/// What a field left out of the body is set to.
fn default_settings() -> AutopilotSettings {
    AutopilotSettings {
        cleanup_dead_servers: true,
        last_contact_threshold: Duration::from_millis(200),
        max_trailing_logs: 250,
        server_stabilization_time: Duration::from_secs(10),
        ..AutopilotSettings::default()
    }
}

fn set(settings: &mut AutopilotSettings, name: &str, value: serde_json::Value) -> Result<(), String> {
    match name.to_lowercase().as_str() {
        "cleanupdeadservers" => settings.cleanup_dead_servers = typed(name, value)?,
        "lastcontactthreshold" => settings.last_contact_threshold = span(name, &value)?,
        "maxtrailinglogs" => settings.max_trailing_logs = typed(name, value)?,
        "minquorum" => settings.min_quorum = typed(name, value)?,
        "serverstabilizationtime" => settings.server_stabilization_time = span(name, &value)?,
        "redundancyzonetag" => settings.redundancy_zone_tag = typed(name, value)?,
        "disableupgrademigration" => settings.disable_upgrade_migration = typed(name, value)?,
        "upgradeversiontag" => settings.upgrade_version_tag = typed(name, value)?,
        // Clients send back what they read.
        "createindex" | "modifyindex" => {}
        _ => return Err(format!("json: unknown field {}", crate::model::quote(name))),
    }
    Ok(())
}

fn typed<T: serde::de::DeserializeOwned + Default>(name: &str, value: serde_json::Value) -> Result<T, String> {
    if value.is_null() {
        return Ok(T::default());
    }
    serde_json::from_value(value).map_err(|error| format!("{name}: {error}"))
}

/// A duration: text, or a number of nanoseconds.
fn span(name: &str, value: &serde_json::Value) -> Result<Duration, String> {
    let refused = || format!("{name}: must be a duration such as \"200ms\", or a number of nanoseconds");
    match value {
        serde_json::Value::Null => Ok(Duration::ZERO),
        serde_json::Value::String(text) if text.is_empty() => Ok(Duration::ZERO),
        serde_json::Value::String(text) => duration::parse(text).map_err(|error| error.to_string()),
        serde_json::Value::Number(nanos) => nanos.as_u64().map(Duration::from_nanos).ok_or_else(refused),
        serde_json::Value::Bool(_) | serde_json::Value::Array(_) | serde_json::Value::Object(_) => Err(refused()),
    }
}

/// `/v1/operator/autopilot/health`: 200 if healthy, 429 if not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServersHealth {
    /// Whether every server is.
    pub healthy: bool,
    /// How many voters may fail before writes stop.
    pub failure_tolerance: u32,
    /// Each server.
    pub servers: Vec<ServerHealth>,
}

/// How a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServerHealth {
    /// Its node's id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its node's name.
    pub name: String,
    /// Its RPC address.
    pub address: String,
    /// How gossip sees it: `alive`, `left` and so on.
    pub serf_status: String,
    /// Its version.
    pub version: String,
    /// Whether it leads.
    pub leader: bool,
    /// How long ago it heard of the leader, as a Go duration.
    pub last_contact: String,
    /// The term of the last entry in its log.
    pub last_term: u64,
    /// The last entry in its log.
    pub last_index: u64,
    /// Whether it is well.
    pub healthy: bool,
    /// Whether it votes.
    pub voter: bool,
    /// Since when `healthy` is what it is, RFC 3339.
    pub stable_since: String,
}

/// `/v1/operator/autopilot/state`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AutopilotState {
    /// Whether every server is well.
    pub healthy: bool,
    /// How many voters may fail before writes stop.
    pub failure_tolerance: u32,
    /// The same if non-voters took their places.
    pub optimistic_failure_tolerance: u32,
    /// Each server by its node's id.
    pub servers: BTreeMap<String, AutopilotServer>,
    /// The id of the leader.
    pub leader: String,
    /// The ids of the voters.
    pub voters: Vec<String>,
}

/// A server as autopilot sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AutopilotServer {
    /// Its node's id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its node's name.
    pub name: String,
    /// Its RPC address.
    pub address: String,
    /// How gossip sees it.
    pub node_status: String,
    /// Its version.
    pub version: String,
    /// How long ago it heard of the leader, as a Go duration.
    pub last_contact: String,
    /// The term of the last entry in its log.
    pub last_term: u64,
    /// The last entry in its log.
    pub last_index: u64,
    /// Whether it is well.
    pub healthy: bool,
    /// Since when `healthy` is what it is, RFC 3339.
    pub stable_since: String,
    /// Whether it never votes.
    pub read_replica: bool,
    /// `leader`, `voter`, `non-voter` or `staging`.
    pub status: String,
    /// Its node's meta.
    pub meta: BTreeMap<String, String>,
    /// `voter` or `read-replica`.
    pub node_type: String,
}

#[cfg(test)]
mod tests;
