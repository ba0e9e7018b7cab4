//! What the programs of a run write down.

use crate::book::{self, say};
use crate::checker::{History, Operation};
use crate::invariants::locks::observed::{Created, Fenced, Renewal, Seen, Sign, Taken, Told, Tuple, Verified};
use crate::invariants::observation::Malformed;

pub use crate::book::now;

/// The book of a run of locks.
pub type Book = book::Book<Pages>;

/// What is in it.
#[derive(Debug, Default)]
pub struct Pages {
    seen: Seen,
    /// The keys that are only written together, as one register.
    history: History,
}

impl Book {
    /// Everything so far.
    pub fn take(&self) -> (Seen, History) {
        let mut pages = self.lock();
        (std::mem::take(&mut pages.seen), std::mem::take(&mut pages.history))
    }

    /// A session was created.
    pub fn created(&self, created: Created) {
        say(format_args!("{created:?}"));
        self.lock().seen.sessions.push(created);
    }

    /// A sign of life was sent, and answered or given up.
    pub fn renewal(&self, renewal: Renewal) {
        say(format_args!("{renewal:?}"));
        self.lock().seen.renewals.push(renewal);
    }

    /// A lock was taken.
    pub fn taken(&self, taken: Taken) {
        say(format_args!("{taken:?}"));
        self.lock().seen.taken.push(taken);
    }

    /// A fenced write is sent. Says where it is written.
    pub fn fenced(&self, fenced: Fenced) -> usize {
        let mut pages = self.lock();
        pages.seen.fenced.push(fenced);
        pages.seen.fenced.len() - 1
    }

    /// A fenced write was answered.
    pub fn fenced_told(&self, number: usize, told: Told) {
        let mut pages = self.lock();
        pages.seen.fenced[number].told = told;
        say(format_args!("{:?}", pages.seen.fenced[number]));
    }

    /// A question was answered.
    pub fn verified(&self, verified: Verified) {
        say(format_args!("{verified:?}"));
        self.lock().seen.verified.push(verified);
    }

    /// Keys were read that are only written together.
    pub fn tuple(&self, tuple: Tuple) {
        self.lock().seen.tuples.push(tuple);
    }

    /// A sign of life of a key with a TTL was sent, and answered or given up.
    pub fn sign(&self, sign: Sign) {
        say(format_args!("{sign:?}"));
        self.lock().seen.signs.push(sign);
    }

    /// A transaction is over.
    pub fn operation(&self, operation: Operation) {
        self.lock().history.operations.push(operation);
    }

    /// An answer makes no sense.
    pub fn malformed(&self, says: String) {
        self.lock().seen.malformed.push(Malformed { at: now(), says });
    }
}
