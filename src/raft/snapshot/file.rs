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

#[cfg(test)]
mod tests {
    use super::{Damage, parse, write};
    use crate::model::{Index, Key, NodeId, Timestamp};
    use crate::raft::tests::folder::TestFolder;
    use crate::raft::types::{LogId, Membership, Server, SnapshotMeta, StoredMembership};
    use crate::runtime::tokio::Tokio;
    use crate::runtime::{Disk, DiskFile};
    use crate::state::{Command, Condition, KvCommand, Stamped, State};
    use bytes::Bytes;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
    use std::collections::{BTreeMap, BTreeSet};

    fn state(keys: u64) -> State {
        let mut state = State::default();
        for index in 1..=keys {
            let key = Key::new(format!("key-{index}").as_bytes());
            let put = KvCommand::Put { key, value: Bytes::from_static(b"value"), flags: 0, condition: Condition::Always };
            state.apply(index, &Stamped { at: Timestamp::from_unix_nanos(1), command: Command::Kv(put) });
        }
        state
    }

    fn meta(index: Index) -> SnapshotMeta<Tokio> {
        let voters = BTreeSet::from([NodeId::from(1)]);
        let members = Membership::new(vec![voters], BTreeMap::from([(NodeId::from(1), Server::default())])).unwrap();
        let id = LogId::<Tokio>::new_term_index(3, index);
        SnapshotMeta::<Tokio> { last_log_id: Some(id), last_membership: StoredMembership::<Tokio>::new(Some(id), members) }
    }

    fn bytes_of(index: Index, state: &State) -> Vec<u8> {
        let folder = TestFolder::new();
        let disk = folder.disk();
        let file = disk.create("snapshot").unwrap();
        let (length, sum) = write::<Tokio>(&file, &meta(index), state).unwrap();
        let bytes = disk.read("snapshot").unwrap();
        assert_eq!((bytes.len() as u64, file.size().unwrap()), (length, length));
        assert_eq!(sum.to_le_bytes(), bytes[bytes.len() - 4..]);
        bytes
    }

    #[test]
    fn what_was_written_is_read_back() {
        for keys in [0, 1, 20_000] {
            let parsed = parse::<Tokio>(&bytes_of(keys + 7, &state(keys))).unwrap();
            assert_eq!((parsed.meta, parsed.state), (meta(keys + 7), state(keys)));
        }
    }

    #[test]
    fn equal_snapshots_have_equal_bytes() {
        assert_eq!(bytes_of(9, &state(100)), bytes_of(9, &state(100)));
    }

    #[test]
    fn another_file_is_told_from_a_damaged_one() {
        assert!(matches!(parse::<Tokio>(b""), Err(Damage::NotASnapshot)));
        assert!(matches!(parse::<Tokio>(b"PNG and so on and so on"), Err(Damage::NotASnapshot)));
    }

    proptest! {
        #[test]
        fn no_damage_goes_unnoticed(at in any::<proptest::sample::Index>(), flip in 1u8..=255, cut in any::<proptest::sample::Index>()) {
            let whole = bytes_of(50, &state(50));
            let mut flipped = whole.clone();
            flipped[at.index(whole.len())] ^= flip;
            prop_assert!(parse::<Tokio>(&flipped).is_err());
            prop_assert!(parse::<Tokio>(&whole[..cut.index(whole.len())]).is_err());
            prop_assert_eq!(parse::<Tokio>(&whole).unwrap().state, state(50));
        }
    }
}
