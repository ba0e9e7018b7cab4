//! What other agents ask of this one.

use super::Agent;
use super::wire::{self, Peers, Request, Response};
use crate::raft::{Suffrage, method};
use crate::rpc::{Handler, Method};
use crate::runtime::Runtime;
use bytes::Bytes;
use std::net::SocketAddr;

impl<R: Runtime> Handler for Agent<R> {
    async fn handle(&self, _peer: SocketAddr, asked: Method, body: Bytes) -> Result<Bytes, String> {
        match asked {
            wire::AGENT => {
                let request = wire::decode_request(&body).map_err(|e| e.to_string())?;
                Ok(wire::encode(&self.respond(request).await))
            }
            method::APPEND | method::VOTE | method::PRE_VOTE | method::SNAPSHOT | method::TRANSFER => match self.raft() {
                Some(raft) => raft.handle_rpc(asked, body).await,
                None => Err("not a server".to_owned()),
            },
            Method(number) => Err(format!("method {number} is unknown to this release")),
        }
    }
}

impl<R: Runtime> Agent<R> {
    async fn respond(&self, request: Request) -> Response {
        let outcome = match request {
            Request::Read { query, options, relay } => self.read(&query, &options, Some(relay)).await.map(Response::Answered),
            Request::Write { command, relay } => {
                let written = self.write(command, Some(relay)).await;
                written.map(|(index, reply)| Response::Written { index, reply })
            }
            Request::Operate { operation, relay } => self.operate(operation, Some(relay)).await,
            Request::Subscribe(ask) => Ok(Response::Told(self.publish(ask).await)),
            Request::ChangeSubscription(ask) => Ok(self.change_subscription(ask).await),
            Request::SaveSnapshot { mode } => Box::pin(self.offer_snapshot(mode)).await,
            Request::SnapshotPart { id, offset } => self.snapshot_part(id, offset),
            Request::Peers => Ok(Response::Peers(self.peers_here())),
            Request::ClaimStands { servers } => Ok(Response::Claimed(self.claim_stands(&servers).await)),
            Request::Claim { by, servers } => Ok(Response::Claimed(self.grant_claim(by, &servers).await)),
        };
        outcome.unwrap_or_else(Response::Refused)
    }

    /// The Raft configuration as this server knows it.
    pub(super) fn peers_here(&self) -> Peers {
        let Some(raft) = self.raft() else { return Peers::default() };
        let configuration = raft.configuration();
        let mut peers = Peers { leader: self.known_leader(raft), index: configuration.index, ..Peers::default() };
        for (id, configured) in configuration.servers {
            match configured.suffrage {
                Suffrage::Voter => peers.voters.push((id, configured.server)),
                Suffrage::NonVoter => peers.non_voters.push((id, configured.server)),
            }
        }
        peers
    }
}
