//! Other servers by way of [`crate::rpc`].

use super::{PeerError, Peers};
use crate::model::NodeId;
use crate::rpc::{CallError, Method, Pool};
use crate::runtime::Runtime;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Where a server is now, if that is known better than from the configuration.
pub type Whereabouts = Arc<dyn Fn(NodeId) -> Option<SocketAddr> + Send + Sync>;

/// The way to other servers over a pool of connections, which may carry other calls too.
///
/// A server is its id and not its address: when all of a cluster come back with new addresses, the configuration still has the old ones, and
/// to correct it they must first elect.
pub struct RpcPeers<R: Runtime> {
    pool: Pool<R>,
    whereabouts: Whereabouts,
}

impl<R: Runtime> RpcPeers<R> {
    /// Calls through `pool`, each server where `whereabouts` finds it, else where the configuration says.
    pub fn new(pool: Pool<R>, whereabouts: Whereabouts) -> RpcPeers<R> {
        RpcPeers { pool, whereabouts }
    }
}

impl<R: Runtime> Clone for RpcPeers<R> {
    fn clone(&self) -> RpcPeers<R> {
        RpcPeers { pool: self.pool.clone(), whereabouts: self.whereabouts.clone() }
    }
}

impl<R: Runtime> Peers for RpcPeers<R> {
    async fn call(&self, to: NodeId, known: SocketAddr, method: Method, body: Bytes, patience: Duration) -> Result<Bytes, PeerError> {
        let addr = (self.whereabouts)(to).unwrap_or(known);
        self.pool.call(addr, method, body, patience).await.map_err(|error| match error {
            CallError::NotSent(_) => PeerError::Unreachable(error.to_string()),
            CallError::Unknown(_) => PeerError::Silent(error.to_string()),
            CallError::Refused(text) => PeerError::Refused(text),
        })
    }
}
