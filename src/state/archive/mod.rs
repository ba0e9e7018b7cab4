//! The snapshot archive: a whole state in one file that people keep.
//!
//! As Consul's it is a gzipped tar of `meta.json`, `state.bin` and `SHA256SUMS`, in this order; `state.bin` is our own ([`State::archived`]). It is
//! written in one pass, though `meta.json` says how long the state is: the file begins with a gzip member that is not compressed, so that it can
//! be written again with the same length. A seal ends it, by which every bit of the file is checked. It is read in pieces: neither side ever holds
//! the whole of it in memory.

mod meta;
mod read;
mod seal;
mod ustar;
mod write;

pub use super::snapshot::tally::{TableSize, Tally};
pub use meta::Meta;
pub use read::{ArchiveError, ArchiveReader};
pub use write::write;

#[cfg(doc)]
use super::State;

/// The members of the archive.
const META: &str = "meta.json";
const STATE: &str = "state.bin";
const SUMS: &str = "SHA256SUMS";

/// The longest state that is read, in bytes: more than any server can hold.
pub const MOST_STATE: u64 = 64 << 30;

#[cfg(test)]
mod tests;
