//! `/v1/session/`: bodies and shapes.

use super::ApiError;
/// The longest TTL of a session, and of a key.
pub use crate::config::LONGEST_SESSION_TTL as LONGEST_TTL;
use crate::config::definition::{self as bodies, DefinitionError, Dialect, Fields, Shape, Value, field};
use crate::model::{NodeName, SessionId, duration};
use crate::state::checks::SERF_HEALTH;
use crate::state::sessions::{Behavior, ServiceCheck, Session, SessionSpec, SessionTtl};
use serde::Serialize;
use std::time::Duration;

/// A lock-delay that nobody asked for.
const LOCK_DELAY: Duration = Duration::from_secs(15);
/// A lock-delay given as a smaller number is one of seconds, not of nanoseconds.
const NANOSECONDS_FROM: i64 = 1_000;

static SESSION: Shape = Shape {
    name: "Session",
    fields: &[&[
        field("ID", ""),
        field("Name", ""),
        field("Node", ""),
        field("LockDelay", ""),
        field("Behavior", ""),
        field("TTL", ""),
        field("NodeChecks", ""),
        field("ServiceChecks", ""),
        field("Checks", ""),
        field("Datacenter", ""),
        field("Namespace", ""),
        field("Partition", ""),
        field("CreateIndex", ""),
        field("ModifyIndex", ""),
    ]],
};

static SERVICE_CHECK: Shape = Shape { name: "ServiceCheck", fields: &[&[field("ID", ""), field("Namespace", "")]] };

fn unread(error: DefinitionError) -> ApiError {
    ApiError::bad_request(format!("Request decode failed: {}", error.text))
}

/// Reads the body of `/v1/session/create`, which may be empty; what it has beside the known fields is left out, as in Consul. `own` is the agent's node. Whether the TTL is within bounds, the leader says: [`check_ttl`].
///
/// # Errors
/// 400 for what cannot be read, 500 for what breaks a rule.
pub fn parse_create(body: &[u8], own: &NodeName) -> Result<SessionSpec, ApiError> {
    let value = if body.is_empty() { Value::Object(Vec::new()) } else { bodies::parse(body).map_err(unread)? };
    let known = SESSION.overlook_unknown(&value);
    let fields = Fields::open(&known, &SESSION, Dialect::Http, String::new()).map_err(unread)?;
    bodies::refuse_enterprise(&fields).map_err(unread)?;
    let text = |name| fields.text(name).map_err(unread);
    let (name, node, behavior, ttl) = (text("Name")?, text("Node")?, text("Behavior")?, text("TTL")?);
    let lock_delay = lock_delay(&fields)?;
    let (node_checks, service_checks) = (node_checks(&fields)?, service_checks(&fields)?);
    let node = match node.as_str() {
        "" => own.clone(),
        node => NodeName::parse(node).map_err(|error| ApiError::internal(error.to_string()))?,
    };
    Ok(SessionSpec { name, node, lock_delay, behavior: parse_behavior(&behavior)?, ttl: parse_ttl(ttl)?, node_checks, service_checks })
}

fn lock_delay(fields: &Fields<'_>) -> Result<Duration, ApiError> {
    match fields.given("LockDelay") {
        None => Ok(LOCK_DELAY),
        Some(Value::Int(seconds)) if (0..NANOSECONDS_FROM).contains(seconds) => Ok(Duration::from_secs(seconds.unsigned_abs())),
        Some(Value::Text(text)) => duration::parse(text).map_err(|error| ApiError::bad_request(format!("Request decode failed: {error}"))),
        Some(_) => fields.span("LockDelay").map_err(unread),
    }
}

/// `NodeChecks`, or `Checks` as it was called before; both together if both are there.
fn node_checks(fields: &Fields<'_>) -> Result<Vec<String>, ApiError> {
    let mut checks: Option<Vec<String>> = None;
    for name in ["NodeChecks", "Checks"] {
        if fields.given(name).is_some() {
            let given = fields.texts(name).map_err(unread)?;
            let known = checks.get_or_insert_default();
            for check in given {
                if !known.contains(&check) {
                    known.push(check);
                }
            }
        }
    }
    Ok(checks.unwrap_or_else(|| vec![SERF_HEALTH.to_owned()]))
}

fn service_checks(fields: &Fields<'_>) -> Result<Vec<ServiceCheck>, ApiError> {
    let mut checks = Vec::new();
    for (value, _) in fields.objects("ServiceChecks").map_err(unread)? {
        let check = Fields::open(value, &SERVICE_CHECK, Dialect::Http, String::new()).map_err(unread)?;
        let text = |name| check.text(name).map_err(unread);
        checks.push(ServiceCheck { id: text("ID")?, namespace: text("Namespace")? });
    }
    Ok(checks)
}

fn parse_behavior(text: &str) -> Result<Behavior, ApiError> {
    match text {
        "" | "release" => Ok(Behavior::Release),
        "delete" => Ok(Behavior::Delete),
        other => Err(ApiError::internal(format!("Invalid Behavior setting '{other}'"))),
    }
}

fn parse_ttl(text: String) -> Result<Option<SessionTtl>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    let length = duration::parse(&text).map_err(|error| ApiError::internal(format!("Session TTL '{text}' invalid: {error}")))?;
    Ok(Some(SessionTtl { text, length }))
}

/// Whether a session may have this TTL where `least` is the shortest (`session_ttl_min`). None, and zero, is for ever.
///
/// # Errors
/// The refusal, in words that clients of Consul look for.
pub fn check_ttl(ttl: Option<&SessionTtl>, least: Duration) -> Result<(), String> {
    match ttl.map(|ttl| ttl.length) {
        Some(length) if !length.is_zero() && !(least..=LONGEST_TTL).contains(&length) => {
            let (least, most) = (duration::format(least), duration::format(LONGEST_TTL));
            Err(format!("Invalid Session TTL '{}', must be between [{least}={most}]", length.as_nanos()))
        }
        Some(_) | None => Ok(()),
    }
}

/// Reads the id of a session that is to hold or give back a lock; what is none is told as Consul tells it.
pub(super) fn parse_holder(text: &str) -> Result<SessionId, String> {
    let why = match text.len() {
        0 => "missing session".to_owned(),
        36 => format!("invalid session {}", crate::model::quote(text)),
        _ => "failed session lookup: index error: UUID must be 36 characters".to_owned(),
    };
    SessionId::parse(text).map_err(|_| why)
}

/// The id of no session: theirs are random.
const NOBODYS_ID: SessionId = SessionId::from_u128(0);

/// Reads the id of a session as Consul's index does: 36 characters, of which up to four are dashes wherever they stand. One that is read but
/// too long to be a session's becomes one that no session has.
///
/// # Errors
/// 500 for what is none, in words that clients of Consul look for.
pub fn parse_id(text: &str) -> Result<SessionId, ApiError> {
    let refused = |why: &str| Err(ApiError::internal(format!("failed session lookup: index error: {why}")));
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if text.len() != 36 {
        return refused("UUID must be 36 characters");
    }
    if text.len() - digits.len() > 4 || !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return refused("invalid UUID");
    }
    let bits = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32);
    Ok(bits.map_or(NOBODYS_ID, SessionId::from_u128))
}

/// The answer of `/v1/session/create`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Created {
    /// The new session.
    #[serde(rename = "ID")]
    pub id: String,
}

/// A session as clients see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SessionShape<'a> {
    #[serde(rename = "ID")]
    id: String,
    name: &'a str,
    node: &'a str,
    lock_delay: u64,
    behavior: &'static str,
    #[serde(rename = "TTL")]
    ttl: &'a str,
    node_checks: &'a [String],
    service_checks: Option<Vec<ServiceCheckShape<'a>>>,
    create_index: u64,
    modify_index: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ServiceCheckShape<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    namespace: &'a str,
}

impl<'a> From<&'a Session> for SessionShape<'a> {
    fn from(session: &'a Session) -> SessionShape<'a> {
        let SessionSpec { name, node, lock_delay, behavior, ttl, node_checks, service_checks } = &session.spec;
        let shape = |check: &'a ServiceCheck| ServiceCheckShape { id: &check.id, namespace: &check.namespace };
        SessionShape {
            id: session.id.to_string(),
            name,
            node: node.as_str(),
            lock_delay: u64::try_from(lock_delay.as_nanos()).unwrap_or(u64::MAX),
            behavior: match behavior {
                Behavior::Release => "release",
                Behavior::Delete => "delete",
            },
            ttl: ttl.as_ref().map_or("", |ttl| &ttl.text),
            node_checks,
            service_checks: (!service_checks.is_empty()).then(|| service_checks.iter().map(shape).collect()),
            create_index: session.create_index,
            modify_index: session.modify_index,
        }
    }
}

#[cfg(test)]
mod tests;
