//! What the programs of a run write down, and the archives that they share.

use crate::book::{self, say};
use crate::invariants::changes::observed::{Anew, Heard, Looked, Named, Restored, Saved, Seen};
use crate::invariants::observation::Malformed;
use bytes::Bytes;

pub use crate::book::now;

/// The book of a run of changes.
pub type Book = book::Book<Pages>;

/// An archive that can be restored.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The file.
    pub file: Bytes,
    /// Digest of the state in it.
    pub state: u128,
    /// The keys that clients' accounts are kept of, and what they hold.
    pub rows: Vec<(String, String)>,
}

/// What is in it.
#[derive(Debug, Default)]
pub struct Pages {
    seen: Seen,
    archives: Vec<Archive>,
}

impl Book {
    /// Everything so far.
    pub fn take(&self) -> Seen {
        std::mem::take(&mut self.lock().seen)
    }

    /// A follower stopped listening.
    pub fn heard(&self, heard: Heard) {
        say(format_args!("{heard:?}"));
        self.lock().seen.streams.push(heard);
    }

    /// A follower named an index, and was answered.
    pub fn named(&self, named: Named) {
        say(format_args!("{named:?}"));
        self.lock().seen.named.push(named);
    }

    /// A follower read anew.
    pub fn anew(&self, anew: Anew) {
        say(format_args!("{anew:?}"));
        self.lock().seen.anew.push(anew);
    }

    /// A transaction read several keys.
    pub fn looked(&self, looked: Looked) {
        self.lock().seen.looks.push(looked);
    }

    /// An archive was fetched.
    pub fn saved(&self, saved: Saved, archive: Archive) {
        say(format_args!("saved {:?} of index {} at {}", saved.freshness, saved.index, saved.invoked));
        let mut pages = self.lock();
        pages.seen.saved.push(saved);
        pages.archives.push(archive);
    }

    /// The archives that there are.
    pub fn archives(&self) -> Vec<Archive> {
        self.lock().archives.clone()
    }

    /// An archive was sent, and answered or given up.
    pub fn restored(&self, restored: Restored) {
        say(format_args!("{restored:?}"));
        self.lock().seen.restored.push(restored);
    }

    /// An answer makes no sense.
    pub fn malformed(&self, says: String) {
        self.lock().seen.malformed.push(Malformed { at: now(), says });
    }
}
