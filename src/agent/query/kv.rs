//! Answers from the KV store.

use super::{Answer, Rows};
use crate::model::Key;
use crate::state::kv::{Entry, Kv};
use std::sync::Arc;

/// One entry, if it is there.
pub(super) fn entry(kv: &Kv, key: &Key) -> Answer {
    Answer { marks: kv.marks_of_key(key), rows: Rows::Entry(kv.get(key).cloned()) }
}

/// Every entry below a prefix.
pub(super) fn list(kv: &Kv, prefix: &Key) -> Answer {
    let entries: Vec<Arc<Entry>> = kv.below(prefix).cloned().collect();
    let latest = entries.iter().map(|entry| entry.modify_index).max().unwrap_or(0);
    Answer { marks: kv.marks_below(prefix, latest), rows: Rows::Entries(entries) }
}

/// The names below a prefix.
pub(super) fn keys(kv: &Kv, prefix: &Key, separator: &Key) -> Answer {
    let mut latest = 0;
    let mut keys: Vec<Key> = Vec::new();
    for entry in kv.below(prefix) {
        latest = latest.max(entry.modify_index);
        match folded_length(&entry.key, prefix.len(), separator) {
            None => keys.push(entry.key.clone()),
            Some(length) if keys.last().is_some_and(|last| **last == entry.key[..length]) => {}
            Some(length) => keys.push(Key::new(&entry.key[..length])),
        }
    }
    Answer { marks: kv.marks_below(prefix, latest), rows: Rows::Keys(keys) }
}

/// Where a key is cut: after the first `separator` behind the prefix. `None` if there is none.
fn folded_length(key: &[u8], prefix: usize, separator: &[u8]) -> Option<usize> {
    let behind = &key[prefix..];
    let at = match separator {
        [] => None,
        [byte] => behind.iter().position(|b| b == byte),
        text => behind.windows(text.len()).position(|window| window == text),
    };
    at.map(|at| prefix + at + separator.len())
}
