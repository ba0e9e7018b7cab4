//! The files that keep registrations, and how checks stood, over a restart.

use crate::agent::local::{FileChange, Folder, Record, RecordFile};
use crate::runtime::{Disk, DiskFile, replace_file};
use std::io;

/// What a file that is being written is called until it is whole.
const UNFINISHED: &str = ".tmp";

/// All records that can be read. A file that cannot be is named in the log and left where it is: a service that is not registered can be seen
/// and put right, an agent that does not start hides every other one on its node.
pub(super) fn read_all<D: Disk>(disk: &D) -> io::Result<Vec<Record>> {
    let mut records = Vec::new();
    for folder in Folder::ALL {
        for name in disk.list(folder.path())? {
            let path = format!("{}/{name}", folder.path());
            if name.ends_with(UNFINISHED) {
                disk.remove(&path)?;
                continue;
            }
            match Record::decode(&RecordFile { folder, name }, &disk.read(&path)?) {
                Ok(record) => records.push(record),
                // States are written without waiting for the disk: a loss of power may tear them, and the check only begins anew.
                Err(error) if folder == Folder::States => {
                    tracing::warn!(file = path, %error, "how a check stood cannot be read: it begins anew");
                }
                Err(error) => {
                    tracing::error!(file = path, %error, "a registration on disk cannot be read and is not taken up; register it again")
                }
            }
        }
    }
    Ok(records)
}

/// Makes the folders of the records.
pub(super) fn make_folders<D: Disk>(disk: &D) -> io::Result<()> {
    Folder::ALL.iter().try_for_each(|folder| disk.create_dir(folder.path()))
}

/// Makes all changes durable. If one fails, those before it are taken back as far as the disk allows.
pub(super) async fn write<D: Disk>(disk: &D, changes: &[FileChange]) -> io::Result<()> {
    let mut undo: Vec<(String, Option<Vec<u8>>)> = Vec::new();
    for change in changes {
        let path = path_of(change);
        let before = existing(disk, &path)?;
        if let Err(error) = make(disk, change).await {
            for (path, before) in undo.into_iter().rev() {
                if let Err(again) = put_back(disk, &path, before).await {
                    tracing::error!(file = path, error = %again, "a registration that failed stays on disk");
                }
            }
            return Err(error);
        }
        undo.push((path, before));
    }
    Ok(())
}

async fn make<D: Disk>(disk: &D, change: &FileChange) -> io::Result<()> {
    let path = path_of(change);
    match change {
        FileChange::Write { bytes, .. } => replace_file(disk, &path, bytes).await,
        FileChange::Remove(file) => {
            if remove(disk, &path)? {
                disk.sync_dir(file.folder.path()).await?;
            }
            Ok(())
        }
    }
}

async fn put_back<D: Disk>(disk: &D, path: &str, before: Option<Vec<u8>>) -> io::Result<()> {
    match before {
        Some(bytes) => replace_file(disk, path, &bytes).await,
        None => remove(disk, path).map(drop),
    }
}

/// Makes a change that survives the end of the process, but perhaps not a loss of power: then the file may be the old one or damaged, which its
/// checksum tells.
pub(super) fn write_lazily<D: Disk>(disk: &D, change: &FileChange) -> io::Result<()> {
    let path = path_of(change);
    match change {
        FileChange::Write { bytes, .. } => {
            let beside = format!("{path}{UNFINISHED}");
            disk.create(&beside)?.write_at(0, bytes)?;
            disk.rename(&beside, &path)
        }
        FileChange::Remove(_) => remove(disk, &path).map(drop),
    }
}

/// The file a change is about.
pub(super) fn file_of(change: &FileChange) -> &RecordFile {
    match change {
        FileChange::Write { file, .. } | FileChange::Remove(file) => file,
    }
}

fn path_of(change: &FileChange) -> String {
    let file = file_of(change);
    format!("{}/{}", file.folder.path(), file.name)
}

fn existing<D: Disk>(disk: &D, path: &str) -> io::Result<Option<Vec<u8>>> {
    match disk.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a file; says whether it was there.
fn remove<D: Disk>(disk: &D, path: &str) -> io::Result<bool> {
    match disk.remove(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
