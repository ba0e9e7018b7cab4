//! What only the leader can do for an operator.

use super::Agent;
use super::hold::Hold;
use super::requests::{Repeat, Step, Target, strange};
use super::wire::{Operation, Refusal, Relay, Request, Response};
use crate::api::operator::{Peer, RaftConfiguration, RaftServer};
use crate::model::NodeId;
use crate::raft::{ChangeError, Raft, Suffrage, TransferError};
use crate::runtime::Runtime;

impl<R: Runtime> Agent<R> {
    /// Has the leader carry `operation` out.
    pub(super) async fn operate(&self, operation: Operation, relay: Option<Relay>) -> Result<Response, Refusal> {
        let mut hold = Hold::new::<R>(self.config().rpc_hold_timeout);
        loop {
            let step = match self.route_to_leader(relay)? {
                Target::Here(raft) => self.operate_here(raft, &operation).await,
                Target::There { addr, relay } => {
                    let request = Request::Operate { operation: operation.clone(), relay };
                    self.ask(addr, &request, Repeat::OnlyIfNotSent, self.config().rpc_hold_timeout * 2).await
                }
                Target::Nobody => Step::Again,
            };
            match step {
                Step::Done(Ok(
                    other @ (Response::Answered(_)
                    | Response::Written { .. }
                    | Response::Peers(_)
                    | Response::Claimed(_)
                    | Response::Snapshot(_)
                    | Response::SnapshotPart(_)),
                )) => {
                    return match strange(&other) {
                        Step::Done(done) => done,
                        Step::Again => Err(Refusal::NoLeader),
                    };
                }
                Step::Done(done) => return done,
                Step::Again => self.hold(&mut hold).await?,
            }
        }
    }

    async fn operate_here(&self, raft: &Raft<R>, operation: &Operation) -> Step<Response> {
        match operation {
            Operation::RemoveServer(peer) => match find(raft, peer) {
                Some(id) => settle(raft.remove_server(id).await.map(drop)),
                None => Step::refused(Refusal::Refused(peer.not_found())),
            },
            Operation::TransferLeader(target) => transfer(raft, target.as_deref()).await,
            Operation::Configuration => Step::Done(Ok(Response::Configuration(self.raft_configuration_here(raft)))),
            Operation::Health => Step::Done(Ok(Response::Health(self.servers_health()))),
            Operation::State => match self.autopilot_state() {
                Some(state) => Step::Done(Ok(Response::State(state))),
                // It has not looked yet.
                None => Step::Again,
            },
        }
    }

    /// Raft's configuration as this server knows it, in the order of ids.
    pub(super) fn raft_configuration_here(&self, raft: &Raft<R>) -> RaftConfiguration {
        let (configuration, leader, peers) = (raft.configuration(), self.known_leader(raft), raft.peers());
        let last_own = raft.stats().last_log_index;
        let servers = configuration.servers.iter().map(|(id, configured)| RaftServer {
            id: id.to_string(),
            node: configured.server.name.to_string(),
            address: configured.server.addr.to_string(),
            leader: leader.is_some_and(|leader| leader.id == *id),
            protocol_version: "3".to_owned(),
            voter: configured.suffrage == Suffrage::Voter,
            last_index: if *id == raft.id() { Some(last_own) } else { peers.get(id).and_then(|peer| peer.matched) },
        });
        RaftConfiguration { servers: servers.collect(), index: configuration.index }
    }
}

/// The server an operator means.
fn find<R: Runtime>(raft: &Raft<R>, peer: &Peer) -> Option<NodeId> {
    let configuration = raft.configuration();
    let mut servers = configuration.servers.iter();
    match peer {
        Peer::Id(text) => NodeId::parse(text).ok().filter(|id| configuration.servers.contains_key(id)),
        Peer::Address(text) => servers.find(|(_, known)| known.server.addr.to_string() == *text).map(|(id, _)| *id),
    }
}

async fn transfer<R: Runtime>(raft: &Raft<R>, target: Option<&str>) -> Step<Response> {
    let target = match target.map(NodeId::parse) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(e)) => return Step::refused(Refusal::Refused(e.to_string())),
    };
    match raft.transfer_leadership(target).await {
        Ok(_) => Step::Done(Ok(Response::Operated)),
        Err(TransferError::NotLeader { .. }) => Step::Again,
        Err(e @ (TransferError::NoCandidate | TransferError::TimedOut { .. } | TransferError::Stopped(_))) => {
            Step::refused(Refusal::Refused(e.to_string()))
        }
    }
}

fn settle(changed: Result<(), ChangeError>) -> Step<Response> {
    match changed {
        Ok(()) => Step::Done(Ok(Response::Operated)),
        Err(ChangeError::NotLeader { .. } | ChangeError::Unsettled | ChangeError::InProgress { .. }) => Step::Again,
        Err(ChangeError::Unknown) => Step::refused(Refusal::Unknown(ChangeError::Unknown.to_string())),
        Err(e @ (ChangeError::NoSuchServer { .. } | ChangeError::Refused(_) | ChangeError::Stopped(_))) => {
            Step::refused(Refusal::Refused(e.to_string()))
        }
    }
}
