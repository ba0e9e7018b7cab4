//! Which entries the log holds, and where: the sum of all records so far.

use super::format::{Kind, Record};
use bytes::Bytes;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// The index and term of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// Its place in the replicated log.
    pub index: u64,
    /// The term of the leader that made it.
    pub term: u64,
}

/// Where an entry's record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The entry's term.
    pub term: u64,
    /// The segment's number.
    pub segment: u64,
    /// Where the record begins in it.
    pub offset: u64,
    /// The record's length, header and body.
    pub length: u32,
}

/// The log's content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// The last vote saved.
    pub vote: Option<Bytes>,
    /// The last entry purged.
    pub purged: Option<EntryId>,
    /// Index of the first of `places`.
    first: u64,
    places: VecDeque<Place>,
}

impl Live {
    /// The entry last in the log; the purged one if there is none.
    pub fn last(&self) -> Option<EntryId> {
        match self.places.back() {
            Some(place) => Some(EntryId { index: self.first + self.places.len() as u64 - 1, term: place.term }),
            None => self.purged,
        }
    }

    /// Indexes present.
    pub fn range(&self) -> RangeInclusive<u64> {
        let first = if self.places.is_empty() { self.purged.map_or(1, |purged| purged.index + 1) } else { self.first };
        first..=(first + self.places.len() as u64).saturating_sub(1)
    }

    /// Where entry `index` lies.
    pub fn place(&self, index: u64) -> Option<Place> {
        let at = index.checked_sub(self.first)?;
        self.places.get(usize::try_from(at).ok()?).copied()
    }

    /// The first segment that holds an entry.
    pub fn first_segment(&self) -> Option<u64> {
        self.places.front().map(|place| place.segment)
    }

    /// Whether nothing is missing between what was purged and the first entry.
    pub fn missing(&self) -> Option<RangeInclusive<u64>> {
        let expected = self.purged.map_or(1, |purged| purged.index + 1);
        (!self.places.is_empty() && self.first > expected).then(|| expected..=self.first - 1)
    }

    /// Takes in one more record; the error says which law it breaks.
    pub fn take(&mut self, record: &Record, body: &[u8], segment: u64, offset: u64) -> Result<(), &'static str> {
        match record.kind {
            Kind::Checkpoint => {
                self.vote = (!body.is_empty()).then(|| Bytes::copy_from_slice(body));
                if record.index > 0 {
                    self.purge(EntryId { index: record.index, term: record.term });
                }
            }
            Kind::Vote => self.vote = Some(Bytes::copy_from_slice(body)),
            Kind::Entry => {
                let length = (super::format::HEADER + body.len()) as u32;
                self.append(record.index, Place { term: record.term, segment, offset, length })?;
            }
            Kind::Truncate => self.truncate_after(record.index),
            Kind::Purge => self.purge(EntryId { index: record.index, term: record.term }),
        }
        Ok(())
    }

    /// Adds the entry after the last one.
    pub fn append(&mut self, index: u64, place: Place) -> Result<(), &'static str> {
        if self.places.is_empty() {
            if self.purged.is_some_and(|purged| index <= purged.index) {
                return Err("an entry that was purged is written again");
            }
            self.first = index;
        } else if index != self.first + self.places.len() as u64 {
            return Err("an entry does not follow the one before");
        }
        self.places.push_back(place);
        Ok(())
    }

    /// Drops what comes after `index`.
    pub fn truncate_after(&mut self, index: u64) {
        let keep = (index + 1).saturating_sub(self.first).min(self.places.len() as u64);
        self.places.truncate(keep as usize);
    }

    /// Drops what comes up to `last`.
    pub fn purge(&mut self, last: EntryId) {
        if self.purged.is_some_and(|purged| purged.index >= last.index) {
            return;
        }
        let gone = (last.index + 1).saturating_sub(self.first).min(self.places.len() as u64);
        self.places.drain(..gone as usize);
        self.first += gone;
        self.purged = Some(last);
    }
}
