//! Other servers by way of [`crate::rpc`].

use super::{PeerError, Peers};
use crate::rpc::{CallError, Method, Pool};
use crate::runtime::Runtime;
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;

/// The way to other servers over a pool of connections, which may carry other calls too.
pub struct RpcPeers<R: Runtime>(Pool<R>);

impl<R: Runtime> RpcPeers<R> {
    /// Calls through `pool`.
    pub fn new(pool: Pool<R>) -> RpcPeers<R> {
        RpcPeers(pool)
    }
}

impl<R: Runtime> Clone for RpcPeers<R> {
    fn clone(&self) -> RpcPeers<R> {
        RpcPeers(self.0.clone())
    }
}

impl<R: Runtime> Peers for RpcPeers<R> {
    async fn call(&self, to: SocketAddr, method: Method, body: Bytes, patience: Duration) -> Result<Bytes, PeerError> {
        self.0.call(to, method, body, patience).await.map_err(|error| match error {
            CallError::NotSent(_) => PeerError::Unreachable(error.to_string()),
            CallError::Unknown(_) => PeerError::Silent(error.to_string()),
            CallError::Refused(text) => PeerError::Refused(text),
        })
    }
}
