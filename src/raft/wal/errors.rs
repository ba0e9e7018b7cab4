//! How a log can fail to open, and to go on.

use super::recover::Damage;
use std::io;

/// Why a log did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenWalError {
    /// The disk said no.
    #[error("write-ahead log: {what}: {source}")]
    Disk {
        /// What was being done.
        what: String,
        /// The disk's account.
        source: io::Error,
    },
    /// The log holds what cannot be trusted.
    #[error(
        "write-ahead log: {0}. Nothing was changed. If this server's data cannot be restored from a copy of its disk, remove it from the \
         cluster, empty its data directory and let it join again: the other servers have what it had"
    )]
    Damaged(#[from] Damage),
}

/// Why a log cannot go on. Once it has failed, everything asked of it fails alike: after a failed write or sync nothing is known of what the disk
/// holds, and trying again would only seem to succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "write-ahead log: {what}: {why}. Nothing is known of what the disk holds now: the server must stop, and start again from what it finds"
)]
pub struct WalError {
    /// What was being done.
    pub(super) what: String,
    /// The disk's account.
    pub(super) why: String,
}

impl From<WalError> for io::Error {
    fn from(error: WalError) -> io::Error {
        io::Error::other(error)
    }
}
