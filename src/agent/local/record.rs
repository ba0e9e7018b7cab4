//! What is kept on disk of the registrations, one file each: a version byte and bincode ([`crate::model::codec`]), then a CRC-32 of both.

use super::effects::{FileChange, Folder, RecordFile};
use super::view::Embedding;
use crate::model::codec::{self, CodecError};
use crate::model::{CheckDefinition, CheckStatus, ServiceSpec, Timestamp};
use serde::{Deserialize, Serialize};

/// The newest version written and read here.
const VERSION: u8 = 1;

/// What a record is called in errors.
const WHAT: &str = "registration";

/// One file's content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// A service that was registered over HTTP.
    Service {
        /// What was registered. Its checks have records of their own.
        spec: ServiceSpec,
        /// The token its registration in the catalog uses.
        token: String,
    },
    /// A check that was registered over HTTP, with its service or alone, or one of maintenance.
    Check {
        /// What was registered.
        definition: CheckDefinition,
        /// How.
        embedding: Embedding,
    },
    /// How a check stood.
    State(CheckState),
    /// When the agent last lived.
    Life(Life),
}

/// That the agent lived, and that all check states on disk held then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// When.
    pub at: Timestamp,
    /// What it was doing.
    pub sign: LifeSign,
}

/// What an agent was doing when it last gave a sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LifeSign {
    /// It went on: heartbeats may have come that were not written yet.
    Alive,
    /// It stopped in good order: states are exact.
    Rests,
}

/// The file of [`Record::Life`]. No id has it: theirs are hexadecimal.
const LIFE: &str = "life";

/// How a check stood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckState {
    /// Which.
    pub check: String,
    /// How it stood.
    pub status: CheckStatus,
    /// What it said.
    pub output: String,
    /// When that was known to be so.
    pub at: Timestamp,
}

/// Why a file is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Too short to be one, or its bytes are not those that were written.
    #[error("{WHAT}: damaged: the checksum does not fit")]
    Damaged,
    /// Of a newer release, or not what was expected.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A record that belongs into another file.
    #[error("{WHAT}: the file {0:?} holds the record of another file")]
    Misplaced(RecordFile),
}

impl Record {
    /// The file it belongs into.
    pub fn file(&self) -> RecordFile {
        match self {
            Record::Service { spec, .. } => RecordFile::of(Folder::Services, &spec.id),
            Record::Check { definition, .. } => RecordFile::of(Folder::Checks, &definition.id),
            Record::State(state) => RecordFile::of(Folder::States, &state.check),
            Record::Life(_) => RecordFile { folder: Folder::States, name: LIFE.to_owned() },
        }
    }

    /// The change that writes it.
    pub(super) fn write(&self) -> FileChange {
        FileChange::Write { file: self.file(), bytes: self.encode() }
    }

    /// The file's content.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = codec::encode(VERSION, self);
        let sum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads the content of a file. Anything but what [`Record::encode`] wrote into that file is refused.
    pub fn decode(file: &RecordFile, bytes: &[u8]) -> Result<Record, RecordError> {
        let (body, sum) = bytes.split_last_chunk::<4>().ok_or(RecordError::Damaged)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return Err(RecordError::Damaged);
        }
        let record: Record = codec::decode(WHAT, VERSION, body)?;
        if record.file() == *file { Ok(record) } else { Err(RecordError::Misplaced(file.clone())) }
    }
}

#[cfg(test)]
mod tests {
    use super::{CheckState, Life, LifeSign, Record, RecordError};
    use crate::agent::local::effects::{Folder, RecordFile};
    use crate::model::{CheckStatus, Timestamp};
    use proptest::prelude::{any, proptest};

    fn state() -> Record {
        let at = Timestamp::from_unix_nanos(7);
        Record::State(CheckState { check: "web".to_owned(), status: CheckStatus::Warning, output: "hm".to_owned(), at })
    }

    #[test]
    fn what_was_written_is_read() {
        let life = Record::Life(Life { at: Timestamp::from_unix_nanos(8), sign: LifeSign::Rests });
        for record in [state(), life] {
            assert_eq!(Record::decode(&record.file(), &record.encode()), Ok(record));
        }
    }

    #[test]
    fn every_damaged_bit_and_every_cut_is_refused() {
        let (file, bytes) = (state().file(), state().encode());
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::decode(&file, &damaged).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Record::decode(&file, &bytes[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_record_in_another_file_is_refused() {
        let other = RecordFile::of(Folder::States, "db");
        assert_eq!(Record::decode(&other, &state().encode()), Err(RecordError::Misplaced(other)));
    }

    proptest! {
        #[test]
        fn no_file_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut summed = bytes.clone();
            summed.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
            assert!(Record::decode(&state().file(), &bytes).is_err());
            let _ = Record::decode(&state().file(), &summed);
        }
    }
}
