//! One machine's disk: its files, its capacity, its faults.

use super::inode::{Honesty, Inode, InodeId};
use super::names::Names;
use crate::draws::Draws;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::time::Duration;

/// How the disk behaves. Chances are in parts per million of the operations.
#[derive(Debug, Clone, PartialEq)]
pub struct Hardware {
    /// Bytes it holds.
    pub capacity: u64,
    /// Time a sync takes.
    pub sync_time: Range<Duration>,
    /// Writes, creations and renames that fail with EIO.
    pub write_errors: u32,
    /// Syncs that fail with EIO, after which what they covered never becomes durable.
    pub sync_errors: u32,
    /// Whether a sync does what it says.
    pub honesty: Honesty,
}

impl Default for Hardware {
    fn default() -> Hardware {
        Hardware {
            capacity: 1 << 40,
            sync_time: Duration::from_millis(1)..Duration::from_millis(4),
            write_errors: 0,
            sync_errors: 0,
            honesty: Honesty::Honest,
        }
    }
}

/// A disk.
pub struct Platter {
    /// How it behaves now.
    pub hardware: Hardware,
    /// Names of files.
    pub(super) names: Names,
    inodes: BTreeMap<InodeId, Inode>,
    next_inode: InodeId,
    mounts: u64,
    /// Locked folders and the mount that has each.
    locks: BTreeMap<String, u64>,
    draws: Draws,
}

impl Platter {
    /// An empty disk.
    pub fn new(draws: Draws) -> Platter {
        Platter {
            hardware: Hardware::default(),
            names: Names::default(),
            inodes: BTreeMap::new(),
            next_inode: 1,
            mounts: 0,
            locks: BTreeMap::new(),
            draws,
        }
    }

    /// Bytes in use.
    pub fn used_bytes(&self) -> u64 {
        self.inodes.values().map(Inode::space).sum()
    }

    /// Bytes that can still be written.
    pub fn free_bytes(&self) -> u64 {
        self.hardware.capacity.saturating_sub(self.used_bytes())
    }

    /// The process is gone: its handles and locks with it.
    pub fn owner_ends(&mut self) {
        self.locks.clear();
        self.inodes.values_mut().for_each(|inode| inode.handles = 0);
        self.sweep();
    }

    /// Power is lost: of what was not synced, anything may be left. The number of files in which a write was torn.
    pub fn lose_power(&mut self) -> u64 {
        let mut torn = 0;
        for inode in self.inodes.values_mut() {
            torn += u64::from(inode.lose_power(&mut self.draws));
        }
        self.names.lose_power(&mut self.draws);
        self.owner_ends();
        torn
    }

    pub(super) fn inode(&self, id: InodeId) -> io::Result<&Inode> {
        self.inodes.get(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn inode_mut(&mut self, id: InodeId) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn open(&mut self, path: &str) -> io::Result<InodeId> {
        let id = self.names.file(path)?;
        self.inode_mut(id)?.handles += 1;
        Ok(id)
    }

    pub(super) fn create(&mut self, path: &str) -> io::Result<InodeId> {
        match self.names.file(path) {
            Ok(id) => {
                let inode = self.inode_mut(id)?;
                inode.set_size(0);
                inode.handles += 1;
                Ok(id)
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let id = self.next_inode;
                self.names.create(path, id)?;
                self.next_inode += 1;
                let mut inode = Inode::default();
                inode.handles = 1;
                self.inodes.insert(id, inode);
                Ok(id)
            }
            Err(e) => Err(e),
        }
    }

    pub(super) fn close(&mut self, id: InodeId) {
        if let Some(inode) = self.inodes.get_mut(&id) {
            inode.handles -= 1;
        }
        self.release(Some(id));
    }

    /// Frees a file that has neither name nor handle.
    pub(super) fn release(&mut self, id: Option<InodeId>) {
        let Some(id) = id else { return };
        if self.inodes.get(&id).is_some_and(|inode| inode.handles == 0) && !self.names.hold(id) {
            self.inodes.remove(&id);
        }
    }

    fn sweep(&mut self) {
        let names = &self.names;
        self.inodes.retain(|id, inode| inode.handles > 0 || names.hold(*id));
    }

    /// Makes room for a file of `size` bytes; `StorageFull` if there is none.
    pub(super) fn claim(&mut self, id: InodeId, size: u64) -> io::Result<()> {
        let grows_by = size.saturating_sub(self.inode(id)?.space());
        if grows_by > 0 && grows_by > self.free_bytes() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// Number of a new mount.
    pub(super) fn mount(&mut self) -> u64 {
        self.mounts += 1;
        self.mounts
    }

    pub(super) fn lock(&mut self, path: &str, mount: u64) -> io::Result<()> {
        if self.locks.contains_key(path) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        self.locks.insert(path.to_owned(), mount);
        Ok(())
    }

    pub(super) fn unlock(&mut self, path: &str, mount: u64) {
        if self.locks.get(path) == Some(&mount) {
            self.locks.remove(path);
        }
    }

    pub(super) fn sync_time(&mut self) -> Duration {
        self.draws.duration(&self.hardware.sync_time)
    }

    pub(super) fn fails_write(&mut self) -> bool {
        self.draws.chance(self.hardware.write_errors)
    }

    pub(super) fn fails_sync(&mut self) -> bool {
        self.draws.chance(self.hardware.sync_errors)
    }
}
