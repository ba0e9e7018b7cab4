//! A file without its name: what a read sees, and what a power loss would leave.

use super::content::Content;
use crate::draws::Draws;
use std::collections::VecDeque;

/// Number of a file's content.
pub type InodeId = u64;

/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// Whether a sync does what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Honesty {
    /// It does.
    Honest,
    /// It says so and does nothing: a control that a checker must catch.
    Lying,
}

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Resize(u64),
}

/// A file's content.
#[derive(Debug, Default)]
pub struct Inode {
    /// What a read sees.
    pub visible: Content,
    /// Open handles.
    pub handles: u32,
    durable: Content,
    unsynced: VecDeque<Change>,
    settled: u64,
    reserved: u64,
}

impl Inode {
    /// Changes made so far.
    pub fn written(&self) -> u64 {
        self.settled + self.unsynced.len() as u64
    }

    /// Disk space taken, in bytes.
    pub fn space(&self) -> u64 {
        self.reserved
    }

    /// Writes; visible at once.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.visible.write(offset, bytes);
        self.reserved = self.reserved.max(offset + bytes.len() as u64);
        self.unsynced.push_back(Change::Write(offset, bytes.to_vec()));
    }

    /// Reserves space, and grows to it.
    pub fn allocate(&mut self, size: u64) {
        self.reserved = self.reserved.max(size);
        if size > self.visible.size() {
            self.visible.set_size(size);
            self.unsynced.push_back(Change::Resize(size));
        }
    }

    /// Cuts or grows; growing takes no space until it is written.
    pub fn set_size(&mut self, size: u64) {
        self.visible.set_size(size);
        self.reserved = self.reserved.min(size);
        self.unsynced.push_back(Change::Resize(size));
    }

    /// Makes the first `covered` changes durable. Syncs overlap: some of them may be already.
    pub fn settle(&mut self, covered: u64) {
        for change in self.take_first(covered) {
            apply(&mut self.durable, change);
        }
    }

    /// Forgets to write the first `covered` changes, as a kernel does after a failed sync.
    pub fn forget_unsynced(&mut self, covered: u64) {
        drop(self.take_first(covered));
    }

    fn take_first(&mut self, covered: u64) -> Vec<Change> {
        let n = covered.saturating_sub(self.settled).min(self.unsynced.len() as u64);
        self.settled += n;
        self.unsynced.drain(..n as usize).collect()
    }

    /// Power is lost: each unsynced change is kept, dropped or torn, as `draws` has it. True if one was torn.
    pub fn lose_power(&mut self, draws: &mut Draws) -> bool {
        let changes = self.take_first(u64::MAX);
        let mode = draws.below(4);
        let prefix = draws.below(changes.len() as u64 + 1) as usize;
        let mut torn = false;
        for (n, change) in changes.into_iter().enumerate() {
            match mode {
                0 => {}
                1 => apply(&mut self.durable, change),
                2 if n < prefix => apply(&mut self.durable, change),
                2 if n == prefix => torn |= tear(&mut self.durable, change, draws),
                2 => {}
                _ if draws.chance(500_000) => torn |= tear(&mut self.durable, change, draws),
                _ => apply(&mut self.durable, change),
            }
        }
        self.visible = self.durable.clone();
        self.reserved = self.visible.size();
        self.handles = 0;
        torn
    }
}

fn apply(content: &mut Content, change: Change) {
    match change {
        Change::Write(offset, bytes) => content.write(offset, &bytes),
        Change::Resize(size) => content.set_size(size),
    }
}

/// Some sectors of a write get through, in any order; the length may be there before the content. True if anything was lost.
fn tear(content: &mut Content, change: Change, draws: &mut Draws) -> bool {
    let Change::Write(offset, bytes) = change else { return true };
    let end = offset + bytes.len() as u64;
    if draws.chance(500_000) {
        let size = content.size().max(end);
        content.set_size(size);
    }
    let kept_of_1024 = draws.below(1024) as u32;
    let mut at = offset;
    let mut lost = false;
    while at < end {
        let next = (at / SECTOR * SECTOR + SECTOR).min(end);
        if draws.below(1024) < u64::from(kept_of_1024) {
            content.write(at, &bytes[(at - offset) as usize..(next - offset) as usize]);
        } else {
            lost = true;
        }
        at = next;
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::{Draws, Inode};

    fn all(inode: &Inode) -> Vec<u8> {
        let mut bytes = vec![0; inode.visible.size() as usize];
        inode.visible.read(0, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_was_synced_survives_every_power_loss() {
        for seed in 0..200 {
            let mut inode = Inode::default();
            inode.write(0, &[1; 3000]);
            inode.settle(inode.written());
            inode.write(3000, &[2; 3000]);
            inode.lose_power(&mut Draws::new(seed, "test", 0));
            let left = all(&inode);
            assert_eq!(left[..3000], [1; 3000]);
            assert!(left.len() <= 6000 && left[3000..].iter().all(|byte| *byte == 2 || *byte == 0));
        }
    }

    #[test]
    fn what_was_not_synced_is_kept_dropped_and_torn_in_sectors_by_turns() {
        let (mut kept, mut dropped, mut torn) = (0, 0, 0);
        for seed in 0..200 {
            let mut inode = Inode::default();
            inode.write(100, &[2; 3000]);
            inode.lose_power(&mut Draws::new(seed, "test", 0));
            let left = all(&inode);
            match left.iter().filter(|byte| **byte == 2).count() {
                3000 => kept += 1,
                0 => dropped += 1,
                _ => {
                    torn += 1;
                    let whole = |sector: &[u8]| sector.iter().all(|b| *b == sector[0]);
                    let rest = left.get(512..).unwrap_or_default();
                    assert!(rest.chunks(512).all(whole), "a sector is torn within");
                }
            }
        }
        assert!(kept > 10 && dropped > 10 && torn > 10, "{kept} {dropped} {torn}");
    }

    #[test]
    fn a_failed_sync_leaves_the_content_visible_and_never_durable() {
        let mut inode = Inode::default();
        inode.write(0, b"abc");
        inode.forget_unsynced(inode.written());
        assert_eq!(all(&inode), b"abc");
        inode.settle(inode.written());
        inode.lose_power(&mut Draws::new(1, "test", 0));
        assert_eq!(all(&inode), b"");
    }
}
