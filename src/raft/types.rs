//! What openraft's type parameters are here.

use super::async_runtime::RaftRuntime;
use crate::model::{NodeId, NodeName};
use crate::state::{Reply, Stamped};
use openraft::alias;
use openraft::raft::responder::Responder;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// A server as the replicated membership knows it, beside its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its node name.
    pub name: NodeName,
    /// Where its RPC listens, as other agents reach it.
    pub addr: SocketAddr,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.addr)
    }
}

/// openraft configured for an agent: a server's id is its node's id, terms have one leader each (Raft, section 5.2), an entry is a [`Stamped`]
/// command and the state's answer a [`Reply`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Types<R>(PhantomData<R>);

impl<R: crate::runtime::Runtime> openraft::RaftTypeConfig for Types<R> {
    type D = Stamped;
    type R = Reply;
    type NodeId = NodeId;
    type Node = Server;
    type Term = u64;
    type LeaderId = openraft::impls::leader_id_std::LeaderId<u64, NodeId>;
    type Vote = openraft::impls::Vote<Self::LeaderId>;
    type Payload = openraft::EntryPayload<Stamped, NodeId, Server>;
    type Entry = openraft::impls::Entry<<Self::LeaderId as openraft::vote::RaftLeaderId>::Committed, Self::Payload>;
    type AsyncRuntime = RaftRuntime<R>;
    type Responder<T>
        = Answer<T>
    where
        T: openraft::OptionalSend + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: openraft::OptionalSend + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

/// Where the outcome of a proposal goes, and its place among those under way. Nobody waiting for it any more is no error.
pub struct Answer<T> {
    outcome: oneshot::Sender<T>,
    _place: OwnedSemaphorePermit,
}

impl<T> Answer<T> {
    pub(super) fn new(outcome: oneshot::Sender<T>, place: OwnedSemaphorePermit) -> Answer<T> {
        Answer { outcome, _place: place }
    }
}

impl<R: crate::runtime::Runtime, T: Send + 'static> Responder<Types<R>, T> for Answer<T> {
    fn on_complete(self, outcome: T) {
        let _ = self.outcome.send(outcome);
    }
}

/// A log entry: a command, a membership, or nothing (the first of a term).
pub type Entry<R> = alias::EntryOf<Types<R>>;
/// What a log entry holds.
pub type Payload<R> = alias::PayloadOf<Types<R>>;
/// An entry's term and index.
pub type LogId<R> = alias::LogIdOf<Types<R>>;
/// Whom a server voted for, or which leader it follows.
pub type Vote<R> = alias::VoteOf<Types<R>>;
/// The voters and non-voters of one configuration entry.
pub type Membership = openraft::Membership<NodeId, Server>;
/// A configuration and the entry that set it.
pub type StoredMembership<R> = alias::StoredMembershipOf<Types<R>>;
/// What a snapshot covers.
pub type SnapshotMeta<R> = alias::SnapshotMetaOf<Types<R>>;

impl fmt::Display for Stamped {
    /// For logs: never the values, which may be secret or large.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command stamped {}", self.at.as_unix_nanos())
    }
}
