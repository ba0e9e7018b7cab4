//! The folder of the snapshots: written beside and renamed, the newest and the one before kept.

use super::file::{self, Damage, Parsed};
use crate::raft::types::{LogId, SnapshotMeta};
use crate::runtime::{Disk, DiskFile, Runtime};
use crate::state::State;
use std::io;
use std::sync::Mutex;

/// The folder, below the log's.
pub(in crate::raft) const FOLDER: &str = "snapshots";
const SUFFIX: &str = ".snapshot";
const BESIDE: &str = ".tmp";
/// Put behind the name of a file that cannot be used, so that it is looked at once.
const BROKEN: &str = ".corrupt";
/// How many are kept: the newest, and the one before in case the newest cannot be read back while the log still reaches it.
const KEPT: usize = 2;

/// A snapshot in its file. What openraft hands around in place of the snapshot's content.
#[derive(Debug, Clone)]
pub struct SnapshotFile {
    /// Name below the log's folder.
    pub(in crate::raft) name: String,
    /// Length in bytes.
    pub(in crate::raft) bytes: u64,
    /// CRC-32 at the file's end: with the last entry and the length, the snapshot's identity.
    pub(in crate::raft) sum: u32,
    /// The state, when it has just been read and checked; boxed, since it is there only on the way in.
    pub(in crate::raft) state: Option<Box<State>>,
}

/// The snapshots of one server.
pub(in crate::raft) struct SnapshotStore<R: Runtime> {
    disk: R::Disk,
    current: Mutex<Option<(SnapshotMeta<R>, SnapshotFile)>>,
}

/// What the folder held at start.
pub(in crate::raft) struct Recovery<R: Runtime> {
    /// The newest snapshot that could be read.
    pub(in crate::raft) newest: Option<(SnapshotMeta<R>, State)>,
    /// The names of those that could not, and why.
    pub(in crate::raft) broken: Vec<(String, Damage)>,
}

impl<R: Runtime> SnapshotStore<R> {
    /// Opens the folder and reads the newest snapshot that is whole. What was left half-written is removed; what cannot be read is set aside
    /// under another name and reported.
    pub(in crate::raft) async fn open(disk: R::Disk) -> io::Result<(SnapshotStore<R>, Recovery<R>)> {
        disk.create_dir(FOLDER)?;
        disk.sync_dir("").await?;
        let mut recovery = Recovery { newest: None, broken: Vec::new() };
        let mut current = None;
        for name in disk.list(FOLDER)?.into_iter().rev() {
            let path = format!("{FOLDER}/{name}");
            if name.ends_with(BESIDE) {
                disk.remove(&path)?;
            } else if name.ends_with(SUFFIX) && recovery.newest.is_none() {
                match read_back::<R>(&disk, &path).await? {
                    Ok((parsed, bytes)) => {
                        current = Some((parsed.meta.clone(), SnapshotFile { name: path, bytes, sum: parsed.sum, state: None }));
                        recovery.newest = Some((parsed.meta, parsed.state));
                    }
                    Err(damage) => {
                        disk.rename(&path, &format!("{path}{BROKEN}"))?;
                        recovery.broken.push((path, damage));
                    }
                }
            }
        }
        Ok((SnapshotStore { disk, current: Mutex::new(current) }, recovery))
    }

    /// The newest snapshot.
    pub(in crate::raft) fn current(&self) -> Option<(SnapshotMeta<R>, SnapshotFile)> {
        self.current.lock().expect("no panic while held").clone()
    }

    /// Writes `state` as of `meta` into a new file.
    pub(in crate::raft) async fn save(&self, meta: SnapshotMeta<R>, state: State) -> io::Result<SnapshotFile> {
        let name = name_of::<R>(&meta);
        let beside = format!("{name}{BESIDE}");
        let file = self.disk.create(&beside)?;
        let (file, written, meta) = R::spawn_blocking(move || {
            let written = file::write::<R>(&file, &meta, &state);
            (file, written, meta)
        })
        .await?;
        let (bytes, sum) = match written {
            Ok(written) => written,
            Err(e) => {
                self.disk.remove(&beside)?;
                return Err(e);
            }
        };
        self.adopt(&beside, &file, meta, SnapshotFile { name, bytes, sum, state: None }).await
    }

    /// Takes a file that lies whole under the name `beside` into the store.
    pub(in crate::raft) async fn adopt(
        &self,
        beside: &str,
        file: &<R::Disk as Disk>::File,
        meta: SnapshotMeta<R>,
        snapshot: SnapshotFile,
    ) -> io::Result<SnapshotFile> {
        file.sync().await?;
        self.disk.rename(beside, &snapshot.name)?;
        self.disk.sync_dir(FOLDER).await?;
        {
            let mut current = self.current.lock().expect("no panic while held");
            // One built here may be overtaken by one that arrived meanwhile.
            if current.as_ref().is_none_or(|(newest, _)| newest.last_log_id <= meta.last_log_id) {
                *current = Some((meta, snapshot.clone()));
            }
        }
        self.prune()?;
        Ok(snapshot)
    }

    /// The state in the file `name`.
    pub(in crate::raft) async fn read(&self, name: &str) -> io::Result<State> {
        match check::<R>(&self.disk, name).await? {
            Ok(parsed) => Ok(parsed.state),
            Err(damage) => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{name}: {damage}"))),
        }
    }

    /// The disk the files lie on.
    pub(in crate::raft) fn disk(&self) -> &R::Disk {
        &self.disk
    }

    fn prune(&self) -> io::Result<()> {
        let names = self.disk.list(FOLDER)?;
        let snapshots: Vec<&String> = names.iter().filter(|name| name.ends_with(SUFFIX)).collect();
        for name in &snapshots[..snapshots.len().saturating_sub(KEPT)] {
            self.disk.remove(&format!("{FOLDER}/{name}"))?;
        }
        Ok(())
    }
}

/// The outer error is the disk's, the inner one the file's.
async fn read_back<R: Runtime>(disk: &R::Disk, path: &str) -> io::Result<Result<(Parsed<R>, u64), Damage>> {
    let (disk, path) = (disk.clone(), path.to_owned());
    R::spawn_blocking(move || {
        let bytes = disk.read(&path)?;
        Ok(file::parse::<R>(&bytes).map(|parsed| (parsed, bytes.len() as u64)))
    })
    .await?
}

/// Reads a file that has just arrived, checking all of it.
pub(super) async fn check<R: Runtime>(disk: &R::Disk, path: &str) -> io::Result<Result<Parsed<R>, Damage>> {
    Ok(read_back::<R>(disk, path).await?.map(|(parsed, _)| parsed))
}

/// Sorts as the snapshots do.
pub(super) fn name_of<R: Runtime>(meta: &SnapshotMeta<R>) -> String {
    let (index, term) = meta.last_log_id.as_ref().map_or((0, 0), |id: &LogId<R>| (id.index(), id.committed_leader_id().term));
    format!("{FOLDER}/{index:020}-{term:020}{SUFFIX}")
}
