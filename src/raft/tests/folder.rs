//! A folder of a test's own, gone with it.

use crate::runtime::Runtime;
use crate::runtime::tokio::{Folder, Tokio};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// An empty folder.
pub(in crate::raft) struct TestFolder(PathBuf);

impl TestFolder {
    /// A new one below the system's temporary folder.
    pub(in crate::raft) fn new() -> TestFolder {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("muster-raft-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        TestFolder(std::env::temp_dir().join(name))
    }

    /// The folder as a disk.
    pub(in crate::raft) fn disk(&self) -> Folder {
        Tokio::disk(&self.0).unwrap()
    }

    /// Where it is.
    pub(in crate::raft) fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
