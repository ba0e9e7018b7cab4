//! What agents ask of servers, beside Raft: one method, one enum of requests, one of responses.

use super::archives::Offer;
use crate::agent::query::{Answer, Query};
use crate::agent::views::{Ask, Told};
use crate::api::operator::{AutopilotState, Peer, RaftConfiguration, ServersHealth};
use crate::api::read::{ReadMode, ReadOptions};
use crate::model::codec::{self, CodecError};
use crate::model::{Index, NodeId, octets};
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
    /// A client agent wants the news of its views. Answered when there are any.
    Subscribe(Ask),
    /// It wants other views, while its question waits.
    ChangeSubscription(Ask),
    /// The sender, the first of `servers` by id, wants to form the first cluster of exactly these.
    Claim {
        by: NodeId,
        servers: Vec<NodeId>,
    },
    /// Whether the peer, the first of `servers` by id, still wants to form the first cluster of exactly these, or may have.
    ClaimStands {
        servers: Vec<NodeId>,
    },
    /// A client agent wants a snapshot made, to fetch it.
    SaveSnapshot {
        mode: ReadMode,
    },
    /// A part of one: the bytes from `offset`.
    SnapshotPart {
        id: u64,
        offset: u64,
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
    Told(Told),
    Refused(Refusal),
    Snapshot(Offer),
    SnapshotPart(#[serde(with = "octets")] Bytes),
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

#[cfg(test)]
mod tests {
    use super::{Answered, Operation, Peers, Refusal, Relay, Request, Response, VERSION, decode_request, decode_response, encode};
    use crate::agent::query::{Answer, Choice, Query};
    use crate::agent::views::{Ask, Batch, Changes, Lineage, News, Told, Verdict, Wanted};
    use crate::api::operator::Peer;
    use crate::api::read::{ReadMode, ReadOptions};
    use crate::model::codec::CodecError;
    use crate::model::{Key, NodeId, NodeName};
    use crate::raft::{LeaderHint, Server};
    use crate::server::archives::Offer;
    use crate::state::{Command, Reply, State};
    use std::time::Duration;

    fn query() -> Query {
        Query::KvGet { key: Key::new(b"a/b") }
    }

    fn wanted() -> Changes {
        let query = Query::HealthService { service: "web".to_owned(), choice: Choice::default() };
        Changes { add: vec![Wanted { number: 1, query, holding: None }], remove: vec![2] }
    }

    fn batch() -> Batch {
        let news = vec![News { number: 1, verdict: Verdict::Changed(vec![1, 2].into()) }, News { number: 2, verdict: Verdict::Refused }];
        Batch { session: 7, index: 9, lineage: Lineage::Same, known_leader: true, last_contact: Duration::from_millis(3), news }
    }

    fn requests() -> Vec<Request> {
        let options =
            ReadOptions { mode: ReadMode::Stale { max_age: Some(Duration::from_secs(3)) }, min_index: 7, ..ReadOptions::default() };
        vec![
            Request::Read { query: query(), options, relay: Relay::Client },
            Request::Write { command: Command::Nothing, relay: Relay::Server },
            Request::Operate { operation: Operation::RemoveServer(Peer::Address("10.0.0.1:8300".to_owned())), relay: Relay::Client },
            Request::Operate { operation: Operation::TransferLeader(None), relay: Relay::Server },
            Request::SaveSnapshot { mode: ReadMode::Default },
            Request::SnapshotPart { id: 7, offset: 1 << 40 },
            Request::Peers,
            Request::Claim { by: NodeId::from(1), servers: vec![NodeId::from(1), NodeId::from(2)] },
            Request::ClaimStands { servers: vec![NodeId::from(1)] },
            Request::Subscribe(Ask { session: Some(7), seen: 9, changes: wanted() }),
            Request::ChangeSubscription(Ask { session: None, seen: 0, changes: Changes::default() }),
        ]
    }

    fn responses() -> Vec<Response> {
        let answer: Answer = query().answer(&State::default());
        let hint = LeaderHint { id: NodeId::from(1), addr: "10.0.0.1:8300".parse().unwrap() };
        let server = Server { name: NodeName::parse("n1").unwrap(), addr: hint.addr };
        vec![
            Response::Answered(Answered { answer, known_leader: true, last_contact: Duration::from_millis(12) }),
            Response::Written { index: 9, reply: Reply::Took(true) },
            Response::Operated,
            Response::Peers(Peers { leader: Some(hint), voters: vec![(hint.id, server)], non_voters: Vec::new(), index: 4 }),
            Response::Claimed(true),
            Response::Snapshot(Offer { id: 7, bytes: 9, index: 3, known_leader: true, last_contact: Duration::ZERO }),
            Response::SnapshotPart(vec![1, 2, 3].into()),
            Response::Told(Told::Batch(batch())),
            Response::Told(Told::Behind),
            Response::Refused(Refusal::NotLeader(Some(hint))),
            Response::Refused(Refusal::Unknown("why".to_owned())),
        ]
    }

    #[test]
    fn requests_and_responses_arrive_as_they_were_sent() {
        for request in requests() {
            assert_eq!(format!("{:?}", decode_request(&encode(&request)).unwrap()), format!("{request:?}"));
        }
        for response in responses() {
            assert_eq!(format!("{:?}", decode_response(&encode(&response)).unwrap()), format!("{response:?}"));
        }
    }

    #[test]
    fn what_a_newer_release_sends_is_refused_by_version() {
        let newer = |bytes: &[u8]| [&[VERSION + 1], &bytes[1..]].concat();
        let request = decode_request(&newer(&encode(&requests()[0]))).unwrap_err();
        assert!(matches!(request, CodecError::NewerVersion { found, known, .. } if (found, known) == (VERSION + 1, VERSION)), "{request}");
        let response = decode_response(&newer(&encode(&responses()[0]))).unwrap_err();
        assert!(matches!(response, CodecError::NewerVersion { .. }), "{response}");
    }

    #[test]
    fn what_is_cut_short_or_has_something_behind_it_is_refused() {
        for request in requests() {
            let bytes = encode(&request);
            for length in 0..bytes.len() {
                assert!(decode_request(&bytes[..length]).is_err(), "{length} bytes of {request:?}");
            }
            assert!(decode_request(&[&bytes[..], &[0]].concat()).is_err(), "{request:?}");
        }
    }
}
