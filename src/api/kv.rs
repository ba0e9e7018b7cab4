//! `/v1/kv/`: parameters and shapes.

use super::params::Params;
use super::session::parse_holder;
use super::{ApiError, json, number};
use crate::model::{Key, LockToken, SessionId, duration};
use crate::state::Condition;
use crate::state::kv::Entry;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// What a `GET` asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// One key.
    Entry {
        /// Whether only the value is sent.
        form: Form,
    },
    /// Every key with the path as its prefix (`recurse`).
    Entries,
    /// The names of those (`keys`), cut at the separator; empty cuts none.
    Keys {
        /// What they are cut behind.
        separator: Key,
    },
}

/// How an entry is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As a list of one JSON object.
    Json,
    /// The value's bytes alone (`raw`).
    Raw,
}

/// Reads the parameters of a `GET` for the path `key`.
pub fn lookup(key: &[u8], params: &Params<'_>) -> Result<Lookup, ApiError> {
    if params.has("keys") {
        // The misspelling is older than the word and still in use.
        let separator = params.value("separator").or_else(|| params.value("seperator")).unwrap_or_default();
        return Ok(Lookup::Keys { separator: Key::from(separator) });
    }
    if params.has("recurse") {
        return Ok(Lookup::Entries);
    }
    ensure_named(key)?;
    Ok(Lookup::Entry { form: if params.has("raw") { Form::Raw } else { Form::Json } })
}

/// What a `PUT` does beside writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// Writes.
    Write {
        /// The client's own 64 bits.
        flags: u64,
        /// `cas`.
        condition: Condition,
        /// `ttl`: after which the key is deleted.
        ttl: Option<Duration>,
    },
    /// Takes the lock for a session.
    Acquire {
        /// Whose.
        session: SessionId,
        /// The client's own 64 bits.
        flags: u64,
    },
    /// Gives the lock of a session back.
    Release {
        /// Whose; `None` is a text that is no session's id, and holds nothing.
        session: Option<SessionId>,
        /// The client's own 64 bits.
        flags: u64,
    },
    /// The key's TTL begins anew (`ttl-refresh`); nothing is written.
    Refresh,
}

/// The shortest TTL of a key: it ends within a second of it.
pub const SHORTEST_TTL: Duration = Duration::from_secs(1);

/// Reads the parameters of a `PUT` to the path `key`.
pub fn put(key: &[u8], params: &Params<'_>) -> Result<Put, ApiError> {
    ensure_named(key)?;
    refuse_conflict(params, &["cas", "acquire", "release", "ttl-refresh"])?;
    refuse_conflict(params, &["ttl", "acquire", "release", "ttl-refresh"])?;
    refuse_conflict(params, &["fence", "ttl-refresh"])?;
    if params.has("ttl-refresh") {
        return Ok(Put::Refresh);
    }
    let flags = params.given("flags").map_or(Ok(0), unsigned)?;
    let condition = params.given("cas").map_or(Ok(Condition::Always), |cas| unsigned(cas).map(Condition::of_write))?;
    if let Some(session) = params.given("acquire") {
        return Ok(Put::Acquire { session: session_id(session)?, flags });
    }
    if let Some(session) = params.given("release") {
        let session = if session.is_empty() { Some(session_id(session)?) } else { SessionId::parse(session).ok() };
        return Ok(Put::Release { session, flags });
    }
    Ok(Put::Write { flags, condition, ttl: params.given("ttl").map(ttl).transpose()? })
}

fn ttl(text: &str) -> Result<Duration, ApiError> {
    let bounds = SHORTEST_TTL..=super::session::LONGEST_TTL;
    let broken = |why: &str| {
        let (least, most) = (duration::format(*bounds.start()), duration::format(*bounds.end()));
        ApiError::bad_request(format!("Invalid ttl {}: {why}must be between {least} and {most}", crate::model::quote(text)))
    };
    let length = duration::parse(text).map_err(|error| broken(&format!("{error}; ")))?;
    if bounds.contains(&length) { Ok(length) } else { Err(broken("")) }
}

/// The token of the lock that must be held for a change to be made (`fence`).
///
/// # Errors
/// 400 for what is no token.
pub fn fence(params: &Params<'_>) -> Result<Option<LockToken>, ApiError> {
    params.given("fence").map(super::lock::parse_token).transpose()
}

/// What a `DELETE` deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delete {
    /// The key.
    Key {
        /// `cas`.
        condition: Condition,
    },
    /// Every key with the path as its prefix (`recurse`).
    Tree,
}

/// Reads the parameters of a `DELETE` of the path `key`.
pub fn delete(key: &[u8], params: &Params<'_>) -> Result<Delete, ApiError> {
    refuse_conflict(params, &["recurse", "cas"])?;
    if params.has("recurse") {
        return Ok(Delete::Tree);
    }
    ensure_named(key)?;
    let condition = params.given("cas").map_or(Ok(Condition::Always), |cas| unsigned(cas).map(Condition::At))?;
    Ok(Delete::Key { condition })
}

fn ensure_named(key: &[u8]) -> Result<(), ApiError> {
    if key.is_empty() { Err(ApiError::bad_request("Missing key name")) } else { Ok(()) }
}

fn unsigned(text: &str) -> Result<u64, ApiError> {
    number::parse_u64(text).map_err(ApiError::internal)
}

fn refuse_conflict(params: &Params<'_>, exclusive: &[&str]) -> Result<(), ApiError> {
    match exclusive.iter().filter(|name| params.has(name)).count() {
        0 | 1 => Ok(()),
        _ => Err(ApiError::bad_request(format!("Conflicting flags: {}", params.encode()))),
    }
}

/// The id of a session that locks or unlocks.
fn session_id(text: &str) -> Result<SessionId, ApiError> {
    parse_holder(text).map_err(|why| ApiError::internal(format!("raft apply failed: {why}")))
}

/// An entry as clients see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EntryShape<'a> {
    lock_index: u64,
    #[serde(serialize_with = "text")]
    key: &'a [u8],
    flags: u64,
    #[serde(serialize_with = "base64")]
    value: &'a [u8],
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "display")]
    session: Option<SessionId>,
    create_index: u64,
    modify_index: u64,
}

impl<'a> From<&'a Entry> for EntryShape<'a> {
    fn from(entry: &'a Entry) -> EntryShape<'a> {
        let Entry { key, value, flags, hold: _, create_index, modify_index } = entry;
        let (lock_index, session) = (entry.lock_index(), entry.session());
        EntryShape { lock_index, key, flags: *flags, value, session, create_index: *create_index, modify_index: *modify_index }
    }
}

/// The name of a key as clients see it.
#[derive(Debug, Serialize)]
pub struct KeyShape<'a>(#[serde(serialize_with = "text")] pub &'a [u8]);

// serde hands a field over by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn text<S: Serializer>(bytes: &&[u8], to: S) -> Result<S::Ok, S::Error> {
    json::text(bytes, to)
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn base64<S: Serializer>(bytes: &&[u8], to: S) -> Result<S::Ok, S::Error> {
    json::base64(bytes, to)
}

#[allow(clippy::trivially_copy_pass_by_ref, clippy::ref_option)]
fn display<S: Serializer>(session: &Option<SessionId>, to: S) -> Result<S::Ok, S::Error> {
    match session {
        Some(session) => to.collect_str(session),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Delete, EntryShape, Form, Lookup, Put, delete, fence, lookup, put};
    use crate::api::json::{Layout, to_vec};
    use crate::api::params::Params;
    use crate::model::{Key, SessionId};
    use crate::state::Condition;
    use crate::state::kv::{Entry, Hold};
    use std::time::Duration;

    #[test]
    fn keys_wins_over_recurse_and_recurse_over_raw() {
        let of = |query: &str| lookup(b"a", &Params::parse(query)).unwrap();
        assert_eq!(of("keys&recurse&separator=/"), Lookup::Keys { separator: Key::from("/") });
        assert_eq!(of("keys&seperator=:"), Lookup::Keys { separator: Key::from(":") });
        assert_eq!(of("recurse&raw"), Lookup::Entries);
        assert_eq!(of("raw"), Lookup::Entry { form: Form::Raw });
        assert_eq!(of(""), Lookup::Entry { form: Form::Json });
    }

    #[test]
    fn only_lists_and_tree_deletions_go_without_a_key() {
        assert_eq!(lookup(b"", &Params::default()).unwrap_err().text, "Missing key name");
        assert_eq!(put(b"", &Params::default()).unwrap_err().text, "Missing key name");
        assert_eq!(delete(b"", &Params::default()).unwrap_err().text, "Missing key name");
        assert!(lookup(b"", &Params::parse("keys")).is_ok() && lookup(b"", &Params::parse("recurse")).is_ok());
        assert_eq!(delete(b"", &Params::parse("recurse")), Ok(Delete::Tree));
    }

    #[test]
    fn a_ttl_is_read_and_its_bounds_are_told() {
        let of = |query: &str| put(b"a", &Params::parse(query));
        let condition = Condition::Absent;
        assert_eq!(of("ttl=90s&cas=0"), Ok(Put::Write { flags: 0, condition, ttl: Some(Duration::from_secs(90)) }));
        assert_eq!(of("ttl-refresh"), Ok(Put::Refresh));
        for ttl in ["0s", "999ms", "24h1s", "", "x", "30"] {
            let error = of(&format!("ttl={ttl}")).unwrap_err();
            assert!(error.status == 400 && error.text.contains("must be between 1s and 24h0m0s"), "{ttl}: {error}");
        }
        for query in ["ttl=9s&acquire=b", "ttl=9s&release=b", "ttl=9s&ttl-refresh", "cas=1&ttl-refresh", "fence=x&ttl-refresh"] {
            assert!(of(query).unwrap_err().text.starts_with("Conflicting flags: "), "{query}");
        }
    }

    #[test]
    fn a_fence_is_a_token_or_refused() {
        assert_eq!(fence(&Params::parse("")), Ok(None));
        let error = fence(&Params::parse("fence=x")).unwrap_err();
        assert!(error.status == 400 && error.text.contains("lock token"), "{error}");
        let text = "11111111-2222-3333-4444-555555555555.7.1.YQ";
        assert_eq!(fence(&Params::parse(&format!("fence={text}"))).unwrap().unwrap().to_string(), text);
    }

    #[test]
    fn cas_flags_and_locks_are_read() {
        let of = |query: &str| put(b"a", &Params::parse(query));
        assert_eq!(of("flags=18446744073709551615&cas=0"), Ok(Put::Write { flags: u64::MAX, condition: Condition::Absent, ttl: None }));
        let session = "11111111-2222-3333-4444-555555555555";
        let id = SessionId::parse(session).unwrap();
        assert_eq!(of(&format!("acquire={session}&flags=9")), Ok(Put::Acquire { session: id, flags: 9 }));
        assert_eq!(of(&format!("release={session}")), Ok(Put::Release { session: Some(id), flags: 0 }));
        for (query, why) in [("acquire=", "missing session"), ("release=", "missing session"), ("acquire=b", "UUID must be 36 characters")]
        {
            assert!(of(query).unwrap_err().text.ends_with(why), "{query}");
        }
        assert_eq!(of("cas=7"), Ok(Put::Write { flags: 0, condition: Condition::At(7), ttl: None }));
        assert_eq!(of("release=b"), Ok(Put::Release { session: None, flags: 0 }));
        let refused = of("flags=abc").unwrap_err();
        assert_eq!((refused.status, refused.text.as_ref()), (500, "strconv.ParseUint: parsing \"abc\": invalid syntax"));
        assert_eq!(of("cas").unwrap_err().status, 500);
        let refused = of("cas=0&acquire=zz").unwrap_err();
        assert_eq!((refused.status, refused.text.as_ref()), (400, "Conflicting flags: acquire=zz&cas=0"));
    }

    #[test]
    fn a_deletion_at_index_zero_matches_nothing() {
        let of = |query: &str| delete(b"a", &Params::parse(query));
        assert_eq!(of("cas=0"), Ok(Delete::Key { condition: Condition::At(0) }));
        assert_eq!(of(""), Ok(Delete::Key { condition: Condition::Always }));
        assert_eq!(of("recurse&cas=3").unwrap_err().text, "Conflicting flags: cas=3&recurse=");
    }

    #[test]
    fn an_entry_has_consuls_fields_in_consuls_order() {
        let entry =
            Entry { key: Key::from("a/b"), value: b"v".as_slice().into(), flags: u64::MAX, hold: None, create_index: 1, modify_index: 2 };
        let text = String::from_utf8(to_vec(Layout::Compact, &[EntryShape::from(&entry)])).unwrap();
        let want = r#"[{"LockIndex":0,"Key":"a/b","Flags":18446744073709551615,"Value":"dg==","CreateIndex":1,"ModifyIndex":2}]"#;
        assert_eq!(text, want);
    }

    #[test]
    fn a_locked_entry_shows_its_session_and_its_token_follows_from_it() {
        let hold = Hold { lock_index: 3, session: Some(SessionId::from_u128(1)), ttl: None };
        let key = Key::from("a");
        let entry = Entry { key, value: Box::default(), flags: 0, hold: Some(Box::new(hold)), create_index: 4, modify_index: 5 };
        let text = String::from_utf8(to_vec(Layout::Compact, &EntryShape::from(&entry))).unwrap();
        let session = "00000000-0000-0000-0000-000000000001";
        let want = format!(r#"{{"LockIndex":3,"Key":"a","Flags":0,"Value":null,"Session":"{session}","CreateIndex":4,"ModifyIndex":5}}"#);
        assert_eq!((text, entry.token().unwrap().to_string()), (want, format!("{session}.4.3.YQ")));
    }
}
