//! Restoring: the archive is read whole and checked where it arrives, then goes through the log in pieces.

use super::scratch::{At, Scratch};
use crate::model::Index;
use crate::runtime::Runtime;
use crate::server::Agent;
use crate::server::wire::Refusal;
use crate::state::archive::{ArchiveError, ArchiveReader, Meta};
use crate::state::{Command, RestoreCommand};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use std::io::{self, BufReader};
use std::sync::Arc;

/// Bytes of the state that one command carries.
const PIECE: usize = 512 * 1024;
/// How often a command is sent whose fate is unknown: repeating one is harmless.
const ATTEMPTS: usize = 5;
/// The longest archive that is taken, in bytes.
const MOST_ARCHIVE: u64 = 16 << 30;
/// Bytes read from the file at once.
const BUFFER: usize = 256 * 1024;

type Reader<R> = ArchiveReader<BufReader<At<<R as Runtime>::Disk>>>;

impl<R: Runtime> Agent<R> {
    /// Puts the state of an archive in the place of the cluster's, at once on all servers, or changes nothing.
    pub(in crate::server) async fn restore_snapshot(&self, body: impl Stream<Item = Result<Bytes, String>> + Send) -> Result<(), Refusal> {
        let scratch = self.0.scratches.create::<R>().map_err(|e| Refusal::Full(format!("cannot restore a snapshot: {e}")))?;
        take_in(&scratch, body).await?;
        let meta = check::<R>(scratch.clone()).await?;
        let restore = u128::from(R::random()) << 64 | u128::from(R::random() | 1);
        tracing::info!(id = meta.id, bytes = meta.size, "restoring a snapshot");
        match self.send_state(scratch, restore, meta.size).await {
            Ok(index) => {
                tracing::info!(id = meta.id, index, "the snapshot is restored");
                Ok(())
            }
            Err(refusal) => {
                // Should this not come through either, the leader forgets it after a while.
                let _ = self.write(Command::Restore(RestoreCommand::Forget { restore }), None).await;
                Err(refusal)
            }
        }
    }

    async fn send_state(&self, scratch: Arc<Scratch<R::Disk>>, restore: u128, bytes: u64) -> Result<Index, Refusal> {
        self.restore_step(RestoreCommand::Begin { restore, bytes }).await?;
        let mut reader = begin::<R>(scratch).await?;
        let mut offset = 0;
        loop {
            let (next, piece) = turn::<R>(reader).await?;
            reader = next;
            let Some(piece) = piece else { break };
            let length = piece.len() as u64;
            self.restore_step(RestoreCommand::Piece { restore, offset, bytes: piece.into() }).await?;
            offset += length;
        }
        self.restore_step(RestoreCommand::Commit { restore }).await
    }

    async fn restore_step(&self, step: RestoreCommand) -> Result<Index, Refusal> {
        let mut attempts = 1;
        loop {
            match self.write(Command::Restore(step.clone()), None).await {
                Ok((index, reply)) => {
                    let settled = reply.settled().map_err(|why| Refusal::Refused(format!("failed to restore snapshot: {why}")));
                    return settled.map(|_| index);
                }
                Err(Refusal::Unknown(_) | Refusal::NoLeader | Refusal::NotLeader(_)) if attempts < ATTEMPTS => attempts += 1,
                Err(refusal) => return Err(refusal),
            }
        }
    }
}

/// Writes what arrives to the file.
async fn take_in<D: crate::runtime::Disk>(
    scratch: &Scratch<D>,
    body: impl Stream<Item = Result<Bytes, String>> + Send,
) -> Result<(), Refusal> {
    let mut body = std::pin::pin!(body);
    let mut length = 0;
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|why| Refusal::Refused(format!("failed to decompress snapshot: {why}")))?;
        if length + bytes.len() as u64 > MOST_ARCHIVE {
            return Err(Refusal::Refused(format!("the snapshot is longer than {MOST_ARCHIVE} bytes, the most that is taken")));
        }
        scratch.write_at(length, &bytes).map_err(|e| Refusal::Full(format!("cannot keep the snapshot: {e}")))?;
        length += bytes.len() as u64;
    }
    Ok(())
}

/// Reads all of it, so that nothing is begun with one that is damaged.
async fn check<R: Runtime>(scratch: Arc<Scratch<R::Disk>>) -> Result<Meta, Refusal> {
    let mut reader = begin::<R>(scratch).await?;
    loop {
        let (next, piece) = turn::<R>(reader).await?;
        reader = next;
        if piece.is_none() {
            return Ok(reader.meta().clone());
        }
    }
}

async fn begin<R: Runtime>(scratch: Arc<Scratch<R::Disk>>) -> Result<Reader<R>, Refusal> {
    let opened = R::spawn_blocking(move || ArchiveReader::open(BufReader::with_capacity(BUFFER, At::start(scratch)))).await;
    opened.map_err(|e| lost(&e))?.map_err(refused)
}

/// The next piece, unpacked where it keeps nobody waiting.
async fn turn<R: Runtime>(mut reader: Reader<R>) -> Result<(Reader<R>, Option<Vec<u8>>), Refusal> {
    let turned = R::spawn_blocking(move || {
        let piece = reader.piece(PIECE);
        (reader, piece)
    });
    let (reader, piece) = turned.await.map_err(|e| lost(&e))?;
    Ok((reader, piece.map_err(refused)?))
}

fn refused(error: ArchiveError) -> Refusal {
    Refusal::Refused(error.to_string())
}

fn lost(error: &io::Error) -> Refusal {
    Refusal::Refused(format!("failed to read snapshot file: {error}"))
}
