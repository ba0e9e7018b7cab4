//! Snapshots: files that hold the state as of one entry, so that the log before it can go.

mod file;
mod incoming;
mod store;

pub(super) use incoming::{Arrival, Incoming, Offer, final_name};
pub use store::SnapshotFile;
pub(super) use store::{Recovery, SnapshotStore};
