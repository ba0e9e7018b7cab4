//! `maint`: take a node or a service out of use, put it back, or tell what is out of use.

use super::args::{FlagSpec, switch, value};
use super::client::{Query, path};
use super::command::Call;
use super::report::{FORMAT, Format, Outcome, Report};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const FLAGS: &[FlagSpec] = &[
    switch("disable", "Put the node, or the service, back into use."),
    switch("enable", "Take the node, or the service, out of use."),
    FORMAT,
    value("reason", "Why it is taken out of use; shown to whoever looks."),
    value("service", "Id of the service that is meant, instead of the node."),
];

const NODE: &str = "_node_maintenance";
const SERVICE: &str = "_service_maintenance:";

pub(super) fn run(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let (enable, disable) = (call.args.is_on("enable"), call.args.is_on("disable"));
    let (reason, service) = (call.args.value("reason"), call.args.value("service"));
    match (enable, disable) {
        (true, true) => Err("Only one of -enable or -disable may be provided".to_owned()),
        (false, _) if reason.is_some() => Err("Reason may only be provided with -enable".to_owned()),
        (false, false) if service.is_some() => Err("Service requires either -enable or -disable".to_owned()),
        (false, false) => modes(call),
        (enable, _) => switch_mode(call, enable, service, reason),
    }
}

fn switch_mode(call: &Call<'_>, enable: bool, service: Option<&str>, reason: Option<&str>) -> Outcome {
    let query = Query::default().with("enable", enable).with_some("reason", reason);
    let (target, what, of) = match service {
        None => ("/v1/agent/maintenance".to_owned(), "Node", String::new()),
        Some(id) => (format!("/v1/agent/service/maintenance/{}", path(id)), "Service", format!(" for {id:?}")),
    };
    let (doing, done) = if enable { ("enabling", "enabled") } else { ("disabling", "disabled") };
    let answer = call.client()?.succeed("PUT", &target, query, Vec::new());
    answer.map_err(|e| format!("Error {doing} {} maintenance: {e}", what.to_ascii_lowercase()))?;
    Ok(Report::line(format!("{what} maintenance is now {done}{of}")))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    node: String,
    #[serde(rename = "CheckID")]
    id: String,
    #[serde(default)]
    notes: String,
    #[serde(default, rename = "ServiceID")]
    service: String,
}

/// Something out of use.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Mode {
    kind: &'static str,
    name: String,
    reason: String,
}

fn modes(call: &Call<'_>) -> Outcome {
    let checks: BTreeMap<String, Check> =
        call.client()?.json("/v1/agent/checks", Query::default()).map_err(|e| format!("Error querying checks: {e}"))?;
    let mut modes = Vec::new();
    for check in checks.into_values() {
        if check.id == NODE {
            modes.insert(0, Mode { kind: "Node", name: check.node, reason: check.notes });
        } else if check.id.starts_with(SERVICE) {
            modes.push(Mode { kind: "Service", name: check.service, reason: check.notes });
        }
    }
    match Format::of(&call.args)? {
        Format::Json => Ok(Report::json(&modes)),
        Format::Pretty => Ok(Report::text(modes.iter().map(told).collect::<Vec<_>>().join("\n"))),
    }
}

fn told(mode: &Mode) -> String {
    let name = if mode.kind == "Node" { "Name" } else { "ID" };
    format!("{}:\n  {:<8}{}\n  Reason: {}\n", mode.kind, format!("{name}:"), mode.name, mode.reason)
}
