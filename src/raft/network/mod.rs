//! openraft's calls to other servers.

mod append;
mod rpc;
mod snapshot;

pub use rpc::{RpcPeers, Whereabouts};

use super::method;
use super::snapshot::SnapshotFile;
use super::types::{Server, Types};
use super::wire;
use crate::model::NodeId;
use crate::rpc::Method;
use crate::runtime::Runtime;
use append::{Appending, Replies};
use bytes::Bytes;
use futures_util::Stream;
use openraft::OptionalSend;
use openraft::alias::{SnapshotOf, VoteOf};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::v2::RaftNetworkV2;
use openraft::network::{RPCOption, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

/// Why a server gave no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It could not be reached; it has seen nothing.
    #[error("{0}")]
    Unreachable(String),
    /// No reply came; it may have seen the request.
    #[error("{0}")]
    Silent(String),
    /// It refused, with this text.
    #[error("{0}")]
    Refused(String),
}

/// The way to other servers: [`crate::rpc::Pool`] in an agent.
pub trait Peers: Clone + Send + Sync + 'static {
    /// Calls a procedure of the server `to`, which the configuration says is at `known`, and waits for its reply, at most as long as `patience`.
    fn call(
        &self,
        to: NodeId,
        known: SocketAddr,
        method: Method,
        body: Bytes,
        patience: Duration,
    ) -> impl Future<Output = Result<Bytes, PeerError>> + Send;
}

/// Makes openraft's clients.
pub(super) struct Network<R: Runtime, P> {
    peers: P,
    disk: R::Disk,
}

impl<R: Runtime, P: Peers> Network<R, P> {
    /// The way to other servers; this one's snapshots lie on `disk`.
    pub(super) fn new(peers: P, disk: R::Disk) -> Network<R, P> {
        Network { peers, disk }
    }
}

impl<R: Runtime, P: Peers> RaftNetworkFactory<Types<R>> for Network<R, P> {
    type Network = Peer<R, P>;

    async fn new_client(&mut self, target: NodeId, server: &Server) -> Peer<R, P> {
        Peer { id: target, addr: server.addr, peers: self.peers.clone(), disk: self.disk.clone() }
    }
}

/// The way to one server.
pub(super) struct Peer<R: Runtime, P> {
    id: NodeId,
    addr: SocketAddr,
    peers: P,
    disk: R::Disk,
}

impl<R: Runtime, P: Peers> Peer<R, P> {
    fn call<A: DeserializeOwned>(
        &self,
        method: Method,
        body: Bytes,
        patience: Duration,
    ) -> impl Future<Output = Result<A, RPCError<Types<R>>>> + Send + use<A, R, P> {
        let (peers, id, known) = (self.peers.clone(), self.id, self.addr);
        async move {
            let reply = peers.call(id, known, method, body, patience).await.map_err(rpc_error)?;
            wire::open_reply("raft reply", &reply).map_err(|e| Unreachable::new(&e).into())
        }
    }

    async fn ask<T, A>(&self, method: Method, request: &T, option: &RPCOption) -> Result<A, RPCError<Types<R>>>
    where
        T: Serialize + Sync,
        A: DeserializeOwned,
    {
        self.call(method, wire::request(self.id, request), option.soft_ttl()).await
    }
}

/// openraft backs off from a server that is unreachable and tries one that was only silent again at once, a few times.
fn rpc_error<R: Runtime>(error: PeerError) -> RPCError<Types<R>> {
    match error {
        PeerError::Unreachable(_) | PeerError::Refused(_) => Unreachable::new(&error).into(),
        PeerError::Silent(_) => NetworkError::new(&error).into(),
    }
}

impl<R: Runtime, P: Peers> RaftNetworkV2<Types<R>> for Peer<R, P> {
    type SnapshotData = SnapshotFile;

    async fn append_entries(
        &mut self,
        append: AppendEntriesRequest<Types<R>>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types<R>>, RPCError<Types<R>>> {
        self.append(append, &option).await
    }

    fn stream_append<'s, S>(&'s mut self, input: S, option: RPCOption) -> Appending<'s, R>
    where
        S: Stream<Item = AppendEntriesRequest<Types<R>>> + OptionalSend + Unpin + 'static,
    {
        let replies: Replies<'s, R> = Box::pin(append::stream(self, input, option));
        Box::pin(async move { Ok(replies) })
    }

    async fn vote(&mut self, ask: VoteRequest<Types<R>>, option: RPCOption) -> Result<VoteResponse<Types<R>>, RPCError<Types<R>>> {
        self.ask(method::VOTE, &ask, &option).await
    }

    async fn pre_vote(&mut self, ask: VoteRequest<Types<R>>, option: RPCOption) -> Result<VoteResponse<Types<R>>, RPCError<Types<R>>> {
        self.ask(method::PRE_VOTE, &ask, &option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: VoteOf<Types<R>>,
        snapshot: SnapshotOf<Types<R>, SnapshotFile>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types<R>>, StreamingError<Types<R>>> {
        let cancel = pin!(cancel);
        tokio::select! {
            biased;
            closed = cancel => Err(closed.into()),
            sent = self.send_snapshot(vote, snapshot) => sent,
        }
    }

    async fn transfer_leader(
        &mut self,
        ask: TransferLeaderRequest<Types<R>>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types<R>>, RPCError<Types<R>>> {
        self.ask(method::TRANSFER, &ask, &option).await
    }
}
