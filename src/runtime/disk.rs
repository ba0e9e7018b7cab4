//! What a log needs of a disk: files written in place, and an honest word on what would survive a power loss.

use std::future::Future;
use std::io;

/// A folder on a disk. Names are relative, with `/` between parts.
///
/// Writes are visible to reads at once and durable only after a sync: the file's own [`DiskFile::sync`] for its content and length,
/// [`Disk::sync_dir`] for the names in a folder (creation, rename, removal).
pub trait Disk: Clone + Send + Sync + 'static {
    /// An open file.
    type File: DiskFile;

    /// Opens an existing file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Creates a file, or empties the one there, for reading and writing.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// The whole content of a file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// The names of the files in folder `dir` (`""` is the root), sorted; nothing of its subfolders. A missing folder is empty.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;
    /// Creates a folder and its parents; no error if it is there.
    fn create_dir(&self, dir: &str) -> io::Result<()>;
    /// Renames a file over whatever has the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes the names in folder `dir` durable.
    fn sync_dir(&self, dir: &str) -> impl Future<Output = io::Result<()>> + Send;
    /// Takes the folder for this process alone until the disk value and its clones are dropped or the process ends. `AddrInUse` if another has it.
    fn lock(&self) -> io::Result<()>;
    /// Bytes that can still be written.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// An open file. Offsets and lengths are bytes.
pub trait DiskFile: Send + Sync + 'static {
    /// The file's length.
    fn size(&self) -> io::Result<u64>;
    /// Fills `buf` from `offset`; `UnexpectedEof` if the file ends before that.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`, growing the file as needed. Not durable yet.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes the file `size` bytes long and reserves the space, so that writing within does not fail for want of it. What is new reads as zeros.
    fn allocate(&self, size: u64) -> io::Result<()>;
    /// Cuts or grows the file to `size` bytes.
    fn set_size(&self, size: u64) -> io::Result<()>;
    /// Makes everything written before the call durable (fdatasync). After an error nothing is known of what survived: do not retry.
    fn sync(&self) -> impl Future<Output = io::Result<()>> + Send;
}

/// Puts `bytes` under `name` whole or not at all: written beside, synced, renamed over, the folder synced.
pub async fn replace_file<D: Disk>(disk: &D, name: &str, bytes: &[u8]) -> io::Result<()> {
    let beside = format!("{name}.tmp");
    let file = disk.create(&beside)?;
    file.write_at(0, bytes)?;
    file.sync().await?;
    drop(file);
    disk.rename(&beside, name)?;
    let dir = name.rsplit_once('/').map_or("", |(dir, _)| dir);
    disk.sync_dir(dir).await
}
