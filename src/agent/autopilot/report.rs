//! What autopilot tells an operator.

use super::{Autopilot, Ballot, Calling, Condition, Sight, majority};
use crate::api::date;
use crate::api::operator::{AutopilotServer, AutopilotState, ServerHealth, ServersHealth};
use crate::gossip::MemberStatus;
use crate::model::duration;
use crate::model::{Index, Instant, NodeId, Timestamp};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// How the servers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Who leads.
    pub leader: NodeId,
    /// All of them together: healthy when each is.
    pub condition: Condition,
    /// How many voters may fail before writes stop.
    pub failure_tolerance: u32,
    /// The servers of the configuration, by id.
    pub servers: Vec<ServerReport>,
}

/// How one server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerReport {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Its RPC address.
    pub addr: SocketAddr,
    /// Gossip's word.
    pub status: MemberStatus,
    /// The version it tells.
    pub version: String,
    /// How long ago it answered the leader; `None` if never.
    pub contact: Option<Duration>,
    /// The term of the last entry it is known to hold, as far as the leader can tell: its own.
    pub last_term: u64,
    /// The last entry it is known to hold.
    pub last_index: Index,
    /// How it is.
    pub condition: Condition,
    /// For how long it has been so, as this leader saw it.
    pub stable_for: Duration,
    /// Whether it has a vote.
    pub ballot: Ballot,
    /// Whether it is to have one.
    pub calling: Calling,
}

impl Autopilot {
    /// How the servers are, as of the last [`Autopilot::look`], which saw `sight`.
    pub fn report(&self, now: Instant, sight: &Sight) -> Report {
        let servers: Vec<ServerReport> = sight.servers.keys().filter_map(|id| self.server_report(now, sight, *id)).collect();
        let voters: Vec<&ServerReport> = servers.iter().filter(|server| server.ballot == Ballot::Vote).collect();
        let healthy = voters.iter().filter(|server| server.condition == Condition::Healthy).count();
        let all_well = servers.iter().all(|server| server.condition == Condition::Healthy);
        Report {
            leader: sight.ours,
            condition: if all_well { Condition::Healthy } else { Condition::Unhealthy },
            failure_tolerance: healthy.saturating_sub(majority(voters.len())) as u32,
            servers,
        }
    }

    fn server_report(&self, now: Instant, sight: &Sight, id: NodeId) -> Option<ServerReport> {
        let server = sight.servers.get(&id)?;
        let (seat, pooled) = (server.seat.as_ref()?, server.pooled.as_ref());
        let verdict = self.verdicts.get(&id);
        let ours = id == sight.ours;
        Some(ServerReport {
            id,
            name: pooled.map_or_else(|| seat.name.to_string(), |pooled| pooled.name.to_string()),
            addr: seat.addr,
            status: pooled.map_or(MemberStatus::None, |pooled| pooled.status),
            version: pooled.map(|pooled| pooled.version.clone()).unwrap_or_default(),
            contact: if ours { Some(Duration::ZERO) } else { seat.contact },
            last_term: if ours || seat.matched.is_some() { sight.last_term } else { 0 },
            last_index: if ours { sight.last_index } else { seat.matched.unwrap_or(0) },
            condition: verdict.map_or(Condition::Unhealthy, |verdict| verdict.condition),
            stable_for: verdict.map_or(Duration::ZERO, |verdict| now.since(verdict.since)),
            ballot: seat.ballot,
            calling: pooled.map_or(Calling::Voter, |pooled| pooled.calling),
        })
    }
}

impl Report {
    /// `/v1/operator/autopilot/health`, `wall` being the date now.
    pub fn to_health(&self, wall: Timestamp) -> ServersHealth {
        let server = |server: &ServerReport| ServerHealth {
            id: server.id.to_string(),
            name: server.name.clone(),
            address: server.addr.to_string(),
            serf_status: server.status.to_string(),
            version: server.version.clone(),
            leader: server.id == self.leader,
            last_contact: server.contact_text(),
            last_term: server.last_term,
            last_index: server.last_index,
            healthy: server.condition == Condition::Healthy,
            voter: server.ballot == Ballot::Vote,
            stable_since: server.stable_since(wall),
        };
        ServersHealth {
            healthy: self.condition == Condition::Healthy,
            failure_tolerance: self.failure_tolerance,
            servers: self.servers.iter().map(server).collect(),
        }
    }

    /// `/v1/operator/autopilot/state`, `wall` being the date now. Without redundancy zones the optimistic tolerance is the plain one.
    pub fn to_state(&self, wall: Timestamp) -> AutopilotState {
        let voters = self.servers.iter().filter(|server| server.ballot == Ballot::Vote).map(|server| server.id.to_string());
        AutopilotState {
            healthy: self.condition == Condition::Healthy,
            failure_tolerance: self.failure_tolerance,
            optimistic_failure_tolerance: self.failure_tolerance,
            servers: self.servers.iter().map(|server| (server.id.to_string(), self.server_state(server, wall))).collect(),
            leader: self.leader.to_string(),
            voters: voters.collect(),
        }
    }

    fn server_state(&self, server: &ServerReport, wall: Timestamp) -> AutopilotServer {
        let status = match server.ballot {
            Ballot::Vote if server.id == self.leader => "leader",
            Ballot::Vote => "voter",
            Ballot::NoVote => "non-voter",
        };
        let node_type = match server.calling {
            Calling::Voter => "voter",
            Calling::ReadReplica => "read-replica",
        };
        AutopilotServer {
            id: server.id.to_string(),
            name: server.name.clone(),
            address: server.addr.to_string(),
            node_status: server.status.to_string(),
            version: server.version.clone(),
            last_contact: server.contact_text(),
            last_term: server.last_term,
            last_index: server.last_index,
            healthy: server.condition == Condition::Healthy,
            stable_since: server.stable_since(wall),
            read_replica: server.calling == Calling::ReadReplica,
            status: status.to_owned(),
            meta: BTreeMap::new(),
            node_type: node_type.to_owned(),
        }
    }
}

impl ServerReport {
    /// A Go duration; what was never heard of is `-1ns`, as in Consul.
    fn contact_text(&self) -> String {
        self.contact.map_or_else(|| "-1ns".to_owned(), duration::format)
    }

    fn stable_since(&self, wall: Timestamp) -> String {
        let nanos = wall.as_unix_nanos().saturating_sub(u64::try_from(self.stable_for.as_nanos()).unwrap_or(u64::MAX));
        date::rfc3339(nanos / 1_000_000_000)
    }
}
