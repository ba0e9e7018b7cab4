//! A disk that keeps what was synced, and on power loss drops or tears the rest.

mod content;
mod inode;
mod names;
mod platter;

pub use inode::Honesty;
pub use platter::{Hardware, Platter};

use super::KernelWait;
use crate::trace::{Entry, digest};
use crate::world::{self, Who, World};
use inode::{Inode, InodeId};
use muster::runtime::{Disk, DiskFile};
use names::Named;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Input/output error: EIO.
const IO_ERROR: i32 = 5;

/// A folder on the disk of one host, held by one process: a later process must mount its own.
#[derive(Debug, Clone)]
pub struct SimDisk {
    who: Who,
    process: u64,
    root: Arc<Root>,
}

/// The folder's path without slashes around it; the last clone to go gives the folder's lock back.
#[derive(Debug)]
struct Root {
    who: Who,
    mount: u64,
    path: String,
}

impl Drop for Root {
    fn drop(&mut self) {
        world::try_with(|w| w.host(self.who).platter.unlock(&self.path, self.mount));
    }
}

/// An open file.
#[derive(Debug)]
pub struct SimFile {
    who: Who,
    process: u64,
    inode: InodeId,
}

/// The platter of `who`, if `process` is still alive.
fn platter(w: &mut World, who: Who, process: u64) -> io::Result<&mut Platter> {
    let host = w.host(who);
    if host.process == process { Ok(&mut host.platter) } else { Err(io::ErrorKind::NotConnected.into()) }
}

fn broken() -> io::Error {
    io::Error::from_raw_os_error(IO_ERROR)
}

impl SimDisk {
    /// The folder `root` of the running task's host, created if it is missing; its own name is durable at once.
    pub fn mount(root: &Path) -> io::Result<SimDisk> {
        let who = world::me();
        let path = root.to_str().ok_or(io::ErrorKind::InvalidInput)?.trim_matches('/').to_owned();
        world::with(|w| {
            let host = w.host(who);
            let process = host.process;
            host.platter.names.found(&path);
            let mount = host.platter.mount();
            Ok(SimDisk { who, process, root: Arc::new(Root { who, mount, path }) })
        })
    }

    fn path(&self, name: &str) -> String {
        match (self.root.path.as_str(), name) {
            (root, "") => root.to_owned(),
            ("", name) => name.to_owned(),
            (root, name) => format!("{root}/{name}"),
        }
    }

    /// Works on the platter and puts the operation into the trace.
    fn operate<T>(&self, kind: &'static str, name: &str, f: impl FnOnce(&mut Platter) -> io::Result<T>) -> io::Result<T> {
        world::with(|w| {
            w.record(self.who, Entry::with(kind, 0, 0, name.as_bytes()));
            let platter = platter(w, self.who, self.process)?;
            if platter.fails_write() { Err(broken()) } else { f(platter) }
        })
    }

    fn file(&self, inode: InodeId) -> SimFile {
        SimFile { who: self.who, process: self.process, inode }
    }

    fn look<T>(&self, f: impl FnOnce(&Platter) -> io::Result<T>) -> io::Result<T> {
        world::with(|w| f(platter(w, self.who, self.process)?))
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn open(&self, name: &str) -> io::Result<SimFile> {
        let path = self.path(name);
        world::with(|w| platter(w, self.who, self.process)?.open(&path)).map(|inode| self.file(inode))
    }

    fn create(&self, name: &str) -> io::Result<SimFile> {
        let path = self.path(name);
        self.operate("disk.create", name, |platter| platter.create(&path)).map(|inode| self.file(inode))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.look(|platter| {
            let inode = platter.inode(platter.names.file(&self.path(name))?)?;
            let mut bytes = vec![0; inode.visible.size() as usize];
            inode.visible.read(0, &mut bytes)?;
            Ok(bytes)
        })
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.look(|platter| Ok(platter.names.files_in(&self.path(dir))))
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        let path = self.path(dir);
        self.operate("disk.create-dir", dir, |platter| platter.names.create_dir(&path))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.path(from), self.path(to));
        self.operate("disk.rename", &format!("{from} {to}"), |platter| {
            let replaced = platter.names.rename(&from, &to)?;
            platter.release(replaced);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.path(name);
        self.operate("disk.remove", name, |platter| {
            let removed = platter.names.remove(&path)?;
            platter.release(Some(removed));
            Ok(())
        })
    }

    async fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let path = self.path(dir);
        let (covered, time) = world::with(|w| {
            let platter = platter(w, self.who, self.process)?;
            Ok::<_, io::Error>((platter.names.changes(), platter.sync_time()))
        })?;
        KernelWait::after(time).await;
        world::with(|w| {
            w.record(self.who, Entry::with("disk.sync-dir", covered, 0, dir.as_bytes()));
            let platter = platter(w, self.who, self.process)?;
            if platter.fails_sync() {
                return Err(broken());
            }
            if platter.hardware.honesty == Honesty::Honest {
                platter.names.settle(&path, covered);
            }
            Ok(())
        })
    }

    fn lock(&self) -> io::Result<()> {
        world::with(|w| platter(w, self.who, self.process)?.lock(&self.root.path, self.root.mount))
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.look(|platter| Ok(platter.free_bytes()))
    }
}

impl SimFile {
    fn with<T>(&self, f: impl FnOnce(&mut Platter, InodeId) -> io::Result<T>) -> io::Result<T> {
        world::with(|w| f(platter(w, self.who, self.process)?, self.inode))
    }

    fn operate<T>(&self, entry: Entry, f: impl FnOnce(&mut Platter, InodeId) -> io::Result<T>) -> io::Result<T> {
        world::with(|w| {
            w.record(self.who, entry);
            let platter = platter(w, self.who, self.process)?;
            if platter.fails_write() { Err(broken()) } else { f(platter, self.inode) }
        })
    }

    fn entry(&self, kind: &'static str, number: u64) -> Entry {
        Entry::plain(kind, self.inode, number)
    }
}

impl DiskFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        self.with(|platter, inode| Ok(platter.inode(inode)?.visible.size()))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.with(|platter, inode| platter.inode(inode)?.visible.read(offset, buf))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let entry = Entry { len: bytes.len(), digest: digest(bytes), ..self.entry("disk.write", offset) };
        self.operate(entry, |platter, inode| {
            platter.claim(inode, offset + bytes.len() as u64)?;
            platter.inode_mut(inode)?.write(offset, bytes);
            Ok(())
        })
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        self.operate(self.entry("disk.allocate", size), |platter, inode| {
            platter.claim(inode, size)?;
            platter.inode_mut(inode)?.allocate(size);
            Ok(())
        })
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.operate(self.entry("disk.set-size", size), |platter, inode| {
            platter.inode_mut(inode)?.set_size(size);
            Ok(())
        })
    }

    async fn sync(&self) -> io::Result<()> {
        let (covered, time) = self.with(|platter, inode| Ok((platter.inode(inode)?.written(), platter.sync_time())))?;
        KernelWait::after(time).await;
        world::with(|w| {
            w.record(self.who, self.entry("disk.sync", covered));
            let platter = platter(w, self.who, self.process)?;
            let (failed, honesty) = (platter.fails_sync(), platter.hardware.honesty);
            let inode: &mut Inode = platter.inode_mut(self.inode)?;
            if failed {
                // The pages are clean now and will never be written: a second sync would claim success.
                inode.forget_unsynced(covered);
                return Err(broken());
            }
            if honesty == Honesty::Honest {
                inode.settle(covered);
            }
            Ok(())
        })
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        world::try_with(|w| {
            if let Ok(platter) = platter(w, self.who, self.process) {
                platter.close(self.inode);
            }
        });
    }
}

impl Named {
    /// The file behind the name.
    fn inode(self) -> Option<InodeId> {
        match self {
            Named::File(inode) => Some(inode),
            Named::Folder => None,
        }
    }
}
