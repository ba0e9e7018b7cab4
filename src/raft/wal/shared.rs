//! What the writer, the readers, the flusher and the keeper of the spare share.

use super::errors::WalError;
use super::format::Seal;
use super::live::Live;
use crate::runtime::Disk;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// The folder of the segments, on the log's disk.
pub(super) const DIR: &str = "wal";

/// An open segment.
pub(super) struct Segment<F> {
    pub(super) seal: Seal,
    pub(super) file: F,
    pub(super) size: u64,
}

/// Hears that everything up to its append is durable, or that it never will be.
pub(super) type Done = Box<dyn FnOnce(Result<(), WalError>) + Send>;

pub(super) struct Shared<D: Disk> {
    pub(super) disk: D,
    pub(super) state: Mutex<State<D::File>>,
    /// Last sequence known durable.
    pub(super) durable: AtomicU64,
    /// No spare could be made: the disk is full.
    pub(super) is_short: AtomicBool,
    /// The writer waits for a full disk.
    pub(super) is_blocked: AtomicBool,
    /// There is something to sync.
    pub(super) to_flush: Notify,
    /// A spare is to be made, or segments are to be given back.
    pub(super) to_tidy: Notify,
    /// There is a spare, or none will come.
    pub(super) spare_ready: Notify,
}

pub(super) struct State<F> {
    pub(super) live: Live,
    /// Every segment with records, by number.
    pub(super) segments: BTreeMap<u64, Arc<Segment<F>>>,
    pub(super) spare: Option<Arc<Segment<F>>>,
    /// Last sequence written.
    pub(super) written: u64,
    /// Segments written to since the last sync, in order.
    pub(super) unsynced: Vec<Arc<Segment<F>>>,
    pub(super) waiting: Vec<Done>,
    /// Segments below `.0` may go once sequence `.1` is durable.
    pub(super) given_back: Option<(u64, u64)>,
    pub(super) failed: Option<WalError>,
    pub(super) closed: bool,
}

impl<D: Disk> Shared<D> {
    pub(super) fn state(&self) -> MutexGuard<'_, State<D::File>> {
        self.state.lock().expect("no panic while held")
    }

    /// The log has failed: everyone who waits hears it, now and later.
    pub(super) fn fail(&self, what: String, source: &io::Error) -> WalError {
        let mut state = self.state();
        let error = state.failed.get_or_insert_with(|| WalError { what, why: source.to_string() }).clone();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        tracing::error!(%error, "the log has failed");
        for done in waiting {
            done(Err(error.clone()));
        }
        self.wake_all();
        error
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.wake_all();
    }

    fn wake_all(&self) {
        for notify in [&self.to_flush, &self.to_tidy, &self.spare_ready] {
            notify.notify_one();
        }
    }
}

/// A segment's path on the log's disk.
pub(super) fn path(name: &str) -> String {
    format!("{DIR}/{name}")
}
