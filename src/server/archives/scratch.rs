//! Files of an agent that nobody misses: each goes away with its last holder, and with the next start.

use crate::runtime::{Disk, DiskFile, Runtime};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The folder, in the data directory.
const FOLDER: &str = "archives";
/// Files at once: each may be as large as the state.
pub(super) const MOST: usize = 4;

/// Where scratch files lie.
pub(in crate::server) struct Scratches<D: Disk> {
    disk: D,
    places: Arc<Semaphore>,
}

/// One of them.
pub(super) struct Scratch<D: Disk> {
    disk: D,
    name: String,
    file: D::File,
    _place: OwnedSemaphorePermit,
}

impl<D: Disk> Scratches<D> {
    /// On `disk`, where what an earlier life left is removed.
    pub(in crate::server) fn open(disk: D) -> io::Result<Scratches<D>> {
        disk.create_dir(FOLDER)?;
        for name in disk.list(FOLDER)? {
            disk.remove(&format!("{FOLDER}/{name}"))?;
        }
        Ok(Scratches { disk, places: Arc::new(Semaphore::new(MOST)) })
    }

    /// A new file; `QuotaExceeded` if there are as many as there may be.
    pub(super) fn create<R: Runtime<Disk = D>>(&self) -> io::Result<Arc<Scratch<D>>> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| {
            let full = format!("{MOST} snapshots are being saved or restored, the most this agent does at once");
            io::Error::new(io::ErrorKind::QuotaExceeded, full)
        })?;
        let name = format!("{FOLDER}/{:016x}.tmp", R::random());
        let file = self.disk.create(&name)?;
        Ok(Arc::new(Scratch { disk: self.disk.clone(), name, file, _place: place }))
    }
}

impl<D: Disk> Scratch<D> {
    /// At most `most` bytes from `offset`; empty at the end.
    pub(super) fn part(&self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let left = self.file.size()?.saturating_sub(offset);
        let mut part = vec![0; usize::try_from(left).unwrap_or(most).min(most)];
        self.file.read_at(offset, &mut part)?;
        Ok(part)
    }

    pub(super) fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }
}

impl<D: Disk> Drop for Scratch<D> {
    fn drop(&mut self) {
        if let Err(e) = self.disk.remove(&self.name) {
            tracing::warn!(name = self.name, error = %e, "cannot remove a file that nobody needs any more");
        }
    }
}

/// A place in a scratch file, for code that reads and writes from front to back.
pub(super) struct At<D: Disk> {
    scratch: Arc<Scratch<D>>,
    offset: u64,
}

impl<D: Disk> At<D> {
    /// At its start.
    pub(super) fn start(scratch: Arc<Scratch<D>>) -> At<D> {
        At { scratch, offset: 0 }
    }
}

impl<D: Disk> Read for At<D> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.scratch.file.size()?.saturating_sub(self.offset);
        let length = usize::try_from(left).unwrap_or(into.len()).min(into.len());
        self.scratch.file.read_at(self.offset, &mut into[..length])?;
        self.offset += length as u64;
        Ok(length)
    }
}

impl<D: Disk> Write for At<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.scratch.write_at(self.offset, bytes)?;
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<D: Disk> Seek for At<D> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let beyond = || io::Error::from(io::ErrorKind::InvalidInput);
        self.offset = match to {
            SeekFrom::Start(offset) => offset,
            SeekFrom::Current(by) => self.offset.checked_add_signed(by).ok_or_else(beyond)?,
            SeekFrom::End(by) => self.scratch.file.size()?.checked_add_signed(by).ok_or_else(beyond)?,
        };
        Ok(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::{At, MOST, Scratches};
    use crate::runtime::tokio::Tokio;
    use crate::runtime::{Disk, Runtime};
    use std::io::{Read, Seek, SeekFrom, Write};

    #[test]
    fn a_file_goes_away_with_its_last_holder_and_what_was_left_with_the_next_start() {
        let folder = std::env::temp_dir().join(format!("muster-scratch-{}", std::process::id()));
        let disk = Tokio::disk(&folder).unwrap();
        disk.create_dir("archives").unwrap();
        disk.create("archives/left").unwrap();
        let scratches = Scratches::open(disk.clone()).unwrap();
        let held: Vec<_> = (0..MOST).map(|_| scratches.create::<Tokio>().unwrap()).collect();
        assert!(scratches.create::<Tokio>().err().unwrap().to_string().contains("the most this agent does at once"));
        let mut at = At::start(held[0].clone());
        at.write_all(b"hello").unwrap();
        at.seek(SeekFrom::Start(1)).unwrap();
        let mut text = String::new();
        at.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), held[0].part(3, 9).unwrap(), held[0].part(9, 9).unwrap()), ("ello", b"lo".to_vec(), Vec::new()));
        drop(held);
        assert_eq!(disk.list("archives").unwrap().len(), 1, "one is held by its reader");
        drop(at);
        assert!(disk.list("archives").unwrap().is_empty());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
