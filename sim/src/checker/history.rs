//! What clients did and what they were told.

use muster::model::Index;
use std::sync::Arc;

/// Virtual time since the start of the run, in nanoseconds. True time: no client's clock.
pub type Nanos = u64;

/// How fresh a read had to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Linearizable under the leader's lease.
    Default,
    /// Linearizable after a round to a quorum.
    Consistent,
    /// Whatever the asked server has; not part of any linearizability claim.
    Stale,
}

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Write a value.
    Put {
        /// The value; within one history each value is best written once.
        value: Arc<str>,
    },
    /// Write a value if the key's `ModifyIndex` is `expect`; 0: if there is no such key.
    Cas {
        /// The value.
        value: Arc<str>,
        /// The index asked for.
        expect: Index,
    },
    /// Read the key.
    Get {
        /// How fresh.
        mode: Mode,
    },
    /// Remove the key.
    Delete,
    /// Remove the key if its `ModifyIndex` is `expect`.
    DeleteCas {
        /// The index asked for.
        expect: Index,
    },
}

impl Action {
    /// Whether it may change the state.
    pub fn writes(&self) -> bool {
        match self {
            Action::Put { .. } | Action::Cas { .. } | Action::Delete | Action::DeleteCas { .. } => true,
            Action::Get { .. } => false,
        }
    }

    /// The value it writes, if it writes one.
    pub fn value(&self) -> Option<&Arc<str>> {
        match self {
            Action::Put { value } | Action::Cas { value, .. } => Some(value),
            Action::Get { .. } | Action::Delete | Action::DeleteCas { .. } => None,
        }
    }
}

/// An entry as a read showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The value.
    pub value: Arc<str>,
    /// `ModifyIndex`.
    pub modify: Index,
    /// `CreateIndex`.
    pub create: Index,
}

/// What the answer's headers said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Headers {
    /// `X-Consul-Index`; 0 if there was none.
    pub index: Index,
    /// `X-Consul-Lastcontact`, in milliseconds.
    pub last_contact_ms: Option<u64>,
    /// `X-Consul-Knownleader`.
    pub known_leader: Option<bool>,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A write was answered.
    Wrote {
        /// When the answer arrived.
        at: Nanos,
        /// Whether it says that the write took effect.
        took: bool,
    },
    /// A read was answered.
    Read {
        /// When the answer arrived.
        at: Nanos,
        /// The entry, `None` if there was no such key.
        found: Option<Found>,
        /// The answer's headers.
        headers: Headers,
    },
    /// It certainly did not happen and never will.
    Failed,
    /// It may have happened, may happen later, or never.
    Unknown,
}

/// One request of one client about one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Who asked. A client has one request under way at a time.
    pub client: u32,
    /// The agent that was asked.
    pub asked: Arc<str>,
    /// The key.
    pub key: Arc<str>,
    /// The request.
    pub action: Action,
    /// When it was sent.
    pub invoked: Nanos,
    /// How it ended.
    pub outcome: Outcome,
}

impl Operation {
    /// When it was answered; `None` if it never was.
    pub fn returned(&self) -> Option<Nanos> {
        match self.outcome {
            Outcome::Wrote { at, .. } | Outcome::Read { at, .. } => Some(at),
            Outcome::Failed | Outcome::Unknown => None,
        }
    }

    /// Whether linearizability is claimed for it: everything but stale reads.
    pub fn is_linearizable(&self) -> bool {
        !matches!(self.action, Action::Get { mode: Mode::Stale })
    }
}

/// Everything that clients did in one run, in no particular order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The operations.
    pub operations: Vec<Operation>,
}
