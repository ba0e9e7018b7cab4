//! The order that indexes propose: what each key was, from index to index.

use super::{Broken, Law, broken};
use crate::checker::history::{History, Outcome};
use muster::model::Index;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an applied command asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The key has this value.
    Put(Arc<str>),
    /// The key is gone.
    Delete,
}

/// One key's part of an applied command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The command's index.
    pub index: Index,
    /// The key.
    pub key: Arc<str>,
    /// What was asked.
    pub change: Change,
    /// Whether it changed the key: not if a condition failed, if there was nothing to delete, or if the value was there already.
    pub took: bool,
}

/// How much of the log is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// All of it, refused commands included: servers were watched applying it.
    Whole,
    /// What readers saw.
    Observed,
}

/// One version of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its `ModifyIndex`.
    pub modify: Index,
    /// Its `CreateIndex`; 0 if not known.
    pub create: Index,
    /// The value; `None`: no such key.
    pub value: Option<Arc<str>>,
}

/// The versions of every key by index, and what was refused.
#[derive(Debug, Clone)]
pub struct Log {
    pub(super) coverage: Coverage,
    versions: BTreeMap<Arc<str>, Vec<Version>>,
    pub(super) deletes: BTreeMap<Arc<str>, Vec<Index>>,
    pub(super) puts: BTreeMap<(Arc<str>, Arc<str>), Attempts>,
}

/// Where one value was put under one key.
#[derive(Debug, Clone, Default)]
pub struct Attempts {
    /// Indexes at which it took effect.
    pub took: Vec<Index>,
    /// Indexes at which it was refused.
    pub refused: Vec<Index>,
}

impl Log {
    /// The log as servers applied it. The order of `written` does not matter.
    pub fn whole(written: &[Written]) -> Log {
        let mut log = Log::empty(Coverage::Whole);
        let mut sorted: Vec<&Written> = written.iter().collect();
        sorted.sort_by_key(|w| w.index);
        for written in sorted {
            match &written.change {
                Change::Put(value) => {
                    let attempts = log.puts.entry((written.key.clone(), value.clone())).or_default();
                    if written.took { &mut attempts.took } else { &mut attempts.refused }.push(written.index);
                }
                Change::Delete => log.deletes.entry(written.key.clone()).or_default().push(written.index),
            }
            if written.took {
                log.push(written);
            }
        }
        log
    }

    fn empty(coverage: Coverage) -> Log {
        Log { coverage, versions: BTreeMap::new(), deletes: BTreeMap::new(), puts: BTreeMap::new() }
    }

    fn push(&mut self, written: &Written) {
        let versions = self.versions.entry(written.key.clone()).or_default();
        let value = match &written.change {
            Change::Put(value) => Some(value.clone()),
            Change::Delete => None,
        };
        let create = match versions.last() {
            Some(Version { value: Some(_), create, .. }) => *create,
            Some(Version { value: None, .. }) | None => written.index,
        };
        versions.push(Version { modify: written.index, create, value });
    }

    /// As much of the log as the readers of `history` saw. An error if two of them saw different things under one index.
    pub fn observed(history: &History) -> Result<Log, Broken> {
        let mut log = Log::empty(Coverage::Observed);
        let mut seen: Vec<(&Arc<str>, Version, usize)> = Vec::new();
        for (at, operation) in history.operations.iter().enumerate() {
            let Outcome::Read { found: Some(found), .. } = &operation.outcome else { continue };
            if operation.is_linearizable() && found.modify > 0 {
                seen.push((&operation.key, Version { modify: found.modify, create: found.create, value: Some(found.value.clone()) }, at));
            }
        }
        seen.sort_by(|a, b| (a.0, a.1.modify).cmp(&(b.0, b.1.modify)));
        for (key, version, at) in seen {
            let versions = match log.versions.get_mut(key) {
                Some(versions) => versions,
                None => log.versions.entry(key.clone()).or_default(),
            };
            match versions.last() {
                Some(last) if last.modify == version.modify && *last == version => continue,
                Some(last) if last.modify == version.modify => {
                    let says = format!("{key} has two contents at ModifyIndex {}: {last:?} and {version:?}", version.modify);
                    return Err(broken(history, at, Law::IndexHonesty, says));
                }
                Some(_) | None => {}
            }
            let value = version.value.clone().unwrap_or_default();
            log.puts.entry((key.clone(), value)).or_default().took.push(version.modify);
            versions.push(version);
        }
        Ok(log)
    }

    fn of(&self, key: &str) -> &[Version] {
        self.versions.get(key).map_or(&[], Vec::as_slice)
    }

    /// What `key` was at `index`, if it had been anything by then.
    pub fn at(&self, key: &str, index: Index) -> Option<&Version> {
        let versions = self.of(key);
        versions[..versions.partition_point(|v| v.modify <= index)].last()
    }

    /// The first version of `key` after `index`.
    pub fn after(&self, key: &str, index: Index) -> Option<&Version> {
        let versions = self.of(key);
        versions.get(versions.partition_point(|v| v.modify <= index))
    }

    /// Every key that was ever written.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.versions.keys()
    }
}
