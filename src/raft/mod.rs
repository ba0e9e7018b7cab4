//! Floor 4: the replicated log and the state machine on it, over openraft.

mod async_runtime;
mod errors;
pub mod method;
mod snapshot;
mod state_machine;
mod types;
mod view;

pub use async_runtime::{Moment, RaftRuntime, Timeout, Watch};
pub use errors::{BootstrapError, ChangeError, LeaderHint, OpenError, ProposeError, ReadError, Retry, TransferError};
pub use snapshot::SnapshotFile;
pub use state_machine::StateMachine;
pub use types::{Answer, Entry, LogId, Membership, Payload, Server, SnapshotMeta, StoredMembership, Types, Vote};
pub use view::{TooManyWaiters, View};
