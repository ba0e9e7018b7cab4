//! What can be done to the replicated state. These shapes are written to the log and travel between agents.

use super::autopilot::AutopilotSettings;
use super::checks::CheckSpec;
use super::nodes::NodeSpec;
use crate::model::{Index, Key, NodeId, NodeName, ServiceSpec, Timestamp, octets};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A command and the leader's wall clock when it was proposed: the only time the state ever learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// When the leader proposed it.
    pub at: Timestamp,
    /// What to do.
    pub command: Command,
}

/// One change to the replicated state.
#[expect(clippy::large_enum_variant, reason = "a command is moved a few times on its way to the disk, which costs far more")]
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

/// A change to the KV store. All but reaping are answered [`Reply::Took`].
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
}
