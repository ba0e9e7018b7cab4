//! What a state's bytes hold, told without building the state.

use super::catalog::CatalogSection;
use super::loader::body;
use super::sessions::SessionSection;
use super::{Section, VERSION, WHAT, malformed};
use crate::model::codec::{self, CodecError};
use crate::state::kv::Entry;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows and bytes of each table, counted while the bytes come.
#[derive(Debug, Default)]
pub struct Tally {
    tables: BTreeMap<&'static str, (u64, u64)>,
    rest: Vec<u8>,
    ended: bool,
}

/// What a state's bytes hold of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSize {
    /// Its name, as Consul calls such rows.
    pub table: &'static str,
    /// Rows.
    pub rows: u64,
    /// Bytes of them as they are stored.
    pub bytes: u64,
}

impl Tally {
    /// Takes the next bytes in, wherever they are cut; `each` is shown every key of the KV store with its entry.
    ///
    /// # Errors
    /// They are no state.
    pub fn take(&mut self, bytes: &[u8], each: &mut dyn FnMut(&Entry)) -> Result<(), CodecError> {
        self.rest.extend_from_slice(bytes);
        let mut consumed = 0;
        while let Some(body) = body(&self.rest[consumed..])? {
            consumed += 4 + body.len();
            let section: Section = codec::decode_compact(WHAT, VERSION, body)?;
            let (table, rows) = match &section {
                Section::Entries(entries) => {
                    entries.iter().map(Arc::as_ref).for_each(&mut *each);
                    ("KVS", entries.len())
                }
                Section::Burials(burials) => ("Tombstone", burials.iter().map(|(_, _, keys)| keys.len()).sum()),
                Section::Autopilot(_) => ("Autopilot", 1),
                Section::Catalog(section) => of_catalog(section),
                Section::Sessions(section) => of_sessions(section),
                Section::Queries(section) => ("PreparedQuery", section.len()),
                Section::Marks { .. } | Section::Lineage(_) => ("Index", 1),
                Section::Restoring(..) | Section::Piece(_) => ("Restore", 1),
                Section::End { .. } => {
                    self.ended = true;
                    continue;
                }
            };
            let counted = self.tables.entry(table).or_default();
            *counted = (counted.0 + rows as u64, counted.1 + 4 + body.len() as u64);
        }
        self.rest.drain(..consumed);
        Ok(())
    }

    /// The tables, the largest first.
    ///
    /// # Errors
    /// The bytes ended too early.
    pub fn finish(self) -> Result<Vec<TableSize>, CodecError> {
        if !self.ended || !self.rest.is_empty() {
            return Err(malformed("cut off"));
        }
        let mut tables: Vec<TableSize> = self.tables.into_iter().map(|(table, (rows, bytes))| TableSize { table, rows, bytes }).collect();
        tables.sort_by(|one, other| other.bytes.cmp(&one.bytes).then(one.table.cmp(other.table)));
        Ok(tables)
    }
}

fn of_sessions(section: &SessionSection) -> (&'static str, usize) {
    match section {
        SessionSection::Sessions(rows) => ("Session", rows.len()),
        SessionSection::LockDelays(rows) => ("LockDelay", rows.len()),
        SessionSection::Mark(_) => ("Index", 1),
    }
}

fn of_catalog(section: &CatalogSection) -> (&'static str, usize) {
    match section {
        CatalogSection::Nodes(rows) => ("Node", rows.len()),
        CatalogSection::Services(rows) => ("Service", rows.len()),
        CatalogSection::Names(rows) => ("ServiceName", rows.len()),
        CatalogSection::Checks(rows) => ("Check", rows.len()),
        CatalogSection::GoneNodes(rows) | CatalogSection::GoneNames(rows) => ("Departed", rows.len()),
        CatalogSection::Marks { .. } => ("Index", 1),
    }
}
