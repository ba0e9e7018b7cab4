//! The leader's duty to the catalog: what gossip knows of the members becomes nodes with a `serfHealth` check, and servers become instances of
//! `consul`.
//!
//! News is acted on at once; a pass over everything, on taking the lead and every [`PASS_INTERVAL`], repairs what was missed. Nodes without a
//! `serfHealth` check were registered from outside and are left alone. Nobody is declared dead while it may be us who were cut off
//! ([`Credence`]), and nobody is removed on a guess: only on a member's own word, an operator's, or the pool having forgotten it for good. No
//! deadline outlives the leader that set it.

mod credence;
mod row;

pub use credence::{Caution, Credence, SETTLING, WITNESSED};
pub use row::{SERF_PROTOCOL, SERVERS, WAN_ADDR_TAG};

use crate::gossip::{Event, EventKind, Member, MemberStatus};
use crate::model::{Datacenter, Instant, NodeId, NodeName};
use crate::state::checks::{CheckSpec, SERF_HEALTH};
use crate::state::nodes::{Node, NodeSpec, fold};
use crate::state::{CatalogCommand, Command, NodeUpdate, State};
use credence::{Trust, settling};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Time between passes over all members and nodes.
pub const PASS_INTERVAL: Duration = Duration::from_secs(60);

/// How long a node with a `serfHealth` check must have been unknown to the pool before it is removed. A pool that has just formed, or was cut
/// off, does not know everyone yet: members rejoin by themselves within half a minute.
pub const ABSENCE: Duration = Duration::from_secs(90);

/// The server that leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Its id: whatever the pool says, it is here.
    pub id: NodeId,
    /// Its name: its own word is no second opinion.
    pub name: NodeName,
    /// Whose servers are instances of [`SERVERS`].
    pub datacenter: Datacenter,
}

/// Turns what the pool knows into commands, for as long as this server leads. One for each time it leads.
#[derive(Debug)]
pub struct Reconciler {
    own: Own,
    /// When it took the lead.
    began: Instant,
    caution: Caution,
    trust: Trust,
    /// Members of the pool when it was last looked at.
    pool: usize,
    /// A death is known that is not believed yet.
    withheld: bool,
    /// Nodes that should be members and are not, and since when. At most one for each node of the catalog.
    absent: BTreeMap<NodeName, Instant>,
}

impl Reconciler {
    /// For a server that begins to lead `now`. Caution is [`Caution::Kept`] unless a fault is planted.
    pub fn new(own: Own, now: Instant, caution: Caution) -> Reconciler {
        Reconciler { own, began: now, caution, trust: Trust::None, pool: 0, withheld: false, absent: BTreeMap::new() }
    }

    fn look(&mut self, now: Instant, members: usize, credence: Credence) {
        self.pool = members;
        self.trust = self.trust.look(now, credence);
    }

    /// When the pool is believed on its own.
    fn settles(&self) -> Option<Instant> {
        self.trust.lasts(settling(self.pool))
    }

    /// Whether a death is believed for which these vouch.
    fn believes(&self, now: Instant, by: &[NodeName]) -> bool {
        let witnessed = by.iter().any(|name| *name != self.own.name);
        let needed = if witnessed { WITNESSED } else { settling(self.pool) };
        self.caution == Caution::Dropped || self.trust.lasts(needed).is_some_and(|at| at <= now)
    }

    /// What news of several members asks for, at most one piece of each; nothing where the catalog says so already. `members` is how many the pool
    /// has.
    pub fn events<'a>(
        &mut self,
        now: Instant,
        events: impl IntoIterator<Item = &'a Event>,
        (members, credence): (usize, Credence),
        state: &State,
    ) -> Vec<Command> {
        self.look(now, members, credence);
        events.into_iter().filter_map(|event| self.event(now, event, state)).collect()
    }

    fn event(&mut self, now: Instant, event: &Event, state: &State) -> Option<Command> {
        match event.kind {
            EventKind::Joined | EventKind::Updated | EventKind::Failed | EventKind::Left => {
                self.member(now, &event.member, &event.by, state)
            }
            EventKind::Reaped => self.forgotten(now, event, state),
            EventKind::Leaving => None,
        }
    }

    /// What all members and all nodes together ask for, in the order of names.
    pub fn pass(&mut self, now: Instant, members: &[Member], credence: Credence, state: &State) -> Vec<Command> {
        self.look(now, members.len(), credence);
        self.withheld = false;
        let ids: BTreeSet<NodeId> = members.iter().filter_map(|member| member.profile.id()).collect();
        let mut commands = Vec::new();
        for member in members {
            commands.extend(replaced(member, &ids, state).filter(|_| credence != Credence::CutOff));
            commands.extend(self.member(now, member, &[], state));
        }
        if credence == Credence::CutOff {
            self.absent.clear();
            return commands;
        }
        let known: BTreeSet<Arc<str>> = members.iter().map(|member| fold(member.name().as_str())).collect();
        let missing = |node: &&Arc<Node>| {
            let name = node.spec.name.as_str();
            !known.contains(&fold(name)) && node.spec.id != Some(self.own.id) && state.checks().get(name, SERF_HEALTH).is_some()
        };
        let before = std::mem::take(&mut self.absent);
        for node in state.nodes().iter().filter(missing) {
            let since = before.get(&node.spec.name).copied().unwrap_or(now);
            if now.since(since) >= ABSENCE {
                commands.push(deregister(&node.spec));
            }
            self.absent.insert(node.spec.name.clone(), since);
        }
        commands
    }

    /// When the next pass is due that was made at `now`: at the latest after [`PASS_INTERVAL`].
    pub fn next_pass(&self, now: Instant) -> Instant {
        let expiries = self.absent.values().map(|since| *since + ABSENCE).filter(|at| *at > now);
        let believed = self.settles().filter(|_| self.withheld);
        expiries.chain(believed).fold(now + PASS_INTERVAL, Instant::min)
    }

    fn member(&mut self, now: Instant, member: &Member, by: &[NodeName], state: &State) -> Option<Command> {
        match member.status {
            MemberStatus::Alive => self.alive(member, state),
            MemberStatus::Failed => self.failed(now, member, by, state),
            MemberStatus::Left => self.departed(member, state),
            MemberStatus::None | MemberStatus::Leaving => None,
        }
    }

    /// An alive member has a row with its id, name and address, a passing check and, if it is a server, its instance.
    fn alive(&self, member: &Member, state: &State) -> Option<Command> {
        let id = member.profile.id()?;
        let row = state.nodes().with_id(id).or_else(|| state.nodes().get(member.name().as_str()));
        let spec = row::node(member, id, row.map(|row| &row.spec));
        let update = if row.is_some_and(|row| row.spec == spec) { NodeUpdate::Skip } else { NodeUpdate::Apply };
        let check = CheckSpec::serf_alive();
        let told = state.checks().get(member.name().as_str(), SERF_HEALTH).is_some_and(|row| row.is_as(&check));
        // What another machine of this name had is not this one's.
        let own = row.filter(|row| row.spec.id.is_none_or(|known| known == id));
        let listed = own.and_then(|_| state.services().at(&fold(member.name().as_str()), SERVERS));
        let due = row::service(member, &self.own.datacenter);
        let retired = due.is_none() && listed.is_some_and(|row| row.meta().get(row::OWN_MARK).is_some());
        let service = due.filter(|service| !listed.is_some_and(|row| row.is_as(service)));
        if update == NodeUpdate::Apply || !told || service.is_some() {
            return Some(Command::Catalog(CatalogCommand::Register { node: spec, update, service, checks: vec![check] }));
        }
        // It was a server once.
        retired.then(|| Command::Catalog(CatalogCommand::DeregisterService { node: spec.name, service: SERVERS.to_owned() }))
    }

    /// A failed member's check turns critical. A node that is not in the catalog, or by now is another machine, is not brought back for it.
    fn failed(&mut self, now: Instant, member: &Member, by: &[NodeName], state: &State) -> Option<Command> {
        let node = self.row_of(member, state)?;
        let check = CheckSpec::serf_failed();
        if state.checks().get(node.spec.name.as_str(), SERF_HEALTH).is_some_and(|row| row.is_as(&check)) {
            return None;
        }
        if !self.believes(now, by) {
            self.withheld = true;
            return None;
        }
        let (node, update) = (node.spec.clone(), NodeUpdate::Skip);
        Some(Command::Catalog(CatalogCommand::Register { node, update, service: None, checks: vec![check] }))
    }

    fn departed(&self, member: &Member, state: &State) -> Option<Command> {
        let node = self.row_of(member, state)?;
        Some(deregister(&node.spec))
    }

    /// The pool has forgotten a member: on an operator's word, or because it was gone for so long. How long, the pool counted under other leaders
    /// too; under a new one it must stay away for [`ABSENCE`] as well, like any node that the pool does not know.
    fn forgotten(&self, now: Instant, event: &Event, state: &State) -> Option<Command> {
        let expired = event.by.is_empty() && event.member.status == MemberStatus::Failed;
        if expired && (now.since(self.began) < ABSENCE || !self.believes(now, &[])) {
            return None;
        }
        self.departed(&event.member, state)
    }

    /// The row that is this member's, unless the member is this server.
    fn row_of<'a>(&self, member: &Member, state: &'a State) -> Option<&'a Arc<Node>> {
        let id = member.profile.id();
        let row = state.nodes().get(member.name().as_str())?;
        (id != Some(self.own.id) && row.spec.id == id).then_some(row)
    }
}

/// Removes the node that has an alive member's name and an id that no member has. The pool has one member of a name, so that machine is gone: it was replaced,
/// or its row came with a snapshot that was restored on another cluster. What holds a name and is alive, the state would never give it up.
fn replaced(member: &Member, ids: &BTreeSet<NodeId>, state: &State) -> Option<Command> {
    let id = member.profile.id().filter(|_| member.status == MemberStatus::Alive)?;
    let holder = state.nodes().get(member.name().as_str())?;
    let holder_id = holder.spec.id.filter(|holder_id| *holder_id != id && !ids.contains(holder_id))?;
    // Without such a check it was registered from outside.
    state.checks().get(member.name().as_str(), SERF_HEALTH)?;
    Some(Command::Catalog(CatalogCommand::DeregisterNode { node: holder.spec.name.clone(), only_id: Some(holder_id) }))
}

fn deregister(node: &NodeSpec) -> Command {
    Command::Catalog(CatalogCommand::DeregisterNode { node: node.name.clone(), only_id: node.id })
}

#[cfg(test)]
mod tests;
