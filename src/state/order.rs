//! Rows in an order of their own: a row is its own key, so a place costs a pointer.

use equivalent::{Comparable, Equivalent};
use imbl::OrdSet;
use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Bound;

/// What rows are ordered by; shorter keys leave the rest empty.
pub(super) type RowKey<'a> = (&'a str, &'a str, &'a str);

/// An order of rows. A row's key never changes.
pub(super) trait Order {
    /// A row, or what shares it.
    type Row: Clone;

    fn key(row: &Self::Row) -> RowKey<'_>;
}

/// Rows in the order of `O`.
pub(super) struct Ordered<O: Order>(OrdSet<Item<O>>);

struct Item<O: Order>(O::Row, PhantomData<O>);

struct Wanted<'a>(RowKey<'a>);

impl<O: Order> Ordered<O> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, key: RowKey<'_>) -> Option<&O::Row> {
        self.0.get(&Wanted(key)).map(|item| &item.0)
    }

    pub(super) fn last(&self) -> Option<&O::Row> {
        self.0.get_max().map(|item| &item.0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &O::Row> {
        self.0.iter().map(|item| &item.0)
    }

    /// The rows from `key` on.
    pub(super) fn from<'a>(&'a self, key: RowKey<'_>) -> impl Iterator<Item = &'a O::Row> + use<'a, O> {
        let range = (Bound::Included(Wanted(key)), Bound::Unbounded);
        self.0.range::<_, Wanted<'_>>(range).map(|item| &item.0)
    }

    /// Puts a row in its place; the one that was there comes back.
    pub(super) fn put(&mut self, row: O::Row) -> Option<O::Row> {
        self.0.insert(Item(row, PhantomData)).map(|item| item.0)
    }

    pub(super) fn remove(&mut self, key: RowKey<'_>) -> Option<O::Row> {
        self.0.remove(&Wanted(key)).map(|item| item.0)
    }
}

impl<O: Order> Comparable<Item<O>> for Wanted<'_> {
    fn compare(&self, item: &Item<O>) -> Ordering {
        self.0.cmp(&O::key(&item.0))
    }
}

impl<O: Order> Equivalent<Item<O>> for Wanted<'_> {
    fn equivalent(&self, item: &Item<O>) -> bool {
        self.0 == O::key(&item.0)
    }
}

impl<O: Order> Clone for Item<O> {
    fn clone(&self) -> Item<O> {
        Item(self.0.clone(), PhantomData)
    }
}

impl<O: Order> Ord for Item<O> {
    fn cmp(&self, other: &Item<O>) -> Ordering {
        O::key(&self.0).cmp(&O::key(&other.0))
    }
}

impl<O: Order> PartialOrd for Item<O> {
    fn partial_cmp(&self, other: &Item<O>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<O: Order> PartialEq for Item<O> {
    fn eq(&self, other: &Item<O>) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<O: Order> Eq for Item<O> {}

impl<O: Order> Clone for Ordered<O> {
    fn clone(&self) -> Ordered<O> {
        Ordered(self.0.clone())
    }
}

impl<O: Order> Default for Ordered<O> {
    fn default() -> Ordered<O> {
        Ordered(OrdSet::new())
    }
}

impl<O: Order> PartialEq for Ordered<O>
where
    O::Row: PartialEq,
{
    /// Whether the rows are the same, not only their keys.
    fn eq(&self, other: &Ordered<O>) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<O: Order> fmt::Debug for Ordered<O>
where
    O::Row: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
