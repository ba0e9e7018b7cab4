//! Members and a catalog in, commands out; the commands are applied and the catalog looked at.

use super::{ABSENCE, Caution, Credence, Own, PASS_INTERVAL, Reconciler, SERVERS, SETTLING, WITNESSED};
use crate::gossip::{Doubt, Event, EventKind, Member, MemberStatus, Profile, Tags, Versions};
use crate::model::{CatalogStatus, CheckStatus, Datacenter, Instant, NodeId, NodeName, ServiceSpec, Timestamp};
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
    /// One that has led for so long that its pool is believed.
    fn new() -> Leader {
        let mut leader = Leader::newly_elected(State::default());
        leader.pass(&[], Credence::Connected);
        leader.now += SETTLING;
        leader
    }

    fn newly_elected(state: State) -> Leader {
        let now = Instant::from_nanos(1);
        let index = state.last_change() + 10;
        let own = Own { id: OURS, name: NodeName::parse("n1").unwrap(), datacenter: Datacenter::parse("dc1").unwrap() };
        Leader { reconciler: Reconciler::new(own, now, Caution::Kept), state, index, now }
    }

    fn apply(&mut self, command: Command) {
        self.index += 1;
        let (reply, _) = self.state.apply(self.index, &Stamped { at: Timestamp::default(), command });
        assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
    }

    /// Acts on one event; says how many commands it took.
    fn hear(&mut self, kind: EventKind, member: Member) -> usize {
        self.hear_while(Credence::Connected, &news(kind, member))
    }

    fn hear_while(&mut self, credence: Credence, event: &Event) -> usize {
        let commands = self.reconciler.events(self.now, [event], (4, credence), &self.state);
        commands.into_iter().map(|command| self.apply(command)).count()
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

    /// Registers an instance as an agent would.
    fn list(&mut self, name: &str, service: ServiceSpec) {
        let (node, update) = (self.state.nodes().get(name).unwrap().spec.clone(), NodeUpdate::Skip);
        self.apply(Command::Catalog(CatalogCommand::Register { node, update, service: Some(service), checks: Vec::new() }));
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
fn what_an_agent_or_others_say_of_a_node_stays_as_they_said_it() {
    let mut leader = Leader::new();
    leader.register_from_outside("web", Some(NodeId::from_u128(2)));
    leader.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive));
    let spec = leader.state.nodes().get("web").unwrap().spec.clone();
    assert_eq!(spec.address, "10.0.0.2", "gossip knows better");
    assert_eq!(spec.tagged_addresses, BTreeMap::from([("wan".to_owned(), "198.51.100.1".to_owned())]));
    assert_eq!(spec.meta, BTreeMap::from([("rack".to_owned(), "7".to_owned())]));
    leader.hear(EventKind::Failed, member("web", 2, MemberStatus::Failed));
    leader.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive));
    assert_eq!(leader.state.nodes().get("web").unwrap().spec, spec);
}

/// Between the leader's look and its command the agent may have synced.
#[test]
fn a_change_of_the_agents_own_is_not_undone_by_a_verdict_reached_before_it() {
    let mut leader = Leader::new();
    leader.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive));
    let event = news(EventKind::Failed, member("web", 2, MemberStatus::Failed));
    let verdict = leader.reconciler.events(leader.now, [&event], (4, Credence::Connected), &leader.state);
    let mut synced = leader.state.nodes().get("web").unwrap().spec.clone();
    synced.meta.insert("rack".to_owned(), "8".to_owned());
    let (node, update) = (synced.clone(), NodeUpdate::Apply);
    leader.apply(Command::Catalog(CatalogCommand::Register { node, update, service: None, checks: Vec::new() }));
    verdict.into_iter().for_each(|command| leader.apply(command));
    assert_eq!(leader.state.nodes().get("web").unwrap().spec, synced);
    assert_eq!(leader.health("web").unwrap().0, CheckStatus::Critical);
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
fn a_new_row_has_the_address_for_other_datacenters_that_the_member_tells() {
    let mut leader = Leader::new();
    let told = tagged(member("web", 2, MemberStatus::Alive), &[(super::WAN_ADDR_TAG, "198.51.100.7")]);
    assert_eq!(leader.hear(EventKind::Updated, told.clone()), 1);
    let spec = leader.state.nodes().get("web").unwrap().spec.clone();
    let addresses = ["lan", "lan_ipv4", "wan", "wan_ipv4"].map(|tag| spec.tagged_addresses[tag].as_str());
    assert_eq!(addresses, ["10.0.0.2", "10.0.0.2", "198.51.100.7", "198.51.100.7"]);
    assert_eq!(leader.hear(EventKind::Updated, told), 0);
}

fn tagged(mut member: Member, more: &[(&str, &str)]) -> Member {
    let profile = Arc::make_mut(&mut member.profile);
    let mut tags = profile.tags.as_map().clone();
    tags.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    profile.tags = Tags::parse(tags).unwrap();
    member
}

fn server(name: &str, id: u128) -> Member {
    let tags = [("role", "consul"), ("port", "8300"), ("raft_vsn", "3"), ("build", "1.10.11:0.1.0"), ("read_replica", "1")];
    tagged(member(name, id, MemberStatus::Alive), &tags)
}

#[test]
fn a_server_is_an_instance_of_consul_until_it_is_none_any_more() {
    let mut leader = Leader::new();
    assert_eq!(leader.hear(EventKind::Joined, server("s1", 1)), 1);
    let spec = leader.state.services().at("s1", SERVERS).unwrap().spec();
    assert_eq!((spec.name.as_str(), spec.port, spec.tags.is_empty()), ("consul", 8300, true));
    let meta: Vec<(&str, &str)> = spec.meta.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let expected = [
        ("non_voter", "true"),
        ("raft_version", "3"),
        ("read_replica", "true"),
        ("serf_protocol_current", "2"),
        ("serf_protocol_max", "5"),
        ("serf_protocol_min", "1"),
        ("version", "1.10.11"),
    ];
    assert_eq!(meta, expected);
    assert_eq!(leader.hear(EventKind::Updated, server("s1", 1)), 0);
    assert_eq!(leader.hear(EventKind::Updated, member("s1", 1, MemberStatus::Alive)), 1);
    assert!(leader.state.services().at("s1", SERVERS).is_none() && leader.names() == ["s1"]);
}

#[test]
fn what_somebody_spoiled_in_a_servers_instance_is_put_right_by_the_next_pass() {
    let mut leader = Leader::new();
    leader.hear(EventKind::Joined, server("s1", 1));
    let right = leader.state.services().at("s1", SERVERS).unwrap().spec();
    leader.list("s1", ServiceSpec { port: 1, ..right.clone() });
    assert_eq!(leader.pass(&[server("s1", 1)], Credence::Connected), 1);
    assert_eq!(leader.state.services().at("s1", SERVERS).unwrap().spec(), right);
}

#[test]
fn a_service_of_a_client_agent_that_somebody_called_consul_stays() {
    let mut leader = Leader::new();
    let web = member("web", 2, MemberStatus::Alive);
    leader.hear(EventKind::Joined, web.clone());
    leader.list("web", ServiceSpec::new(SERVERS, SERVERS));
    assert_eq!(leader.pass(&[web], Credence::Connected), 0);
    assert!(leader.state.services().at("web", SERVERS).is_some());
}

#[test]
fn a_member_that_left_or_was_forgotten_goes_with_all_its_instances() {
    for (kind, status) in [(EventKind::Left, MemberStatus::Left), (EventKind::Reaped, MemberStatus::Failed)] {
        let mut leader = Leader::new();
        leader.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive));
        leader.list("web", ServiceSpec::new("api", "api"));
        leader.now += ABSENCE;
        assert_eq!(leader.hear(kind, member("web", 2, status)), 1);
        assert!(leader.names().is_empty() && leader.state.services().at("web", "api").is_none());
    }
}

#[test]
fn news_of_a_machine_does_not_touch_the_one_that_took_its_name() {
    let mut leader = Leader::new();
    leader.hear(EventKind::Joined, member("web", 3, MemberStatus::Alive));
    for status in [MemberStatus::Failed, MemberStatus::Left] {
        assert_eq!(leader.hear(EventKind::Updated, member("web", 2, status)), 0);
    }
    leader.now += ABSENCE;
    assert_eq!(leader.hear(EventKind::Reaped, member("web", 2, MemberStatus::Failed)), 0);
    assert_eq!(leader.hear(EventKind::Reaped, member("web", 3, MemberStatus::Failed)), 1);
}

#[test]
fn a_restored_node_gives_its_name_up_to_the_machine_that_has_it_now() {
    let mut leader = Leader::new();
    leader.hear(EventKind::Joined, server("s1", 7));
    leader.list("s1", ServiceSpec::new("api", "api"));
    // The pool never knew the machine with id 7: nobody said that it failed.
    leader.pass(&[server("s1", 2)], Credence::Connected);
    let node = leader.state.nodes().get("s1").unwrap();
    assert_eq!((node.spec.id, node.spec.address.as_str()), (Some(NodeId::from_u128(2)), "10.0.0.2"));
    assert!(leader.state.services().at("s1", "api").is_none(), "what was the other's is gone with it");
    assert!(leader.state.services().at("s1", SERVERS).is_some(), "what is its own is there at once");
    assert_eq!(leader.pass(&[server("s1", 2)], Credence::Connected), 0);
}

#[test]
fn a_name_is_taken_from_nobody_who_may_live_or_came_from_outside() {
    let mut leader = Leader::new();
    leader.hear(EventKind::Joined, server("s1", 7));
    let newcomer = server("s1", 2);
    let commands = |leader: &mut Leader, members: &[Member], credence| {
        let commands = leader.reconciler.pass(leader.now, members, credence, &leader.state);
        commands.iter().filter(|command| matches!(command, Command::Catalog(CatalogCommand::DeregisterNode { .. }))).count()
    };
    let elsewhere = member("s9", 7, MemberStatus::Alive);
    assert_eq!(commands(&mut leader, &[newcomer.clone(), elsewhere], Credence::Connected), 0);
    assert_eq!(commands(&mut leader, std::slice::from_ref(&newcomer), Credence::CutOff), 0);
    leader.register_from_outside("ext", Some(NodeId::from_u128(8)));
    assert_eq!(commands(&mut leader, &[server("ext", 3)], Credence::Connected), 0);
    assert_eq!(commands(&mut leader, &[newcomer], Credence::Connected), 1);
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

/// A server that was cut off has found everyone dead. It must not hide them all when it is elected before the pool has told it otherwise.
#[test]
fn a_new_leader_waits_with_the_deaths_it_knows_of_until_its_pool_has_settled() {
    let mut before = Leader::new();
    before.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive));
    let mut leader = Leader::newly_elected(before.state);
    let failed = [member("web", 2, MemberStatus::Failed)];
    assert_eq!(leader.pass(&failed, Credence::CutOff), 0);
    leader.now += SETTLING * 3;
    assert_eq!(leader.pass(&failed, Credence::Connected), 0, "the pool has only just become whole");
    let due = leader.reconciler.next_pass(leader.now);
    assert_eq!(due, leader.now + SETTLING);
    assert_eq!(leader.hear_while(Credence::CutOff, &news(EventKind::Failed, failed[0].clone())), 0);
    leader.now = due;
    assert_eq!(leader.pass(&failed, Credence::Connected), 0, "the break began the wait anew");
    leader.now += SETTLING - Duration::from_nanos(1);
    assert_eq!(leader.pass(&failed, Credence::Connected), 0);
    leader.now += Duration::from_nanos(1);
    assert_eq!(leader.pass(&failed, Credence::Connected), 1);
    assert_eq!(leader.health("web").unwrap().0, CheckStatus::Critical);
    assert_eq!(leader.reconciler.next_pass(leader.now), leader.now + PASS_INTERVAL);
}

#[test]
fn a_death_that_somebody_else_vouches_for_is_believed_soon_after_an_election() {
    let mut before = Leader::new();
    before.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive));
    let by = |names: &[&str]| Event {
        by: names.iter().map(|name| NodeName::parse(name).unwrap()).collect(),
        ..news(EventKind::Failed, member("web", 2, MemberStatus::Failed))
    };
    let mut leader = Leader::newly_elected(before.state);
    leader.pass(&[], Credence::Connected);
    assert_eq!(leader.hear_while(Credence::Connected, &by(&["n1", "n7"])), 0, "a suspicion from before may have run out");
    leader.now += WITNESSED;
    assert_eq!(leader.hear_while(Credence::Connected, &by(&["n1"])), 0, "nobody but this server says so");
    assert_eq!(leader.hear_while(Credence::Connected, &by(&["n1", "n7"])), 1);
    assert_eq!(leader.health("web").unwrap().0, CheckStatus::Critical);
}

#[test]
fn what_the_pool_forgets_soon_after_an_election_is_only_missed_and_not_removed_yet() {
    let mut before = Leader::new();
    before.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive));
    let mut leader = Leader::newly_elected(before.state);
    leader.pass(&[member("web", 2, MemberStatus::Failed)], Credence::Connected);
    leader.now += ABSENCE - Duration::from_nanos(1);
    assert_eq!(leader.hear(EventKind::Reaped, member("web", 2, MemberStatus::Failed)), 0);
    assert_eq!(leader.pass(&[], Credence::Connected), 0);
    assert_eq!(leader.reconciler.next_pass(leader.now), leader.now + PASS_INTERVAL);
    leader.now += PASS_INTERVAL;
    leader.pass(&[], Credence::Connected);
    assert_eq!(leader.reconciler.next_pass(leader.now), leader.now + ABSENCE - PASS_INTERVAL, "it is removed when its time is over");
    leader.now += ABSENCE - PASS_INTERVAL;
    assert_eq!(leader.pass(&[], Credence::Connected), 1);
    assert!(leader.names().is_empty());
}

#[test]
fn an_operators_word_removes_a_member_at_once() {
    let mut before = Leader::new();
    before.hear(EventKind::Joined, member("web", 2, MemberStatus::Alive));
    let mut leader = Leader::newly_elected(before.state);
    let pruned = Event { by: vec![NodeName::parse("n1").unwrap()], ..news(EventKind::Reaped, member("web", 2, MemberStatus::Failed)) };
    assert_eq!(leader.hear_while(Credence::CutOff, &pruned), 1);
    assert!(leader.names().is_empty());
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
        leader.hear(EventKind::Joined, server("n1", 1));
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
