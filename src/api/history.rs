//! The past of keys: parameters, and shapes of documents and events.

use super::json::{Layout, to_vec};
use super::kv::EntryShape;
use super::params::Params;
use super::{ApiError, number};
use crate::model::{Index, Timestamp};
use crate::state::kv::{Change, Window};
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// What of the past a `GET` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// What was there as of an index (`at`).
    At(Index),
    /// The changes of one key (`history`).
    Changes,
    /// Changes as they happen (`stream`), beginning behind an index, or with the next.
    Stream(Option<Index>),
}

impl Asked {
    /// Reads `at`, `history`, `stream` and `index`; `last_event` is the header by which a client goes on with a stream.
    ///
    /// # Errors
    /// 400 for an index that is none, and for more than one of these.
    pub fn parse(params: &Params<'_>, last_event: Option<&str>) -> Result<Option<Asked>, ApiError> {
        let given: Vec<&str> = ["at", "history", "stream"].into_iter().filter(|name| params.has(name)).collect();
        let index = |text: &str| number::parse_u64(text).map_err(|_| ApiError::bad_request("Invalid index"));
        match given.as_slice() {
            [] => Ok(None),
            ["at"] => Ok(Some(Asked::At(index(params.given("at").unwrap_or_default())?))),
            ["history"] => Ok(Some(Asked::Changes)),
            ["stream"] => {
                // A client that lost its connection repeats the address it began with, which may name an older index.
                let resumed = last_event.or(params.value("index"));
                Ok(Some(Asked::Stream(resumed.map(index).transpose()?)))
            }
            more => Err(ApiError::bad_request(format!("Conflicting parameters: {}", more.join(" and ")))),
        }
    }
}

/// The refusal of what the window does not hold.
pub fn outside(at: Index, window: &Window) -> ApiError {
    match at > window.newest {
        true => ApiError::bad_request(format!("index {at} has not been reached: the newest is {}", window.newest)),
        false => ApiError::new(410, format!("index {at} is not remembered any more: the history kept begins at {}", window.oldest)),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeShape<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<Index>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time")]
    time: Option<Timestamp>,
    #[serde(serialize_with = "key")]
    key: &'a [u8],
    deleted: bool,
    entry: Option<EntryShape<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct HistoryShape<'a> {
    oldest: Index,
    newest: Index,
    changes: Vec<ChangeShape<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EventShape<'a> {
    index: Index,
    changes: Vec<ChangeShape<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GapShape {
    error: String,
    oldest: Index,
    resume: Index,
}

// serde hands a field over by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn key<S: Serializer>(bytes: &&[u8], to: S) -> Result<S::Ok, S::Error> {
    super::json::text(bytes, to)
}

#[allow(clippy::trivially_copy_pass_by_ref, clippy::ref_option)]
fn time<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => to.serialize_str(&super::date::rfc3339(at.as_unix_nanos() / 1_000_000_000)),
        None => to.serialize_none(),
    }
}

fn shape(change: &Change) -> ChangeShape<'_> {
    let entry = change.after.as_deref().map(EntryShape::from);
    ChangeShape { index: None, time: None, key: &change.key, deleted: entry.is_none(), entry }
}

/// The changes of a key as a document.
pub fn document(layout: Layout, window: &Window, changes: &[Arc<Change>]) -> Vec<u8> {
    let changes = changes.iter().map(|change| ChangeShape { index: Some(change.index), time: Some(change.at), ..shape(change) });
    to_vec(layout, &HistoryShape { oldest: window.oldest, newest: window.newest, changes: changes.collect() })
}

/// Changes as server-sent events, those of one command in one event: who has seen its id has seen them all.
pub fn events(changes: &[Arc<Change>]) -> Vec<u8> {
    let mut out = Vec::new();
    for together in changes.chunk_by(|one, other| one.index == other.index) {
        let index = together[0].index;
        let shape = EventShape { index, changes: together.iter().map(|change| shape(change)).collect() };
        event(&mut out, "change", index, &to_vec(Layout::Compact, &shape));
    }
    out
}

/// The event that ends a stream which cannot go on behind `after`: what was missed must be read anew, then it goes on at the index it names.
pub fn gap(after: Index, window: &Window) -> Vec<u8> {
    let error = outside(after, window).text.into_owned();
    let shape = GapShape { error, oldest: window.oldest, resume: window.newest };
    let mut out = Vec::new();
    event(&mut out, "gap", window.newest, &to_vec(Layout::Compact, &shape));
    out
}

/// A sign of life: everything up to `index` has been sent. It is no event, but whoever comes back names it.
pub fn alive(index: Index) -> Vec<u8> {
    format!(": alive\nid: {index}\n\n").into_bytes()
}

/// A sign of life while nothing can be read.
pub fn waiting(why: &str) -> Vec<u8> {
    let line: String = why.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    format!(": waiting: {line}\n\n").into_bytes()
}

fn event(out: &mut Vec<u8>, kind: &str, id: Index, document: &[u8]) {
    out.extend(format!("event: {kind}\nid: {id}\ndata: ").into_bytes());
    out.extend_from_slice(document);
    out.extend(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::{Asked, alive, document, events, gap, outside, waiting};
    use crate::api::json::Layout;
    use crate::api::params::Params;
    use crate::model::{Key, Timestamp};
    use crate::state::kv::{Change, Entry, Window};
    use std::sync::Arc;

    fn change(index: u64, key: &str, value: Option<&[u8]>) -> Arc<Change> {
        let key = Key::from(key);
        let after = value.map(|value| {
            Arc::new(Entry { key: key.clone(), value: value.into(), flags: 0, hold: None, create_index: index, modify_index: index })
        });
        Arc::new(Change { index, at: Timestamp::from_unix_nanos(1_000_000_000), key, before: None, after })
    }

    #[test]
    fn one_kind_of_past_is_asked_for_at_a_time() {
        let of = |query: &str, header| Asked::parse(&Params::parse(query), header);
        assert_eq!(of("index=4&raw", Some("9")), Ok(None));
        assert_eq!((of("at=7", None), of("history", None)), (Ok(Some(Asked::At(7))), Ok(Some(Asked::Changes))));
        assert_eq!((of("stream", None), of("stream&index=4", None)), (Ok(Some(Asked::Stream(None))), Ok(Some(Asked::Stream(Some(4))))));
        assert_eq!(of("stream&index=4", Some("9")), Ok(Some(Asked::Stream(Some(9)))));
        for wrong in ["at", "at=x", "stream&index=-1", "at=1&history"] {
            assert_eq!(of(wrong, None).unwrap_err().status, 400, "{wrong}");
        }
    }

    #[test]
    fn changes_of_one_command_are_one_event() {
        let told = events(&[change(5, "a", Some(b"x")), change(5, "b\n", None), change(7, "c", None)]);
        assert_eq!(
            String::from_utf8(told).unwrap(),
            "event: change\nid: 5\ndata: {\"Index\":5,\"Changes\":[\
             {\"Key\":\"a\",\"Deleted\":false,\"Entry\":{\"LockIndex\":0,\"Key\":\"a\",\"Flags\":0,\"Value\":\"eA==\",\"CreateIndex\":5,\"ModifyIndex\":5}},\
             {\"Key\":\"b\\n\",\"Deleted\":true,\"Entry\":null}]}\n\n\
             event: change\nid: 7\ndata: {\"Index\":7,\"Changes\":[{\"Key\":\"c\",\"Deleted\":true,\"Entry\":null}]}\n\n"
        );
        assert_eq!(alive(3), b": alive\nid: 3\n\n");
        assert_eq!(waiting("a\nb"), b": waiting: a b\n\n");
    }

    #[test]
    fn what_the_window_does_not_hold_is_refused_with_its_bounds() {
        let window = Window { oldest: 10, newest: 20 };
        assert_eq!((outside(9, &window).status, outside(21, &window).status), (410, 400));
        let told = String::from_utf8(gap(9, &window)).unwrap();
        assert!(told.starts_with("event: gap\nid: 20\ndata: {\"Error\":\"index 9 is not"), "{told}");
        assert!(told.ends_with("\"Oldest\":10,\"Resume\":20}\n\n"), "{told}");
        let told = String::from_utf8(document(Layout::Compact, &window, &[change(12, "a", None)])).unwrap();
        assert!(
            told.starts_with("{\"Oldest\":10,\"Newest\":20,\"Changes\":[{\"Index\":12,\"Time\":\"1970-01-01T00:00:01Z\",\"Key\":\"a\""),
            "{told}"
        );
    }
}
