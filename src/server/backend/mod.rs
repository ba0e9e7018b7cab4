//! The agent behind the HTTP server.

mod identity;
mod members;

use super::Agent;
use super::requests::{Repeat, Step, Target, strange};
use super::wire::{Operation, Peers, Refusal, Request, Response};
use crate::agent::local::{LocalChange, LocalError, LocalView};
use crate::agent::query::Query;
use crate::api::agent::{AgentSelf, Host, Member, Version};
use crate::api::metrics::Metric;
use crate::api::monitor::Monitor;
use crate::api::operator::{AutopilotState, Peer, RaftConfiguration, RaftServer, ServersHealth};
use crate::api::read::{ReadMode, ReadOptions};
use crate::model::{Datacenter, Index, NodeName};
use crate::runtime::{Runtime, watch};
use crate::server::archives::SavedSnapshot;
use crate::server::http::{Answered, Backend, Pool, RequestError, Source, Trace};
use crate::server::journal::Lines;
use crate::state::{Command, Reply};
use bytes::Bytes;
use futures_util::Stream;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Builds repeat byte for byte, so they do not know their date. Clients parse one: this is what a Consul says that does not know it.
const BUILD_DATE: &str = "1970-01-01T00:00:01Z";

/// Patience with a server asked for what it knows itself.
const ASK: Duration = Duration::from_secs(2);

impl<R: Runtime> Backend for Agent<R> {
    async fn read(&self, query: Query, options: ReadOptions) -> Result<Answered, RequestError> {
        Ok(self.read_for_client(query, options).await?)
    }

    async fn write(&self, command: Command, dc: Option<String>) -> Result<(Index, Reply), RequestError> {
        self.check_datacenter(dc.as_deref())?;
        let (index, reply) = Agent::write(self, command, None).await?;
        self.0.copies.saw(index);
        Ok((index, reply))
    }

    async fn leader(&self, dc: Option<String>) -> Result<Option<SocketAddr>, RequestError> {
        Ok(self.peers_anywhere(dc).await?.leader.map(|leader| leader.addr))
    }

    async fn peers(&self, dc: Option<String>) -> Result<Vec<SocketAddr>, RequestError> {
        let peers = self.peers_anywhere(dc).await?;
        let known = peers.leader.is_some();
        Ok(peers.voters.into_iter().chain(peers.non_voters).filter(|_| known).map(|(_, server)| server.addr).collect())
    }

    async fn raft_configuration(&self, source: Source, dc: Option<String>) -> Result<RaftConfiguration, RequestError> {
        self.check_datacenter(dc.as_deref())?;
        if let (Source::Any, Some(raft)) = (source, self.raft()) {
            return Ok(self.raft_configuration_here(raft));
        }
        if source == Source::Any {
            return Ok(shown_configuration(self.peers_anywhere(dc).await?));
        }
        match self.operate(Operation::Configuration, None).await? {
            Response::Configuration(configuration) => Ok(configuration),
            other => Err(unlike(&other)),
        }
    }

    async fn remove_peer(&self, peer: Peer, dc: Option<String>) -> Result<(), RequestError> {
        self.check_datacenter(dc.as_deref())?;
        Ok(self.operate(Operation::RemoveServer(peer), None).await.map(drop)?)
    }

    async fn transfer_leader(&self, to: Option<String>, dc: Option<String>) -> Result<(), RequestError> {
        self.check_datacenter(dc.as_deref())?;
        Ok(self.operate(Operation::TransferLeader(to), None).await.map(drop)?)
    }

    async fn autopilot_health(&self, dc: Option<String>) -> Result<ServersHealth, RequestError> {
        self.check_datacenter(dc.as_deref())?;
        match self.operate(Operation::Health, None).await? {
            Response::Health(health) => Ok(health),
            other => Err(unlike(&other)),
        }
    }

    async fn autopilot_state(&self, dc: Option<String>) -> Result<AutopilotState, RequestError> {
        self.check_datacenter(dc.as_deref())?;
        match self.operate(Operation::State, None).await? {
            Response::State(state) => Ok(state),
            other => Err(unlike(&other)),
        }
    }

    async fn save_snapshot(&self, mode: ReadMode, dc: Option<String>) -> Result<SavedSnapshot, RequestError> {
        self.check_datacenter(dc.as_deref())?;
        Ok(Agent::save_snapshot(self, mode).await?)
    }

    async fn restore_snapshot(
        &self,
        body: impl Stream<Item = Result<Bytes, String>> + Send,
        dc: Option<String>,
    ) -> Result<(), RequestError> {
        self.check_datacenter(dc.as_deref())?;
        Ok(Agent::restore_snapshot(self, body).await?)
    }

    async fn datacenters(&self) -> Result<Vec<String>, RequestError> {
        Ok(vec![self.config().datacenter.to_string()])
    }

    fn datacenter(&self) -> &Datacenter {
        &self.config().datacenter
    }

    fn node_name(&self) -> &NodeName {
        &self.config().node_name
    }

    fn local(&self) -> Arc<LocalView> {
        Agent::local(self).view()
    }

    fn watch_local(&self) -> watch::Receiver<Arc<LocalView>> {
        Agent::local(self).watch()
    }

    async fn change_local(&self, change: LocalChange) -> Result<(), LocalError> {
        Agent::local(self).change(change).await
    }

    async fn reload(&self) -> Result<(), RequestError> {
        Agent::reload(self).await.map_err(|e| RequestError::Refused(e.to_string()))
    }

    async fn agent_self(&self) -> Result<AgentSelf, RequestError> {
        Ok(self.describe())
    }

    async fn members(&self, pool: Pool) -> Result<Option<Vec<Member>>, RequestError> {
        Ok(self.members_of(pool))
    }

    async fn join(&self, address: String, pool: Pool) -> Result<(), RequestError> {
        let joined = match pool {
            Pool::Lan => self.join_lan(&[address]).await,
            Pool::Wan => self.join_wan(&[address]).await,
        };
        joined.map(drop).map_err(|e| RequestError::Refused(e.to_string()))
    }

    async fn leave(&self) -> Result<(), RequestError> {
        self.begin_leave().await;
        Ok(())
    }

    async fn force_leave(&self, node: String, pool: Pool, trace: Trace) -> Result<(), RequestError> {
        self.declare_left(&node, pool, trace).await.map_err(RequestError::Refused)
    }

    async fn host(&self) -> Result<Host, RequestError> {
        Ok((self.0.surroundings.host)())
    }

    fn monitor(&self, wants: Monitor) -> Result<Lines, RequestError> {
        self.0.surroundings.log.read(wants).map_err(|e| RequestError::Refused(e.to_string()))
    }

    fn version(&self) -> Version {
        Version {
            sha: String::new(),
            build_date: BUILD_DATE.to_owned(),
            human_version: crate::CONSUL_VERSION.to_owned(),
            fips: String::new(),
        }
    }

    fn metrics(&self) -> Vec<Metric> {
        self.gauges()
    }
}

impl<R: Runtime> Agent<R> {
    /// The servers as this one knows them, or as any server tells a client agent.
    async fn peers_anywhere(&self, dc: Option<String>) -> Result<Peers, Refusal> {
        self.check_datacenter(dc.as_deref())?;
        match self.route_to_any()? {
            Target::Here(_) => Ok(self.peers_here()),
            Target::There { addr, .. } => match self.ask(addr, &Request::Peers, Repeat::Always, ASK).await {
                Step::Done(Ok(Response::Peers(peers))) => Ok(peers),
                Step::Done(Ok(other)) => match strange::<Peers>(&other) {
                    Step::Done(done) => done,
                    Step::Again => Err(Refusal::NoServers),
                },
                Step::Done(Err(refusal)) => Err(refusal),
                Step::Again => Err(Refusal::NoServers),
            },
            Target::Nobody => Ok(Peers::default()),
        }
    }
}

/// The configuration as a server that need not lead knows it: how far the others are, only the leader can tell.
fn shown_configuration(peers: Peers) -> RaftConfiguration {
    let leader = peers.leader.map(|leader| leader.id);
    let voters = peers.voters.into_iter().map(|server| (server, true));
    let servers = voters.chain(peers.non_voters.into_iter().map(|server| (server, false))).map(|((id, server), voter)| RaftServer {
        id: id.to_string(),
        node: server.name.to_string(),
        address: server.addr.to_string(),
        leader: leader == Some(id),
        protocol_version: "3".to_owned(),
        voter,
        last_index: None,
    });
    RaftConfiguration { servers: servers.collect(), index: peers.index }
}

fn unlike(response: &Response) -> RequestError {
    tracing::error!(?response, "a server answered with a response of another kind");
    RequestError::Unknown("response of another kind".to_owned())
}

impl From<Refusal> for RequestError {
    fn from(refusal: Refusal) -> RequestError {
        match refusal {
            Refusal::NotLeader(_) | Refusal::NoLeader => RequestError::NoLeader,
            Refusal::NoServers => RequestError::NoServers,
            Refusal::NoPath => RequestError::NoPathToDatacenter,
            Refusal::Full(text) | Refusal::Unknown(text) | Refusal::Refused(text) => RequestError::Refused(text),
        }
    }
}
