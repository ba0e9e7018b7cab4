//! The whole state as bytes, in sections of bounded size: written without holding two copies, read as it comes.
//!
//! A section is its length (4 bytes, little-endian) and a `model::codec` frame. Rows come in the order of their keys, so equal states give equal bytes, and
//! bytes that are not in order are refused. The last section says how many there were: a snapshot cut off between two is noticed. Against flipped bits
//! the file's checksum stands.

mod catalog;
mod loader;
mod sessions;
pub(super) mod tally;

pub(super) use loader::{Loader, Origin};

use super::State;
use super::autopilot::AutopilotRow;
use super::coordinates::Located;
use super::kv::{Burial, Entry};
use super::nodes::fold;
use super::queries::section::{self as queries, QuerySection};
use super::restore::{Lineage, Restoring};
use crate::model::codec::{self, CodecError};
use crate::model::{Index, Key, Timestamp, octets};
use bytes::Bytes;
use catalog::CatalogSection;
use serde::{Deserialize, Serialize};
use sessions::SessionSection;
use std::sync::Arc;

const WHAT: &str = "state snapshot";
const VERSION: u8 = 1;
/// A section is closed when its rows come to this many bytes; the largest row (a value of 512 KiB, as a rule) comes on top.
const SECTION_BYTES: usize = 256 * 1024;
/// What a row is reckoned beside its key and value.
const ROW_BYTES: usize = 64;

/// A run of rows of one table. A new table adds a variant at the end. Rows of the catalog come as they were registered: what they share is found again.
#[derive(Serialize, Deserialize)]
enum Section {
    Entries(Vec<Arc<Entry>>),
    Burials(Vec<(Index, Timestamp, Vec<Key>)>),
    Autopilot(AutopilotRow),
    Catalog(CatalogSection),
    Marks {
        kv: Index,
        kv_reaped: Index,
    },
    End {
        sections: u64,
    },
    Sessions(SessionSection),
    Coordinates(Vec<Arc<Located>>),
    CoordinateMark(Index),
    Lineage(Lineage),
    /// A restore under way: which, how long it will be, when it went on last. Its pieces follow.
    Restoring(u128, u64, Timestamp),
    Piece(#[serde(with = "octets")] Bytes),
    Queries(QuerySection),
}

impl State {
    /// The whole state as bytes: equal states give equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for section in self.sections() {
            out.extend_from_slice(&section);
        }
        out
    }

    /// The same bytes in pieces of a bounded size, made as they are asked for.
    pub fn sections(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let lineage = (self.lineage != Lineage::default()).then(|| Section::Lineage(self.lineage.clone()));
        let begun = self.restoring.iter().map(|on| Section::Restoring(on.restore, on.bytes, on.at));
        let pieces = self.restoring.iter().flat_map(|on| on.pieces.iter().cloned().map(Section::Piece));
        framed(self.tables().chain(lineage).chain(begun).chain(pieces))
    }

    /// The tables alone, as an archive has them: nothing of what this cluster went through.
    pub fn archived(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        framed(self.tables())
    }

    fn tables(&self) -> impl Iterator<Item = Section> + '_ {
        let entries = batches(self.kv.entries.values().cloned(), |entry| entry.key.len() + entry.value.len()).map(Section::Entries);
        let burials = self.kv.burials.iter().map(|(index, burial)| (*index, burial.at, burial.keys.to_vec()));
        let burials = batches(burials, |(_, _, keys)| keys.iter().map(|key| key.len() + ROW_BYTES).sum()).map(Section::Burials);
        let autopilot = self.autopilot.row.clone().map(Section::Autopilot);
        let catalog = catalog::sections(self).map(Section::Catalog);
        let coordinates = batches(self.coordinates.rows.values().cloned(), |row| row.node.as_str().len() + size_of::<Located>());
        let coordinates = coordinates.map(Section::Coordinates).chain([Section::CoordinateMark(self.coordinates.index)]);
        let marks = Section::Marks { kv: self.kv.index, kv_reaped: self.kv.reaped };
        let sessions = sessions::sections(self).map(Section::Sessions);
        let queries = queries::sections(&self.queries).map(Section::Queries);
        entries.chain(burials).chain(autopilot).chain(catalog).chain(sessions).chain(queries).chain(coordinates).chain([marks])
    }

    /// Reads what [`State::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<State, CodecError> {
        let mut loader = Loader::new(Origin::Own);
        match loader.consume(bytes)? == bytes.len() {
            true => loader.finish(),
            false => Err(malformed("cut off, or something follows the end")),
        }
    }

    fn add(&mut self, section: Section) -> Result<(), CodecError> {
        match section {
            Section::Entries(entries) => entries.into_iter().try_for_each(|entry| {
                let ascends = self.kv.entries.get_max().is_none_or(|(last, _)| *last < entry.key);
                sessions::bind(self, &entry);
                // The key in the map and the one in the entry share one allocation.
                self.kv.entries.insert(entry.key.clone(), entry);
                in_order(ascends)
            }),
            Section::Burials(burials) => burials.into_iter().try_for_each(|(index, at, keys)| self.add_burial(index, at, keys)),
            Section::Autopilot(row) => in_order(self.autopilot.row.replace(row).is_none()),
            Section::Catalog(section) => in_order(catalog::add(self, section)),
            Section::Sessions(section) => in_order(sessions::add(self, section)),
            Section::Queries(section) => in_order(queries::add(&mut self.queries, section)),
            Section::Marks { kv, kv_reaped } => {
                (self.kv.index, self.kv.reaped) = (kv, kv_reaped);
                Ok(())
            }
            Section::Coordinates(rows) => rows.into_iter().try_for_each(|row| self.add_coordinate(row)),
            Section::CoordinateMark(index) => {
                self.coordinates.index = index;
                Ok(())
            }
            Section::Lineage(lineage) => {
                self.timers.begin_anew_at(lineage.restored_at);
                self.lineage = lineage;
                Ok(())
            }
            Section::Restoring(restore, bytes, at) => {
                let begun = Restoring::new(restore, bytes, at);
                in_order(self.restoring.replace(Box::new(begun)).is_none())
            }
            Section::Piece(piece) => in_order(self.restoring.as_mut().is_some_and(|on| on.take(on.at, &piece).is_ok())),
            Section::End { .. } => Err(malformed("an end before the end")),
        }
    }

    fn add_coordinate(&mut self, row: Arc<Located>) -> Result<(), CodecError> {
        let folded = fold(row.node.as_str());
        let ascends = self.coordinates.rows.get_max().is_none_or(|(last, _)| *last < folded);
        let sound = self.nodes.at(&folded).is_some() && row.coordinate.check().is_ok();
        self.coordinates.rows.insert(folded, row);
        in_order(ascends && sound)
    }

    /// Whether nothing is missing that rows refer to.
    fn is_whole(&self) -> bool {
        catalog::is_whole(self) && sessions::is_whole(self) && queries::is_whole(self)
    }

    fn add_burial(&mut self, index: Index, at: Timestamp, keys: Vec<Key>) -> Result<(), CodecError> {
        let ascends = self.kv.burials.get_max().is_none_or(|(last, _)| *last < index);
        for key in &keys {
            self.kv.tombstones.insert(key.clone(), index);
        }
        self.kv.burials.insert(index, Burial { at, keys: keys.into() });
        in_order(ascends)
    }
}

fn framed(rows: impl Iterator<Item = Section>) -> impl Iterator<Item = Vec<u8>> {
    let mut sections = 0;
    let mut rows = rows.map(Some).chain([None]);
    std::iter::from_fn(move || {
        let section = rows.next()?.unwrap_or(Section::End { sections });
        sections += 1;
        Some(frame(&section))
    })
}

fn frame(section: &Section) -> Vec<u8> {
    let mut out = vec![0; 4];
    codec::encode_compact_into(&mut out, VERSION, section);
    let length = u32::try_from(out.len() - 4).expect("a section is a few rows beyond its bound");
    out[..4].copy_from_slice(&length.to_le_bytes());
    out
}

fn malformed(reason: &str) -> CodecError {
    CodecError::Malformed { what: WHAT, reason: reason.to_owned() }
}

fn in_order(holds: bool) -> Result<(), CodecError> {
    if holds { Ok(()) } else { Err(malformed("rows are not in order")) }
}

/// Runs of rows of about [`SECTION_BYTES`] each.
pub(super) fn batches<T>(rows: impl Iterator<Item = T>, bytes: impl Fn(&T) -> usize) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.peekable();
    std::iter::from_fn(move || {
        rows.peek()?;
        let mut batch = Vec::new();
        let mut size = 0;
        while let Some(row) = rows.next_if(|_| size < SECTION_BYTES) {
            size += bytes(&row) + ROW_BYTES;
            batch.push(row);
        }
        Some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::{SECTION_BYTES, Section, frame};
    use crate::model::{Key, Timestamp};
    use crate::state::{Command, Condition, KvCommand, Stamped, State};

    fn state(keys: u64, value: usize) -> State {
        let mut state = State::default();
        for index in 1..=keys {
            let key = Key::new(format!("key/{index:06}").as_bytes());
            let command = Command::Kv(KvCommand::Put { key, value: vec![b'x'; value].into(), flags: 0, condition: Condition::Always });
            state.apply(index, &Stamped { at: Timestamp::default(), command });
        }
        state
    }

    #[test]
    fn a_large_state_is_written_in_sections_of_bounded_size() {
        let state = state(3_000, 1_000);
        let sizes: Vec<usize> = state.sections().map(|section| section.len()).collect();
        assert!(sizes.len() > 10 && sizes.iter().all(|size| *size < SECTION_BYTES + 4_096), "{sizes:?}");
        assert_eq!(State::decode(&state.encode()), Ok(state));
    }

    #[test]
    fn a_snapshot_cut_off_anywhere_is_refused() {
        let bytes = state(3, 1).encode();
        assert!((0..bytes.len()).all(|length| State::decode(&bytes[..length]).is_err()));
        assert!(State::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn a_section_left_out_or_rows_out_of_order_are_refused() {
        let state = state(3_000, 1_000);
        let sections: Vec<Vec<u8>> = state.sections().collect();
        let mut missing = sections.clone();
        missing.remove(1);
        assert!(State::decode(&missing.concat()).unwrap_err().to_string().contains("missing"));
        let mut swapped = sections;
        swapped.swap(0, 1);
        assert!(State::decode(&swapped.concat()).unwrap_err().to_string().contains("order"));
    }

    #[test]
    fn a_newer_snapshot_is_refused_by_its_version() {
        let mut bytes = frame(&Section::End { sections: 0 });
        bytes[4] = super::VERSION + 1;
        assert!(State::decode(&bytes).unwrap_err().to_string().contains("newer"));
    }
}
