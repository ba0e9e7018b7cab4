//! How one list of rows becomes another: a script of what stays, what goes and what comes.

use super::Malformed;
use crate::agent::query::Instance;
use crate::state::checks::Check;
use crate::state::nodes::Node;
use crate::state::services::Service;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;

/// A row of a view.
pub trait Row: Clone + PartialEq + Serialize + DeserializeOwned {
    /// How a row that is there already becomes a later one of itself.
    type Patch: Clone + PartialEq + std::fmt::Debug + Serialize + DeserializeOwned;

    /// The order of rows in a view, by what names them. Equal rows in this sense are the same row at two times.
    fn order(&self, other: &Self) -> Ordering;

    /// Whether nothing of it differs. Rows shared in memory are told by their addresses.
    fn is_same(&self, other: &Self) -> bool;

    /// What makes it `later`; `None` if it must be sent whole.
    fn patch(&self, later: &Self) -> Option<Self::Patch>;

    /// Its later self.
    ///
    /// # Errors
    /// The patch was not made for it.
    fn patched(&self, patch: Self::Patch) -> Result<Self, Malformed>;
}

/// One step along the old list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Row", deserialize = "T: Row"))]
pub enum Edit<T: Row> {
    /// The next so many rows stay.
    Keep(u32),
    /// The next so many rows go.
    Skip(u32),
    /// A row comes.
    Put(T),
    /// The next row becomes another.
    Patch(T::Patch),
}

/// A script under construction: runs are joined.
pub(super) struct Script<T: Row>(Vec<Edit<T>>);

impl<T: Row> Script<T> {
    pub(super) fn new() -> Script<T> {
        Script(Vec::new())
    }

    pub(super) fn keep(&mut self) {
        match self.0.last_mut() {
            Some(Edit::Keep(count)) => *count += 1,
            Some(Edit::Skip(_) | Edit::Put(_) | Edit::Patch(_)) | None => self.0.push(Edit::Keep(1)),
        }
    }

    pub(super) fn skip(&mut self, rows: usize) {
        if rows == 0 {
            return;
        }
        let rows = u32::try_from(rows).expect("a view has fewer rows");
        match self.0.last_mut() {
            Some(Edit::Skip(count)) => *count += rows,
            Some(Edit::Keep(_) | Edit::Put(_) | Edit::Patch(_)) | None => self.0.push(Edit::Skip(rows)),
        }
    }

    pub(super) fn put(&mut self, row: &T) {
        self.0.push(Edit::Put(row.clone()));
    }

    fn change(&mut self, from: &T, to: &T) {
        match from.patch(to) {
            Some(patch) => self.0.push(Edit::Patch(patch)),
            None => {
                self.skip(1);
                self.put(to);
            }
        }
    }

    pub(super) fn finish(self) -> Vec<Edit<T>> {
        self.0
    }
}

/// What makes `old` into `new`: least when both are in order, right in any case.
pub(super) fn between<T: Row>(old: &[T], new: &[T]) -> Vec<Edit<T>> {
    let mut script = Script::new();
    let mut at = 0;
    for row in new {
        loop {
            let Some(held) = old.get(at) else {
                script.put(row);
                break;
            };
            if held.is_same(row) {
                script.keep();
                at += 1;
                break;
            }
            match held.order(row) {
                Ordering::Equal => {
                    script.change(held, row);
                    at += 1;
                    break;
                }
                Ordering::Less => {
                    script.skip(1);
                    at += 1;
                }
                Ordering::Greater => {
                    script.put(row);
                    break;
                }
            }
        }
    }
    script.skip(old.len() - at);
    script.finish()
}

/// Whether a script for `rows` rows changes nothing.
pub(super) fn is_idle<T: Row>(edits: &[Edit<T>], rows: usize) -> bool {
    match edits {
        [] => rows == 0,
        [Edit::Keep(count)] => *count as usize == rows,
        _ => false,
    }
}

/// What a script makes of `old`.
///
/// # Errors
/// It was not made for `old`.
pub(super) fn apply<T: Row>(old: &[T], edits: Vec<Edit<T>>) -> Result<Vec<T>, Malformed> {
    let mut rest = old;
    let mut new = Vec::with_capacity(old.len());
    for edit in edits {
        match edit {
            Edit::Keep(count) => {
                let (kept, left) = rest.split_at_checked(count as usize).ok_or(Malformed("it keeps more rows than there are"))?;
                new.extend_from_slice(kept);
                rest = left;
            }
            Edit::Skip(count) => rest = rest.get(count as usize..).ok_or(Malformed("it drops more rows than there are"))?,
            Edit::Put(row) => new.push(row),
            Edit::Patch(patch) => {
                let (row, left) = rest.split_first().ok_or(Malformed("it changes a row that is not there"))?;
                new.push(row.patched(patch)?);
                rest = left;
            }
        }
    }
    if rest.is_empty() { Ok(new) } else { Err(Malformed("it says nothing about some rows")) }
}

/// No patch: the row is sent whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Never {}

/// What changed about an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstancePatch {
    /// Its node, if it changed.
    pub node: Option<Arc<Node>>,
    /// Itself, if it changed.
    pub service: Option<Arc<Service>>,
    /// Its checks, if any changed.
    pub checks: Option<Vec<Edit<Arc<Check>>>>,
}

impl Row for Instance {
    type Patch = InstancePatch;

    fn order(&self, other: &Instance) -> Ordering {
        let node = without_case(self.node.spec.name.as_str(), other.node.spec.name.as_str());
        node.then_with(|| self.service.id().cmp(other.service.id()))
    }

    fn is_same(&self, other: &Instance) -> bool {
        same(&self.node, &other.node) && same(&self.service, &other.service) && same_checks(&self.checks, &other.checks)
    }

    fn patch(&self, later: &Instance) -> Option<InstancePatch> {
        let checks = (!same_checks(&self.checks, &later.checks)).then(|| between(&self.checks, &later.checks));
        let node = (!same(&self.node, &later.node)).then(|| later.node.clone());
        let service = (!same(&self.service, &later.service)).then(|| later.service.clone());
        Some(InstancePatch { node, service, checks })
    }

    fn patched(&self, patch: InstancePatch) -> Result<Instance, Malformed> {
        let checks = match patch.checks {
            Some(edits) => apply(&self.checks, edits)?,
            None => self.checks.clone(),
        };
        let node = patch.node.unwrap_or_else(|| self.node.clone());
        Ok(Instance { node, service: patch.service.unwrap_or_else(|| self.service.clone()), checks })
    }
}

impl Row for Arc<Check> {
    type Patch = Never;

    fn order(&self, other: &Arc<Check>) -> Ordering {
        let of_service = |check: &Check| !check.service_id().is_empty();
        of_service(self).cmp(&of_service(other)).then_with(|| self.id().cmp(other.id()))
    }

    fn is_same(&self, other: &Arc<Check>) -> bool {
        same(self, other)
    }

    fn patch(&self, _later: &Arc<Check>) -> Option<Never> {
        None
    }

    fn patched(&self, patch: Never) -> Result<Arc<Check>, Malformed> {
        match patch {}
    }
}

/// The name of a service with the tags of its instances.
pub type ServiceName = (Arc<str>, Vec<Arc<str>>);

impl Row for ServiceName {
    type Patch = Never;

    fn order(&self, other: &ServiceName) -> Ordering {
        self.0.cmp(&other.0)
    }

    fn is_same(&self, other: &ServiceName) -> bool {
        self == other
    }

    fn patch(&self, _later: &ServiceName) -> Option<Never> {
        None
    }

    fn patched(&self, patch: Never) -> Result<ServiceName, Malformed> {
        match patch {}
    }
}

fn same<T: PartialEq>(one: &Arc<T>, other: &Arc<T>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

fn same_checks(one: &[Arc<Check>], other: &[Arc<Check>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
}

/// Names of nodes are told apart, and sorted, without regard to case.
fn without_case(one: &str, other: &str) -> Ordering {
    if one == other {
        return Ordering::Equal;
    }
    let lower = |text: &str| text.to_lowercase();
    lower(one).cmp(&lower(other))
}
