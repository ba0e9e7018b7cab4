//! Transactions: operations as clients send them, and what the answers show.

use super::connection::{Connection, Reply, Silence};
use crate::checker::Found;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use muster::model::Index;
use serde_json::{Value, json};
use std::time::Duration;

/// What came of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// All of it was done; what it showed, key by key, `None` where there is no such key.
    Done(Vec<(String, Option<Found>)>),
    /// Nothing was done: a condition did not hold.
    Refused,
    /// It never left.
    NotSent,
    /// Nobody knows.
    Unknown,
    /// An answer that makes no sense.
    Garbled(String),
}

fn kv(verb: &str, key: &str) -> Value {
    json!({"KV": {"Verb": verb, "Key": key}})
}

/// Writes a key.
pub fn set(key: &str, value: &str) -> Value {
    json!({"KV": {"Verb": "set", "Key": key, "Value": STANDARD.encode(value)}})
}

/// Writes a key if it was last changed at `index`; 0: if it is not there.
pub fn cas(key: &str, value: &str, index: Index) -> Value {
    json!({"KV": {"Verb": "cas", "Key": key, "Value": STANDARD.encode(value), "Index": index}})
}

/// Deletes a key.
pub fn delete(key: &str) -> Value {
    kv("delete", key)
}

/// Deletes a key if it was last changed at `index`.
pub fn delete_cas(key: &str, index: Index) -> Value {
    json!({"KV": {"Verb": "delete-cas", "Key": key, "Index": index}})
}

/// Shows a key, or that it is not there.
pub fn show(key: &str) -> Value {
    kv("get-or-empty", key)
}

/// Shows all keys that begin so.
pub fn show_tree(prefix: &str) -> Value {
    kv("get-tree", prefix)
}

/// Asks that a key was last changed at `index`; 0: that it is not there.
pub fn check(key: &str, index: Index) -> Value {
    match index {
        0 => kv("check-not-exists", key),
        index => json!({"KV": {"Verb": "check-index", "Key": key, "Index": index}}),
    }
}

/// Sends one and reads its answer.
pub async fn ask(connection: &mut Connection, operations: Vec<Value>, patience: Duration) -> Came {
    let body = Value::Array(operations).to_string();
    match connection.ask(Method::PUT, "/v1/txn", body.into(), patience).await {
        Ok(reply) => read(&reply),
        Err(Silence::NotSent) => Came::NotSent,
        Err(Silence::Unknown) => Came::Unknown,
    }
}

fn read(reply: &Reply) -> Came {
    let garbled = || Came::Garbled(format!("a transaction was answered {} {}", reply.status, reply.body.escape_ascii()));
    match reply.status {
        200 => {}
        409 => return Came::Refused,
        500 => return Came::Unknown,
        _ => return garbled(),
    }
    let parsed: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let rows = parsed["Results"].as_array().map(|rows| rows.iter().map(|row| shown(&row["KV"])).collect::<Option<Vec<_>>>());
    match rows {
        Some(Some(rows)) => Came::Done(rows),
        Some(None) => garbled(),
        // One that only wrote or asked shows nothing.
        None if parsed["Results"].is_null() && parsed["Errors"].is_null() => Came::Done(Vec::new()),
        None => garbled(),
    }
}

fn shown(row: &Value) -> Option<(String, Option<Found>)> {
    let key = row["Key"].as_str()?.to_owned();
    let (modify, create): (Index, Index) = (row["ModifyIndex"].as_u64()?, row["CreateIndex"].as_u64()?);
    if modify == 0 {
        return Some((key, None));
    }
    let value = match &row["Value"] {
        Value::String(text) => String::from_utf8(STANDARD.decode(text).ok()?).ok()?,
        _ => String::new(),
    };
    Some((key, Some(Found { value: value.into(), modify, create })))
}
