//! The write-ahead log: votes and entries on a disk, in segments of pre-allocated files.
//!
//! Everything is appended: a vote, an entry, the news that later entries are gone or earlier ones no longer needed. A batch is one write;
//! batches that come while a sync is under way share the next one (group commit, Hagmann 1987). A record that was synced is never lost and
//! never changed; one that was not is found whole or not at all, and `recover.rs` says how the two are told apart.
//!
//! Segments are numbered. One more than the active one is always ready: named, sealed and durable, so that a full segment costs the writer
//! nothing, and so that there is room to refuse in when the disk is full. Purging gives whole segments back, the first of them as the next
//! spare: its blocks are written already, which makes later syncs cheaper.

mod errors;
mod flush;
mod format;
mod live;
mod open;
mod read;
mod recover;
mod shared;
mod spare;
mod storage;
mod tail;
#[cfg(test)]
mod tests;
mod write;

pub use errors::{OpenWalError, WalError};
pub use live::EntryId;
pub use open::Options;
pub use read::{Reader, StoredEntry};
pub use recover::{Damage, Recovered, recover_bytes};
pub use storage::WalStorage;
pub use write::Wal;
