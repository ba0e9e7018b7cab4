//! Checks whose output alone has changed, and until when the catalog need not know.

use crate::model::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Deferred {
    until: BTreeMap<Arc<str>, Instant>,
    queue: BTreeSet<(Instant, Arc<str>)>,
}

impl Deferred {
    /// Puts a check off until `at`, unless it is put off already.
    pub fn add(&mut self, check: &Arc<str>, at: Instant) {
        if !self.until.contains_key(check) {
            self.until.insert(check.clone(), at);
            self.queue.insert((at, check.clone()));
        }
    }

    pub fn contains(&self, check: &str) -> bool {
        self.until.contains_key(check)
    }

    pub fn remove(&mut self, check: &str) {
        if let Some((check, at)) = self.until.remove_entry(check) {
            self.queue.remove(&(at, check));
        }
    }

    /// Takes out the first that is due.
    pub fn pop(&mut self, now: Instant) -> Option<Arc<str>> {
        let (_, check) = self.queue.first().filter(|(at, _)| *at <= now)?.clone();
        self.remove(&check);
        Some(check)
    }

    pub fn first(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    pub fn len(&self) -> usize {
        self.until.len()
    }

    pub fn check_invariants(&self) {
        assert!(self.queue.iter().all(|(at, check)| self.until.get(check) == Some(at)), "what is queued is put off");
        assert_eq!(self.queue.len(), self.until.len(), "what is put off is queued");
    }
}
