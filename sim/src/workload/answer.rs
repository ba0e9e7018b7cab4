//! What an answer says, read as strictly as a client of Consul reads it.

use super::connection::Reply;
use crate::checker::{Found, Headers};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::sync::Arc;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said<T> {
    /// This.
    Yes(T),
    /// Not now; whether a write happened is not known.
    Refused,
    /// Never: the request itself was refused, so nothing happened.
    Never,
    /// Something that is not Consul's shape.
    Garbled(String),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Row {
    #[serde(rename = "LockIndex")]
    _lock_index: u64,
    key: Arc<str>,
    #[serde(rename = "Flags")]
    _flags: u64,
    value: Option<String>,
    create_index: u64,
    modify_index: u64,
}

/// The answer to a write.
pub fn of_write(reply: &Reply) -> Said<bool> {
    match (reply.status, reply.body.trim_ascii()) {
        (200, b"true") => Said::Yes(true),
        (200, b"false") => Said::Yes(false),
        (400..500, _) => Said::Never,
        (500.., _) => Said::Refused,
        (status, body) => Said::Garbled(format!("a write was answered {status} {}", body.escape_ascii())),
    }
}

/// The answer to a read of one key.
pub fn of_read(reply: &Reply, key: &str) -> Said<(Option<Found>, Headers)> {
    of_rows(reply, |rows| match <[(Arc<str>, Found); 1]>::try_from(rows) {
        Ok([(name, found)]) if *name == *key => Ok(Some(found)),
        Ok([(name, _)]) => Err(format!("a read of {key} was answered with {name}")),
        Err(rows) => Err(format!("a read of {key} was answered with {} entries", rows.len())),
    })
}

/// The answer to a read of a prefix.
pub fn of_list(reply: &Reply) -> Said<(Keys, Headers)> {
    let said = of_rows(reply, |rows| Ok(Some(rows.into_iter().map(|(key, found)| (key, Some(found))).collect())));
    match said {
        Said::Yes((rows, headers)) => Said::Yes((rows.unwrap_or_default(), headers)),
        Said::Refused => Said::Refused,
        Said::Never => Said::Never,
        Said::Garbled(says) => Said::Garbled(says),
    }
}

/// The answer to `?keys`.
pub fn of_keys(reply: &Reply) -> Said<(Keys, Headers)> {
    let keys = match reply.status {
        200 => match serde_json::from_slice::<Vec<Arc<str>>>(&reply.body) {
            Ok(keys) => keys,
            Err(e) => return Said::Garbled(format!("?keys was answered with no list of keys: {e}")),
        },
        404 => Vec::new(),
        400..500 => return Said::Never,
        _ => return Said::Refused,
    };
    match headers(reply) {
        Ok(headers) => Said::Yes((keys.into_iter().map(|key| (key, None)).collect(), headers)),
        Err(says) => Said::Garbled(says),
    }
}

/// Keys, with their entries where they were asked for.
pub type Keys = Vec<(Arc<str>, Option<Found>)>;

type Rows = Vec<(Arc<str>, Found)>;

fn of_rows<T>(reply: &Reply, judge: impl FnOnce(Rows) -> Result<Option<T>, String>) -> Said<(Option<T>, Headers)> {
    let shown = match reply.status {
        200 => rows(reply).and_then(judge),
        404 if reply.body.is_empty() => Ok(None),
        404 => Err(format!("a 404 has a body: {}", reply.body.escape_ascii())),
        400..500 => return Said::Never,
        _ => return Said::Refused,
    };
    match shown.and_then(|shown| Ok((shown, headers(reply)?))) {
        Ok(said) => Said::Yes(said),
        Err(says) => Said::Garbled(says),
    }
}

fn rows(reply: &Reply) -> Result<Rows, String> {
    let rows: Vec<Row> = serde_json::from_slice(&reply.body).map_err(|e| format!("a read was answered with no list of entries: {e}"))?;
    rows.into_iter().map(entry).collect()
}

fn entry(row: Row) -> Result<(Arc<str>, Found), String> {
    let bytes = STANDARD.decode(row.value.unwrap_or_default()).map_err(|e| format!("the value of {} is no base64: {e}", row.key))?;
    let value = String::from_utf8(bytes).map_err(|_| format!("the value of {} was never written", row.key))?;
    if row.create_index == 0 || row.create_index > row.modify_index {
        return Err(format!("{} shows CreateIndex {} and ModifyIndex {}", row.key, row.create_index, row.modify_index));
    }
    Ok((row.key, Found { value: value.into(), modify: row.modify_index, create: row.create_index }))
}

fn headers(reply: &Reply) -> Result<Headers, String> {
    let text = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok()).ok_or_else(|| format!("{name} is missing"));
    let number = |name: &str| text(name)?.parse::<u64>().map_err(|_| format!("{name} is no number"));
    let index = number("x-consul-index")?;
    if index == 0 {
        return Err("X-Consul-Index is 0".to_owned());
    }
    let known_leader = match text("x-consul-knownleader")? {
        "true" => true,
        "false" => false,
        other => return Err(format!("X-Consul-Knownleader is {other}")),
    };
    Ok(Headers { index, last_contact_ms: Some(number("x-consul-lastcontact")?), known_leader: Some(known_leader) })
}
