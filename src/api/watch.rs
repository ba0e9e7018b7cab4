//! What a watch gives to its handler: the same as the HTTP interface answers, but for the order of a key's fields, and of events only the new.

use super::json::{Layout, to_vec};
use serde::{Deserialize, Serialize};

/// A key as a watch shows it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
    create_index: u64,
    modify_index: u64,
    lock_index: u64,
    flags: u64,
    value: Option<String>,
    #[serde(default)]
    session: String,
}

/// An event.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    #[serde(rename = "ID")]
    id: String,
    name: String,
    payload: Option<String>,
    node_filter: String,
    service_filter: String,
    tag_filter: String,
    version: u8,
    #[serde(rename = "LTime")]
    at: u64,
}

/// The document about one key, of the answer about it; of none, or an empty one, `null`.
///
/// # Errors
/// What is no such answer.
pub fn key(answer: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let found: Vec<Entry> = if answer.is_empty() { Vec::new() } else { serde_json::from_slice(answer)? };
    Ok(to_vec(Layout::Pretty, &found.first()))
}

/// The document about the keys with a prefix.
///
/// # Errors
/// What is no such answer.
pub fn keys(answer: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let found: Vec<Entry> = if answer.is_empty() { Vec::new() } else { serde_json::from_slice(answer)? };
    Ok(to_vec(Layout::Pretty, &found))
}

/// Which event was the last that a watch told.
#[derive(Debug, Default)]
pub struct LastEvent(Option<String>);

impl LastEvent {
    /// The document about the events after the last, oldest first; `None` if there are none. If the last is no longer known, all of them are new.
    ///
    /// # Errors
    /// What is no answer about events.
    pub fn news(&mut self, answer: &[u8]) -> Result<Option<Vec<u8>>, serde_json::Error> {
        let events: Vec<Event> = serde_json::from_slice(answer)?;
        let told = self.0.as_ref().and_then(|last| events.iter().rposition(|event| event.id == *last)).map_or(0, |at| at + 1);
        let news = &events[told..];
        let Some(newest) = news.last() else { return Ok(None) };
        self.0 = Some(newest.id.clone());
        Ok(Some(to_vec(Layout::Pretty, news)))
    }
}

#[cfg(test)]
mod tests {
    use super::{LastEvent, key, keys};

    const ENTRY: &str = r#"[{"LockIndex":0,"Key":"a","Flags":7,"Value":"eA==","CreateIndex":3,"ModifyIndex":4}]"#;

    fn event(id: &str) -> String {
        let filters = r#""NodeFilter":"","ServiceFilter":"","TagFilter":"""#;
        format!(r#"{{"ID":"{id}","Name":"deploy","Payload":null,{filters},"Version":1,"LTime":3}}"#)
    }

    #[test]
    fn a_keys_fields_stand_in_consuls_order() {
        let text = String::from_utf8(key(ENTRY.as_bytes()).unwrap()).unwrap();
        let places: Vec<usize> = ["Key", "CreateIndex", "ModifyIndex", "LockIndex", "Flags", "Value", "Session"]
            .iter()
            .map(|name| text.find(&format!("\"{name}\"")).unwrap())
            .collect();
        assert!(places.is_sorted(), "{text}");
        assert!(text.starts_with("{\n    \"Key\": \"a\","), "{text}");
        assert_eq!((key(b"").unwrap(), keys(b"").unwrap()), (b"null\n".to_vec(), b"[]\n".to_vec()));
        assert!(keys(ENTRY.as_bytes()).unwrap().starts_with(b"[\n    {\n        \"Key\""));
        assert!(key(b"{").is_err());
    }

    #[test]
    fn of_events_the_new_ones_are_told_once() {
        let mut last = LastEvent::default();
        let mut told = |ids: &[&str]| {
            let events: Vec<String> = ids.iter().map(|id| event(id)).collect();
            let news = last.news(format!("[{}]", events.join(",")).as_bytes()).unwrap();
            news.map(|news| String::from_utf8(news).unwrap().matches("\"ID\"").count())
        };
        assert_eq!(told(&[]), None);
        assert_eq!(told(&["1", "2"]), Some(2), "what there is at first is told");
        assert_eq!((told(&["1", "2"]), told(&["1", "2", "3"]), told(&["2", "3", "4", "5"])), (None, Some(1), Some(2)));
        assert_eq!(told(&["8", "9"]), Some(2), "the last one has fallen out of the list");
    }
}
