//! What all users together asked and were told.

use crate::checker::{History, Operation};
use crate::invariants::observation::{Listed, Malformed, Record, Watched};
use std::sync::{Arc, Mutex};

/// The users' side of a run.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// Single-key requests.
    pub history: History,
    /// Answered reads of prefixes.
    pub listings: Vec<Listed>,
    /// Answered blocking reads.
    pub watches: Vec<Watched>,
    /// Answers that no client of Consul would understand.
    pub malformed: Vec<Malformed>,
}

impl Recording {
    /// Hands the history over and puts the rest into the record of the run.
    pub fn into_record(self, record: &mut Record) -> History {
        record.listings.extend(self.listings);
        record.watches.extend(self.watches);
        record.malformed.extend(self.malformed);
        self.history
    }
}

/// A handle to the recording of a run, one for every user.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Mutex<Recording>>);

impl Recorder {
    /// An empty one.
    pub fn new() -> Recorder {
        Recorder::default()
    }

    /// Everything so far.
    pub fn take(&self) -> Recording {
        std::mem::take(&mut self.lock())
    }

    /// A request is over.
    pub fn operation(&self, operation: Operation) {
        self.lock().history.operations.push(operation);
    }

    pub(super) fn listed(&self, listed: Listed) {
        self.lock().listings.push(listed);
    }

    pub(super) fn watched(&self, watched: Watched) {
        self.lock().watches.push(watched);
    }

    /// An answer makes no sense.
    pub fn malformed(&self, malformed: Malformed) {
        self.lock().malformed.push(malformed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Recording> {
        self.0.lock().expect("no panic while held")
    }
}
