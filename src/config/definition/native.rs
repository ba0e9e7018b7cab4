//! Checks of ours that speak a protocol: one word is the address, a block has parameters too.

use super::error::DefinitionError;
use super::fields::{Fields, Shape};
use super::shapes;
use super::value::Value;
use crate::model::{NativeProbe, Probe, Protocol};
use std::collections::BTreeMap;

/// The protocol that a field names.
fn protocol(field: &str) -> Option<(Protocol, &'static Shape)> {
    match field {
        "Postgres" => Some((Protocol::Postgres, &shapes::DATABASE)),
        "MySQL" => Some((Protocol::Mysql, &shapes::DATABASE)),
        "Redis" => Some((Protocol::Redis, &shapes::REDIS)),
        "DNS" => Some((Protocol::Dns, &shapes::DNS)),
        "SMTP" => Some((Protocol::Smtp, &shapes::SMTP)),
        _ => None,
    }
}

/// Reads the check that `field` holds: `"127.0.0.1:5432"`, or `{"Address": "127.0.0.1:5432", "User": "probe"}`. `None` if the field is no
/// protocol's.
pub(super) fn read(fields: &Fields<'_>, field: &'static str) -> Result<Option<Probe>, DefinitionError> {
    let (Some((protocol, shape)), Some(value)) = (protocol(field), fields.given(field)) else { return Ok(None) };
    let (addr, params) = match value {
        Value::Text(addr) => (addr.clone(), BTreeMap::new()),
        block => parameters(&Fields::open(block, shape, fields.dialect, fields.path_of(field))?, shape)?,
    };
    if !is_address(&addr) {
        return Err(fields.broken(field, format!("{field} must be an address, host or host:port, not {}", crate::model::quote(&addr))));
    }
    Ok(Some(Probe::Native(NativeProbe { protocol, addr, params })))
}

fn parameters(block: &Fields<'_>, shape: &'static Shape) -> Result<(String, BTreeMap<String, String>), DefinitionError> {
    let mut params = BTreeMap::new();
    for field in shape.parameters() {
        let text = block.text(field.name)?;
        if !text.is_empty() {
            params.insert(field.file.to_owned(), text);
        }
    }
    Ok((block.text("Address")?, params))
}

/// `host`, `host:port` or `[ip6]:port`. Whether there is such a host is found out by the check.
fn is_address(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').map(|inner| inner.split_once(']')) {
        Some(Some((host, ""))) => (host, None),
        Some(Some((host, rest))) => (host, Some(rest.strip_prefix(':').unwrap_or(""))),
        Some(None) => return false,
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let names_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@?#[]".contains(c)) && port.is_none_or(names_port)
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn an_address_is_a_host_with_or_without_a_port() {
        for text in ["db", "db:5432", "127.0.0.1:1", "::1", "[::1]", "[::1]:6379"] {
            assert!(is_address(text), "{text}");
        }
        for text in ["", ":5432", "db:", "db:0", "db:65536", "db:x", "postgres://db", "u@db:1", "[::1", "[::1]6379", "a b"] {
            assert!(!is_address(text), "{text}");
        }
    }
}
