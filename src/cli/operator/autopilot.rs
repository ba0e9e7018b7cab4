//! `operator autopilot`: the servers' health and number.

use crate::cli::args::{Args, FlagSpec, Takes, switch, value};
use crate::cli::client::{Query, decoded};
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};
use crate::model::duration;
use serde_json::{Map, Value};

pub(crate) const CONFIG_FLAGS: &[FlagSpec] = &[
    switch("cleanup-dead-servers", "Remove dead servers once others can do without them."),
    switch("disable-upgrade-migration", "Kept for the API's sake; without effect."),
    value("last-contact-threshold", "A server the leader has not heard of for longer is unhealthy."),
    value("max-trailing-logs", "A server further behind the leader is unhealthy."),
    value("min-quorum", "Never clean up below this many servers."),
    value("redundancy-zone-tag", "Kept for the API's sake; without effect."),
    value("server-stabilization-time", "How long a server must be healthy before it votes."),
    value("upgrade-version-tag", "Kept for the API's sake; without effect."),
];

pub(crate) const STATE_FLAGS: &[FlagSpec] = &[value("format", "pretty (the default) or json.")];

const PATH: &str = "/v1/operator/autopilot/configuration";

/// Keys of the settings in the order they are shown.
const SHOWN: [&str; 8] = [
    "CleanupDeadServers",
    "LastContactThreshold",
    "MaxTrailingLogs",
    "MinQuorum",
    "ServerStabilizationTime",
    "RedundancyZoneTag",
    "DisableUpgradeMigration",
    "UpgradeVersionTag",
];

/// `operator autopilot get-config`.
pub(crate) fn show_config(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let query = Query::default().with_server_flags(&call.args);
    let settings: Map<String, Value> =
        call.client()?.json(PATH, query).map_err(|e| format!("Error querying Autopilot configuration: {e}"))?;
    let line = |key: &str| match (settings.get(key), key) {
        (Some(Value::String(text)), "RedundancyZoneTag" | "UpgradeVersionTag") => format!("{key} = {text:?}\n"),
        (Some(Value::String(text)), _) => format!("{key} = {text}\n"),
        (Some(other), _) => format!("{key} = {other}\n"),
        (None, _) => String::new(),
    };
    Ok(Report::text(SHOWN.map(line).concat()))
}

/// `operator autopilot set-config`: what is not given stays, and a change in between is noticed.
pub(crate) fn change_config(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let client = call.client()?;
    let dc = call.args.value("datacenter");
    let current = client.json(PATH, Query::default().with_some("dc", dc));
    let mut settings: Map<String, Value> = current.map_err(|e| format!("Error querying Autopilot configuration: {e}"))?;
    let index = settings.get("ModifyIndex").and_then(Value::as_u64).unwrap_or(0);
    for spec in CONFIG_FLAGS {
        if let Some(changed) = changed(&call.args, spec)? {
            settings.insert(in_pascal_case(spec.name), changed);
        }
    }
    let body = Value::Object(settings).to_string().into_bytes();
    let answer = client.succeed("PUT", PATH, Query::default().with("cas", index).with_some("dc", dc), body);
    match answer.map_err(|e| format!("Error setting Autopilot configuration: {e}"))?.trim_ascii() {
        b"true" => Ok(Report::line("Configuration updated!")),
        _ => Err("Configuration could not be atomically updated, please try again".to_owned()),
    }
}

/// The JSON value a flag stands for, if it was given.
fn changed(args: &Args, spec: &FlagSpec) -> Result<Option<Value>, String> {
    let Some(text) = args.value(spec.name) else { return Ok(None) };
    match (spec.takes, spec.name) {
        (Takes::Nothing, _) => Ok(Some(Value::Bool(args.is_on(spec.name)))),
        (Takes::Value, "max-trailing-logs" | "min-quorum") => Ok(args.number(spec.name)?.map(Value::from)),
        (Takes::Value, "last-contact-threshold" | "server-stabilization-time") => match duration::parse(text) {
            Ok(_) => Ok(Some(Value::from(text))),
            Err(error) => Err(format!("invalid value {text:?} for flag -{}: {error}", spec.name)),
        },
        (Takes::Value, _) => Ok(Some(Value::from(text))),
    }
}

fn in_pascal_case(kebab: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    kebab.split('-').map(capital).collect()
}

/// `operator autopilot state`.
pub(crate) fn state(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let query = Query::default().with_server_flags(&call.args);
    let body = call.client()?.succeed("GET", "/v1/operator/autopilot/state", query, Vec::new());
    let state: Value = decoded(&body.map_err(|e| format!("Error getting autopilot state: {e}"))?)?;
    match call.args.value("format").unwrap_or("pretty") {
        "json" => Ok(Report::line(serde_json::to_string_pretty(&state).expect("JSON of JSON"))),
        "pretty" => Ok(Report::text(pretty(&state))),
        other => Err(format!("invalid value {other:?} for flag -format: must be pretty or json")),
    }
}

fn pretty(state: &Value) -> String {
    let mut text = String::new();
    for (label, key) in [
        ("Healthy:", "Healthy"),
        ("Failure Tolerance:", "FailureTolerance"),
        ("Optimistic Failure Tolerance:", "OptimisticFailureTolerance"),
        ("Leader:", "Leader"),
    ] {
        text.push_str(&format!("{label:<29} {}\n", plain(state.get(key))));
    }
    text.push_str("Voters:\n");
    let voters = state.get("Voters").and_then(Value::as_array).into_iter().flatten();
    text.extend(voters.map(|id| format!("   {}\n", plain(Some(id)))));
    text.push_str("Servers:\n");
    let servers = state.get("Servers").and_then(Value::as_object).into_iter().flatten();
    servers.for_each(|(id, server)| text.push_str(&pretty_server(id, server)));
    text
}

fn pretty_server(id: &str, server: &Value) -> String {
    let mut text = format!("   {id}\n");
    for (label, key) in [
        ("Name:", "Name"),
        ("Address:", "Address"),
        ("Version:", "Version"),
        ("Status:", "Status"),
        ("Node Type:", "NodeType"),
        ("Node Status:", "NodeStatus"),
        ("Healthy:", "Healthy"),
        ("Last Contact:", "LastContact"),
        ("Last Term:", "LastTerm"),
        ("Last Index:", "LastIndex"),
    ] {
        text.push_str(&format!("      {label:<16} {}\n", plain(server.get(key))));
    }
    if let Some(meta) = server.get("Meta").and_then(Value::as_object).filter(|meta| !meta.is_empty()) {
        text.push_str("      Meta\n");
        text.extend(meta.iter().map(|(key, value)| format!("         {key:?}: {value}\n")));
    }
    text
}

fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
