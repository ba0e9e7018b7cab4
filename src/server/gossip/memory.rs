//! Who was in the pool, on disk: an agent that starts again looks for its pool where it was, with an incarnation above its last.
//!
//! The file is a list of records, each with length and checksum. Only its end can be torn, and whatever follows a bad record is ignored:
//! losing the last few names does no harm, as any name leads to the rest.

use crate::model::{NodeName, codec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Newest version of records known.
const VERSION: u8 = 1;

/// A record's header: length and CRC-32 of its body, little-endian.
const HEADER: usize = 8;

/// Longest body believed: a name, an address and change.
const LONGEST: usize = 4096;

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Record {
    /// A member, wherever it was last.
    Member { name: NodeName, addr: SocketAddr },
    /// It left or was forgotten.
    Gone { name: NodeName },
    /// Our own incarnation.
    Incarnation(u64),
    /// We left in order.
    Left,
}

/// Everything the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Memory {
    pub members: BTreeMap<NodeName, SocketAddr>,
    pub incarnation: Option<u64>,
    pub left: Option<Left>,
}

/// We had left in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left;

impl Memory {
    /// Reads a file, up to its end or the first record that is torn.
    pub fn read(mut bytes: &[u8]) -> Memory {
        let mut memory = Memory::default();
        while let Some((record, rest)) = take(bytes) {
            memory.apply(record);
            bytes = rest;
        }
        if !bytes.is_empty() {
            tracing::warn!(bytes = bytes.len(), "the end of the gossip snapshot is torn and ignored");
        }
        memory
    }

    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Member { name, addr } => drop(self.members.insert(name, addr)),
            Record::Gone { name } => drop(self.members.remove(&name)),
            Record::Incarnation(incarnation) => self.incarnation = Some(incarnation),
            Record::Left => self.left = Some(Left),
        }
    }

    /// The shortest list of records that says the same.
    pub fn records(&self) -> Vec<Record> {
        let members = self.members.iter().map(|(name, addr)| Record::Member { name: name.clone(), addr: *addr });
        let rest = self.incarnation.map(Record::Incarnation).into_iter().chain(self.left.map(|Left| Record::Left));
        members.chain(rest).collect()
    }

    /// The records that lead from this memory to `next`.
    pub fn difference(&self, next: &Memory) -> Vec<Record> {
        let gone = self.members.keys().filter(|name| !next.members.contains_key(*name));
        let mut records: Vec<Record> = gone.map(|name| Record::Gone { name: name.clone() }).collect();
        let moved = next.members.iter().filter(|(name, addr)| self.members.get(*name) != Some(*addr));
        records.extend(moved.map(|(name, addr)| Record::Member { name: name.clone(), addr: *addr }));
        records.extend(next.incarnation.filter(|now| self.incarnation != Some(*now)).map(Record::Incarnation));
        records.extend(next.left.filter(|_| self.left.is_none()).map(|Left| Record::Left));
        records
    }
}

/// `records` as bytes of the file.
pub(super) fn write(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        let body = codec::encode(VERSION, record);
        out.extend_from_slice(&(body.len() as u32).to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        out.extend_from_slice(&body);
    }
    out
}

fn take(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
    let [a, b, c, d, e, f, g, h] = *header;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    let body = rest.get(..length).filter(|_| length <= LONGEST)?;
    if crc32fast::hash(body) != u32::from_le_bytes([e, f, g, h]) {
        return None;
    }
    Some((codec::decode("gossip snapshot record", VERSION, body).ok()?, &rest[length..]))
}

#[cfg(test)]
mod tests {
    use super::{Left, Memory, Record, write};
    use crate::model::NodeName;

    fn member(n: u16) -> Record {
        Record::Member { name: NodeName::parse(&format!("n{n}")).unwrap(), addr: ([127, 0, 0, 1], n).into() }
    }

    fn gone(n: u16) -> Record {
        Record::Gone { name: NodeName::parse(&format!("n{n}")).unwrap() }
    }

    #[test]
    fn what_was_written_is_read() {
        let memory = Memory::read(&write(&[member(1), member(2), gone(1), Record::Incarnation(7), Record::Left]));
        assert_eq!(memory.members.len(), 1);
        assert_eq!((memory.incarnation, memory.left), (Some(7), Some(Left)));
        assert_eq!(Memory::read(&write(&memory.records())), memory);
    }

    #[test]
    fn a_torn_end_loses_only_what_is_torn() {
        let bytes = write(&[member(1), member(2), member(3)]);
        let two = write(&[member(1), member(2)]).len();
        for cut in two..bytes.len() {
            assert_eq!(Memory::read(&bytes[..cut]).members.len(), 2, "cut at {cut}");
        }
        let mut flipped = bytes.clone();
        flipped[two + 12] ^= 1;
        assert_eq!(Memory::read(&flipped).members.len(), 2);
        assert_eq!(Memory::read(&[0xff; 64]), Memory::default());
    }

    #[test]
    fn the_difference_leads_from_one_memory_to_the_next() {
        let mut from = Memory::read(&write(&[member(1), member(2), Record::Incarnation(1)]));
        let next = Memory::read(&write(&[member(2), member(3), Record::Incarnation(2), Record::Left]));
        let records = from.difference(&next);
        assert_eq!(records.len(), 4);
        records.into_iter().for_each(|record| from.apply(record));
        assert_eq!(from, next);
        assert_eq!(from.difference(&next), []);
    }
}
