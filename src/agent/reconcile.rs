//! The leader's duty to the catalog: what gossip knows of the members becomes nodes with a `serfHealth` check.
//!
//! News is acted on at once; a pass over everything, on taking the lead and every [`PASS_INTERVAL`], repairs what was missed. Nodes without a
//! `serfHealth` check were registered from outside and are left alone. Nobody is removed on a guess: only on a member's own word, an
//! operator's, or the pool having forgotten it for good.

use crate::gossip::{Event, EventKind, Member, MemberStatus};
use crate::model::{Instant, NodeId, NodeName};
use crate::state::checks::{CheckSpec, SERF_HEALTH};
use crate::state::nodes::{Node, NodeSpec, fold};
use crate::state::{CatalogCommand, Command, NodeUpdate, State};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Time between passes over all members and nodes.
pub const PASS_INTERVAL: Duration = Duration::from_secs(60);

/// How long a node with a `serfHealth` check must have been unknown to the pool before it is removed. A pool that has just formed, or was cut
/// off, does not know everyone yet: members rejoin by themselves within half a minute.
pub const ABSENCE: Duration = Duration::from_secs(90);

/// The gossip tag with the address a member is reached at from other datacenters, if that is not the one it gossips from.
pub const WAN_ADDR_TAG: &str = "wan_addr";

/// How far this server's own pool can be believed about who is missing from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credence {
    /// A majority of the voters is alive in it.
    Connected,
    /// It may be us who are cut off: absence proves nothing.
    CutOff,
}

impl Credence {
    /// The pool is believed if it knows a majority of `voters`, this server among them, alive.
    pub fn of_pool(members: &[Member], voters: &BTreeSet<NodeId>) -> Credence {
        let alive = members.iter().filter(|member| member.status == MemberStatus::Alive);
        let seen: BTreeSet<NodeId> = alive.filter_map(|member| member.profile.id()).filter(|id| voters.contains(id)).collect();
        if seen.len() * 2 > voters.len() { Credence::Connected } else { Credence::CutOff }
    }
}

/// Turns what the pool knows into commands, for as long as this server leads. One for each time it leads.
#[derive(Debug)]
pub struct Reconciler {
    /// This server: whatever the pool says, it is here.
    ours: NodeId,
    /// Nodes that should be members and are not, and since when. At most one for each node of the catalog.
    absent: BTreeMap<NodeName, Instant>,
}

impl Reconciler {
    /// For a server that begins to lead.
    pub fn new(ours: NodeId) -> Reconciler {
        Reconciler { ours, absent: BTreeMap::new() }
    }

    /// What one piece of news asks for; nothing if the catalog says so already.
    pub fn event(&self, event: &Event, state: &State) -> Option<Command> {
        match event.kind {
            EventKind::Joined | EventKind::Updated | EventKind::Failed | EventKind::Left => self.member(&event.member, state),
            EventKind::Reaped => self.departed(&event.member, state),
            EventKind::Leaving => None,
        }
    }

    /// What all members and all nodes together ask for, in the order of names.
    pub fn pass(&mut self, now: Instant, members: &[Member], credence: Credence, state: &State) -> Vec<Command> {
        let mut commands: Vec<Command> = members.iter().filter_map(|member| self.member(member, state)).collect();
        let known: BTreeSet<Arc<str>> = members.iter().map(|member| fold(member.name().as_str())).collect();
        let missing = |node: &&Arc<Node>| {
            let name = node.spec.name.as_str();
            !known.contains(&fold(name)) && node.spec.id != Some(self.ours) && state.checks().get(name, SERF_HEALTH).is_some()
        };
        let missing: Vec<&Arc<Node>> = state.nodes().iter().filter(missing).collect();
        if credence == Credence::CutOff {
            self.absent.clear();
            return commands;
        }
        let before = std::mem::take(&mut self.absent);
        for node in missing {
            let since = before.get(&node.spec.name).copied().unwrap_or(now);
            self.absent.insert(node.spec.name.clone(), since);
            if now.since(since) >= ABSENCE {
                commands.push(deregister(&node.spec));
            }
        }
        commands
    }

    fn member(&self, member: &Member, state: &State) -> Option<Command> {
        match member.status {
            MemberStatus::Alive => alive(member, state),
            MemberStatus::Failed => self.failed(member, state),
            MemberStatus::Left => self.departed(member, state),
            MemberStatus::None | MemberStatus::Leaving => None,
        }
    }

    /// A failed member's check turns critical. A node that is not in the catalog, or by now is another machine, is not brought back for it.
    fn failed(&self, member: &Member, state: &State) -> Option<Command> {
        let node = self.row_of(member, state)?;
        let check = CheckSpec::serf_failed();
        let told = state.checks().get(node.spec.name.as_str(), SERF_HEALTH).is_some_and(|row| row.is_as(&check));
        (!told).then(|| register(node.spec.clone(), check))
    }

    fn departed(&self, member: &Member, state: &State) -> Option<Command> {
        let node = self.row_of(member, state)?;
        Some(deregister(&node.spec))
    }

    /// The row that is this member's, unless the member is this server.
    fn row_of<'a>(&self, member: &Member, state: &'a State) -> Option<&'a Arc<Node>> {
        let id = member.profile.id();
        let row = state.nodes().get(member.name().as_str())?;
        (id != Some(self.ours) && row.spec.id == id).then_some(row)
    }
}

/// An alive member has a row with its id and address, and a passing check. What else is known of the node stays.
fn alive(member: &Member, state: &State) -> Option<Command> {
    let id = member.profile.id()?;
    let row = state.nodes().with_id(id).or_else(|| state.nodes().get(member.name().as_str()));
    let spec = spec_of(member, id, row.map(|row| &row.spec));
    let check = CheckSpec::serf_alive();
    let told = state.checks().get(member.name().as_str(), SERF_HEALTH).is_some_and(|row| row.is_as(&check));
    let settled = told && row.is_some_and(|row| row.spec == spec);
    (!settled).then(|| register(spec, check))
}

fn family(ip: IpAddr) -> &'static str {
    match ip {
        IpAddr::V4(_) => "ipv4",
        IpAddr::V6(_) => "ipv6",
    }
}

fn spec_of(member: &Member, id: NodeId, before: Option<&NodeSpec>) -> NodeSpec {
    let ip = member.addr().ip();
    let address = ip.to_string();
    let kept = before.filter(|spec| spec.id.is_none_or(|known| known == id));
    let mut tagged = kept.map(|spec| spec.tagged_addresses.clone()).unwrap_or_default();
    let told: Option<IpAddr> = member.tag(WAN_ADDR_TAG).and_then(|text| text.parse().ok());
    for (way, ip, told) in [("lan", ip, None), ("wan", told.unwrap_or(ip), told)] {
        for tag in [way.to_owned(), format!("{way}_{}", family(ip))] {
            // An address that only repeated the node's follows it; one that was set apart stays, unless the node itself tells another.
            let follows = tagged.get(&tag).is_none_or(|set| kept.is_some_and(|spec| spec.address == *set));
            if follows || told.is_some() {
                tagged.insert(tag, ip.to_string());
            }
        }
    }
    let mut meta = kept.map(|spec| spec.meta.clone()).unwrap_or_default();
    meta.entry("consul-network-segment".to_owned()).or_default();
    NodeSpec { id: Some(id), name: member.name().clone(), address, tagged_addresses: tagged, meta }
}

fn register(node: NodeSpec, check: CheckSpec) -> Command {
    Command::Catalog(CatalogCommand::Register { node, update: NodeUpdate::Apply, service: None, checks: vec![check] })
}

fn deregister(node: &NodeSpec) -> Command {
    Command::Catalog(CatalogCommand::DeregisterNode { node: node.name.clone(), only_id: node.id })
}

#[cfg(test)]
mod tests;
