//! Consul's rules for metadata, the same for nodes and services.

use std::collections::BTreeMap;

/// Most pairs.
const MOST: usize = 64;
/// Keys that are Consul's own and may be set all the same.
const RESERVED_BUT_ALLOWED: [&str; 2] = ["consul-network-segment", "consul-version"];

/// Every rule that `meta` breaks, in Consul's words.
pub(in crate::config) fn broken_rules(meta: &BTreeMap<String, String>) -> Vec<String> {
    let mut broken = Vec::new();
    if meta.len() > MOST {
        broken.push(format!("Node metadata cannot contain more than {MOST} key/value pairs"));
    }
    for (key, value) in meta {
        if let Some(rule) = broken_by(key, value) {
            broken.push(format!("Couldn't load metadata pair ('{key}', '{value}'): {rule}"));
        }
    }
    broken
}

fn broken_by(key: &str, value: &str) -> Option<&'static str> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match key {
        "" => Some("Key cannot be blank"),
        key if !key.chars().all(letters) => Some("Key contains invalid characters"),
        key if key.len() > 128 => Some("Key is too long (limit: 128 characters)"),
        key if key.starts_with("consul-") && !RESERVED_BUT_ALLOWED.contains(&key) => {
            Some("Key prefix 'consul-' is reserved for internal use")
        }
        _ if value.len() > 512 => Some("Value is too long (limit: 512 characters)"),
        _ => None,
    }
}
