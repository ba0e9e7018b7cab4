//! Server-sent events (WHATWG HTML, section 9.2), read as they come, and the events of a stream of changes.

use crate::invariants::changes::observed::{Shown, Told};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster::model::{Index, SessionId};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Reads a stream that comes in pieces.
#[derive(Debug, Default)]
pub struct Reader {
    /// What has come of the block whose end is still to come.
    rest: Vec<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Change {
    index: Index,
    changes: Vec<Changed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Changed {
    key: String,
    deleted: bool,
    entry: Option<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry {
    lock_index: u64,
    key: String,
    flags: u64,
    value: Option<String>,
    session: Option<SessionId>,
    create_index: Index,
    modify_index: Index,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Gap {
    #[serde(rename = "Error")]
    _error: String,
    oldest: Index,
    resume: Index,
}

impl Reader {
    /// Takes in what came, and returns what is whole now.
    ///
    /// # Errors
    /// What makes no sense.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<Told>, String> {
        self.rest.extend_from_slice(bytes);
        let mut told = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = self.rest.drain(..end + 2).collect();
            let block = std::str::from_utf8(&block).map_err(|_| format!("no text: {}", block.escape_ascii()))?;
            told.extend(read(block).map_err(|why| format!("{why}: {block:?}"))?);
        }
        Ok(told)
    }
}

/// One block. `None`: it says nothing but that somebody is there.
fn read(block: &str) -> Result<Option<Told>, String> {
    let (mut kind, mut id, mut content) = ("", None, "");
    for line in block.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
        match line.split_once(": ") {
            Some(("event", text)) => kind = text,
            Some(("id", text)) => id = Some(text.parse().map_err(|_| "an id that is no index")?),
            Some(("data", text)) => content = text,
            Some(_) | None => return Err("an unknown field".to_owned()),
        }
    }
    match (kind, id) {
        ("", None) => Ok(None),
        ("", Some(id)) => Ok(Some(Told::Alive { id })),
        ("change", Some(id)) => change(id, content).map(Some),
        ("gap", Some(id)) => {
            let Gap { oldest, resume, .. } = serde_json::from_str(content).map_err(|e| e.to_string())?;
            Ok(Some(Told::Gap { id, oldest, resume }))
        }
        (_, _) => Err("an unknown event, or one without an id".to_owned()),
    }
}

fn change(id: Index, content: &str) -> Result<Told, String> {
    let Change { index, changes } = serde_json::from_str(content).map_err(|e| e.to_string())?;
    let mut rows = BTreeMap::new();
    for changed in changes {
        let shown = changed.entry.map(|entry| shown(&changed.key, entry)).transpose()?;
        if changed.deleted != shown.is_none() || rows.insert(changed.key, shown).is_some() {
            return Err("a key that is deleted and has an entry, or is named twice".to_owned());
        }
    }
    Ok(Told::Change { id, index, rows })
}

fn shown(key: &str, entry: Entry) -> Result<Shown, String> {
    let Entry { lock_index: locks, key: named, flags, value, session, create_index: create, modify_index: modify } = entry;
    let value = STANDARD.decode(value.unwrap_or_default()).map_err(|e| e.to_string())?;
    let value = String::from_utf8(value).map_err(|e| e.to_string())?;
    if key == named { Ok(Shown { value, flags, create, modify, locks, session }) } else { Err("an entry of another key".to_owned()) }
}

/// The rows of an answer to `?recurse`.
///
/// # Errors
/// What makes no sense.
pub fn rows(body: &[u8]) -> Result<BTreeMap<String, Shown>, String> {
    let entries: Vec<Entry> = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let row = |entry: Entry| {
        let key = entry.key.clone();
        shown(&key, entry).map(|shown| (key, shown))
    };
    entries.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::{Reader, Told};
    use std::collections::BTreeMap;

    #[test]
    fn events_are_read_wherever_they_are_cut() {
        let text = ": alive\nid: 3\n\nevent: change\nid: 5\ndata: {\"Index\":5,\"Changes\":[{\"Key\":\"a\",\"Deleted\":true,\"Entry\":null}]}\n\n\
                    : waiting: x\n\nevent: gap\nid: 9\ndata: {\"Error\":\"e\",\"Oldest\":8,\"Resume\":9}\n\n";
        for cut in 0..text.len() {
            let (one, other) = text.as_bytes().split_at(cut);
            let mut reader = Reader::default();
            let told = [reader.take(one).unwrap(), reader.take(other).unwrap()].concat();
            let change = Told::Change { id: 5, index: 5, rows: BTreeMap::from([("a".to_owned(), None)]) };
            assert_eq!(told, [Told::Alive { id: 3 }, change, Told::Gap { id: 9, oldest: 8, resume: 9 }]);
        }
    }

    #[test]
    fn what_is_no_event_of_ours_is_refused() {
        for wrong in
            ["event: change\ndata: {}\n\n", "id: x\n\n", "event: other\nid: 3\n\n", "event: change\nid: 5\ndata: {\"Index\":5}\n\n"]
        {
            assert!(Reader::default().take(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
