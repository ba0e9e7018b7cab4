//! What the leader can see of the servers: gossip's word and Raft's, put together by id.

use crate::gossip::{Member, MemberStatus};
use crate::model::{Datacenter, Index, NodeId, NodeName};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Whether a server is ever to vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calling {
    /// It is to vote, once it has proved itself.
    Voter,
    /// It replicates and never votes (`read_replica`).
    ReadReplica,
}

/// A server in the gossip pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pooled {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: NodeName,
    /// Where its RPC listens.
    pub addr: SocketAddr,
    /// What it is to the pool.
    pub status: MemberStatus,
    /// The version it tells.
    pub version: String,
    /// Whether it is to vote.
    pub calling: Calling,
}

impl Pooled {
    /// What a member's tags say; `None` if it is no server of `datacenter` or does not make sense.
    pub fn of(member: &Member, datacenter: &Datacenter) -> Option<Pooled> {
        if member.tag("role") != Some("consul") || member.tag("dc") != Some(datacenter.as_str()) {
            return None;
        }
        let port: u16 = member.tag("port")?.parse().ok().filter(|port| *port != 0)?;
        let replica = [member.tag("read_replica"), member.tag("nonvoter")].contains(&Some("1"));
        Some(Pooled {
            id: member.profile.id()?,
            name: member.name().clone(),
            addr: SocketAddr::new(member.addr().ip(), port),
            status: member.status,
            version: member.tag("build").unwrap_or("").split(':').next().unwrap_or("").to_owned(),
            calling: if replica { Calling::ReadReplica } else { Calling::Voter },
        })
    }
}

/// Whether a seat has a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ballot {
    /// It has.
    Vote,
    /// It has none.
    NoVote,
}

/// A server in Raft's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Its id.
    pub id: NodeId,
    /// Its name there.
    pub name: NodeName,
    /// Its address there.
    pub addr: SocketAddr,
    /// Whether it has a vote.
    pub ballot: Ballot,
    /// How long ago it answered the leader; `None` if it never has. Zero for the leader itself.
    pub contact: Option<Duration>,
    /// The last entry it is known to hold.
    pub matched: Option<Index>,
}

/// A server known from gossip, from Raft, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Gossip's word.
    pub pooled: Option<Pooled>,
    /// Raft's word.
    pub seat: Option<Seat>,
}

impl Server {
    /// Whether gossip finds it alive.
    pub fn is_alive(&self) -> bool {
        self.pooled.as_ref().is_some_and(|pooled| pooled.status == MemberStatus::Alive)
    }

    /// Whether it has a vote.
    pub fn votes(&self) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.ballot == Ballot::Vote)
    }

    /// How long ago it answered the leader.
    pub fn contact(&self) -> Option<Duration> {
        self.seat.as_ref()?.contact
    }
}

/// All that the leader sees at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// The leader: the server that looks.
    pub ours: NodeId,
    /// The last entry of its log.
    pub last_index: Index,
    /// That entry's term.
    pub last_term: u64,
    /// The servers by id.
    pub servers: BTreeMap<NodeId, Server>,
}

impl Sight {
    /// Puts together what gossip and Raft know. Of two members with one id, which gossip does not let in, the last counts.
    pub fn join(ours: NodeId, last_index: Index, last_term: u64, pooled: Vec<Pooled>, seats: Vec<Seat>) -> Sight {
        let mut servers: BTreeMap<NodeId, Server> = BTreeMap::new();
        for seat in seats {
            servers.insert(seat.id, Server { pooled: None, seat: Some(seat) });
        }
        for member in pooled {
            let server = servers.entry(member.id).or_insert(Server { pooled: None, seat: None });
            server.pooled = Some(member);
        }
        Sight { ours, last_index, last_term, servers }
    }

    /// The servers with a vote.
    pub fn voters(&self) -> impl Iterator<Item = (NodeId, &Server)> {
        self.servers.iter().filter(|(_, server)| server.votes()).map(|(id, server)| (*id, server))
    }
}

/// The fewest of `voters` that can commit.
pub const fn majority(voters: usize) -> usize {
    voters / 2 + 1
}
