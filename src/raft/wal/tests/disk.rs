//! A disk in memory that loses power: of what was not synced any part may survive, torn at any sector or byte.

use crate::runtime::{Disk, DiskFile};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

const SECTOR: usize = 512;

/// Draws for one case: the same seed draws the same.
#[derive(Debug, Clone)]
pub struct Draws(pub u64);

impl Draws {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }
}

#[derive(Clone, Default)]
struct Content {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Resize(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write(offset, written) => {
                bytes.resize(bytes.len().max(offset + written.len()), 0);
                bytes[*offset..offset + written.len()].copy_from_slice(written);
            }
            Change::Resize(size) => bytes.resize(*size, 0),
        }
    }

    /// What a power loss leaves of it: all, nothing, a front part, or some of its sectors.
    fn tear(&self, draws: &mut Draws, bytes: &mut Vec<u8>) {
        match (draws.below(4), self) {
            (0, _) => {}
            (1, Change::Write(offset, written)) => {
                Change::Write(*offset, written[..draws.below(written.len() + 1)].to_vec()).apply(bytes);
            }
            (2, Change::Write(offset, written)) => {
                let mut at = 0;
                while at < written.len() {
                    let end = written.len().min((offset + at) / SECTOR * SECTOR + SECTOR - offset);
                    if draws.below(2) == 0 {
                        Change::Write(offset + at, written[at..end].to_vec()).apply(bytes);
                    }
                    at = end;
                }
            }
            (_, change) => change.apply(bytes),
        }
    }
}

#[derive(Clone)]
enum Naming {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Naming::Create(name, file) => drop(names.insert(name.clone(), *file)),
            Naming::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Naming::Remove(name) => drop(names.remove(name)),
        }
    }
}

#[derive(Default)]
struct World {
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    unsynced_names: Vec<Naming>,
    boot: u64,
    capacity: Option<usize>,
    sync_fails: bool,
    syncs: usize,
}

/// The disk as one boot of the machine sees it.
#[derive(Clone)]
pub struct ModelDisk {
    world: Arc<Mutex<World>>,
    boot: u64,
}

pub struct ModelFile {
    disk: ModelDisk,
    file: usize,
}

impl ModelDisk {
    pub fn new() -> ModelDisk {
        ModelDisk { world: Arc::default(), boot: 0 }
    }

    fn raw(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn world(&self) -> io::Result<MutexGuard<'_, World>> {
        let world = self.raw();
        if world.boot == self.boot { Ok(world) } else { Err(io::Error::other("the machine has no power")) }
    }

    /// Cuts the power and boots again. Handles of the boot before are dead.
    pub fn lose_power(&self, draws: &mut Draws) -> ModelDisk {
        let mut world = self.raw();
        for content in &mut world.files {
            let mut bytes = std::mem::take(&mut content.durable);
            for change in std::mem::take(&mut content.unsynced) {
                change.tear(draws, &mut bytes);
            }
            (content.durable, content.current) = (bytes.clone(), bytes);
        }
        let mut names = std::mem::take(&mut world.durable_names);
        for naming in std::mem::take(&mut world.unsynced_names) {
            if draws.below(2) == 0 {
                naming.apply(&mut names);
            }
        }
        (world.durable_names, world.names) = (names.clone(), names);
        world.boot += 1;
        ModelDisk { world: self.world.clone(), boot: world.boot }
    }

    /// Ends the process only: nothing written is lost.
    pub fn restart(&self) -> ModelDisk {
        let mut world = self.raw();
        world.boot += 1;
        ModelDisk { world: self.world.clone(), boot: world.boot }
    }

    pub fn set_capacity(&self, capacity: Option<usize>) {
        self.raw().capacity = capacity;
    }

    pub fn used(&self) -> usize {
        let world = self.raw();
        world.names.values().map(|&file| world.files[file].current.len()).sum()
    }

    pub fn fail_syncs(&self) {
        self.raw().sync_fails = true;
    }

    pub fn syncs(&self) -> usize {
        self.raw().syncs
    }

    /// Everything, by name.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let world = self.raw();
        world.names.iter().map(|(name, &file)| (name.clone(), world.files[file].current.clone())).collect()
    }

    /// Changes bytes behind everyone's back, durably.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut world = self.raw();
        let file = world.names[name];
        change(&mut world.files[file].current);
        world.files[file].durable = world.files[file].current.clone();
    }

    fn rename_durably(world: &mut World, naming: Naming) {
        naming.apply(&mut world.names);
        world.unsynced_names.push(naming);
    }

    fn full(world: &World, growth: usize) -> io::Result<()> {
        let used: usize = world.names.values().map(|&file| world.files[file].current.len()).sum();
        match world.capacity {
            Some(capacity) if growth > 0 && used + growth > capacity => Err(io::ErrorKind::StorageFull.into()),
            Some(_) | None => Ok(()),
        }
    }
}

impl Disk for ModelDisk {
    type File = ModelFile;

    fn open(&self, name: &str) -> io::Result<ModelFile> {
        let file = self.world()?.names.get(name).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(ModelFile { disk: self.clone(), file })
    }

    fn create(&self, name: &str) -> io::Result<ModelFile> {
        let mut world = self.world()?;
        let file = world.files.len();
        world.files.push(Content::default());
        ModelDisk::rename_durably(&mut world, Naming::Create(name.to_owned(), file));
        Ok(ModelFile { disk: self.clone(), file })
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let world = self.world()?;
        let file = world.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(world.files[*file].current.clone())
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let world = self.world()?;
        Ok(world.names.keys().filter_map(|name| name.strip_prefix(dir)?.strip_prefix('/')).map(str::to_owned).collect())
    }

    fn create_dir(&self, _: &str) -> io::Result<()> {
        self.world().map(drop)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world()?;
        ModelDisk::rename_durably(&mut world, Naming::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world()?;
        if !world.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        ModelDisk::rename_durably(&mut world, Naming::Remove(name.to_owned()));
        Ok(())
    }

    async fn sync_dir(&self, _: &str) -> io::Result<()> {
        let begun = self.world()?.unsynced_names.len();
        tokio::task::yield_now().await;
        let mut world = self.world()?;
        let begun = begun.min(world.unsynced_names.len());
        let done: Vec<Naming> = world.unsynced_names.drain(..begun).collect();
        done.iter().for_each(|naming| naming.apply(&mut world.durable_names));
        Ok(())
    }

    fn lock(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

impl ModelFile {
    fn change(&self, change: Change) -> io::Result<()> {
        let mut world = self.disk.world()?;
        let size = match &change {
            Change::Write(offset, bytes) => offset + bytes.len(),
            Change::Resize(size) => *size,
        };
        ModelDisk::full(&world, size.saturating_sub(world.files[self.file].current.len()))?;
        let content = &mut world.files[self.file];
        change.apply(&mut content.current);
        content.unsynced.push(change);
        Ok(())
    }
}

impl DiskFile for ModelFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.world()?.files[self.file].current.len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let world = self.disk.world()?;
        let bytes = world.files[self.file].current.get(offset as usize..offset as usize + buf.len());
        buf.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(Change::Write(offset as usize, bytes.to_vec()))
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        if size <= self.size()? { Ok(()) } else { self.change(Change::Resize(size as usize)) }
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.change(Change::Resize(size as usize))
    }

    async fn sync(&self) -> io::Result<()> {
        let begun = self.disk.world()?.files[self.file].unsynced.len();
        tokio::task::yield_now().await;
        let mut world = self.disk.world()?;
        world.syncs += 1;
        if world.sync_fails {
            return Err(io::Error::other("the disk is broken"));
        }
        let content = &mut world.files[self.file];
        let begun = begun.min(content.unsynced.len());
        let done: Vec<Change> = content.unsynced.drain(..begun).collect();
        done.iter().for_each(|change| change.apply(&mut content.durable));
        Ok(())
    }
}
