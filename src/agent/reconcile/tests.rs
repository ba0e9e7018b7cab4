//! Members and a catalog in, commands out; the commands are applied and the catalog looked at.

use super::{ABSENCE, Credence, Reconciler};
use crate::gossip::{Doubt, Event, EventKind, Member, MemberStatus, Profile, Tags, Versions};
use crate::model::{CatalogStatus, CheckStatus};
use crate::model::{Instant, NodeId, NodeName, Timestamp};
use crate::state::checks::SERF_HEALTH;
use crate::state::nodes::NodeSpec;
use crate::state::{CatalogCommand, Command, NodeUpdate, Reply, Stamped, State};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const OURS: NodeId = NodeId::from_u128(1);

fn member(name: &str, id: u128, status: MemberStatus) -> Member {
    let pairs = [("role", "node".to_owned()), ("dc", "dc1".to_owned()), ("id", NodeId::from_u128(id).to_string())];
    let pairs: BTreeMap<String, String> = pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let profile = Profile {
        name: NodeName::parse(name).unwrap(),
        addr: format!("10.0.0.{id}:8301").parse().unwrap(),
        tags: Tags::parse(pairs).unwrap(),
        versions: Versions::OURS,
    };
    Member { profile: Arc::new(profile), status, doubt: Doubt::Trusted, incarnation: 1 }
}

fn news(kind: EventKind, member: Member) -> Event {
    Event { kind, member, by: Vec::new() }
}

/// A leader with its catalog.
struct Leader {
    reconciler: Reconciler,
    state: State,
    index: u64,
    now: Instant,
}

impl Leader {
    fn new() -> Leader {
        Leader { reconciler: Reconciler::new(OURS), state: State::default(), index: 10, now: Instant::from_nanos(1) }
    }

    fn apply(&mut self, command: Command) {
        self.index += 1;
        let (reply, _) = self.state.apply(self.index, &Stamped { at: Timestamp::default(), command });
        assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
    }

    /// Acts on one event; says how many commands it took.
    fn hear(&mut self, kind: EventKind, member: Member) -> usize {
        let command = self.reconciler.event(&news(kind, member), &self.state);
        command.into_iter().map(|command| self.apply(command)).count()
    }

    fn pass(&mut self, members: &[Member], credence: Credence) -> usize {
        let commands = self.reconciler.pass(self.now, members, credence, &self.state);
        commands.into_iter().map(|command| self.apply(command)).count()
    }

    fn health(&self, name: &str) -> Option<(CatalogStatus, String)> {
        self.state.checks().get(name, SERF_HEALTH).map(|check| (check.status().clone(), check.output().to_owned()))
    }

    fn names(&self) -> Vec<String> {
        self.state.nodes().iter().map(|node| node.spec.name.to_string()).collect()
    }

    /// Registers a node as a client of the catalog would, without `serfHealth`.
    fn register_from_outside(&mut self, name: &str, id: Option<NodeId>) {
        let node = NodeSpec {
            id,
            name: NodeName::parse(name).unwrap(),
            address: "192.0.2.1".to_owned(),
            tagged_addresses: BTreeMap::from([("wan".to_owned(), "198.51.100.1".to_owned())]),
            meta: BTreeMap::from([("rack".to_owned(), "7".to_owned())]),
        };
        self.apply(Command::Catalog(CatalogCommand::Register { node, update: NodeUpdate::Apply, service: None, checks: Vec::new() }));
    }
}

#[test]
fn a_member_is_passing_critical_and_gone_as_the_pool_says() {
    let mut leader = Leader::new();
    assert_eq!(leader.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive)), 1);
    assert_eq!(leader.health("web"), Some((CheckStatus::Passing.into(), "Agent alive and reachable".to_owned())));
    let node = leader.state.nodes().get("web").unwrap();
    assert_eq!((node.spec.address.as_str(), node.spec.id), ("10.0.0.2", Some(NodeId::from_u128(2))));
    assert_eq!(node.spec.tagged_addresses.keys().map(String::as_str).collect::<Vec<_>>(), ["lan", "lan_ipv4", "wan", "wan_ipv4"]);
    leader.hear(EventKind::Failed, member("web", 2, MemberStatus::Failed));
    assert_eq!(leader.health("web"), Some((CheckStatus::Critical.into(), "Agent not live or unreachable".to_owned())));
    assert_eq!(leader.hear(EventKind::Leaving, member("web", 2, MemberStatus::Leaving)), 0);
    leader.hear(EventKind::Left, member("web", 2, MemberStatus::Left));
    assert!(leader.names().is_empty());
}

#[test]
fn what_the_catalog_says_already_is_not_said_again() {
    let mut leader = Leader::new();
    let (web, db) = (member("web", 2, MemberStatus::Alive), member("db", 3, MemberStatus::Failed));
    assert_eq!(leader.pass(&[web.clone(), db.clone()], Credence::Connected), 1);
    assert_eq!(leader.pass(&[web.clone(), db], Credence::Connected), 0);
    assert_eq!(leader.hear(EventKind::Updated, web), 0);
    assert_eq!(leader.names(), ["web"], "a failed member that was never in the catalog is not brought in");
}

#[test]
fn what_others_know_of_a_node_stays() {
    let mut leader = Leader::new();
    leader.register_from_outside("web", Some(NodeId::from_u128(2)));
    leader.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive));
    let spec = leader.state.nodes().get("web").unwrap().spec.clone();
    assert_eq!((spec.address.as_str(), spec.meta["rack"].as_str()), ("10.0.0.2", "7"));
    assert_eq!((spec.tagged_addresses["wan"].as_str(), spec.tagged_addresses["lan"].as_str()), ("198.51.100.1", "10.0.0.2"));
}

#[test]
fn an_address_that_changed_is_followed() {
    let mut leader = Leader::new();
    leader.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive));
    let mut moved = member("web", 2, MemberStatus::Alive);
    Arc::make_mut(&mut moved.profile).addr = "10.9.9.9:8301".parse().unwrap();
    assert_eq!(leader.hear(EventKind::Updated, moved), 1);
    let spec = leader.state.nodes().get("web").unwrap().spec.clone();
    assert_eq!((spec.address.as_str(), spec.tagged_addresses["wan"].as_str()), ("10.9.9.9", "10.9.9.9"));
}

#[test]
fn the_address_for_other_datacenters_is_the_one_the_member_tells() {
    let mut leader = Leader::new();
    leader.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive));
    let mut told = member("web", 2, MemberStatus::Alive);
    let profile = Arc::make_mut(&mut told.profile);
    let mut tags = profile.tags.as_map().clone();
    tags.insert(super::WAN_ADDR_TAG.to_owned(), "198.51.100.7".to_owned());
    profile.tags = Tags::parse(tags).unwrap();
    assert_eq!(leader.hear(EventKind::Updated, told.clone()), 1);
    let spec = leader.state.nodes().get("web").unwrap().spec.clone();
    let addresses = ["lan", "lan_ipv4", "wan", "wan_ipv4"].map(|tag| spec.tagged_addresses[tag].as_str());
    assert_eq!(addresses, ["10.0.0.2", "10.0.0.2", "198.51.100.7", "198.51.100.7"]);
    assert_eq!(leader.hear(EventKind::Updated, told), 0);
}

#[test]
fn news_of_a_machine_does_not_touch_the_one_that_took_its_name() {
    let mut leader = Leader::new();
    leader.hear(EventKind::Joined, member("web", 3, MemberStatus::Alive));
    for status in [MemberStatus::Failed, MemberStatus::Left] {
        assert_eq!(leader.hear(EventKind::Updated, member("web", 2, status)), 0);
    }
    assert_eq!(leader.hear(EventKind::Reaped, member("web", 2, MemberStatus::Failed)), 0);
    assert_eq!(leader.hear(EventKind::Reaped, member("web", 3, MemberStatus::Failed)), 1);
}

#[test]
fn a_node_the_pool_does_not_know_goes_after_a_while_and_one_from_outside_never() {
    let mut leader = Leader::new();
    leader.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive));
    leader.register_from_outside("printer", None);
    assert_eq!(leader.pass(&[], Credence::Connected), 0);
    leader.now += ABSENCE - Duration::from_nanos(1);
    assert_eq!(leader.pass(&[], Credence::Connected), 0);
    leader.now += Duration::from_nanos(1);
    assert_eq!(leader.pass(&[], Credence::Connected), 1);
    assert_eq!(leader.names(), ["printer"]);
}

#[test]
fn a_node_that_was_seen_again_is_given_the_whole_while_again() {
    let mut leader = Leader::new();
    let web = member("web", 2, MemberStatus::Alive);
    leader.hear(EventKind::Joined, web.clone());
    leader.pass(&[], Credence::Connected);
    leader.now += ABSENCE / 2;
    leader.pass(&[web], Credence::Connected);
    leader.now += ABSENCE / 2;
    leader.pass(&[], Credence::Connected);
    assert_eq!(leader.names(), ["web"]);
}

#[test]
fn a_leader_that_may_be_cut_off_removes_nobody_it_misses() {
    let mut leader = Leader::new();
    leader.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive));
    for _ in 0..3 {
        leader.pass(&[], Credence::CutOff);
        leader.now += ABSENCE;
    }
    leader.pass(&[], Credence::Connected);
    assert_eq!(leader.names(), ["web"], "the while begins only when the pool can be believed");
}

#[test]
fn the_pool_is_believed_when_it_knows_most_voters_alive() {
    let voters: BTreeSet<NodeId> = (1..=3).map(NodeId::from_u128).collect();
    let (a, b) = (member("a", 1, MemberStatus::Alive), member("b", 2, MemberStatus::Alive));
    let failed = member("b", 2, MemberStatus::Failed);
    assert_eq!(Credence::of_pool(&[a.clone(), b, member("x", 9, MemberStatus::Alive)], &voters), Credence::Connected);
    assert_eq!(Credence::of_pool(&[a.clone(), failed, member("x", 9, MemberStatus::Alive)], &voters), Credence::CutOff);
    assert_eq!(Credence::of_pool(&[a], &BTreeSet::from([OURS])), Credence::Connected);
}

fn any_status() -> impl Strategy<Value = MemberStatus> {
    prop_oneof![Just(MemberStatus::Alive), Just(MemberStatus::Failed), Just(MemberStatus::Left), Just(MemberStatus::Leaving)]
}

proptest! {
    /// Whatever was heard before, one pass makes the catalog agree with the pool, a second changes nothing, and this server stays.
    #[test]
    fn one_pass_makes_the_catalog_agree_with_the_pool(
        before in prop::collection::vec((1u128..6, any_status()), 0..12),
        pool in prop::collection::btree_map(1u128..6, any_status(), 0..6),
    ) {
        let mut leader = Leader::new();
        leader.hear(EventKind::Joined, member("n1", 1, MemberStatus::Alive));
        for (id, status) in before {
            leader.hear(EventKind::Updated, member(&format!("n{id}"), id, status));
        }
        let members: Vec<Member> = pool.iter().map(|(id, status)| member(&format!("n{id}"), *id, *status)).collect();
        leader.pass(&members, Credence::Connected);
        prop_assert_eq!(leader.pass(&members, Credence::Connected), 0);
        prop_assert!(leader.names().contains(&"n1".to_owned()));
        for (id, status) in pool.iter().filter(|(id, _)| **id != 1) {
            let health = leader.health(&format!("n{id}")).map(|(status, _)| status);
            match status {
                MemberStatus::Alive => prop_assert_eq!(health, Some(CheckStatus::Passing.into())),
                MemberStatus::Failed => prop_assert_ne!(health, Some(CheckStatus::Passing.into())),
                MemberStatus::Left => prop_assert_eq!(health, None),
                MemberStatus::Leaving | MemberStatus::None => {}
            }
        }
    }
}
