//! How the agent finds its cluster: `bootstrap`, `bootstrap_expect`, `retry_join`, `start_join`.

use super::addresses::Role;
use super::error::Problem;
use super::load::Profile;
use super::reader::Reader;
use super::template;
use std::net::{IpAddr, SocketAddr};

/// How many servers form the first cluster; `bootstrap` and `-dev` are 1.
pub(super) fn bootstrap_expect(reader: &mut Reader<'_>, role: Role, profile: Profile) -> u32 {
    let expect = reader.settings.int("bootstrap_expect").unwrap_or(0);
    let alone = reader.switch("bootstrap", false);
    if expect < 0 {
        reader.broken(format!("bootstrap_expect cannot be {expect}. Must be greater than or equal to zero"));
    }
    if expect > 0 && profile == Profile::Dev {
        reader.broken("'bootstrap_expect > 0' not allowed in dev mode");
    }
    if expect > 0 && role == Role::Client {
        reader.broken("'bootstrap_expect > 0' requires 'server = true'");
    }
    if alone && role == Role::Client {
        reader.broken("'bootstrap = true' requires 'server = true'");
    }
    if expect > 0 && alone {
        reader.broken("'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive");
    }
    warn_of_size(reader, expect, alone);
    match profile {
        Profile::Dev => u32::from(role == Role::Server),
        Profile::Production if alone => 1,
        Profile::Production => u32::try_from(expect).unwrap_or_else(|_| {
            if expect > 0 {
                reader.problems.push(Problem::value("bootstrap_expect", expect, "must be below 4294967296"));
            }
            0
        }),
    }
}

fn warn_of_size(reader: &mut Reader<'_>, expect: i64, alone: bool) {
    let warning = match expect {
        _ if alone => "bootstrap = true: this server forms a cluster of its own; do not use it on more than one server",
        1 => "bootstrap_expect is 1, the same as bootstrap = true: this server forms a cluster of its own; do not use unless that is meant",
        2 => "bootstrap_expect is 2: a cluster of 2 servers has no fault tolerance, it stops when either is lost",
        n if n > 2 && n % 2 == 0 => {
            "bootstrap_expect is even: a cluster with an odd number of servers tolerates as many failures with one server less"
        }
        _ => return,
    };
    reader.warnings.push(warning.to_owned());
}

/// The `host` and `host:port` entries of a list of agents to join, templates replaced.
pub(super) fn join_addresses(reader: &mut Reader<'_>, key: &'static str) -> Vec<String> {
    let mut addresses = Vec::new();
    for entry in reader.settings.texts(key) {
        let entry = entry.trim();
        if entry.contains("provider=") {
            reader.problems.push(Problem::value(
                key,
                format!("{entry:?}"),
                "asks a cloud provider for addresses, which this version cannot: list hosts, or a DNS name that has them all",
            ));
            continue;
        }
        let expanded = template::expand(reader.host, key, entry);
        let expanded = reader.or(expanded, String::new());
        for address in expanded.split_whitespace() {
            match check_host_and_port(address) {
                Ok(()) => addresses.push(address.to_owned()),
                Err(rule) => reader.problems.push(Problem::value(key, format!("{address:?}"), rule)),
            }
        }
    }
    addresses
}

/// `host`, `host:port`, `::1`, `[::1]` or `[::1]:port`.
fn check_host_and_port(text: &str) -> Result<(), &'static str> {
    let rule = "must be a host or host:port";
    if text.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok() {
        return Ok(());
    }
    if let Some(inner) = text.strip_prefix('[') {
        let ip = inner.strip_suffix(']').and_then(|ip| ip.parse::<IpAddr>().ok());
        return ip.map(|_| ()).ok_or(rule);
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let in_host = |c: char| c.is_alphanumeric() || c == '-' || c == '.' || c == '_';
    match port.map(str::parse::<u16>) {
        None | Some(Ok(1..)) if !host.is_empty() && host.chars().all(in_host) => Ok(()),
        Some(Ok(0) | Err(_)) => Err("must have a port from 1 to 65535, or none"),
        None | Some(Ok(_)) => Err(rule),
    }
}
