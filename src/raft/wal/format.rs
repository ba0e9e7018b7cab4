//! The bytes of a segment file.
//!
//! A segment begins with a header of its own in the first [`RECORDS`] bytes, so that no later write touches its sectors: magic, version, the
//! segment's number, a secret and a checksum. Records follow without gaps, each [`HEADER`] bytes and a body:
//!
//! | bytes | field |
//! |---|---|
//! | 4 | checksum (CRC-32) over secret, segment number and all that follows in the record |
//! | 4 | length of the body |
//! | 1 | kind |
//! | 8 | sequence: one more than the record before, across segments |
//! | 8 | durable: the last sequence known to be on the disk when this record was written |
//! | 8 | committed: index up to which entries were known to be committed then |
//! | 8 | index |
//! | 8 | term |
//!
//! Integers are little-endian. The secret makes stale records of a recycled segment invalid, and keeps what a client put into a value from
//! ever looking like a record.

/// Where records begin.
pub const RECORDS: u64 = 4096;

/// Bytes of a record before its body.
pub const HEADER: usize = 49;

/// Newest segment version this release reads, and the one it writes.
const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"MUSTRWAL";

/// Bytes of the segment's header that mean something.
pub const SEGMENT_HEADER: usize = 32;

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// First of a segment: `index` and `term` of the last purged entry (both zero: none), the vote as body.
    Checkpoint,
    /// The vote as body.
    Vote,
    /// A log entry.
    Entry,
    /// Entries after `index` are gone.
    Truncate,
    /// Entries up to `index`, of `term`, are gone.
    Purge,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Checkpoint, Kind::Vote, Kind::Entry, Kind::Truncate, Kind::Purge];

    /// Zero is no kind: neither is a field of zeros a record.
    fn byte(self) -> u8 {
        self as u8 + 1
    }

    fn from_byte(byte: u8) -> Option<Kind> {
        Kind::ALL.get(usize::from(byte).checked_sub(1)?).copied()
    }
}

/// A record without its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// What it says.
    pub kind: Kind,
    /// Its place in the order of all records, from 1.
    pub sequence: u64,
    /// The last sequence known durable when it was written.
    pub durable: u64,
    /// The last index known committed when it was written.
    pub committed: u64,
    /// See [`Kind`].
    pub index: u64,
    /// See [`Kind`].
    pub term: u64,
}

/// Which segment, and what its records are sealed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// The segment's number, from 1.
    pub number: u64,
    /// Drawn when the segment was made.
    pub secret: u64,
}

/// Why a segment's header is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is of a newer release.
    #[error("version {0} is newer than {VERSION}, the newest this release reads: start the release that wrote it")]
    NewerVersion(u32),
    /// Too short, another file's, or damaged.
    #[error("the header is damaged")]
    Damaged,
    /// Its number is not the one in the file's name.
    #[error("the header says segment {0}")]
    Number(u64),
}

impl Seal {
    /// The first bytes of the segment's file.
    pub fn header(&self) -> [u8; SEGMENT_HEADER] {
        let mut out = [0; SEGMENT_HEADER];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..20].copy_from_slice(&self.number.to_le_bytes());
        out[20..28].copy_from_slice(&self.secret.to_le_bytes());
        let sum = crc32fast::hash(&out[..28]);
        out[28..].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads the header of segment `number`.
    pub fn read(number: u64, bytes: &[u8]) -> Result<Seal, HeaderError> {
        let header = bytes.first_chunk::<SEGMENT_HEADER>().ok_or(HeaderError::Damaged)?;
        if header[..8] != MAGIC || u32_at(header, 28) != crc32fast::hash(&header[..28]) {
            return Err(HeaderError::Damaged);
        }
        match (u32_at(header, 8), u64_at(header, 12)) {
            (version, _) if version > VERSION => Err(HeaderError::NewerVersion(version)),
            (_, found) if found != number => Err(HeaderError::Number(found)),
            (_, number) => Ok(Seal { number, secret: u64_at(header, 20) }),
        }
    }

    fn checksum(&self, rest: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.secret.to_le_bytes());
        hasher.update(&self.number.to_le_bytes());
        hasher.update(rest);
        hasher.finalize()
    }

    /// Writes `record`'s header into the first [`HEADER`] bytes of `bytes`, whose rest is its body.
    pub fn close(&self, record: &Record, bytes: &mut [u8]) {
        let length = u32::try_from(bytes.len() - HEADER).expect("a record is bounded by the size of a frame");
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
        bytes[8] = record.kind.byte();
        let fields = [record.sequence, record.durable, record.committed, record.index, record.term];
        for (place, field) in bytes[9..HEADER].chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        let sum = self.checksum(&bytes[4..]);
        bytes[..4].copy_from_slice(&sum.to_le_bytes());
    }

    /// The record at the front of `bytes` and the length of its body, if it is whole and this segment's.
    pub fn open(&self, bytes: &[u8]) -> Option<(Record, usize)> {
        let (record, length) = claim(bytes)?;
        let sealed = bytes.get(4..HEADER + length)?;
        (self.checksum(sealed) == u32_at(bytes, 0)).then_some((record, length))
    }
}

/// What the front of `bytes` claims to be, unproven. Cheap: most bytes that are no record claim nonsense.
pub fn claim(bytes: &[u8]) -> Option<(Record, usize)> {
    if bytes.len() < HEADER {
        return None;
    }
    let kind = Kind::from_byte(bytes[8])?;
    let length = u32_at(bytes, 4) as usize;
    let [sequence, durable, committed, index, term] = [9, 17, 25, 33, 41].map(|at| u64_at(bytes, at));
    let plausible = length <= bytes.len() - HEADER && durable < sequence;
    plausible.then_some((Record { kind, sequence, durable, committed, index, term }, length))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// A segment's file name in the log's folder.
pub fn file_name(number: u64) -> String {
    format!("{number:016}.wal")
}

/// The number in a segment's file name.
pub fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".wal").filter(|digits| digits.len() == 16)?;
    digits.parse().ok().filter(|&number| number > 0)
}

#[cfg(test)]
mod tests {
    use super::{HEADER, HeaderError, Kind, Record, Seal, file_name, number_of};

    const SEAL: Seal = Seal { number: 3, secret: 0xfeed };
    const RECORD: Record = Record { kind: Kind::Entry, sequence: 9, durable: 7, committed: 4, index: 5, term: 2 };

    fn sealed(body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes.extend(body);
        SEAL.close(&RECORD, &mut bytes);
        bytes
    }

    #[test]
    fn a_record_is_opened_as_it_was_closed() {
        let mut bytes = sealed(b"body");
        bytes.extend(b"what follows");
        assert_eq!(SEAL.open(&bytes), Some((RECORD, 4)));
    }

    #[test]
    fn a_record_is_void_in_another_segment_or_with_any_bit_changed() {
        let bytes = sealed(b"body");
        assert_eq!(Seal { number: 4, ..SEAL }.open(&bytes), None);
        assert_eq!(Seal { secret: 1, ..SEAL }.open(&bytes), None);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SEAL.open(&changed), None, "bit {bit}");
        }
        assert_eq!(SEAL.open(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn a_segment_of_a_newer_release_is_refused_by_version() {
        let mut header = SEAL.header();
        assert_eq!(Seal::read(3, &header), Ok(SEAL));
        assert_eq!(Seal::read(4, &header), Err(HeaderError::Number(3)));
        header[8] = 2;
        assert_eq!(Seal::read(3, &header), Err(HeaderError::Damaged));
        let sum = crc32fast::hash(&header[..28]);
        header[28..].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(Seal::read(3, &header), Err(HeaderError::NewerVersion(2)));
    }

    #[test]
    fn file_names_sort_as_their_numbers_do() {
        assert!(file_name(9) < file_name(10));
        assert_eq!(number_of(&file_name(77)), Some(77));
        assert_eq!(number_of("0000000000000000.wal"), None);
        assert_eq!(number_of("7.wal"), None);
        assert_eq!(number_of("spare.tmp"), None);
    }
}
