//! What the HTTP server asks of the agent behind it.

use crate::agent::local::{LocalChange, LocalError, LocalView};
use crate::agent::query::{Answer, Query, ReadMode, ReadOptions};
use crate::api::ApiError;
use crate::api::agent::{AgentSelf, Host, Member, Version};
use crate::api::metrics::Metric;
use crate::api::monitor::Monitor;
use crate::api::operator::{AutopilotState, Peer, RaftConfiguration, ServersHealth};
use crate::model::{Datacenter, Index, NodeName};
use crate::runtime::watch;
use crate::server::archives::SavedSnapshot;
use crate::server::journal::Lines;
use crate::state::{Command, Reply};
use bytes::Bytes;
use futures_util::Stream;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The running agent, as the HTTP server sees it. `dc` is the datacenter a request names; `None` is the agent's own.
///
/// A call is cancelled by dropping its future: the client went away.
pub trait Backend: Clone + Send + Sync + 'static {
    /// Answers a query. With `min_index` it waits for news, but no longer than the options and the server's bounds allow.
    fn read(&self, query: Query, options: ReadOptions) -> impl Future<Output = Result<Answered, RequestError>> + Send;

    /// Has a command committed and applied. A future that was dropped or failed with [`RequestError::Unknown`] may still have its effect.
    fn write(&self, command: Command, dc: Option<String>) -> impl Future<Output = Result<(Index, Reply), RequestError>> + Send;

    /// The RPC address of the leader, if there is one.
    fn leader(&self, dc: Option<String>) -> impl Future<Output = Result<Option<SocketAddr>, RequestError>> + Send;

    /// The RPC addresses of the servers in Raft's configuration; none without a leader.
    fn peers(&self, dc: Option<String>) -> impl Future<Output = Result<Vec<SocketAddr>, RequestError>> + Send;

    /// Raft's configuration, from the leader or from any server.
    fn raft_configuration(
        &self,
        source: Source,
        dc: Option<String>,
    ) -> impl Future<Output = Result<RaftConfiguration, RequestError>> + Send;

    /// Removes a server from Raft's configuration; [`Peer::not_found`] is the refusal when it is not in there.
    fn remove_peer(&self, peer: Peer, dc: Option<String>) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// Hands leadership to the server with this id, or to the one that is furthest.
    fn transfer_leader(&self, to: Option<String>, dc: Option<String>) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// How autopilot finds the servers.
    fn autopilot_health(&self, dc: Option<String>) -> impl Future<Output = Result<ServersHealth, RequestError>> + Send;

    /// The same in more detail.
    fn autopilot_state(&self, dc: Option<String>) -> impl Future<Output = Result<AutopilotState, RequestError>> + Send;

    /// An archive of everything acknowledged before, or of what a server happens to have.
    fn save_snapshot(&self, mode: ReadMode, dc: Option<String>) -> impl Future<Output = Result<SavedSnapshot, RequestError>> + Send;

    /// Puts the state of the archive that `body` brings in the place of the cluster's.
    fn restore_snapshot(
        &self,
        body: impl Stream<Item = Result<Bytes, String>> + Send,
        dc: Option<String>,
    ) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// The known datacenters, nearest first.
    fn datacenters(&self) -> impl Future<Output = Result<Vec<String>, RequestError>> + Send;

    /// The agent's own datacenter.
    fn datacenter(&self) -> &Datacenter;

    /// The name of the agent's node.
    fn node_name(&self) -> &NodeName;

    /// The agent's registrations as they stand.
    fn local(&self) -> Arc<LocalView> {
        self.watch_local().borrow().clone()
    }

    /// The same, for who wants to wait until a service among them changes; the checks in it may be older.
    fn watch_local(&self) -> watch::Receiver<Arc<LocalView>>;

    /// Changes the agent's registrations. What is to be kept is on disk when this returns, and the catalog was told once if that could be done.
    /// A call that was dropped may still have its effect.
    fn change_local(&self, change: LocalChange) -> impl Future<Output = Result<(), LocalError>> + Send;

    /// Reads the configuration's definitions again and goes by them from now on; the error names what is wrong, and everything stays as it was.
    fn reload(&self) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// What the agent says of itself.
    fn agent_self(&self) -> impl Future<Output = Result<AgentSelf, RequestError>> + Send;

    /// The members of a gossip pool; `None` if this agent is not in it.
    fn members(&self, pool: Pool) -> impl Future<Output = Result<Option<Vec<Member>>, RequestError>> + Send;

    /// Joins the pool that `address` (`host` or `host:port`) is in.
    fn join(&self, address: String, pool: Pool) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// Leaves gracefully; returns when that is done. The agent ends some time after.
    fn leave(&self) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// Declares a failed member to have left.
    fn force_leave(&self, node: String, pool: Pool, trace: Trace) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// The machine this agent runs on.
    fn host(&self) -> impl Future<Output = Result<Host, RequestError>> + Send;

    /// The agent's log from now on.
    fn monitor(&self, wants: Monitor) -> Result<Lines, RequestError>;

    /// The agent's version.
    fn version(&self) -> Version;

    /// Numbers of everything but the HTTP server, those of one name together.
    fn metrics(&self) -> Vec<Metric>;
}

/// A query's answer and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// What was found.
    pub answer: Answer,
    /// Whether the server that answered knows of a leader.
    pub known_leader: bool,
    /// How long ago that server heard of the leader; zero on the leader.
    pub last_contact: Duration,
    /// What the agent's own copy had to do with it.
    pub origin: Origin,
    /// How the answer is kept current for those who wait for news.
    pub means: Means,
}

/// How an answer is kept current (`X-Consul-Query-Backend`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// By a query that waits.
    BlockingQuery,
    /// By a subscription: where Consul streams, too.
    Streaming,
}

/// What an agent's own copy of the answer ([`ReadOptions::cached`]) had to do with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nothing: the servers were asked.
    Servers,
    /// The copy could have answered, but had to be fetched first.
    Fetched,
    /// The copy answered.
    Held {
        /// How long nobody has vouched for it; zero while the servers keep it current.
        age: Duration,
    },
}

/// Where an answer about the servers may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The leader.
    Leader,
    /// Any server (`stale`).
    Any,
}

/// Which gossip pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// The agents of a datacenter.
    Lan,
    /// The servers of all datacenters.
    Wan,
}

/// What stays of a member that was made to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// It is listed as left until it is reaped.
    Kept,
    /// Nothing (`prune`).
    Pruned,
}

/// Why a request was not done. The texts are those clients of Consul look for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nobody led for as long as requests are held.
    #[error("No cluster leader")]
    NoLeader,
    /// This client agent knows no server.
    #[error("No known Consul servers")]
    NoServers,
    /// The datacenter is not known.
    #[error("No path to datacenter")]
    NoPathToDatacenter,
    /// The leader could not confirm that it leads.
    #[error("Not ready to serve consistent reads")]
    NotReady,
    /// The request was sent and no answer came: it may have taken effect or not. The text says so, beginning with `rpc error making call: `.
    #[error("{0}")]
    Unknown(String),
    /// Refused with this text and status 500; `rpc error making call: ` stands before what another agent said.
    #[error("{0}")]
    Refused(String),
    /// Refused with a status of its own.
    #[error("{0}")]
    Status(#[from] ApiError),
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> ApiError {
        match error {
            RequestError::Status(error) => error,
            error @ (RequestError::NoLeader
            | RequestError::NoServers
            | RequestError::NoPathToDatacenter
            | RequestError::NotReady
            | RequestError::Unknown(_)
            | RequestError::Refused(_)) => ApiError::internal(error.to_string()),
        }
    }
}
