//! Which prefixes are waited for, searched by the keys that change.

use super::{Ticket, Tickets, remove_from};
use crate::model::Key;
use std::collections::BTreeMap;

/// Prefixes with their waiters, and how many prefixes there are of each length: a changed key is looked up once a length, however many wait.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    waiting: BTreeMap<Key, Tickets>,
    lengths: BTreeMap<usize, usize>,
}

impl Prefixes {
    pub(super) fn add(&mut self, prefix: &Key, ticket: Ticket) {
        let tickets = self.waiting.entry(prefix.clone()).or_default();
        if tickets.0.is_empty() {
            *self.lengths.entry(prefix.len()).or_default() += 1;
        }
        tickets.add(ticket);
    }

    pub(super) fn remove(&mut self, prefix: &Key, ticket: Ticket) {
        remove_from(&mut self.waiting, prefix, ticket);
        if self.waiting.contains_key(prefix) {
            return;
        }
        if let Some(count) = self.lengths.get_mut(&prefix.len()) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&prefix.len());
            }
        }
    }

    /// Adds the tickets on every prefix of `key`.
    pub(super) fn find(&self, key: &[u8], found: &mut Vec<Ticket>) {
        for length in self.lengths.range(..=key.len()).map(|(length, _)| *length) {
            found.extend(self.waiting.get(&key[..length]).into_iter().flat_map(|tickets| &tickets.0));
        }
    }

    /// Adds the tickets on every prefix of `prefix` and on every prefix below it.
    pub(super) fn find_around(&self, prefix: &Key, found: &mut Vec<Ticket>) {
        self.find(prefix, found);
        let below = self.waiting.range(prefix.clone()..).take_while(|(waited, _)| waited.starts_with(prefix));
        found.extend(below.flat_map(|(_, tickets)| &tickets.0));
    }
}
