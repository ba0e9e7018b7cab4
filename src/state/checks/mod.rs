//! The catalog's health checks: those of nodes and those of instances.

mod own;
mod row;
mod spec;

pub(crate) use own::Own;
pub use row::Check;
pub(crate) use row::CheckShape;
pub use spec::{CheckSpec, SERF_HEALTH};

use super::home::fold;
use super::order::{Order, Ordered, RowKey};
use crate::model::{CatalogStatus, Index};
use std::sync::Arc;

/// The checks of the catalog.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checks {
    rows: Ordered<ById>,
    by_owner: Ordered<ByOwner>,
    /// Those that do not pass: few, as a rule, and often asked for.
    failing: Ordered<ById>,
    /// The last change of any row.
    pub(super) index: Index,
}

/// By node and id.
#[derive(Debug)]
struct ById;

impl Order for ById {
    type Row = Arc<Check>;
    fn key(row: &Arc<Check>) -> RowKey<'_> {
        (&row.home.folded, &row.id, "")
    }
}

/// By node, instance (none first) and id.
#[derive(Debug)]
struct ByOwner;

impl Order for ByOwner {
    type Row = Arc<Check>;
    fn key(row: &Arc<Check>) -> RowKey<'_> {
        (&row.home.folded, row.service_id(), &row.id)
    }
}

impl Checks {
    /// A check by its node's name, compared without case, and its id.
    pub fn get(&self, node: &str, id: &str) -> Option<&Arc<Check>> {
        self.at(&fold(node), id)
    }

    /// A check by its node's name in lower case and its id.
    pub fn at(&self, folded: &str, id: &str) -> Option<&Arc<Check>> {
        self.rows.get((folded, id, ""))
    }

    /// All checks on a node, given by its name in lower case, by id.
    pub fn on<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = &'a Arc<Check>> {
        self.rows.from((folded, "", "")).take_while(move |row| *row.home.folded == *folded)
    }

    /// The checks of one instance, or of the node itself if `service_id` is empty, by id. The node is given by its name in lower case.
    pub fn of<'a>(&'a self, folded: &'a str, service_id: &'a str) -> impl Iterator<Item = &'a Arc<Check>> {
        let from = self.by_owner.from((folded, service_id, ""));
        from.take_while(move |row| *row.home.folded == *folded && row.service_id() == service_id)
    }

    /// All checks, by node and id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Check>> {
        self.rows.iter()
    }

    /// The checks that stand so, by node and id.
    pub fn standing<'a>(&'a self, status: &'a CatalogStatus) -> impl Iterator<Item = &'a Arc<Check>> {
        let (passing, failing) = match status.is_passing() {
            true => (Some(self.rows.iter()), None),
            false => (None, Some(self.failing.iter())),
        };
        let all = passing.into_iter().flatten().chain(failing.into_iter().flatten());
        all.filter(move |row| row.status() == status)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// The last change of any row.
    pub fn index(&self) -> Index {
        self.index
    }

    pub(super) fn last(&self) -> Option<&Arc<Check>> {
        self.rows.last()
    }

    /// Puts a row in. One of the same id and owner goes; one of another owner must have been taken out before.
    pub(super) fn put(&mut self, row: Arc<Check>) {
        if row.status().is_passing() {
            self.failing.remove(ById::key(&row));
        } else {
            self.failing.put(row.clone());
        }
        self.by_owner.put(row.clone());
        self.rows.put(row);
    }

    /// Takes a row out.
    pub(super) fn take(&mut self, row: &Arc<Check>) {
        self.failing.remove(ById::key(row));
        self.by_owner.remove(ByOwner::key(row));
        self.rows.remove(ById::key(row));
    }
}
