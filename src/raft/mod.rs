//! Floor 4: the replicated log and the state machine on it, over openraft.

mod async_runtime;
mod types;

pub use async_runtime::{Moment, RaftRuntime, Timeout, Watch};
pub use types::{Answer, Entry, LogId, Membership, Payload, Server, SnapshotMeta, StoredMembership, Types, Vote};
