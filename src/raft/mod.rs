//! Floor 4: the replicated log and the state machine on it, over openraft.

mod async_runtime;
mod config;
mod errors;
mod fence;
mod handle;
mod inbound;
mod leadership;
mod members;
pub mod method;
mod network;
mod observe;
mod propose;
mod read;
mod setup;
mod snapshot;
mod state_machine;
mod stats;
#[cfg(test)]
mod tests;
mod transfer;
mod types;
mod upkeep;
mod view;
pub mod wal;
mod wire;

pub use async_runtime::{Moment, RaftRuntime, Timeout, Watch};
pub use config::{Controls, Guard};
pub use errors::{BootstrapError, ChangeError, LeaderHint, OpenError, ProposeError, ReadError, Retry, TransferError};
pub use handle::{Consistency, Raft};
pub use leadership::{Leadership, Role};
pub use network::{PeerError, Peers, RpcPeers, Whereabouts};
pub use observe::{AppliedEntry, Observer};
pub use setup::{OnFatal, PROPOSALS, Setup, Space, SpaceGauge, WAITERS};
pub use snapshot::SnapshotFile;
pub use state_machine::StateMachine;
pub use stats::{Configuration, ConfiguredServer, PeerProgress, RaftStats, Suffrage};
pub use types::{Answer, Entry, LogId, Membership, Payload, Server, SnapshotMeta, StoredMembership, Types, Vote};
pub use view::{TooManyWaiters, View};
