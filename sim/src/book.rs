//! What the programs of a run write down together.

use crate::checker::Nanos;
use crate::world;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// A handle to the book of a run, one for every program.
#[derive(Debug)]
pub struct Book<P> {
    pages: Arc<Mutex<P>>,
    /// When the run's clock began.
    start: Nanos,
}

impl<P> Clone for Book<P> {
    fn clone(&self) -> Book<P> {
        Book { pages: self.pages.clone(), start: self.start }
    }
}

/// A book for a run that starts now.
impl<P: Default> Default for Book<P> {
    fn default() -> Book<P> {
        Book::begin(P::default())
    }
}

impl<P> Book<P> {
    /// A book for a run that starts now.
    pub fn begin(pages: P) -> Book<P> {
        Book { pages: Arc::new(Mutex::new(pages)), start: now() }
    }

    /// Time since the run's start.
    pub fn passed(&self) -> Duration {
        Duration::from_nanos(now() - self.start)
    }

    /// Its pages.
    pub(crate) fn lock(&self) -> MutexGuard<'_, P> {
        self.pages.lock().expect("no panic while held")
    }
}

/// True time.
pub fn now() -> Nanos {
    world::with(|w| w.now())
}

/// A line for whoever reads the trace.
pub fn say(line: std::fmt::Arguments<'_>) {
    let who = world::me();
    world::with(|w| {
        let now = w.now();
        w.trace.line(now, who.0, line);
    });
}
