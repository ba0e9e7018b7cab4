//! What agents and servers say to each other about views.

use super::Holding;
use crate::agent::query::Query;
use crate::model::{Index, octets};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An agent asks for the next batch, and confirms the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Its subscription; `None` begins one.
    pub session: Option<u64>,
    /// Nothing older than this may be sent: clients of the agent have seen it.
    pub seen: Index,
    /// What else it wants, or no longer.
    pub changes: Changes,
}

/// What an agent wants, or no longer wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// New views.
    pub add: Vec<Wanted>,
    /// Numbers of views it has dropped.
    pub remove: Vec<u64>,
}

impl Changes {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

/// A view an agent wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// What deltas will call it, chosen by the agent and used once in a subscription.
    pub number: u64,
    /// What it shows.
    pub query: Query,
    /// What the agent holds of it.
    pub holding: Option<Holding>,
}

/// What a server says to an [`Ask`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Told {
    /// News, or that there are none.
    Batch(Batch),
    /// It does not know the subscription, or no longer: the agent begins another.
    Unknown,
    /// It has not applied what the agent has seen, and does not know whether anybody has: the agent asks another.
    Behind,
    /// It holds as many subscriptions as it can, or none at all: the agent asks another.
    Full,
}

/// What has changed about an agent's views.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The subscription.
    pub session: u64,
    /// The newest index of the server's state that anything in here shows.
    pub index: Index,
    /// Whether the history is the one the agent has seen.
    pub lineage: Lineage,
    /// Whether the server knows a leader.
    pub known_leader: bool,
    /// How long ago it heard from the leader; zero on the leader.
    pub last_contact: Duration,
    /// At most one for each view.
    pub news: Vec<News>,
}

/// Whether a server's history is the one an agent has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lineage {
    /// It goes on.
    Same,
    /// The cluster began anew, and its indexes with it.
    Anew,
}

/// What became of one view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// Which.
    pub number: u64,
    /// What.
    pub verdict: Verdict,
}

/// What a server has to say of a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It changed: an encoded [`Delta`](super::Delta), the same bytes for everyone who holds the same.
    Changed(#[serde(with = "octets")] Bytes),
    /// It is not served, here or not to this agent: too many, or of a kind that no view is.
    Refused,
}
