//! What the leader sees in, steps out; steps are carried out on a model of the configuration.

use super::{
    Autopilot, Ballot, Calling, Condition, DEAD_GRACE, Pooled, Seat, Server, Sight, Step, UNKNOWN_GRACE, Why, can_spare, majority,
};
use crate::gossip::{Doubt, Member, MemberStatus, Profile, Tags, Versions};
use crate::model::{Datacenter, Instant, NodeId, NodeName, Timestamp};
use crate::state::autopilot::AutopilotSettings;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const STABLE: Duration = Duration::from_secs(10);
const FRESH: Option<Duration> = Some(Duration::from_millis(50));

fn id(n: u128) -> NodeId {
    NodeId::from_u128(n)
}

fn name(n: u128) -> NodeName {
    NodeName::parse(&format!("s{n}")).unwrap()
}

fn pooled(n: u128, status: MemberStatus) -> Pooled {
    let addr = format!("10.0.0.{n}:8300").parse().unwrap();
    Pooled { id: id(n), name: name(n), addr, status, version: "1.10.11".to_owned(), calling: Calling::Voter }
}

fn seat(n: u128, ballot: Ballot, contact: Option<Duration>) -> Seat {
    Seat { id: id(n), name: name(n), addr: format!("10.0.0.{n}:8300").parse().unwrap(), ballot, contact, matched: contact.map(|_| 100) }
}

fn settings() -> AutopilotSettings {
    AutopilotSettings {
        cleanup_dead_servers: true,
        last_contact_threshold: Duration::from_millis(200),
        max_trailing_logs: 250,
        server_stabilization_time: STABLE,
        ..AutopilotSettings::default()
    }
}

/// A leader, server 1, and what it sees.
struct Leader {
    autopilot: Autopilot,
    now: Instant,
    pool: BTreeMap<u128, Pooled>,
    seats: BTreeMap<u128, Seat>,
    settings: AutopilotSettings,
}

impl Leader {
    /// A leader of `voters` servers that has led for long.
    fn settled(voters: u128) -> Leader {
        let mut leader = Leader::new(voters);
        assert_eq!(leader.look(), None);
        leader.now += STABLE * 2;
        assert_eq!(leader.look(), None);
        leader
    }

    fn new(voters: u128) -> Leader {
        let pool = (1..=voters).map(|n| (n, pooled(n, MemberStatus::Alive))).collect();
        let seats = (1..=voters).map(|n| (n, seat(n, Ballot::Vote, FRESH))).collect();
        Leader { autopilot: Autopilot::new(), now: Instant::from_nanos(1), pool, seats, settings: settings() }
    }

    fn sight(&self) -> Sight {
        Sight::join(id(1), 100, 7, self.pool.values().cloned().collect(), self.seats.values().cloned().collect())
    }

    fn look(&mut self) -> Option<Step> {
        let sight = self.sight();
        self.autopilot.look(self.now, &sight, &self.settings)
    }

    fn after(&mut self, wait: Duration) -> Option<Step> {
        self.now += wait;
        self.look()
    }

    /// The server dies: gossip has found out, Raft hears nothing.
    fn dies(&mut self, n: u128) {
        self.pool.get_mut(&n).unwrap().status = MemberStatus::Failed;
        self.seats.get_mut(&n).unwrap().contact = Some(Duration::from_secs(30));
    }

    fn joins(&mut self, n: u128) {
        self.pool.insert(n, pooled(n, MemberStatus::Alive));
    }

    fn carry_out(&mut self, step: &Step) {
        let key = |id: &NodeId| id.as_u128();
        match step {
            Step::Add { id, .. } => drop(self.seats.insert(key(id), seat(key(id), Ballot::NoVote, FRESH))),
            Step::Correct { id, name, addr } => {
                let seat = self.seats.get_mut(&key(id)).unwrap();
                (seat.name, seat.addr) = (name.clone(), *addr);
            }
            Step::Promote { id } => self.seats.get_mut(&key(id)).unwrap().ballot = Ballot::Vote,
            Step::Demote { id } => self.seats.get_mut(&key(id)).unwrap().ballot = Ballot::NoVote,
            Step::Remove { id, .. } => drop(self.seats.remove(&key(id))),
        }
    }
}

#[test]
fn a_new_server_is_taken_in_and_votes_once_it_has_been_healthy_for_long_enough() {
    let mut leader = Leader::settled(3);
    leader.joins(4);
    let step = leader.look().unwrap();
    assert_eq!(step, Step::Add { id: id(4), name: name(4), addr: "10.0.0.4:8300".parse().unwrap() });
    leader.carry_out(&step);
    assert_eq!(leader.look(), None);
    assert_eq!(leader.after(STABLE / 2), None);
    leader.seats.get_mut(&4).unwrap().contact = Some(Duration::from_secs(1));
    assert_eq!(leader.after(STABLE / 2), None);
    leader.seats.get_mut(&4).unwrap().contact = FRESH;
    assert_eq!(leader.look(), None, "its time begins again after a lapse");
    assert_eq!(leader.after(STABLE), Some(Step::Promote { id: id(4) }));
}

#[test]
fn while_the_cluster_is_forming_health_alone_counts() {
    let mut leader = Leader::new(1);
    leader.joins(2);
    let step = leader.look().unwrap();
    leader.carry_out(&step);
    leader.seats.get_mut(&2).unwrap().matched = None;
    assert_eq!(leader.look(), None, "it holds nothing yet");
    leader.seats.get_mut(&2).unwrap().matched = Some(99);
    assert_eq!(leader.look(), Some(Step::Promote { id: id(2) }));
}

#[test]
fn a_server_too_far_behind_does_not_vote() {
    let mut leader = Leader::settled(1);
    leader.joins(2);
    let step = leader.look().unwrap();
    leader.carry_out(&step);
    leader.settings.max_trailing_logs = 5;
    leader.seats.get_mut(&2).unwrap().matched = Some(94);
    assert_eq!((leader.look(), leader.after(STABLE)), (None, None));
    leader.seats.get_mut(&2).unwrap().matched = Some(95);
    assert_eq!((leader.look(), leader.after(STABLE)), (None, Some(Step::Promote { id: id(2) })));
}

#[test]
fn a_read_replica_never_votes_and_a_voter_that_became_one_no_longer() {
    let mut leader = Leader::settled(3);
    leader.joins(4);
    leader.pool.get_mut(&4).unwrap().calling = Calling::ReadReplica;
    let step = leader.look().unwrap();
    leader.carry_out(&step);
    assert_eq!((leader.look(), leader.after(STABLE * 2)), (None, None));
    leader.pool.get_mut(&3).unwrap().calling = Calling::ReadReplica;
    assert_eq!(leader.look(), Some(Step::Demote { id: id(3) }));
}

#[test]
fn a_dead_server_is_removed_after_a_grace_and_not_if_it_comes_back() {
    let mut leader = Leader::settled(3);
    leader.dies(3);
    assert_eq!((leader.look(), leader.after(DEAD_GRACE / 2)), (None, None));
    leader.pool.get_mut(&3).unwrap().status = MemberStatus::Alive;
    assert_eq!(leader.after(DEAD_GRACE), None);
    leader.pool.get_mut(&3).unwrap().status = MemberStatus::Failed;
    assert_eq!((leader.look(), leader.after(DEAD_GRACE - Duration::from_nanos(1))), (None, None));
    assert_eq!(leader.after(Duration::from_nanos(1)), Some(Step::Remove { id: id(3), why: Why::Failed }));
}

#[test]
fn a_server_that_answers_raft_is_not_dead_whatever_gossip_says() {
    let mut leader = Leader::settled(3);
    leader.pool.get_mut(&3).unwrap().status = MemberStatus::Failed;
    assert_eq!((leader.look(), leader.after(DEAD_GRACE * 2)), (None, None));
}

#[test]
fn cleaning_up_stops_at_a_minority_at_min_quorum_and_when_it_is_off() {
    let mut leader = Leader::settled(4);
    leader.dies(3);
    leader.dies(4);
    assert_eq!((leader.look(), leader.after(DEAD_GRACE)), (None, None), "two of four are no minority");

    let mut leader = Leader::settled(3);
    leader.settings.min_quorum = 3;
    leader.dies(3);
    assert_eq!((leader.look(), leader.after(DEAD_GRACE)), (None, None));
    leader.settings.min_quorum = 2;
    leader.settings.cleanup_dead_servers = false;
    assert_eq!(leader.look(), None);
    leader.settings.cleanup_dead_servers = true;
    assert_eq!(leader.look(), Some(Step::Remove { id: id(3), why: Why::Failed }));
}

#[test]
fn two_dead_of_five_go_one_by_one() {
    let mut leader = Leader::settled(5);
    leader.dies(4);
    leader.look();
    leader.now += Duration::from_secs(1);
    leader.dies(2);
    assert_eq!(leader.look(), None);
    let mut gone = Vec::new();
    while let Some(step) = leader.after(DEAD_GRACE) {
        leader.carry_out(&step);
        gone.push(step);
    }
    assert_eq!(gone, [Step::Remove { id: id(4), why: Why::Failed }, Step::Remove { id: id(2), why: Why::Failed }]);
}

#[test]
fn a_seat_the_pool_does_not_know_goes_after_a_longer_grace() {
    let mut leader = Leader::settled(3);
    leader.pool.remove(&3);
    leader.seats.get_mut(&3).unwrap().contact = None;
    assert_eq!((leader.look(), leader.after(DEAD_GRACE)), (None, None));
    assert_eq!(leader.after(UNKNOWN_GRACE), Some(Step::Remove { id: id(3), why: Why::Unknown }));
}

#[test]
fn a_server_that_left_is_removed_at_once() {
    let mut leader = Leader::settled(3);
    leader.settings.min_quorum = 3;
    leader.pool.get_mut(&2).unwrap().status = MemberStatus::Leaving;
    assert_eq!(leader.look(), None);
    leader.pool.get_mut(&2).unwrap().status = MemberStatus::Left;
    assert_eq!(leader.look(), Some(Step::Remove { id: id(2), why: Why::Left }));
    leader.pool.get_mut(&1).unwrap().status = MemberStatus::Left;
    leader.pool.get_mut(&2).unwrap().status = MemberStatus::Alive;
    assert_eq!(leader.look(), None, "the leader does not remove itself");
}

#[test]
fn a_machine_that_was_set_up_anew_takes_the_place_of_its_former_self() {
    let mut leader = Leader::settled(3);
    leader.dies(3);
    leader.joins(9);
    leader.pool.get_mut(&9).unwrap().addr = "10.0.0.3:8300".parse().unwrap();
    let step = leader.look().unwrap();
    assert_eq!(step, Step::Remove { id: id(3), why: Why::Replaced });
    leader.carry_out(&step);
    assert!(matches!(leader.look(), Some(Step::Add { id: added, .. }) if added == id(9)));
}

#[test]
fn two_living_servers_with_one_address_change_nothing() {
    let mut leader = Leader::settled(3);
    leader.joins(9);
    leader.pool.get_mut(&9).unwrap().addr = "10.0.0.3:8300".parse().unwrap();
    assert_eq!(leader.look(), None);
}

#[test]
fn a_server_that_moved_is_followed() {
    let mut leader = Leader::settled(3);
    let addr = "10.1.1.1:8300".parse().unwrap();
    leader.pool.get_mut(&2).unwrap().addr = addr;
    let step = leader.look().unwrap();
    assert_eq!(step, Step::Correct { id: id(2), name: name(2), addr });
    leader.carry_out(&step);
    assert_eq!(leader.look(), None);
}

#[test]
fn the_report_says_who_is_well_and_how_many_may_fail() {
    let mut leader = Leader::settled(5);
    leader.dies(5);
    leader.look();
    leader.now += Duration::from_secs(4);
    let report = leader.autopilot.report(leader.now, &leader.sight());
    assert_eq!((report.condition, report.failure_tolerance), (Condition::Unhealthy, 1));
    let health = report.to_health(Timestamp::from_unix_nanos(1_000_000_000_000));
    let told: Vec<_> = health.servers.iter().map(|s| (s.name.as_str(), s.healthy, s.leader, s.serf_status.as_str())).collect();
    assert_eq!(told[0], ("s1", true, true, "alive"));
    assert_eq!(told[4], ("s5", false, false, "failed"));
    assert_eq!((health.servers[4].stable_since.as_str(), health.servers[4].last_contact.as_str()), ("1970-01-01T00:16:36Z", "30s"));
    let state = report.to_state(Timestamp::default());
    assert_eq!((state.leader.clone(), state.voters.len()), (id(1).to_string(), 5));
    assert_eq!(state.servers[&id(1).to_string()].status, "leader");
}

#[test]
fn a_members_tags_tell_whether_it_is_a_server() {
    let tagged = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let profile =
            Profile { name: name(2), addr: "10.0.0.2:8301".parse().unwrap(), tags: Tags::parse(pairs).unwrap(), versions: Versions::OURS };
        Member { profile: Arc::new(profile), status: MemberStatus::Alive, doubt: Doubt::Trusted, incarnation: 1 }
    };
    let (dc, id_text) = (Datacenter::parse("dc1").unwrap(), id(2).to_string());
    let server = [("role", "consul"), ("dc", "dc1"), ("id", &id_text), ("port", "8300"), ("build", "1.10.11:0.1.0")];
    assert_eq!(Pooled::of(&tagged(&server), &dc), Some(pooled(2, MemberStatus::Alive)));
    let replica = [&server[..], &[("read_replica", "1")]].concat();
    assert_eq!(Pooled::of(&tagged(&replica), &dc).unwrap().calling, Calling::ReadReplica);
    for (key, value) in [("role", "node"), ("dc", "dc2"), ("id", "x"), ("port", "0"), ("port", "70000")] {
        let mut wrong = server;
        wrong.iter_mut().filter(|pair| pair.0 == key).for_each(|pair| pair.1 = value);
        assert_eq!(Pooled::of(&tagged(&wrong), &dc), None, "{key}={value}");
    }
}

fn any_status() -> impl Strategy<Value = Option<MemberStatus>> {
    prop_oneof![
        3 => Just(Some(MemberStatus::Alive)),
        2 => Just(Some(MemberStatus::Failed)),
        1 => Just(Some(MemberStatus::Leaving)),
        1 => Just(Some(MemberStatus::Left)),
        1 => Just(None),
    ]
}

#[derive(Debug, Clone)]
struct Fate {
    status: Option<MemberStatus>,
    ballot: Option<Ballot>,
    contact: Option<u64>,
    replica: bool,
    wait: u64,
}

fn any_fate() -> impl Strategy<Value = Fate> {
    let ballot = prop_oneof![3 => Just(Some(Ballot::Vote)), 1 => Just(Some(Ballot::NoVote)), 1 => Just(None)];
    let contact = prop_oneof![3 => Just(Some(50)), 1 => Just(Some(900)), 2 => Just(Some(60_000)), 1 => Just(None)];
    (any_status(), ballot, contact, prop::bool::weighted(0.2), 0u64..700).prop_map(|(status, ballot, contact, replica, wait)| Fate {
        status,
        ballot,
        contact,
        replica,
        wait,
    })
}

fn lives(leader: &Leader, n: u128) -> bool {
    let heard = leader.seats.get(&n).and_then(|seat| seat.contact).is_some_and(|contact| contact <= Duration::from_secs(1));
    n == 1 || (heard && leader.pool.get(&n).is_some_and(|pooled| pooled.status == MemberStatus::Alive))
}

proptest! {
    /// Whatever happens to the servers, no step costs the quorum, breaks `min_quorum` without a server's own word, gives a vote to who must not
    /// have one, or touches the leader; and the steps come to an end.
    #[test]
    fn no_step_costs_the_quorum(
        rounds in prop::collection::vec(prop::collection::vec(any_fate(), 6), 1..5),
        min_quorum in 0u32..5,
    ) {
        let mut leader = Leader::new(1);
        leader.settings.min_quorum = min_quorum;
        for fates in rounds {
            for (n, fate) in (2u128..).zip(&fates) {
                leader.pool.remove(&n);
                if let Some(status) = fate.status {
                    let calling = if fate.replica { Calling::ReadReplica } else { Calling::Voter };
                    leader.pool.insert(n, Pooled { calling, ..pooled(n, status) });
                }
                leader.seats.remove(&n);
                if let Some(ballot) = fate.ballot {
                    leader.seats.insert(n, seat(n, ballot, fate.contact.map(Duration::from_millis)));
                }
                leader.now += Duration::from_secs(fate.wait);
                leader.look();
            }
            let mut steps = 0;
            while let Some(step) = leader.look() {
                steps += 1;
                prop_assert!(steps <= 40, "no end: {step:?}");
                let voters: Vec<u128> = leader.seats.values().filter(|s| s.ballot == Ballot::Vote).map(|s| s.id.as_u128()).collect();
                match &step {
                    Step::Remove { id, .. } | Step::Demote { id } if voters.contains(&id.as_u128()) => {
                        let rest: Vec<u128> = voters.iter().copied().filter(|n| *n != id.as_u128()).collect();
                        let living = rest.iter().filter(|n| lives(&leader, **n)).count();
                        prop_assert!(living >= majority(rest.len()), "{step:?} leaves {living} of {rest:?}");
                        if let Step::Remove { why: Why::Failed | Why::Unknown, .. } = &step {
                            prop_assert!(rest.len() >= min_quorum as usize);
                            prop_assert!(!lives(&leader, id.as_u128()));
                        }
                        prop_assert_ne!(id.as_u128(), 1);
                    }
                    Step::Promote { id } => {
                        let server = &leader.pool[&id.as_u128()];
                        prop_assert_eq!((server.status, server.calling), (MemberStatus::Alive, Calling::Voter));
                        prop_assert!(lives(&leader, id.as_u128()));
                    }
                    Step::Remove { .. } | Step::Demote { .. } | Step::Add { .. } | Step::Correct { .. } => {}
                }
                leader.carry_out(&step);
            }
        }
    }
}

#[test]
fn a_voter_can_be_spared_only_while_the_others_are_a_living_majority() {
    let mut leader = Leader::settled(3);
    assert!(can_spare(&leader.sight(), id(3), &leader.settings));
    leader.dies(2);
    assert!(can_spare(&leader.sight(), id(2), &leader.settings));
    assert!(!can_spare(&leader.sight(), id(3), &leader.settings), "one of two would be left");
    let stranger = Server { pooled: None, seat: None };
    assert!(!stranger.votes());
    assert!(can_spare(&leader.sight(), id(77), &leader.settings), "who has no vote costs none");
}
