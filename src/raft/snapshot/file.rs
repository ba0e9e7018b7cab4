//! What a snapshot file looks like.
//!
//! ```text
//! magic     8 bytes   "MUSTSNAP"
//! length    u32       of the header (all numbers little-endian)
//! header    bytes     codec frame: last entry, membership
//! state     bytes     sections as `state` writes them
//! checksum  u32       CRC-32 (IEEE) of everything before it
//! ```

use crate::model::codec::{self, CodecError};
use crate::raft::types::{LogId, SnapshotMeta, StoredMembership};
use crate::runtime::{DiskFile, Runtime};
use crate::state::State;
use std::io;

const MAGIC: &[u8; 8] = b"MUSTSNAP";
const VERSION: u8 = 1;
/// Magic, length and checksum.
const LEAST: usize = 16;

/// Why a file is no snapshot that can be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::raft) enum Damage {
    /// Cut off, or something else.
    #[error("it is not a snapshot file, or its end is missing")]
    NotASnapshot,
    /// The bytes changed since they were written.
    #[error("its checksum is {found:08x}, its content's is {computed:08x}")]
    Checksum {
        /// What the file says.
        found: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// Written by another release, or with a bug.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Writes the snapshot from the start of `file`; returns its length and checksum. Not durable yet.
pub(super) fn write<R: Runtime>(file: &impl DiskFile, meta: &SnapshotMeta<R>, state: &State) -> io::Result<(u64, u32)> {
    let mut out = Appender { file, offset: 0, sum: crc32fast::Hasher::new() };
    let header = codec::encode(VERSION, &(&meta.last_log_id, &meta.last_membership));
    let mut front = MAGIC.to_vec();
    front.extend((header.len() as u32).to_le_bytes());
    front.extend(header);
    out.append(&front)?;
    for section in state.sections() {
        out.append(&section)?;
    }
    let sum = out.sum.clone().finalize();
    out.append(&sum.to_le_bytes())?;
    Ok((out.offset, sum))
}

struct Appender<'a, F> {
    file: &'a F,
    offset: u64,
    sum: crc32fast::Hasher,
}

impl<F: DiskFile> Appender<'_, F> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(self.offset, bytes)?;
        self.offset += bytes.len() as u64;
        self.sum.update(bytes);
        Ok(())
    }
}

/// A snapshot as read back.
pub(in crate::raft) struct Parsed<R: Runtime> {
    pub(in crate::raft) meta: SnapshotMeta<R>,
    pub(in crate::raft) state: State,
    pub(in crate::raft) sum: u32,
}

/// Reads what [`write`] wrote, checking all of it.
pub(super) fn parse<R: Runtime>(bytes: &[u8]) -> Result<Parsed<R>, Damage> {
    if bytes.len() < LEAST || !bytes.starts_with(MAGIC) {
        return Err(Damage::NotASnapshot);
    }
    let (content, trailer) = bytes.split_last_chunk::<4>().ok_or(Damage::NotASnapshot)?;
    let found = u32::from_le_bytes(*trailer);
    let computed = crc32fast::hash(content);
    if found != computed {
        return Err(Damage::Checksum { found, computed });
    }
    let (length, rest) = content[MAGIC.len()..].split_first_chunk::<4>().ok_or(Damage::NotASnapshot)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (header, state) = rest.split_at_checked(length).ok_or(Damage::NotASnapshot)?;
    let (last_log_id, last_membership): (Option<LogId<R>>, StoredMembership<R>) = codec::decode("snapshot header", VERSION, header)?;
    let state = State::decode(state)?;
    Ok(Parsed { meta: SnapshotMeta::<R> { last_log_id, last_membership }, state, sum: found })
}
