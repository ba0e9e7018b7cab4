//! What a change to the registrations asks of the driver.

use super::record::Record;
use crate::health;
use std::sync::Arc;

/// What is to be done after a change, in the order of the fields: first what must not be forgotten is written, then the checks go by it, then
/// the catalog is told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects {
    /// Files to write or remove.
    pub files: Vec<FileChange>,
    /// What the machine of checks is told.
    pub health: Vec<health::Input>,
    /// What the catalog may now have wrong.
    pub touched: Vec<Touched>,
}

impl Effects {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.health.is_empty() && self.touched.is_empty()
    }

    pub(super) fn write(&mut self, record: &Record) {
        self.files.push(record.write());
    }

    pub(super) fn remove(&mut self, folder: Folder, id: &str) {
        self.files.push(FileChange::Remove(RecordFile::of(folder, id)));
    }

    pub(super) fn touch(&mut self, touched: Touched) {
        if !self.touched.contains(&touched) {
            self.touched.push(touched);
        }
    }
}

/// A change to the records on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileChange {
    /// The file holds these bytes from now on, all or none of them.
    Write {
        /// Which.
        file: RecordFile,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// The file is gone; it may never have been there.
    Remove(RecordFile),
}

/// A record's file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordFile {
    /// Where.
    pub folder: Folder,
    /// Its name: 32 hexadecimal digits, or a word if there is one of its kind.
    pub name: String,
}

impl RecordFile {
    /// The file of the record of this id.
    pub fn of(folder: Folder, id: &str) -> RecordFile {
        RecordFile { folder, name: super::fingerprint::file_name(id) }
    }
}

/// The folders of the data directory that hold records, one file each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Folder {
    /// Services registered over HTTP.
    Services,
    /// Checks registered over HTTP, and maintenance.
    Checks,
    /// How checks stood, and when that last held. Losing the last of these loses nothing that was promised: they need not be durable before anyone is answered.
    States,
}

impl Folder {
    /// All of them, in the order in which they are read.
    pub const ALL: [Folder; 3] = [Folder::States, Folder::Services, Folder::Checks];

    /// The folder's path below the data directory.
    pub const fn path(self) -> &'static str {
        match self {
            Folder::Services => "services",
            Folder::Checks => "checks",
            Folder::States => "checks/state",
        }
    }
}

/// Something of the agent that the catalog may have wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touched {
    /// A service was registered, changed or removed.
    Service(Arc<str>),
    /// A check was registered, changed its status, or was removed.
    Check(Arc<str>),
    /// A check says something else and stands as before.
    Output(Arc<str>),
}
