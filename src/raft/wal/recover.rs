//! Reading a log back: what to keep, what was never finished, and what must not be touched.
//!
//! Records are replayed in sequence order up to the first that is missing or damaged. Whether that is the end of what was written, a write that a
//! power loss tore, or damage, is decided by what lies behind it:
//!
//! - the next segment begins with the sequence expected: the segment before was full, and replay goes on there;
//! - a valid record behind it says that the missing one was durable: *damage*. Something acknowledged is gone, so the server must not start;
//! - neither: the missing record had not been synced when anything that survived was written. It is the *torn tail*: it and whatever survived of
//!   the unsynced records behind it was never acknowledged, and is wiped before anything is written again.
//!
//! So what is recovered is a prefix of what was written, and holds all that was ever synced, truncations included: what was cut off stays cut
//! off. The one thing this cannot see is damage to the very last synced batch with nothing written since: it looks torn.

use super::format::{HEADER, HeaderError, Kind, RECORDS, Seal, claim, file_name};
use super::live::Live;

/// Why a log cannot be used. It is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A segment does not begin as one.
    #[error("{file}: {error}")]
    Header {
        /// The file's name.
        file: String,
        /// What is wrong.
        error: HeaderError,
    },
    /// A record that was durable cannot be read.
    #[error("{file}: record {sequence} at offset {offset} is damaged, and what was written later says that it was durable")]
    Record {
        /// The file's name.
        file: String,
        /// Bytes from the file's start.
        offset: u64,
        /// The record's place in the order of all records.
        sequence: u64,
    },
    /// A record is whole but cannot be true.
    #[error("{file}: record {sequence} at offset {offset} breaks a law of the log: {law}")]
    Law {
        /// The file's name.
        file: String,
        /// Bytes from the file's start.
        offset: u64,
        /// The record's place in the order of all records.
        sequence: u64,
        /// The law.
        law: &'static str,
    },
    /// Entries that were not purged are in no file.
    #[error("{file}: entries {first} to {last} come before its first and are in no file: a segment is missing")]
    Missing {
        /// The first file there is.
        file: String,
        /// First missing index.
        first: u64,
        /// Last missing index.
        last: u64,
    },
}

/// Where a record begins or would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The segment's number.
    pub segment: u64,
    /// Bytes from its start.
    pub offset: u64,
}

/// What a log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Vote and entries.
    pub live: Live,
    /// Index up to which entries are known to be committed; at most the last.
    pub committed: u64,
    /// Sequence of the next record.
    pub next_sequence: u64,
    /// Where it goes; `None` if there is no segment yet.
    pub end: Option<End>,
    /// Bytes behind the end are left over and must be wiped.
    pub torn: bool,
    /// Segments behind the end's that hold nothing that counts, but perhaps left-over records.
    pub beyond: Vec<Beyond>,
}

/// A segment behind the end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beyond {
    /// Its number.
    pub number: u64,
    /// Whether no record is in it: a spare, ready to be used.
    pub is_clean: bool,
}

/// A log being read, segment by segment in order.
#[derive(Debug)]
pub struct Scan {
    live: Live,
    committed: u64,
    /// The sequence expected next.
    next: u64,
    first_segment: Option<u64>,
    /// Where reading stopped for want of the record expected.
    end: Option<End>,
    torn: bool,
    beyond: Vec<Beyond>,
}

impl Default for Scan {
    fn default() -> Scan {
        Scan { live: Live::default(), committed: 0, next: 1, first_segment: None, end: None, torn: false, beyond: Vec::new() }
    }
}

impl Scan {
    /// Takes in segment `number` with content `bytes`: the first, or the one after the last.
    pub fn segment(&mut self, number: u64, bytes: &[u8]) -> Result<Seal, Damage> {
        let seal = Seal::read(number, bytes).map_err(|error| Damage::Header { file: file_name(number), error })?;
        let records = bytes.get(RECORDS as usize..).unwrap_or_default();
        let front = seal.open(records);
        match (self.first_segment, front) {
            (None, Some((record, _))) => {
                self.first_segment = Some(number);
                self.next = record.sequence;
            }
            // A later first segment was made durable before the ones before it were dropped.
            (None, None) if number > 1 => return Err(self.damaged(End { segment: number, offset: RECORDS })),
            (None, None) => self.first_segment = Some(number),
            (Some(_), Some((record, _))) if record.sequence == self.next => {
                // The segment before was full. What lies behind its last record is of no account.
                self.torn = false;
                self.beyond.clear();
            }
            (Some(_), found) => {
                let is_clean = self.search(&seal, records)? && found.is_none();
                self.beyond.push(Beyond { number, is_clean });
                return Ok(seal);
            }
        }
        self.replay(&seal, bytes)?;
        Ok(seal)
    }

    fn replay(&mut self, seal: &Seal, bytes: &[u8]) -> Result<(), Damage> {
        let mut offset = RECORDS as usize;
        while let Some((record, length)) = bytes.get(offset..).and_then(|rest| seal.open(rest)).filter(|(r, _)| r.sequence == self.next) {
            let broken = |law| Damage::Law { file: file_name(seal.number), offset: offset as u64, sequence: record.sequence, law };
            if (offset == RECORDS as usize) != (record.kind == Kind::Checkpoint) {
                return Err(broken("a checkpoint comes first in a segment and nowhere else"));
            }
            let body = &bytes[offset + HEADER..offset + HEADER + length];
            self.live.take(&record, body, seal.number, offset as u64).map_err(broken)?;
            self.committed = self.committed.max(record.committed);
            self.next += 1;
            offset += HEADER + length;
        }
        self.end = Some(End { segment: seal.number, offset: offset as u64 });
        let rest = bytes.get(offset..).unwrap_or_default();
        self.torn = rest.iter().any(|&byte| byte != 0);
        if self.torn {
            self.search(seal, rest)?;
        }
        Ok(())
    }

    /// Looks through `bytes` for records. One that knew the record expected next to be durable is proof of damage; whether there are none at all.
    fn search(&self, seal: &Seal, bytes: &[u8]) -> Result<bool, Damage> {
        let mut is_clean = true;
        for at in 0..bytes.len().saturating_sub(HEADER - 1) {
            // The kind's byte is never zero: most of a segment's rest is.
            if bytes[at + 8] == 0 {
                continue;
            }
            let Some((record, _)) = claim(&bytes[at..]) else { continue };
            if record.sequence >= self.next && seal.open(&bytes[at..]).is_some() {
                is_clean = false;
                if record.durable >= self.next {
                    return Err(self.damaged(self.end.expect("a segment was replayed before another is searched")));
                }
            }
        }
        Ok(is_clean)
    }

    fn damaged(&self, at: End) -> Damage {
        Damage::Record { file: file_name(at.segment), offset: at.offset, sequence: self.next }
    }

    /// What all segments together hold.
    pub fn finish(self) -> Result<Recovered, Damage> {
        if let Some(missing) = self.live.missing() {
            let file = file_name(self.first_segment.unwrap_or(1));
            return Err(Damage::Missing { file, first: *missing.start(), last: *missing.end() });
        }
        let committed = self.committed.min(self.live.last().map_or(0, |last| last.index));
        let Scan { live, next, end, torn, beyond, .. } = self;
        Ok(Recovered { live, committed, next_sequence: next, end, torn, beyond })
    }
}

/// Recovers a log from the contents of its segments, numbered from 1. Never panics, whatever the bytes are: the target of the fuzzer.
pub fn recover_bytes(segments: &[&[u8]]) -> Result<Recovered, Damage> {
    let mut scan = Scan::default();
    for (number, bytes) in (1..).zip(segments) {
        scan.segment(number, bytes)?;
    }
    scan.finish()
}
