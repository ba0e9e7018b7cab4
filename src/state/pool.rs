//! Equal parts of rows are kept once: a table holds a million rows of a few hundred shapes.

use super::checks::CheckShape;
use super::services::{Label, ServiceShape};
use equivalent::Comparable;
use imbl::OrdMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Texts up to this many bytes are worth looking for: longer ones (the output of a check) rarely repeat.
const SHORT: usize = 64;

/// Parts in use, each with how many rows use it. A function of the rows: nothing stays that no row has.
#[derive(Debug, PartialEq)]
pub(super) struct Pool<T: ?Sized + Ord>(OrdMap<Part<T>, u32>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part<T: ?Sized>(Arc<T>);

struct Wanted<'a, T: ?Sized>(&'a T);

impl<T: ?Sized + Ord> Comparable<Part<T>> for Wanted<'_, T> {
    fn compare(&self, part: &Part<T>) -> std::cmp::Ordering {
        self.0.cmp(&part.0)
    }
}

impl<T: ?Sized + Ord> equivalent::Equivalent<Part<T>> for Wanted<'_, T> {
    fn equivalent(&self, part: &Part<T>) -> bool {
        *self.0 == *part.0
    }
}

impl<T: ?Sized> Clone for Part<T> {
    fn clone(&self) -> Part<T> {
        Part(self.0.clone())
    }
}

impl<T: ?Sized + Ord> Clone for Pool<T> {
    fn clone(&self) -> Pool<T> {
        Pool(self.0.clone())
    }
}

impl<T: ?Sized + Ord> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool(OrdMap::new())
    }
}

impl<T: ?Sized + Ord> Pool<T> {
    /// The part equal to `part`, for one more row.
    fn take<'a>(&mut self, part: &'a T) -> Arc<T>
    where
        Arc<T>: From<&'a T>,
    {
        self.take_shared(part, || Arc::from(part))
    }

    fn take_shared(&mut self, part: &T, make: impl FnOnce() -> Arc<T>) -> Arc<T> {
        let known = self.0.get_key_value(&Wanted(part)).map(|(known, users)| (known.clone(), *users));
        let (part, users) = known.unwrap_or_else(|| (Part(make()), 0));
        self.0.insert(part.clone(), users + 1);
        part.0
    }

    /// How many rows have the part.
    fn users(&self, part: &T) -> u32 {
        self.0.get(&Wanted(part)).copied().unwrap_or(0)
    }

    /// One row less has the part.
    fn release(&mut self, part: &T) {
        let Some(users) = self.0.get_mut(&Wanted(part)) else { return };
        *users -= 1;
        if *users == 0 {
            self.0.remove(&Wanted(part));
        }
    }
}

/// The parts of all rows of the catalog.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pools {
    texts: Pool<str>,
    labels: Pool<Label>,
    services: Pool<ServiceShape>,
    checks: Pool<CheckShape>,
}

impl Pools {
    pub(super) fn text(&mut self, text: &str) -> Arc<str> {
        if text.len() <= SHORT { self.texts.take(text) } else { text.into() }
    }

    pub(super) fn label(&mut self, label: Label) -> Arc<Label> {
        let shared = Arc::new(label);
        self.labels.take_shared(&shared.clone(), || shared)
    }

    /// How many instances are labelled so.
    pub(super) fn users_of(&self, label: &Label) -> u32 {
        self.labels.users(label)
    }

    /// Every name in use, in order, with the tags of all its labels, sorted and once each.
    pub(super) fn tags_by_name(&self) -> impl Iterator<Item = (Arc<str>, Vec<Arc<str>>)> {
        let mut labels = self.labels.0.keys().map(|part| &part.0).peekable();
        std::iter::from_fn(move || {
            let name = labels.peek()?.name.clone();
            let mut tags = BTreeSet::new();
            while let Some(label) = labels.next_if(|label| label.name == name) {
                tags.extend(label.tags.iter().cloned());
            }
            Some((name, tags.into_iter().collect()))
        })
    }

    pub(super) fn service(&mut self, shape: ServiceShape) -> Arc<ServiceShape> {
        let shared = Arc::new(shape);
        self.services.take_shared(&shared.clone(), || shared)
    }

    pub(super) fn check(&mut self, shape: CheckShape) -> Arc<CheckShape> {
        let shared = Arc::new(shape);
        self.checks.take_shared(&shared.clone(), || shared)
    }

    pub(super) fn release_text(&mut self, text: &str) {
        if text.len() <= SHORT {
            self.texts.release(text);
        }
    }

    pub(super) fn release_label(&mut self, label: &Label) {
        self.labels.release(label);
    }

    pub(super) fn release_service(&mut self, shape: &ServiceShape) {
        self.services.release(shape);
    }

    pub(super) fn release_check(&mut self, shape: &CheckShape) {
        self.checks.release(shape);
    }
}
