//! What the machine is told and what it decides.

use crate::agent::local::{LocalView, Touched};
use crate::agent::query::WholeNode;
use crate::model::NodeId;
use crate::state::nodes::NodeSpec;
use crate::state::{CatalogCommand, WriteOrder};
use std::sync::Arc;
use std::time::Duration;

/// One write. Grows; none has the number of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Write(pub u64);

/// One fetch. Grows; none has the number of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fetch(pub u64);

/// What the machine is made of.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The agent's identity.
    pub id: NodeId,
    /// How often it has been started with this identity, counted from 1: what orders its writes over restarts. Too low a number (of a data directory
    /// that was restored) is put right by the first answer.
    pub life: u64,
    /// The agent's node as the catalog should have it.
    pub node: NodeSpec,
    /// How long a change of a check's output alone may wait (`check_update_interval`); zero tells the catalog at once.
    pub check_update_interval: Duration,
    /// Seed of all the machine's chance.
    pub seed: u64,
}

/// What can happen to the machine.
#[derive(Debug, Clone)]
pub enum Input {
    /// The agent's registrations are these now.
    Local {
        /// All of them.
        view: LocalView,
        /// What is new about them.
        touched: Vec<Touched>,
    },
    /// The agent's node is to be so in the catalog now.
    Node(NodeSpec),
    /// What the catalog has of the node; `None` if it has no such node. One of an earlier fetch has no effect.
    Fetched {
        /// Which fetch found it.
        fetch: Fetch,
        /// What was found.
        found: Option<WholeNode>,
    },
    /// The catalog could not be read.
    FetchFailed(Fetch),
    /// A write is over. One that is not under way has no effect.
    Written {
        /// Which.
        write: Write,
        /// What came of it.
        outcome: Outcome,
    },
    /// So many members are alive in the pool.
    Members(usize),
    /// A server can be reached again, or there is a leader again.
    ServerFound,
}

/// What came of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has taken effect.
    Done,
    /// It was understood and not wanted; trying again at once is no use.
    Refused(String),
    /// It was not done: no write of this life is taken any more ([`crate::state::Reply::Superseded`]). What was wanted is written again.
    Superseded {
        /// The life that is over.
        life: u64,
    },
    /// Nobody knows, or there was nobody to ask: it may have taken effect, or may yet.
    Unknown,
}

/// What the machine decides.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all outputs are writes, at most a handful at once")]
pub enum Output {
    /// Ask the catalog for everything it has of the node ([`crate::agent::query::Query::WholeNode`], not stale), and report [`Input::Fetched`] or [`Input::FetchFailed`].
    Fetch(Fetch),
    /// Write this, and report [`Input::Written`]. Never more than [`super::MAX_UNDER_WAY`] and a barrier at once, and never two about the same thing.
    Write {
        /// Which write.
        write: Write,
        /// Its place among the agent's writes.
        order: WriteOrder,
        /// What is written.
        command: CatalogCommand,
        /// The token it uses; empty for the agent's.
        token: String,
    },
    /// The catalog decides about a service's tags, and they are these ([`crate::agent::local::Local::take_tags`]).
    TakeTags {
        /// Which service.
        service: Arc<str>,
        /// Its tags.
        tags: Vec<String>,
    },
    /// A write was refused; to be logged. Said once for each reason. It is tried again by the next full sync.
    Refused {
        /// What was to be written.
        subject: Subject,
        /// Why not.
        reason: String,
    },
}

/// What a write is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The node itself.
    Node,
    /// A service.
    Service(Arc<str>),
    /// A check.
    Check(Arc<str>),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::Node => f.write_str("the node"),
            Subject::Service(id) => write!(f, "service {id:?}"),
            Subject::Check(id) => write!(f, "check {id:?}"),
        }
    }
}
