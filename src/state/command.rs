//! What can be done to the replicated state. These shapes are written to the log and travel between agents.

use super::autopilot::AutopilotSettings;
use super::checks::CheckSpec;
use super::coordinates::Located;
use super::nodes::NodeSpec;
use super::queries::QueryCommand;
use super::restore::RestoreCommand;
use super::sessions::SessionCommand;
use super::timers::Expiry;
use super::txn::{TxnOp, TxnReply};
use crate::model::{Index, Key, LockToken, NodeId, NodeName, ServiceSpec, SessionId, Timestamp, octets};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A command and the leader's wall clock when it was proposed: the only time the state ever learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// When the leader proposed it.
    pub at: Timestamp,
    /// What to do.
    pub command: Command,
}

/// One change to the replicated state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Changes nothing.
    Nothing,
    /// Changes the KV store.
    Kv(KvCommand),
    /// Changes nodes and checks.
    Catalog(CatalogCommand),
    /// Changes autopilot's settings. Answered [`Reply::Took`].
    Autopilot {
        /// All settings anew.
        settings: AutopilotSettings,
        /// Only then.
        condition: Condition,
    },
    /// Creates or ends a session.
    Session(SessionCommand),
    /// Ends what nobody renewed in time: the leader's own, many at once. Answered [`Reply::Done`].
    Expire(Vec<Expiry>),
    /// Changes the KV store only while a lock is held, on any key. Answered as the change is, or [`Reply::LockLost`].
    Fenced {
        /// The lock's token.
        token: LockToken,
        /// What to do.
        then: KvCommand,
    },
    /// All of these in order, or none. Answered [`Reply::Txn`].
    Txn(Vec<TxnOp>),
    /// Notes where nodes lie in the network; those that are not in the catalog are left out.
    Locate(Vec<Located>),
    /// Puts another state in place.
    Restore(RestoreCommand),
    /// Changes prepared queries.
    Query(QueryCommand),
    /// Changes what an agent keeps in the catalog of its own node, unless that has been superseded: then the answer is [`Reply::Superseded`].
    Ordered {
        /// Its place among the agent's writes.
        order: WriteOrder,
        /// The change.
        command: CatalogCommand,
    },
}

/// The place of a write among all that one agent ever sends.
///
/// An agent that does not learn what came of a write gives it up and may want another thing meanwhile; the write itself may lie at a server that was
/// cut off, and arrive at any time. So each says which older ones are still waited for: once it has been applied, every other older one is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteOrder {
    /// The agent's node.
    pub node: NodeId,
    /// Grows with every start of the agent; below [`u64::MAX`].
    pub life: u64,
    /// Grows with every write of a life.
    pub number: u64,
    /// Older writes of the same life that the agent had not given up when it sent this one. None is about anything that this one is about. At
    /// most [`super::MOST_OPEN`].
    pub open: Vec<u64>,
}

/// When a conditional write takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// In any case.
    Always,
    /// Only if there is nothing yet.
    Absent,
    /// Only if what is there was last changed at this index (`cas=`). Nothing ever has index 0.
    At(Index),
}

impl Condition {
    /// The condition `cas=index` states for a write: index 0 asks that there be nothing yet.
    pub const fn of_write(cas: Index) -> Condition {
        match cas {
            0 => Condition::Absent,
            index => Condition::At(index),
        }
    }

    /// Whether it holds for what was last changed at `existing`.
    pub fn holds(self, existing: Option<Index>) -> bool {
        match self {
            Condition::Always => true,
            Condition::Absent => existing.is_none(),
            Condition::At(index) => existing == Some(index),
        }
    }
}

/// A change to the KV store. All but reaping and locking are answered [`Reply::Took`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum KvCommand {
    /// Writes a key. The same value and flags again change nothing, no index either.
    Put {
        /// Which.
        key: Key,
        /// Its value.
        #[serde(with = "octets")]
        value: Bytes,
        /// The client's own 64 bits.
        flags: u64,
        /// Only then; otherwise the answer is `Took(false)`.
        condition: Condition,
    },
    /// Deletes a key. Deleting what is not there takes effect, whatever the condition.
    Delete {
        /// Which.
        key: Key,
        /// Only then; otherwise the answer is `Took(false)`.
        condition: Condition,
    },
    /// Deletes every key with this prefix.
    DeleteTree {
        /// Text that the keys begin with; empty is all of them.
        prefix: Key,
    },
    /// Writes a key that is deleted when `ttl` is over, unless it is written again or refreshed until then. The same again begins its time anew. A write
    /// of another kind makes it stay.
    PutFor {
        /// Which.
        key: Key,
        /// Its value.
        #[serde(with = "octets")]
        value: Bytes,
        /// The client's own 64 bits.
        flags: u64,
        /// Only then; otherwise the answer is `Took(false)`.
        condition: Condition,
        /// How long it lives.
        ttl: Duration,
    },
    /// Locks a key for a session and writes it: answered [`Reply::Locked`]. The one that holds it writes it without being counted again. `Took(false)` if another holds it, or
    /// the lock-delay of one that did is not over; refused if there is no such session.
    Lock {
        /// Which.
        key: Key,
        /// Its value.
        #[serde(with = "octets")]
        value: Bytes,
        /// The client's own 64 bits.
        flags: u64,
        /// For whom.
        session: SessionId,
    },
    /// Gives the lock back and writes the key; others can lock it at once. `Took(false)` if the session does not hold it.
    Unlock {
        /// Which.
        key: Key,
        /// Its value.
        #[serde(with = "octets")]
        value: Bytes,
        /// The client's own 64 bits.
        flags: u64,
        /// Whose.
        session: SessionId,
    },
    /// Forgets deletions that are old enough by the command's stamp ([`super::kv::TOMBSTONE_LIFE`]).
    ReapTombstones,
}

/// A change to the catalog.
#[expect(clippy::large_enum_variant, reason = "registrations are nearly all there is of these")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CatalogCommand {
    /// Creates or updates a node, an instance on it and checks of either, all or nothing. What is the same already changes no index.
    Register {
        /// The node.
        node: NodeSpec,
        /// Whether a node that is there is changed.
        update: NodeUpdate,
        /// An instance on it.
        service: Option<ServiceSpec>,
        /// Checks to create or update. Those not named stay.
        checks: Vec<CheckSpec>,
    },
    /// Removes a node with all that belongs to it.
    DeregisterNode {
        /// Which, compared without case.
        node: NodeName,
        /// Only if it has this id: a new machine may have taken the name since the decision.
        only_id: Option<NodeId>,
    },
    /// Removes one instance with its checks.
    DeregisterService {
        /// Whose, compared without case.
        node: NodeName,
        /// Which.
        service: String,
    },
    /// Removes one check.
    DeregisterCheck {
        /// Whose, compared without case.
        node: NodeName,
        /// Which.
        check: String,
    },
}

/// Whether a registration changes a node that is there (`SkipNodeUpdate`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeUpdate {
    /// Its row becomes what was registered.
    Apply,
    /// It stays as it is; one that is missing is created.
    Skip,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Done, nothing to say.
    Done,
    /// Whether a conditional change took effect.
    Took(bool),
    /// Refused by the state, with the text for the client.
    Refused(String),
    /// The session has the lock; its token.
    Locked(LockToken),
    /// The lock that was to vouch for the change is no longer held; nothing was done. The text says what became of it.
    LockLost(String),
    /// What came of a transaction.
    Txn(TxnReply),
    /// Nothing was done: the agent had given the write up, or its node was removed since.
    Superseded {
        /// No write of this life, or of one before, is taken for certain.
        life: u64,
    },
}

impl Reply {
    /// What came of a command that is answered [`Reply::Done`] or [`Reply::Took`]: whether it took effect.
    ///
    /// # Errors
    /// The state's text, if it refused.
    pub fn settled(self) -> Result<bool, String> {
        match self {
            Reply::Done | Reply::Locked(_) => Ok(true),
            Reply::Took(took) => Ok(took),
            Reply::Refused(text) | Reply::LockLost(text) => Err(text),
            Reply::Superseded { life } => Err(format!("the write was superseded: life {life} of its agent is over")),
            Reply::Txn(_) => Err("answer of another kind".to_owned()),
        }
    }
}
