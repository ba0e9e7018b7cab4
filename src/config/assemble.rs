//! The merged settings become a [`Config`], with every rule checked that one key alone cannot tell.

use super::addresses::{self, Addresses, Role};
use super::cluster;
use super::definition::meta::broken_rules;
use super::dns;
use super::error::{ConfigError, Problem};
use super::given::Given;
use super::host::Host;
use super::load::Profile;
use super::reader::Reader;
use super::registration::{self, Definitions};
use super::settings::Settings;
use super::tuning;
use super::{Config, TelemetryTuning, nearest};
use crate::model::{Datacenter, NodeId, NodeName};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Reads the whole configuration.
pub(super) fn config(settings: &Settings, host: &Host, profile: Profile) -> Result<Config, ConfigError> {
    let mut reader = Reader { settings, host, problems: settings.unprotected(), warnings: Vec::new() };
    let config = read(&mut reader, profile);
    let (problems, warnings) = (reader.problems, reader.warnings);
    match config {
        Some(config) if problems.is_empty() => Ok(Config { warnings, ignored_keys: settings.without_effect(), ..config }),
        Some(_) | None => Err(ConfigError { source: None, problems }),
    }
}

fn read(reader: &mut Reader<'_>, profile: Profile) -> Option<Config> {
    let dev = profile == Profile::Dev;
    let server = reader.switch("server", false);
    let role = if server { Role::Server } else { Role::Client };
    let (datacenter, node_name) = (datacenter(reader), node_name(reader));
    let node_id = node_id(reader);
    let data_dir = data_dir(reader, profile);
    let bootstrap_expect = cluster::bootstrap_expect(reader, role, profile);
    let Addresses { listen, advertise, advertise_wan } = addresses::read(reader, role);
    let retry_join = cluster::join_addresses(reader, "retry_join");
    let start_join = cluster::join_addresses(reader, "start_join");
    let read_replica = read_replica(reader, role);
    refuse_reserved_alt_domain(reader, datacenter.as_ref());
    refuse_other_primary(reader, datacenter.as_ref());
    let max_query_time = reader.span("max_query_time", Duration::from_secs(600), Duration::from_secs(1));
    let default_query_time = reader.span("default_query_time", Duration::from_secs(300), Duration::from_millis(1));
    let Definitions { services, checks, places } = registration::definitions(reader);
    Some(Config {
        node_name: node_name?,
        node_id,
        node_meta: node_meta(reader),
        datacenter: datacenter?,
        data_dir,
        dev,
        server,
        bootstrap_expect,
        read_replica,
        listen,
        advertise_addr: advertise,
        advertise_addr_wan: advertise_wan,
        retry_join,
        retry_interval: reader.span("retry_interval", Duration::from_secs(30), Duration::from_millis(10)),
        retry_max: reader.count("retry_max", 0, 0),
        start_join,
        rejoin_after_leave: reader.switch("rejoin_after_leave", false),
        leave_on_terminate: reader.switch("leave_on_terminate", !server),
        skip_leave_on_interrupt: reader.switch("skip_leave_on_interrupt", server),
        reconnect_timeout: reconnect_timeout(reader),
        gossip_lan: tuning::gossip_lan(reader, profile),
        gossip_wan: tuning::gossip_wan(reader),
        raft: tuning::raft(reader),
        autopilot: tuning::autopilot(reader),
        cache: tuning::cache(reader),
        limits: tuning::limits(reader),
        sessions: tuning::sessions(reader),
        http: tuning::http(reader),
        dns: dns::dns(reader),
        discovery_max_stale: reader.span("discovery_max_stale", Duration::ZERO, Duration::ZERO),
        default_query_time: default_query_time.min(max_query_time),
        max_query_time,
        leave_drain_time: reader.span("performance.leave_drain_time", Duration::from_secs(5), Duration::ZERO),
        rpc_hold_timeout: reader.span("performance.rpc_hold_timeout", Duration::from_secs(7), Duration::ZERO),
        log_level: log_level(reader),
        log_json: reader.switch("log_json", false),
        services,
        watches: reader.settings.watches("watches").to_vec(),
        checks,
        places,
        check_tuning: registration::checks(reader),
        disable_coordinates: reader.switch("disable_coordinates", false),
        enable_debug: reader.switch("enable_debug", false),
        telemetry: telemetry(reader),
        pid_file: reader.settings.text("pid_file").filter(|path| !path.is_empty()).map(PathBuf::from),
        given: Given(reader.settings.clone()),
        ignored_keys: Vec::new(),
        warnings: Vec::new(),
    })
}

fn telemetry(reader: &mut Reader<'_>) -> TelemetryTuning {
    let prometheus = reader.settings.span("telemetry.prometheus_retention_time").is_some_and(|time| !time.is_zero());
    let named = prometheus && !reader.switch("telemetry.disable_hostname", false);
    let prefix = reader.settings.text("telemetry.metrics_prefix").filter(|prefix| !prefix.is_empty()).unwrap_or("consul").to_owned();
    TelemetryTuning { prometheus, prefix, hostname: named.then(|| reader.host.name.clone()) }
}

fn read_replica(reader: &mut Reader<'_>, role: Role) -> bool {
    let asked = reader.switch("read_replica", false) || reader.switch("non_voting_server", false);
    if asked && role == Role::Client {
        reader.broken("'read_replica = true' requires 'server = true'");
    }
    asked
}

fn datacenter(reader: &mut Reader<'_>) -> Option<Datacenter> {
    let name = reader.settings.text("datacenter").unwrap_or("dc1").to_ascii_lowercase();
    let refused = match Datacenter::parse(&name) {
        Ok(datacenter) => return Some(datacenter),
        Err(_) if name.is_empty() => Problem::Rule("datacenter cannot be empty".to_owned()),
        Err(_) if name.len() > 64 => Problem::value("datacenter", format!("{name:?}"), "must not be longer than 64 bytes"),
        Err(_) => Problem::Rule("datacenter can only contain lowercase alphanumeric, - or _ characters.".to_owned()),
    };
    reader.problems.push(refused);
    None
}

fn node_name(reader: &mut Reader<'_>) -> Option<NodeName> {
    let name = reader.settings.text("node_name").unwrap_or(&reader.host.name).trim();
    match NodeName::parse(name) {
        Ok(name) => {
            if !name.is_dns_safe() {
                reader.warnings.push(format!(
                    "node name {name:?} cannot be looked up in DNS: that takes letters, digits and dashes only, 63 at most",
                    name = name.as_str()
                ));
            }
            Some(name)
        }
        Err(_) if name.is_empty() => {
            reader.broken("node_name cannot be empty");
            None
        }
        Err(error) => {
            reader.problems.push(Problem::value("node_name", format!("{name:?}"), error.rule));
            None
        }
    }
}

fn node_id(reader: &mut Reader<'_>) -> Option<NodeId> {
    let text = reader.settings.text("node_id").filter(|text| !text.is_empty())?;
    match NodeId::parse(&text.to_ascii_lowercase()) {
        Ok(id) => Some(id),
        Err(error) => {
            reader.problems.push(Problem::value("node_id", format!("{text:?}"), error.rule));
            None
        }
    }
}

fn data_dir(reader: &mut Reader<'_>, profile: Profile) -> Option<PathBuf> {
    let path = reader.settings.text("data_dir").filter(|path| !path.is_empty()).map(PathBuf::from);
    if path.is_none() && profile == Profile::Production {
        reader.broken("data_dir cannot be empty");
    }
    path
}

/// Consul's rules for metadata of a node.
fn node_meta(reader: &mut Reader<'_>) -> BTreeMap<String, String> {
    let meta = reader.settings.map("node_meta");
    for rule in broken_rules(&meta) {
        reader.broken(format!("node_meta invalid: {rule}"));
    }
    meta
}

fn refuse_reserved_alt_domain(reader: &mut Reader<'_>, datacenter: Option<&Datacenter>) {
    let dc = datacenter.map_or("dc1", Datacenter::as_str);
    let first = reader.settings.text("alt_domain").and_then(|domain| domain.split('.').next()).unwrap_or("");
    if ["service", "connect", "node", "query", "addr", dc].contains(&first) {
        reader.broken(format!("alt_domain cannot start with {{service,connect,node,query,addr,{dc}}}"));
    }
}

fn refuse_other_primary(reader: &mut Reader<'_>, datacenter: Option<&Datacenter>) {
    let primary = reader.settings.text("primary_datacenter").map(str::to_ascii_lowercase).filter(|name| !name.is_empty());
    if let (Some(primary), Some(own)) = (primary, datacenter)
        && primary != own.as_str()
    {
        let rule = format!("must be our own datacenter {:?}: this version does not federate datacenters", own.as_str());
        reader.problems.push(Problem::value("primary_datacenter", format!("{primary:?}"), rule));
    }
}

/// Consul's documentation asks for 8 hours at least; its agent takes less.
fn reconnect_timeout(reader: &mut Reader<'_>) -> Duration {
    let hour = Duration::from_secs(3600);
    let timeout = reader.span("reconnect_timeout", hour * 72, Duration::from_secs(1));
    if timeout < hour * 8 {
        let given = crate::model::duration::format(timeout);
        reader.warnings.push(format!("reconnect_timeout {given} is below 8h0m0s: members that are only cut off for a night are forgotten"));
    }
    timeout
}

fn log_level(reader: &mut Reader<'_>) -> String {
    const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];
    let given = reader.settings.text("log_level").unwrap_or("info").trim().to_ascii_lowercase();
    match given.as_str() {
        "err" => "error".to_owned(),
        "warning" => "warn".to_owned(),
        level if LEVELS.contains(&level) => given,
        level => {
            let hint = nearest(level, LEVELS).map(|known| format!("; did you mean {known}?")).unwrap_or_default();
            reader.problems.push(Problem::value(
                "log_level",
                format!("{level:?}"),
                format!("must be one of trace, debug, info, warn, error{hint}"),
            ));
            "info".to_owned()
        }
    }
}
