//! The names of files and folders: changed at once, durable when their folder is synced.

use super::inode::InodeId;
use crate::draws::Draws;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A file.
    File(InodeId),
    /// A folder.
    Folder,
}

#[derive(Debug, Clone)]
enum Change {
    Set(String, Named),
    Unset(String),
    Move(String, String, InodeId),
}

/// A tree of names, by whole path.
#[derive(Debug, Default)]
pub struct Names {
    visible: BTreeMap<String, Named>,
    durable: BTreeMap<String, Named>,
    /// Changes that are not durable yet, numbered.
    unsynced: BTreeMap<u64, Change>,
    changes: u64,
}

/// The folder a path is in.
fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Change {
    fn touches(&self, folder: &str) -> bool {
        match self {
            Change::Set(path, _) | Change::Unset(path) => folder_of(path) == folder,
            Change::Move(from, to, _) => folder_of(from) == folder || folder_of(to) == folder,
        }
    }

    fn apply(self, names: &mut BTreeMap<String, Named>) {
        match self {
            Change::Set(path, named) => drop(names.insert(path, named)),
            Change::Unset(path) => drop(names.remove(&path)),
            Change::Move(from, to, inode) => {
                if names.get(&from) == Some(&Named::File(inode)) {
                    names.remove(&from);
                }
                names.insert(to, Named::File(inode));
            }
        }
    }
}

impl Names {
    /// Makes sure of a folder and its parents, durably: a mount point.
    pub fn found(&mut self, path: &str) {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            for names in [&mut self.visible, &mut self.durable] {
                names.insert(path[..end].to_owned(), Named::Folder);
            }
        }
    }

    /// The file called `path`.
    pub fn file(&self, path: &str) -> io::Result<InodeId> {
        match self.visible.get(path) {
            Some(named) => named.inode().ok_or_else(|| io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The files in a folder, sorted, without their path.
    pub fn files_in(&self, folder: &str) -> Vec<String> {
        let inside = format!("{folder}/");
        let start = if folder.is_empty() { "" } else { inside.as_str() };
        let below = self.visible.range(start.to_owned()..).take_while(|(path, _)| path.starts_with(start));
        let files = below.filter(|(_, named)| named.inode().is_some()).map(|(path, _)| &path[start.len()..]);
        files.filter(|name| !name.contains('/')).map(str::to_owned).collect()
    }

    /// Names a new file.
    pub fn create(&mut self, path: &str, inode: InodeId) -> io::Result<()> {
        self.need_folder(path)?;
        self.change(Change::Set(path.to_owned(), Named::File(inode)));
        Ok(())
    }

    /// Creates a folder and its parents.
    pub fn create_dir(&mut self, path: &str) -> io::Result<()> {
        let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).chain([path.len()]).collect();
        for end in ends {
            match self.visible.get(&path[..end]) {
                Some(Named::Folder) => {}
                Some(Named::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => self.change(Change::Set(path[..end].to_owned(), Named::Folder)),
            }
        }
        Ok(())
    }

    /// Renames a file over whatever file has the new name, which is returned.
    pub fn rename(&mut self, from: &str, to: &str) -> io::Result<Option<InodeId>> {
        let inode = self.file(from)?;
        self.need_folder(to)?;
        let replaced = self.visible.get(to).and_then(|named| named.inode()).filter(|replaced| *replaced != inode);
        self.change(Change::Move(from.to_owned(), to.to_owned(), inode));
        Ok(replaced)
    }

    /// Removes a file's name.
    pub fn remove(&mut self, path: &str) -> io::Result<InodeId> {
        let inode = self.file(path)?;
        self.change(Change::Unset(path.to_owned()));
        Ok(inode)
    }

    /// Changes made so far.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Makes the first `covered` changes durable, those in `folder`.
    pub fn settle(&mut self, folder: &str, covered: u64) {
        let due: Vec<u64> = self.unsynced.range(..covered).filter(|(_, change)| change.touches(folder)).map(|(n, _)| *n).collect();
        for n in due {
            if let Some(change) = self.unsynced.remove(&n) {
                change.apply(&mut self.durable);
            }
        }
    }

    /// Power is lost: of the unsynced changes of each folder the first few are kept, as with a journal.
    pub fn lose_power(&mut self, draws: &mut Draws) {
        let mut ended: BTreeSet<String> = BTreeSet::new();
        for change in std::mem::take(&mut self.unsynced).into_values() {
            let folders: Vec<String> = match &change {
                Change::Set(path, _) | Change::Unset(path) => vec![folder_of(path).to_owned()],
                Change::Move(from, to, _) => vec![folder_of(from).to_owned(), folder_of(to).to_owned()],
            };
            if folders.iter().any(|folder| ended.contains(folder)) || draws.chance(400_000) {
                ended.extend(folders);
            } else {
                change.apply(&mut self.durable);
            }
        }
        // What is in a folder whose name is lost is lost with it. Paths are in order, so a folder comes before its content.
        let mut kept: BTreeMap<String, Named> = BTreeMap::new();
        for (path, named) in std::mem::take(&mut self.durable) {
            let folder = folder_of(&path);
            if folder.is_empty() || kept.get(folder) == Some(&Named::Folder) {
                kept.insert(path, named);
            }
        }
        self.durable = kept.clone();
        self.visible = kept;
    }

    /// Whether any name stands for the file, now or after a power loss.
    pub fn hold(&self, inode: InodeId) -> bool {
        let named = Named::File(inode);
        let later =
            |change: &Change| matches!(change, Change::Set(_, n) if *n == named) || matches!(change, Change::Move(_, _, i) if *i == inode);
        self.visible.values().chain(self.durable.values()).any(|n| *n == named) || self.unsynced.values().any(later)
    }

    fn need_folder(&self, path: &str) -> io::Result<()> {
        match self.visible.get(folder_of(path)) {
            Some(Named::Folder) => Ok(()),
            Some(Named::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None if folder_of(path).is_empty() => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn change(&mut self, change: Change) {
        change.clone().apply(&mut self.visible);
        self.unsynced.insert(self.changes, change);
        self.changes += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Draws, Names};

    fn with_file(path: &str) -> Names {
        let mut names = Names::default();
        names.found("data");
        names.create(path, 1).unwrap();
        names
    }

    #[test]
    fn a_rename_without_a_folder_sync_is_kept_in_some_power_losses_and_lost_in_others() {
        let (mut old, mut new) = (0, 0);
        for seed in 0..100 {
            let mut names = with_file("data/a.tmp");
            names.settle("data", names.changes());
            names.rename("data/a.tmp", "data/a").unwrap();
            names.lose_power(&mut Draws::new(seed, "test", 0));
            match names.files_in("data").join(" ").as_str() {
                "a" => new += 1,
                "a.tmp" => old += 1,
                other => panic!("{other}"),
            }
        }
        assert!(old > 10 && new > 10);
    }

    #[test]
    fn a_synced_file_in_a_folder_whose_own_name_was_not_synced_may_be_lost() {
        let lost = (0..100).filter(|seed| {
            let mut names = Names::default();
            names.found("data");
            names.create_dir("data/raft").unwrap();
            names.create("data/raft/log", 1).unwrap();
            names.settle("data/raft", names.changes());
            names.lose_power(&mut Draws::new(*seed, "test", 0));
            names.file("data/raft/log").is_err()
        });
        assert!((20..60).contains(&lost.count()));
    }

    #[test]
    fn a_folder_sync_covers_only_changes_made_before_it() {
        let mut names = with_file("data/a");
        let covered = names.changes();
        names.create("data/b", 2).unwrap();
        names.settle("data", covered);
        let survivors = |seed| {
            let mut names =
                Names { visible: names.visible.clone(), durable: names.durable.clone(), unsynced: names.unsynced.clone(), changes: 2 };
            names.lose_power(&mut Draws::new(seed, "test", 0));
            names.files_in("data").join(" ")
        };
        assert!((0..50).map(survivors).all(|left| left == "a" || left == "a b"));
        assert!((0..50).map(survivors).any(|left| left == "a"));
    }

    #[test]
    fn listing_shows_files_of_one_folder_only() {
        let mut names = with_file("data/a");
        names.create_dir("data/sub").unwrap();
        names.create("data/sub/b", 2).unwrap();
        names.found("data2");
        names.create("data2/c", 3).unwrap();
        assert_eq!(names.files_in("data"), ["a"]);
        assert_eq!(names.files_in("data/sub"), ["b"]);
        assert!(names.create("missing/x", 4).is_err());
    }
}
