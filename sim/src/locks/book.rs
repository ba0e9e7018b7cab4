//! What the programs of a run write down.

use crate::checker::{History, Nanos, Operation};
use crate::invariants::locks::observed::{Created, Fenced, Pair, Renewal, Seen, Taken, Told, Verified};
use crate::invariants::observation::Malformed;
use crate::world;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A handle to the book of a run, one for every program.
#[derive(Clone)]
pub struct Book(Arc<Mutex<Pages>>);

struct Pages {
    seen: Seen,
    /// The two keys as one register.
    history: History,
    start: Nanos,
}

/// True time.
pub fn now() -> Nanos {
    world::with(|w| w.now())
}

/// A line for whoever reads the trace.
fn say(line: std::fmt::Arguments<'_>) {
    let who = world::me();
    world::with(|w| {
        let now = w.now();
        w.trace.line(now, who.0, line);
    });
}

impl Book {
    /// A book for a run that starts now.
    pub fn new() -> Book {
        Book(Arc::new(Mutex::new(Pages { seen: Seen::default(), history: History::default(), start: now() })))
    }

    /// Everything so far.
    pub fn take(&self) -> (Seen, History) {
        let mut pages = self.lock();
        (std::mem::take(&mut pages.seen), std::mem::take(&mut pages.history))
    }

    /// Time since the run's start.
    pub fn passed(&self) -> Duration {
        Duration::from_nanos(now() - self.lock().start)
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

    /// Two keys were read.
    pub fn pair(&self, pair: Pair) {
        self.lock().seen.pairs.push(pair);
    }

    /// A transaction is over.
    pub fn operation(&self, operation: Operation) {
        self.lock().history.operations.push(operation);
    }

    /// An answer makes no sense.
    pub fn malformed(&self, says: String) {
        self.lock().seen.malformed.push(Malformed { at: now(), says });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pages> {
        self.0.lock().expect("no panic while held")
    }
}
