//! `kv`: the key-value store.

pub(super) mod delete;
pub(super) mod export;
pub(super) mod get;
pub(super) mod history;
pub(super) mod import;
pub(super) mod put;
pub(super) mod rollback;

use super::args::{FlagSpec, value};
use super::client::{Client, Query, decoded, path, unexpected};
use super::command::Call;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// The flag of changes that a lock protects.
const FENCE: FlagSpec =
    value("fence", "Make the change only while the lock of this token is held; muster lock has it in MUSTER_LOCK_TOKEN.");

/// A key and all that is kept with it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pair {
    create_index: u64,
    flags: u64,
    key: String,
    lock_index: u64,
    modify_index: u64,
    #[serde(default)]
    session: Option<String>,
    value: Option<String>,
}

impl Pair {
    fn value(&self) -> Result<Vec<u8>, String> {
        let text = self.value.as_deref().unwrap_or("");
        STANDARD.decode(text).map_err(|e| format!("Error! The value of {} is not base64: {e}", self.key))
    }
}

/// A key as it is asked for: without the slash people put in front.
fn without_slash(key: &str) -> &str {
    key.strip_prefix('/').unwrap_or(key)
}

/// The pairs under a key or prefix; none if there is nothing there.
fn pairs(client: &Client<'_>, key: &str, query: Query) -> Result<Vec<Pair>, String> {
    let response = client.send("GET", &format!("/v1/kv/{}", path(key)), query, Vec::new())?;
    match response.status {
        200 => decoded(&response.body),
        404 => Ok(Vec::new()),
        _ => Err(unexpected(&response)),
    }
}

/// What a value argument means: `@file`, `-` for standard input, or itself.
fn content(call: &Call<'_>, argument: &str) -> Result<Vec<u8>, String> {
    match (argument, argument.strip_prefix('@')) {
        ("-", _) => call.surroundings.stdin().map_err(|e| format!("Error! Failed to read stdin: {e}")),
        (_, Some(file)) => std::fs::read(file).map_err(|e| format!("Error! Failed to read file {file:?}: {e}")),
        (literal, None) => Ok(literal.as_bytes().to_vec()),
    }
}

/// Whether a write's answer says that it took effect.
fn took_effect(body: &[u8]) -> Result<bool, String> {
    match body.trim_ascii() {
        b"true" => Ok(true),
        b"false" => Ok(false),
        other => Err(format!("unexpected answer {:?}, neither true nor false", String::from_utf8_lossy(other))),
    }
}
