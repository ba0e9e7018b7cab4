//! What of the configuration the HTTP server goes by.

use crate::api::json::Layout;
use crate::config::{Config, TelemetryTuning};
use hyper::header::{HeaderName, HeaderValue};
use std::net::IpAddr;
use std::time::Duration;

/// The server's bounds and habits.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How JSON is laid out unless a request says `pretty`.
    pub layout: Layout,
    /// How numbers are told.
    pub telemetry: TelemetryTuning,
    /// Longest value in bytes.
    pub kv_max_value_size: u64,
    /// Most operations of a transaction.
    pub txn_max_ops: u32,
    /// Longest body of a transaction in bytes, or that of the longest value if that is longer.
    pub txn_max_req_len: u64,
    /// Connections from one address; the next is answered 429 and closed.
    pub max_connections_per_client: usize,
    /// Longest head of a request in bytes.
    pub max_header_bytes: usize,
    /// Path prefixes answered 403.
    pub blocked: Vec<String>,
    /// Added to every answer.
    pub response_headers: Vec<(HeaderName, HeaderValue)>,
    /// Networks that may write, as an address and the length of its prefix; none is everyone.
    pub writers: Vec<(IpAddr, u8)>,
    /// How old an answer about catalog and health may be where a request does not say; `None` asks the leader.
    pub discovery_max_stale: Option<Duration>,
    /// Whether coordinates are kept (`disable_coordinates`).
    pub coordinates: bool,
    /// Whether paths may hold characters that cannot be printed.
    pub allow_unprintable: bool,
}

/// A header of `http_config.response_headers` cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("http_config.response_headers: {name:?}: {value:?} {rule}")]
pub struct HeaderRefused {
    name: String,
    value: String,
    rule: &'static str,
}

impl Settings {
    /// Takes what it needs from the configuration.
    pub fn from_config(config: &Config) -> Result<Settings, HeaderRefused> {
        let headers = config.http.response_headers.iter().map(|(name, value)| {
            let refused = |rule| HeaderRefused { name: name.clone(), value: value.clone(), rule };
            let parsed_name = name.parse::<HeaderName>().map_err(|_| refused("has a name that HTTP does not allow"))?;
            let parsed_value = value.parse::<HeaderValue>().map_err(|_| refused("has a value that HTTP does not allow"))?;
            Ok((parsed_name, parsed_value))
        });
        Ok(Settings {
            layout: if config.dev { Layout::Pretty } else { Layout::Compact },
            telemetry: config.telemetry.clone(),
            kv_max_value_size: config.limits.kv_max_value_size,
            txn_max_ops: config.limits.txn_max_ops,
            txn_max_req_len: config.limits.txn_max_req_len,
            max_connections_per_client: config.limits.http_max_conns_per_client,
            max_header_bytes: config.http.max_header_bytes,
            blocked: config.http.block_endpoints.clone(),
            response_headers: headers.collect::<Result<_, _>>()?,
            writers: config.http.allow_write_http_from.clone(),
            discovery_max_stale: Some(config.discovery_max_stale).filter(|age| !age.is_zero()),
            coordinates: !config.disable_coordinates,
            allow_unprintable: config.http.allow_unprintable,
        })
    }

    /// Whether the operator turned this path off.
    pub(super) fn is_blocked(&self, path: &[u8]) -> bool {
        self.blocked.iter().any(|prefix| path.starts_with(prefix.as_bytes()))
    }

    /// Whether requests from `client` may write.
    pub(super) fn may_write(&self, client: IpAddr) -> bool {
        self.writers.is_empty() || self.writers.iter().any(|(network, length)| contains(*network, *length, client))
    }
}

/// Whether the first `length` bits of both are the same. An IPv4 address is also met in its IPv6 form.
fn contains(network: IpAddr, length: u8, address: IpAddr) -> bool {
    let same_start = |one: u128, other: u128, bits: u32| {
        let length = u32::from(length).min(bits);
        length == 0 || (one ^ other) >> (bits - length) == 0
    };
    match (network.to_canonical(), address.to_canonical()) {
        (IpAddr::V4(network), IpAddr::V4(address)) => same_start(network.to_bits().into(), address.to_bits().into(), 32),
        (IpAddr::V6(network), IpAddr::V6(address)) => same_start(network.to_bits(), address.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::contains;

    #[test]
    fn a_network_holds_the_addresses_that_begin_like_it() {
        let of = |network: &str, length, address: &str| contains(network.parse().unwrap(), length, address.parse().unwrap());
        assert!(of("10.1.0.0", 16, "10.1.255.1") && !of("10.1.0.0", 16, "10.2.0.1"));
        assert!(of("127.0.0.1", 32, "127.0.0.1") && !of("127.0.0.1", 32, "127.0.0.2"));
        assert!(of("0.0.0.0", 0, "1.2.3.4") && !of("0.0.0.0", 0, "::1"));
        assert!(of("10.0.0.0", 8, "::ffff:10.1.2.3"));
        assert!(of("fd00::", 8, "fd12::1") && !of("fd00::", 8, "fe80::1"));
    }
}
