use super::judge;
use super::observed::{
    Deed, Heartbeat, Inside, Instance, Look, Manner, Naming, Order, Probe, Seen, Staleness, Subject, Told, Turn, Union, Which, Wipe,
    Written,
};
use crate::fault::{Aim, Fault, Struck};
use crate::invariants::observation::Boot;
use crate::world::Who;
use muster::model::{CheckStatus, NodeId, NodeName, ServiceSpec};
use muster::state::checks::CheckSpec;
use muster::state::nodes::NodeSpec;
use muster::state::{CatalogCommand, NodeUpdate};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;
const AGENT: Who = Who(11);

fn register(status: CheckStatus, serf: CheckStatus, tag: &str) -> CatalogCommand {
    let node = NodeSpec {
        id: Some(NodeId::from_u128(11)),
        name: NodeName::parse("n11").unwrap(),
        address: "10.0.0.11".to_owned(),
        tagged_addresses: BTreeMap::new(),
        meta: BTreeMap::new(),
    };
    let service = ServiceSpec { tags: vec![tag.to_owned()], port: 80, ..ServiceSpec::new("web-0", "web") };
    let mine = CheckSpec { service_id: "web-0".to_owned(), ..CheckSpec::of_node("service:web-0", "web", status, "") };
    let serf = CheckSpec::of_node("serfHealth", "serf", serf, "");
    CatalogCommand::Register { node, update: NodeUpdate::Skip, service: Some(service), checks: vec![mine, serf] }
}

fn passing() -> CatalogCommand {
    register(CheckStatus::Passing, CheckStatus::Passing, "v1")
}

fn critical() -> CatalogCommand {
    register(CheckStatus::Critical, CheckStatus::Passing, "v1")
}

fn written(at: u64, index: u64, command: CatalogCommand) -> Vec<Written> {
    [1, 2, 3].map(|server| Written { at: at + u64::from(server), server: Who(server), index, command: Some(command.clone()) }).to_vec()
}

/// An HTTP instance of three servers' catalog, passing from 60 s, whose endpoint breaks at 100 s and is found out at 101 s.
fn http() -> Seen {
    let probe = Probe::Http { interval: Duration::from_secs(1), timeout: Duration::from_millis(500) };
    Seen {
        servers: BTreeSet::from([Who(1), Who(2), Who(3)]),
        instances: vec![Instance { agent: AGENT, id: "web-0".into(), service: "web".into(), probe }],
        turns: vec![Turn { at: 100 * SECOND, instance: 0, manner: Manner::Broken }],
        applied: [written(60 * SECOND, 10, passing()), written(101 * SECOND, 11, critical())].concat(),
        boots: vec![Boot { at: 0, agent: AGENT }],
        end: 200 * SECOND,
        ..Seen::default()
    }
}

/// The same with a TTL of 4 s, fed every second from 60 s to 100 s.
fn ttl() -> Seen {
    let beat = |second: u64| Heartbeat {
        instance: 0,
        invoked: second * SECOND,
        over: second * SECOND + MS,
        status: CheckStatus::Passing,
        told: Told::Done,
    };
    let inside = |at, status| Inside { at, agent: AGENT, process: 0, check: "service:web-0".into(), status: Some(status) };
    let expired = 104 * SECOND + 2 * MS;
    Seen {
        instances: vec![Instance { probe: Probe::Ttl(Duration::from_secs(4)), ..http().instances.remove(0) }],
        turns: Vec::new(),
        heartbeats: (60..=100).map(beat).collect(),
        inside: vec![inside(60 * SECOND, CheckStatus::Passing), inside(expired, CheckStatus::Critical)],
        applied: [written(60 * SECOND, 10, passing()), written(expired + 5 * MS, 11, critical())].concat(),
        ..http()
    }
}

fn ids(seen: &Seen) -> Vec<&'static str> {
    let mut ids: Vec<&'static str> = judge(seen).iter().map(|violation| violation.id).collect();
    ids.dedup();
    ids
}

fn judged(mut seen: Seen, change: impl FnOnce(&mut Seen)) -> Vec<&'static str> {
    change(&mut seen);
    ids(&seen)
}

fn struck(fault: Fault, from: u64, to: u64) -> Struck {
    Struck { hosts: fault.hosts(None), fault, from, to: Some(to) }
}

fn delay(seen: &mut Seen, by: u64) {
    seen.applied.iter_mut().filter(|written| written.index == 11).for_each(|written| written.at += by);
}

#[test]
fn a_run_as_it_should_be_breaks_nothing() {
    assert_eq!(ids(&http()), [""; 0]);
    assert_eq!(ids(&ttl()), [""; 0]);
}

#[test]
fn a_critical_instance_that_stays_for_longer_than_its_bound_is_found() {
    // 1.1 x (interval + timeout) + 1 s after 100 s, of which 1 s has passed.
    assert_eq!(judged(http(), |seen| delay(seen, 1_640 * MS)), [""; 0]);
    assert_eq!(judged(http(), |seen| delay(seen, 1_660 * MS)), ["C1-critical-leaves"]);
    assert_eq!(judged(http(), |seen| seen.applied.retain(|written| written.index != 11)), ["C1-critical-leaves"]);
    assert_eq!(judged(ttl(), |seen| delay(seen, 1_500 * MS)), ["C1-critical-leaves"]);
}

#[test]
fn a_server_that_is_behind_on_its_own_is_found_and_one_that_was_struck_is_not() {
    let behind = |seen: &mut Seen| seen.applied.retain(|written| written.server != Who(3) || written.index != 11);
    assert_eq!(judged(http(), behind), ["C1-critical-leaves"]);
    let fault = struck(Fault::Freeze(Aim::At(Who(3))), 80 * SECOND, 130 * SECOND);
    assert_eq!(
        judged(http(), |seen| {
            behind(seen);
            seen.struck.push(fault);
        }),
        [""; 0]
    );
}

#[test]
fn a_bound_is_not_held_while_its_agent_or_the_majority_is_struck_or_an_election_is_near() {
    let late = |fault: Struck| {
        judged(http(), |seen| {
            delay(seen, 10 * SECOND);
            seen.struck.push(fault);
        })
    };
    let near = |fault| late(struck(fault, 98 * SECOND, 99 * SECOND));
    assert_eq!(near(Fault::Isolate(Aim::At(AGENT))), [""; 0]);
    assert_eq!(near(Fault::Loss(100_000)), [""; 0]);
    assert_eq!(near(Fault::Crash(Aim::At(Who(1)), crate::nodes::Crash::Power)), [""; 0]);
    assert_eq!(late(struck(Fault::Blackout(vec![Who(1), Who(2)]), 50 * SECOND, 70 * SECOND)), [""; 0]);
    assert_eq!(late(struck(Fault::Freeze(Aim::At(Who(1))), 50 * SECOND, 70 * SECOND)), ["C1-critical-leaves"]);
    assert_eq!(near(Fault::Isolate(Aim::At(Who(12)))), ["C1-critical-leaves"], "another agent's trouble");
    assert_eq!(near(Fault::Duplicate(100_000)), ["C1-critical-leaves"]);
}

fn look(invoked: u64, subject: Subject, index: u64, lines: &[&str]) -> Look {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    let (asked, staleness) = (Who(1), Staleness::Fresh);
    Look { watcher: 1, asked, subject, staleness, after: 0, wait: 0, invoked, returned: invoked + MS, index, lines }
}

fn healthy(which: Which) -> Subject {
    Subject::Health { service: "web".into(), which }
}

const PASSING: &str = "n11/web-0:80 {v1} [serfHealth=passing service:web-0=passing]";
const CRITICAL: &str = "n11/web-0:80 {v1} [serfHealth=passing service:web-0=critical]";

#[test]
fn an_answer_that_shows_a_critical_instance_after_its_bound_is_found() {
    let shown = |invoked| judged(http(), |seen| seen.looks.push(look(invoked, healthy(Which::Passing), 10, &[PASSING])));
    assert_eq!(shown(102 * SECOND), [""; 0]);
    assert_eq!(shown(103 * SECOND), ["C1-critical-leaves"]);
}

#[test]
fn an_order_takes_an_instance_out_within_a_second() {
    let ordered = |deed, by| {
        judged(http(), |seen| {
            seen.turns.clear();
            seen.orders.push(Order { instance: 0, deed, invoked: 100 * SECOND, done: Some(100 * SECOND + MS) });
            delay(seen, by);
        })
    };
    assert_eq!(ordered(Deed::MaintenanceOn, 0), [""; 0]);
    assert_eq!(ordered(Deed::MaintenanceOn, SECOND), ["C1-critical-leaves"]);
    assert_eq!(ordered(Deed::Deregister, SECOND), ["C1-critical-leaves"]);
}

#[test]
fn an_instance_that_is_hidden_without_a_reason_is_found() {
    let hidden = |change: &dyn Fn(&mut Seen)| {
        judged(http(), |seen| {
            seen.turns.clear();
            change(seen);
        })
    };
    assert_eq!(hidden(&|_| {}), ["C2-living-stays"]);
    let serf = register(CheckStatus::Passing, CheckStatus::Critical, "v1");
    let command = |command: CatalogCommand| {
        move |seen: &mut Seen| seen.applied.iter_mut().filter(|w| w.index == 11).for_each(|w| w.command = Some(command.clone()))
    };
    assert_eq!(hidden(&command(serf)), ["C2-living-stays"]);
    let gone = CatalogCommand::DeregisterNode { node: NodeName::parse("n11").unwrap(), only_id: None };
    assert_eq!(hidden(&command(gone)), ["C2-living-stays"]);
    let fault = |fault, from, to| move |seen: &mut Seen| seen.struck.push(struck(fault, from, to));
    let crash = |who| Fault::Crash(Aim::At(Who(who)), crate::nodes::Crash::Process);
    assert_eq!(judged(http(), |seen| seen.turns.clear()), ["C2-living-stays"]);
    for (who, expected) in [(1, vec!["C2-living-stays"]), (11, vec![])] {
        let strike = fault(crash(who), 95 * SECOND, 97 * SECOND);
        let found = judged(http(), |seen| {
            seen.turns.clear();
            strike(seen);
        });
        assert_eq!(found, expected, "a leader's death is no reason, its own agent's is: n{who}");
    }
    assert_eq!(hidden(&|seen| seen.wipes.push(Wipe { instance: 0, invoked: 100 * SECOND })), [""; 0]);
}

#[test]
fn a_late_write_of_its_agent_is_borne_after_a_servers_trouble_if_it_is_put_right_in_time() {
    let late = |again: u64, fault: Option<Struck>| {
        judged(http(), |seen| {
            seen.turns.clear();
            seen.applied.extend(written(again, 12, passing()));
            seen.struck.extend(fault);
        })
    };
    let mute = || Some(struck(Fault::Mute(Aim::At(Who(1))), 90 * SECOND, 100 * SECOND));
    assert_eq!(late(120 * SECOND, mute()), [""; 0]);
    assert_eq!(late(140 * SECOND, mute()), ["C2-living-stays"], "not in time");
    assert_eq!(late(120 * SECOND, None), ["C2-living-stays"], "no server held anything");
}

#[test]
fn a_ttl_that_expires_early_or_late_is_found() {
    let expires = |at: u64| {
        judged(ttl(), |seen| {
            seen.inside[1].at = at;
            seen.applied.iter_mut().filter(|written| written.index == 11).for_each(|written| written.at = at + MS);
        })
    };
    assert_eq!(expires(103 * SECOND + 700 * MS), [""; 0], "on a fast clock");
    assert_eq!(expires(103 * SECOND), ["C5-ttl-on-time", "C2-living-stays"]);
    assert_eq!(expires(104 * SECOND + 420 * MS), [""; 0], "on a slow clock");
    assert_eq!(expires(104 * SECOND + 600 * MS), ["C5-ttl-on-time"]);
    let frozen = struck(Fault::Freeze(Aim::At(AGENT)), 101 * SECOND, 107 * SECOND);
    assert_eq!(
        judged(ttl(), |seen| {
            seen.inside[1].at = 107 * SECOND;
            seen.struck.push(frozen);
        }),
        [""; 0]
    );
}

fn blocking(subject: Subject, (invoked, returned): (u64, u64), (after, index): (u64, u64), lines: &[&str]) -> Look {
    Look { after, wait: 10 * SECOND, returned, ..look(invoked, subject, index, lines) }
}

#[test]
fn an_answer_of_no_single_state_is_found() {
    let shown = |index, lines: &[&str]| judged(http(), |seen| seen.looks.push(look(101 * SECOND, healthy(Which::All), index, lines)));
    assert_eq!(shown(10, &[PASSING]), [""; 0]);
    assert_eq!(shown(11, &[CRITICAL]), [""; 0]);
    assert_eq!(shown(11, &[PASSING]), ["C6-one-state"]);
    assert_eq!(shown(10, &[]), ["C6-one-state"]);
    let tagged = |tag: &str, lines: &[&str]| {
        judged(http(), |seen| seen.looks.push(look(101 * SECOND, healthy(Which::Filtered(tag.into())), 10, lines)))
    };
    assert_eq!(tagged("v1", &[PASSING]), [""; 0]);
    assert_eq!(tagged("v2", &[PASSING]), ["C6-one-state"]);
}

#[test]
fn a_blocking_query_that_sleeps_over_a_change_is_found() {
    let waits = |returned: u64, subject: Subject, lines: &[&str]| {
        judged(http(), |seen| seen.looks.push(blocking(subject, (95 * SECOND, returned), (10, 11), lines)))
    };
    assert_eq!(waits(101 * SECOND + 10 * MS, healthy(Which::All), &[CRITICAL]), [""; 0]);
    assert_eq!(waits(103 * SECOND, healthy(Which::All), &[CRITICAL]), ["C6-no-lost-wake-up"]);
    assert_eq!(waits(102 * SECOND + 10 * MS, healthy(Which::Passing), &[]), ["C6-no-lost-wake-up"]);
    assert_eq!(waits(105 * SECOND, Subject::Nodes, &["n11 00000000-0000-0000-0000-00000000000b 10.0.0.11"]), [""; 0]);
}

#[test]
fn a_blocking_query_that_wakes_for_nothing_is_found() {
    let wakes = |subject: Subject, after: u64, index: u64, lines: &[&str]| {
        judged(http(), |seen| {
            seen.applied.extend(written(102 * SECOND, 12, register(CheckStatus::Critical, CheckStatus::Passing, "v2")));
            seen.looks.push(blocking(subject, (101 * SECOND, 101 * SECOND + 100 * MS), (after, index), lines));
        })
    };
    assert_eq!(wakes(healthy(Which::All), 10, 11, &[CRITICAL]), [""; 0]);
    assert_eq!(wakes(healthy(Which::All), 11, 11, &[CRITICAL]), ["C6-woken-by-something"], "its index does not rise");
    assert_eq!(wakes(Subject::Services, 10, 11, &["web {v1}"]), ["C6-woken-by-something"], "a check is not a registration");
    assert_eq!(wakes(Subject::Services, 11, 12, &["web {v2}"]), [""; 0]);
    let tagged = healthy(Which::Tagged("v1".into()));
    assert_eq!(wakes(tagged.clone(), 10, 11, &[CRITICAL]), [""; 0]);
    assert_eq!(wakes(healthy(Which::Tagged("v2".into())), 10, 11, &[]), [""; 0], "once for what another part of the answer was");
    assert_eq!(wakes(healthy(Which::Tagged("v2".into())), 11, 11, &[]), ["C6-woken-by-something"], "and not twice");
}

#[test]
fn an_index_that_goes_back_is_found() {
    let pair = |asked: u8, staleness, boots: &[u64]| {
        judged(http(), |seen| {
            seen.boots.extend(boots.iter().map(|at| Boot { at: *at, agent: Who(asked) }));
            let all = |invoked, index, line| Look { asked: Who(asked), staleness, ..look(invoked, healthy(Which::All), index, &[line]) };
            seen.looks = vec![all(101 * SECOND, 11, CRITICAL), all(101 * SECOND + 50 * MS, 10, PASSING)];
        })
    };
    assert_eq!(pair(1, Staleness::Fresh, &[]), ["C7-index-rises"]);
    assert_eq!(pair(1, Staleness::Stale, &[0]), ["C7-index-rises"]);
    assert_eq!(pair(1, Staleness::Stale, &[0, 101 * SECOND + 20 * MS]), [""; 0], "another process");
    assert_eq!(pair(11, Staleness::Stale, &[0]), [""; 0], "a client agent asks one server after the other");
    assert_eq!(pair(11, Staleness::Fresh, &[0]), ["C7-index-rises"]);
    assert_eq!(pair(11, Staleness::Cached, &[0]), ["C7-index-rises"]);
    assert_eq!(pair(11, Staleness::Cached, &[0, 101 * SECOND + 20 * MS]), [""; 0], "what it kept is gone");
}

#[test]
fn a_catalog_that_does_not_come_to_agree_and_a_registration_that_is_lost_are_found() {
    let union = |agreed, forgotten: &[&str]| {
        let forgotten = forgotten.iter().map(|says| (*says).to_owned()).collect();
        judged(http(), |seen| seen.union = Some(Union { from: 150 * SECOND, agreed, differences: Vec::new(), forgotten }))
    };
    assert_eq!(union(Some(160 * SECOND), &[]), [""; 0]);
    assert_eq!(union(None, &[]), ["C3-catalog-is-union"]);
    assert_eq!(union(Some(150 * SECOND + super::AGREED_WITHIN + 1), &[]), ["C3-catalog-is-union"]);
    assert_eq!(union(Some(160 * SECOND), &["Register"]), ["C4-registration-kept"]);
}

fn naming(asked: Who, at: u64, lines: &[&str]) -> Naming {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    Naming { asked, service: "web".into(), invoked: at, returned: at + MS, lines }
}

#[test]
fn what_dns_names_is_what_the_catalog_has_at_an_index_that_its_server_had_reached() {
    let named = |asked, at, lines: &[&str]| judged(http(), |seen| seen.namings.push(naming(asked, at, lines)));
    let agent = Who(12);
    assert_eq!(named(agent, 70 * SECOND, &["n11:80"]), [""; 0]);
    assert_eq!(named(agent, 70 * SECOND, &[]), [""; 0], "an agent may not have heard of it yet");
    assert_eq!(named(agent, 70 * SECOND, &["n11:81"]), ["D1-names-agree"]);
    assert_eq!(named(agent, 50 * SECOND, &["n11:80"]), ["D1-names-agree"], "before it was there");
    let of_server = |lines: &[&str]| {
        judged(http(), |seen| {
            seen.boots.push(Boot { at: 0, agent: Who(1) });
            seen.namings.push(naming(Who(1), 70 * SECOND, lines));
        })
    };
    assert_eq!(of_server(&["n11:80"]), [""; 0]);
    assert_eq!(of_server(&[]), ["D1-names-agree"], "this server had applied it");
}

#[test]
fn dns_does_not_name_what_is_critical_beyond_its_bound_and_may_name_a_warning() {
    let named = |manner, at| {
        judged(http(), |seen| {
            seen.turns[0].manner = manner;
            seen.namings.push(naming(Who(12), at, &["n11:80"]));
        })
    };
    assert_eq!(named(Manner::Broken, 102 * SECOND), [""; 0]);
    assert_eq!(named(Manner::Broken, 103 * SECOND), ["D2-critical-unnamed"]);
    assert_eq!(named(Manner::Mute, 103 * SECOND), ["D2-critical-unnamed"]);
    assert_eq!(named(Manner::Busy, 103 * SECOND), [""; 0]);
}
