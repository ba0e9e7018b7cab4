//! Sending a snapshot in parts, going on where the receiver says it stopped.

use super::{Peer, Peers};
use crate::raft::method;
use crate::raft::snapshot::{Offer, SnapshotFile};
use crate::raft::types::{Types, Vote};
use crate::raft::wire::{self, Part, PartReply};
use crate::runtime::{Disk, DiskFile, Runtime};
use openraft::alias::SnapshotOf;
use openraft::errors::{NetworkError, StreamingError};
use openraft::raft::SnapshotResponse;
use std::io;
use std::time::Duration;

/// Bytes of one part.
const PART_BYTES: u64 = 256 * 1024;
/// How long a part may take.
const PART_PATIENCE: Duration = Duration::from_secs(5);
/// How long the last part may take: the receiver checks and installs all of it.
const LAST_PATIENCE: Duration = Duration::from_secs(60);

impl<R: Runtime, P: Peers> Peer<R, P> {
    /// Sends all of a snapshot. After an error openraft begins again, with the newest snapshot: if that is the same one, it goes on.
    pub(super) async fn send_snapshot(
        &self,
        vote: Vote<R>,
        snapshot: SnapshotOf<Types<R>, SnapshotFile>,
    ) -> Result<SnapshotResponse<Types<R>>, StreamingError<Types<R>>> {
        let SnapshotFile { name, bytes, sum, .. } = snapshot.snapshot;
        let offer = Offer::<R> { last: snapshot.meta.last_log_id, bytes, sum };
        // It may have been replaced by a newer one and removed meanwhile: not this server's end, only of this attempt.
        let file = self.disk.open(&name).map_err(|e| unreadable::<R>(&name, &e))?;
        let mut offset = 0;
        let mut length = 0;
        loop {
            let part = read_part(&file, offset, length).map_err(|e| unreadable::<R>(&name, &e))?;
            let patience = if offset + length == bytes { LAST_PATIENCE } else { PART_PATIENCE };
            let part = Part::<R> { vote, offer: offer.clone(), offset, sum: crc32fast::hash(&part), bytes: part };
            match self.call(method::SNAPSHOT, wire::request(self.id, &part), patience).await? {
                PartReply::<R>::Settled(vote) => return Ok(SnapshotResponse::new(vote)),
                PartReply::<R>::Wants(wanted) if wanted < bytes => {
                    offset = wanted;
                    length = PART_BYTES.min(bytes - wanted);
                }
                PartReply::<R>::Wants(wanted) => {
                    let beyond = format!("{} wants byte {wanted} of a snapshot of {bytes}", self.id);
                    return Err(NetworkError::from_string(beyond).into());
                }
            }
        }
    }
}

fn read_part(file: &impl DiskFile, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut part = vec![0; length as usize];
    file.read_at(offset, &mut part)?;
    Ok(part)
}

fn unreadable<R: Runtime>(name: &str, error: &io::Error) -> NetworkError<Types<R>> {
    NetworkError::from_string(format!("{name}: {error}"))
}
