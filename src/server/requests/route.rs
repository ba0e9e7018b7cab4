//! Who carries a request out.

use crate::model::NodeId;
use crate::raft::{LeaderHint, Raft};
use crate::runtime::Runtime;
use crate::server::Agent;
use crate::server::wire::{Refusal, Relay};
use std::net::SocketAddr;

/// Where a request goes next.
pub(in crate::server) enum Target<'a, R: Runtime> {
    /// This server carries it out.
    Here(&'a Raft<R>),
    /// Another does.
    There {
        /// Its RPC.
        addr: SocketAddr,
        /// How it is told to take it.
        relay: Relay,
    },
    /// Nobody known leads; that passes.
    Nobody,
}

impl<R: Runtime> Agent<R> {
    /// Who carries out what only the leader can. `relay` is how the request came here, `None` if from a client of this agent.
    pub(in crate::server) fn route_to_leader(&self, relay: Option<Relay>) -> Result<Target<'_, R>, Refusal> {
        let Some(raft) = self.raft() else { return self.route_to_any() };
        let leadership = raft.leadership();
        if leadership.is_us() {
            return Ok(Target::Here(raft));
        }
        match (relay, leadership.leader) {
            (Some(Relay::Server), hint) => Err(Refusal::NotLeader(hint)),
            (Some(Relay::Client) | None, Some(leader)) => {
                let addr = self.address_of(leader.id).unwrap_or(leader.addr);
                Ok(Target::There { addr, relay: Relay::Server })
            }
            (Some(Relay::Client) | None, None) => Ok(Target::Nobody),
        }
    }

    /// Who carries out what any server can: this one, or for a client agent the one it keeps to. None but the dead is refused at once, as with Consul: to
    /// wait for them would only hold up what a client does instead.
    pub(in crate::server) fn route_to_any(&self) -> Result<Target<'_, R>, Refusal> {
        match self.raft() {
            Some(raft) => Ok(Target::Here(raft)),
            None => {
                let server = self.directory().to_ask().ok_or(Refusal::NoServers)?;
                Ok(Target::There { addr: server.addr, relay: Relay::Client })
            }
        }
    }

    /// The leader, if this server has heard of it lately. Without a majority nobody is elected, so the last leader is never replaced, and one that
    /// was cut off goes on believing that it leads: who has been silent for so long is known no more.
    pub(in crate::server) fn known_leader(&self, raft: &Raft<R>) -> Option<LeaderHint> {
        let silence = self.config().raft.election_timeout().1 * 2;
        raft.leadership().leader.filter(|_| raft.last_contact().is_some_and(|age| age <= silence))
    }

    /// Where gossip says that server is now; a server may come back with another address than the configuration has.
    fn address_of(&self, id: NodeId) -> Option<SocketAddr> {
        self.directory().find(id).map(|server| server.addr)
    }

    /// A call to `addr` did not come through: client agents turn to another server.
    pub(in crate::server) fn distrust(&self, addr: SocketAddr) {
        self.directory().distrust(addr);
    }
}
