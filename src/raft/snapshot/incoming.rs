//! A snapshot on its way in, in parts. What has arrived is kept when the sender falls silent, so that it goes on where it stopped.

use super::file::Damage;
use super::store::{self, FOLDER, SnapshotFile, name_of};
use crate::raft::types::{LogId, SnapshotMeta};
use crate::runtime::{Disk, DiskFile, Runtime};
use serde::{Deserialize, Serialize};
use std::io;

/// Where it gathers; removed at start.
const NAME: &str = "incoming.tmp";

/// Names one snapshot of one server: two with equal offers have equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(in crate::raft) struct Offer<R: Runtime> {
    /// The last entry it holds.
    pub(in crate::raft) last: Option<LogId<R>>,
    /// Its length in bytes.
    pub(in crate::raft) bytes: u64,
    /// The checksum at its end.
    pub(in crate::raft) sum: u32,
}

/// The parts of one snapshot that have arrived.
pub(in crate::raft) struct Incoming<R: Runtime> {
    offer: Offer<R>,
    file: <R::Disk as Disk>::File,
    have: u64,
}

/// What came of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::raft) enum Arrival {
    /// The part at this offset is wanted next.
    Wants(u64),
    /// All parts are here.
    Whole,
}

impl<R: Runtime> Incoming<R> {
    /// Begins to gather, dropping whatever was gathered before. `StorageFull` if the disk has no room for all of it.
    pub(in crate::raft) fn begin(disk: &R::Disk, offer: Offer<R>) -> io::Result<Incoming<R>> {
        let file = disk.create(&format!("{FOLDER}/{NAME}"))?;
        if disk.free_bytes()? < offer.bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(Incoming { offer, file, have: 0 })
    }

    /// Whether this is the snapshot being gathered.
    pub(in crate::raft) fn is(&self, offer: &Offer<R>) -> bool {
        self.offer == *offer
    }

    /// Takes a part in. One that is not the next is passed over, and so are bytes beyond the end.
    pub(in crate::raft) fn take(&mut self, offset: u64, part: &[u8]) -> io::Result<Arrival> {
        if offset == self.have && part.len() as u64 <= self.offer.bytes - self.have {
            self.file.write_at(offset, part)?;
            self.have += part.len() as u64;
        }
        Ok(if self.have == self.offer.bytes { Arrival::Whole } else { Arrival::Wants(self.have) })
    }

    /// Reads all of it back and checks it. The outer error is the disk's, the inner one the snapshot's.
    pub(in crate::raft) async fn check(self, disk: &R::Disk) -> io::Result<Result<(SnapshotMeta<R>, SnapshotFile), Damage>> {
        // Some file systems notice only now that they are full. Later it would be the end of this server instead of this attempt.
        self.file.sync().await?;
        let name = format!("{FOLDER}/{NAME}");
        let parsed = match store::check::<R>(disk, &name).await? {
            Ok(parsed) => parsed,
            Err(damage) => return Ok(Err(damage)),
        };
        if parsed.sum != self.offer.sum || parsed.meta.last_log_id != self.offer.last {
            return Ok(Err(Damage::Checksum { found: parsed.sum, computed: self.offer.sum }));
        }
        let file = SnapshotFile { name, bytes: self.offer.bytes, sum: parsed.sum, state: Some(Box::new(parsed.state)) };
        Ok(Ok((parsed.meta, file)))
    }
}

/// Where a snapshot that has arrived belongs.
pub(in crate::raft) fn final_name<R: Runtime>(meta: &SnapshotMeta<R>) -> String {
    name_of::<R>(meta)
}
