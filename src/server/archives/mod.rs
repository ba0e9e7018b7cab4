//! Snapshots that people keep: saved from a view, without holding anything up; restored through the log.
//!
//! An archive is written to a file first. So its length is known when it is sent, a slow reader holds no state in memory, and a client agent passes
//! it on in parts.

mod restore;
mod save;
mod scratch;

pub(super) use scratch::Scratches;

use crate::model::{Index, Instant};
use crate::runtime::Disk;
use bytes::Bytes;
use futures_util::Stream;
use scratch::Scratch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Bytes of an archive that travel at once.
const PART: usize = 256 * 1024;
/// An archive that nobody fetched a part of for so long is dropped.
const IDLE: Duration = Duration::from_secs(60);

/// An archive that a server has ready for a client agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offer {
    /// Its number.
    pub id: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// The last change in it.
    pub index: Index,
    /// Whether the server knows a leader.
    pub known_leader: bool,
    /// How long ago the server last heard from the leader.
    pub last_contact: Duration,
}

/// An archive on its way to a client.
pub struct SavedSnapshot {
    /// Its length in bytes.
    pub bytes: u64,
    /// The last change in it.
    pub index: Index,
    /// Whether the server that made it knows a leader.
    pub known_leader: bool,
    /// How long ago that server last heard from the leader.
    pub last_contact: Duration,
    /// Its bytes. They end early if it cannot be had whole.
    pub parts: Parts,
}

/// Bytes that come while they are sent.
pub type Parts = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// The archives that this server has ready for client agents.
pub(super) struct Offers<D: Disk>(Mutex<BTreeMap<u64, (Arc<Scratch<D>>, Instant)>>);

impl<D: Disk> Default for Offers<D> {
    fn default() -> Offers<D> {
        Offers(Mutex::default())
    }
}

impl<D: Disk> Offers<D> {
    fn put(&self, id: u64, scratch: Arc<Scratch<D>>, now: Instant) {
        self.0.lock().expect("no panic while held").insert(id, (scratch, now));
    }

    fn find(&self, id: u64, now: Instant) -> Option<Arc<Scratch<D>>> {
        let mut offers = self.0.lock().expect("no panic while held");
        let (scratch, used) = offers.get_mut(&id)?;
        *used = now;
        Some(scratch.clone())
    }

    fn remove(&self, id: u64) {
        self.0.lock().expect("no panic while held").remove(&id);
    }

    /// Drops what was left lying.
    fn tidy(&self, now: Instant) {
        self.0.lock().expect("no panic while held").retain(|_, (_, used)| now.since(*used) <= IDLE);
    }
}
