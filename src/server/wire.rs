//! What agents ask of servers, beside Raft: one method, one enum of requests, one of responses.

use crate::agent::query::{Answer, Query};
use crate::api::operator::{AutopilotState, Peer, RaftConfiguration, ServersHealth};
use crate::api::read::ReadOptions;
use crate::model::codec::{self, CodecError};
use crate::model::{Index, NodeId};
use crate::raft::{LeaderHint, Server};
use crate::rpc::Method;
use crate::state::{Command, Reply};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The method of all [`Request`]s.
pub(super) const AGENT: Method = Method(100);
/// The newest encoding of requests and responses.
const VERSION: u8 = 1;

/// Who passed a request on, which says how far it may still go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Relay {
    /// A client agent: any server takes it, and passes it on to the leader if it must.
    Client,
    /// A server that believes this one leads: it is answered here or refused.
    Server,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Request {
    Read {
        query: Query,
        options: ReadOptions,
        relay: Relay,
    },
    Write {
        command: Command,
        relay: Relay,
    },
    Operate {
        operation: Operation,
        relay: Relay,
    },
    /// Which servers the peer's Raft configuration holds, and who leads: answered by any server from what it knows.
    Peers,
    /// The sender, the first of `servers` by id, wants to form the first cluster of exactly these.
    Claim {
        by: NodeId,
        servers: Vec<NodeId>,
    },
    /// Whether the peer, the first of `servers` by id, still wants to form the first cluster of exactly these, or may have.
    ClaimStands {
        servers: Vec<NodeId>,
    },
}

/// What only the leader can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Operation {
    /// Takes a server out of the configuration: it leaves, or the operator says that it is gone.
    RemoveServer(Peer),
    /// Hands leadership to the server with this id, or to the one that is furthest.
    TransferLeader(Option<String>),
    /// Autopilot's judgement of every server, in short.
    Health,
    /// The same in more detail.
    State,
    /// The configuration, with how far each server is.
    Configuration,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Response {
    Answered(Answered),
    Written { index: Index, reply: Reply },
    Operated,
    Health(ServersHealth),
    State(AutopilotState),
    Configuration(RaftConfiguration),
    Peers(Peers),
    Claimed(bool),
    Refused(Refusal),
}

/// An answer and what the answering server knew of its own currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// What was found.
    pub answer: Answer,
    /// Whether the server knows a leader.
    pub known_leader: bool,
    /// How long ago the server last heard from the leader; zero on the leader itself.
    pub last_contact: Duration,
}

/// The servers of the Raft configuration, as one of them knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Peers {
    pub leader: Option<LeaderHint>,
    pub voters: Vec<(NodeId, Server)>,
    pub non_voters: Vec<(NodeId, Server)>,
    /// The entry that set the configuration.
    pub index: Index,
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// The server asked does not lead; certainly not carried out.
    #[error("No cluster leader")]
    NotLeader(Option<LeaderHint>),
    /// No leader could be found, or none that hears a quorum, in time; certainly not carried out.
    #[error("No cluster leader")]
    NoLeader,
    /// This agent knows no server that is alive.
    #[error("No known Consul servers")]
    NoServers,
    /// The datacenter is not one this agent can reach.
    #[error("No path to datacenter")]
    NoPath,
    /// A bound was reached; certainly not carried out.
    #[error("{0}")]
    Full(String),
    /// It may or may not have been carried out.
    #[error("{0}")]
    Unknown(String),
    /// Refused for good.
    #[error("{0}")]
    Refused(String),
}

pub(super) fn encode<T: Serialize>(message: &T) -> Bytes {
    codec::encode(VERSION, message).into()
}

pub(super) fn decode_request(body: &[u8]) -> Result<Request, CodecError> {
    codec::decode("agent request", VERSION, body)
}

pub(super) fn decode_response(body: &[u8]) -> Result<Response, CodecError> {
    codec::decode("agent response", VERSION, body)
}
