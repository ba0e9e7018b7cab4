//! The bodies of the calls between servers.
//!
//! Each names the server it is meant for: an address may by now belong to another.

use super::snapshot::Offer;
use super::types::{Entry, LogId, Types, Vote};
use crate::model::NodeId;
use crate::model::codec::{self, CodecError};
use crate::runtime::Runtime;
use bytes::Bytes;
use openraft::raft::AppendEntriesRequest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The newest version of these bodies.
const VERSION: u8 = 1;
/// Longest body of an append with more than one entry. One entry goes whatever its length.
pub(super) const APPEND_BYTES: usize = 2 << 20;

/// A request to one server.
#[derive(Serialize, Deserialize)]
struct To<T> {
    server: NodeId,
    request: T,
}

/// The body of a request to `server`.
pub(super) fn request<T: Serialize>(server: NodeId, request: &T) -> Bytes {
    codec::encode(VERSION, &To { server, request }).into()
}

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// Not understood.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Meant for someone else.
    #[error("this server is {me}, not {meant}")]
    NotMe {
        /// This server.
        me: NodeId,
        /// The one it was meant for.
        meant: NodeId,
    },
}

/// Reads what [`request`] wrote.
pub(super) fn open_request<T: DeserializeOwned>(me: NodeId, what: &'static str, body: &[u8]) -> Result<T, BodyError> {
    let To { server, request } = codec::decode::<To<T>>(what, VERSION, body)?;
    if server == me { Ok(request) } else { Err(BodyError::NotMe { me, meant: server }) }
}

/// The body of a reply.
pub(super) fn reply<T: Serialize>(reply: &T) -> Bytes {
    codec::encode(VERSION, reply).into()
}

/// Reads what [`reply`] wrote.
pub(super) fn open_reply<T: DeserializeOwned>(what: &'static str, body: &[u8]) -> Result<T, CodecError> {
    codec::decode(what, VERSION, body)
}

/// The body of an append, cut to the entries that fit; returns how many those are.
pub(super) fn append<R: Runtime>(server: NodeId, append: &mut AppendEntriesRequest<Types<R>>) -> Bytes {
    loop {
        let body = request(server, append);
        if body.len() <= APPEND_BYTES || append.entries.len() <= 1 {
            return body;
        }
        let fit = append.entries.len() * APPEND_BYTES / body.len();
        append.entries.truncate(fit.clamp(1, append.entries.len() - 1));
    }
}

/// A part of a snapshot. An empty one asks which part is wanted.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Part<R: Runtime> {
    /// The leader that sends it.
    pub(super) vote: Vote<R>,
    /// Which snapshot.
    pub(super) offer: Offer<R>,
    /// Where in it the part begins, in bytes.
    pub(super) offset: u64,
    /// CRC-32 of the part.
    pub(super) sum: u32,
    /// The part.
    #[serde(with = "serde_bytes")]
    pub(super) bytes: Vec<u8>,
}

/// What came of a part.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) enum PartReply<R: Runtime> {
    /// Go on at this offset.
    Wants(u64),
    /// The snapshot is in place, or the receiver is past it, or follows a newer leader: its vote tells.
    Settled(Vote<R>),
}

/// The last entry of an append, or what precedes it.
pub(super) fn last_of<R: Runtime>(append: &AppendEntriesRequest<Types<R>>) -> Option<LogId<R>> {
    append.entries.last().map(|entry: &Entry<R>| entry.log_id).or(append.prev_log_id)
}

#[cfg(test)]
mod tests {
    use super::{APPEND_BYTES, append, open_request};
    use crate::model::{Key, NodeId, Timestamp};
    use crate::raft::types::{Entry, LogId, Payload, Types, Vote};
    use crate::runtime::tokio::Tokio;
    use crate::state::{Command, Condition, KvCommand, Stamped};
    use bytes::Bytes;
    use openraft::raft::AppendEntriesRequest;
    use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

    type Append = AppendEntriesRequest<Types<Tokio>>;

    fn entry(index: u64, bytes: usize) -> Entry<Tokio> {
        let value = Bytes::from(vec![7; bytes]);
        let command = Command::Kv(KvCommand::Put { key: Key::new(b"k"), value, flags: 0, condition: Condition::Always });
        let payload = Payload::<Tokio>::Normal(Stamped { at: Timestamp::from_unix_nanos(1), command });
        Entry::<Tokio> { log_id: LogId::<Tokio>::new_term_index(1, index), payload }
    }

    fn request_of(sizes: &[usize]) -> Append {
        let entries = sizes.iter().zip(1..).map(|(bytes, index)| entry(index, *bytes)).collect();
        AppendEntriesRequest { vote: Vote::<Tokio>::new_committed(1, NodeId::from(1)), prev_log_id: None, entries, leader_commit: None }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn an_append_goes_in_bodies_of_a_bounded_size_and_none_of_it_is_lost(sizes in proptest::collection::vec(0usize..600_000, 1..40)) {
            let mut left = request_of(&sizes);
            let mut arrived = Vec::new();
            while !left.entries.is_empty() {
                let mut part = left.clone();
                let body = append(NodeId::from(2), &mut part);
                prop_assert!(body.len() <= APPEND_BYTES || part.entries.len() == 1);
                let part: Append = open_request(NodeId::from(2), "append", &body).unwrap();
                prop_assert!(!part.entries.is_empty());
                left.entries.drain(..part.entries.len());
                arrived.extend(part.entries);
            }
            prop_assert_eq!(arrived, request_of(&sizes).entries);
        }

        #[test]
        fn bytes_of_no_request_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(open_request::<Append>(NodeId::from(2), "append", &bytes).is_err());
        }
    }
}
