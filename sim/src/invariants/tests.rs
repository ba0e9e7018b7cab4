use super::observation::{Applied, Boot, Calm, Gauge, Granted, Installed, Listed, Liveness, RoleChange, Trial, Watched};
use super::{Record, Reference, Violation, judge};
use crate::checker::{Found, Headers, History, Verdict, read_lines};
use crate::world::Who;
use muster::model::NodeId;
use muster::state::{Command, Condition, KvCommand, Reply};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn put(key: &str, value: &str, condition: Condition) -> KvCommand {
    KvCommand::Put { key: key.into(), value: value.to_owned().into(), flags: 0, condition }
}

fn applied(server: u8, at: u64, index: u64, kv: KvCommand) -> Applied {
    let command = u128::from(index) * 1_000;
    let reply = Reply::Took(true);
    Applied {
        at,
        server: Who(server),
        process: 0,
        index,
        term: 1,
        command,
        state: Some(command + 1),
        tables: None,
        whole: Some(Arc::new(Command::Kv(kv))),
        reply,
    }
}

/// x=a at 5, x=b at 6, y=c at 7, x gone at 8; each applied by two servers.
fn log() -> Vec<Applied> {
    let always = Condition::Always;
    let entries =
        [put("x", "a", always), put("x", "b", always), put("y", "c", always), KvCommand::Delete { key: "x".into(), condition: always }];
    let mut all = Vec::new();
    for (index, kv) in (5..).zip(entries) {
        all.push(applied(1, index * 1_000_000_000, index, kv.clone()));
        all.push(applied(2, index * 1_000_000_000 + 1_000_000, index, kv));
    }
    all
}

fn ids(found: &[Violation]) -> Vec<&'static str> {
    found.iter().map(|v| v.id).collect()
}

fn judged(change: impl FnOnce(&mut Record)) -> Vec<&'static str> {
    let mut record = Record { applied: log(), ..Record::default() };
    change(&mut record);
    ids(&judge(&record, &History::default()).violations)
}

fn found(value: &str, modify: u64, create: u64) -> Option<Found> {
    Some(Found { value: value.into(), modify, create })
}

fn headers(index: u64) -> Headers {
    Headers { index, ..Headers::default() }
}

#[test]
fn a_run_without_faults_breaks_nothing() {
    assert_eq!(judged(|_| {}), [""; 0]);
}

#[test]
fn two_leaders_of_a_term_are_found() {
    let role = |server, term| RoleChange { at: 9, server: Who(server), term, last: (1, 8) };
    assert_eq!(judged(|r| r.roles = vec![role(1, 2), role(1, 2), role(2, 3)]), [""; 0]);
    assert_eq!(judged(|r| r.roles = vec![role(1, 2), role(2, 2)]), ["R1-election-safety"]);
}

#[test]
fn two_votes_of_a_disk_in_a_term_are_found() {
    let vote = |disk, candidate| Granted { at: 9, voter: Who(3), disk, term: 2, candidate: NodeId::from_u128(candidate) };
    assert_eq!(judged(|r| r.votes = vec![vote(0, 1), vote(0, 1), vote(1, 2)]), [""; 0]);
    assert_eq!(judged(|r| r.votes = vec![vote(0, 1), vote(0, 2)]), ["R2-one-vote"]);
}

#[test]
fn another_command_term_or_state_at_an_index_is_found() {
    assert_eq!(judged(|r| r.applied[1].command += 1), ["R3-log-matching"]);
    assert_eq!(judged(|r| r.applied[1].term += 1), ["R3-log-matching"]);
    assert_eq!(judged(|r| r.applied[1].state = Some(3)), ["R5-state-machine-safety"]);
    let snapshot = |state| Installed { at: 9, server: Who(3), process: 0, index: 8, term: 1, state };
    assert_eq!(judged(|r| r.installed = vec![snapshot(8_001)]), [""; 0]);
    assert_eq!(judged(|r| r.installed = vec![snapshot(8_002)]), ["R5-state-machine-safety"]);
}

#[test]
fn an_entry_left_out_is_found_unless_a_snapshot_brought_it() {
    let skip = |r: &mut Record| r.applied.retain(|a| a.server != Who(2) || a.index != 6);
    assert_eq!(judged(skip), ["R8-monotonic"]);
    let snapshot = Installed { at: 6_500_000_000, server: Who(2), process: 0, index: 6, term: 1, state: 6_001 };
    let brought = |r: &mut Record| {
        skip(r);
        r.installed = vec![snapshot];
    };
    assert_eq!(judged(brought), [""; 0]);
}

#[test]
fn a_leader_without_what_was_applied_is_found() {
    let elected = |last| RoleChange { at: 100_000_000_000, server: Who(3), term: 2, last };
    assert_eq!(judged(|r| r.roles = vec![elected((1, 8))]), [""; 0]);
    assert_eq!(judged(|r| r.roles = vec![elected((1, 7))]), ["R4-leader-completeness"]);
}

#[test]
fn a_term_or_index_that_goes_back_is_found() {
    let gauge = |process, term, applied| Gauge { at: 9, server: Who(1), process, term, snapshot: 2, applied, committed: 9 };
    assert_eq!(judged(|r| r.gauges = vec![gauge(0, 2, 5), gauge(0, 2, 6), gauge(1, 2, 3)]), [""; 0]);
    assert_eq!(judged(|r| r.gauges = vec![gauge(0, 2, 5), gauge(1, 0, 5), gauge(1, 2, 5)]), [""; 0]);
    assert_eq!(judged(|r| r.gauges = vec![gauge(0, 2, 5), gauge(1, 0, 5), gauge(1, 1, 5)]), ["R8-monotonic"]);
    assert_eq!(judged(|r| r.gauges = vec![gauge(0, 2, 5), gauge(0, 2, 4)]), ["R8-monotonic"]);
    assert_eq!(judged(|r| r.gauges = vec![gauge(0, 2, 1)]), ["R8-monotonic"]);
}

#[test]
fn a_server_that_answers_otherwise_than_the_reference_is_found() {
    let refused = |reply| {
        move |r: &mut Record| {
            let kv = put("y", "z", Condition::At(6));
            r.applied.push(Applied { reply, ..applied(1, 9, 9, kv) });
        }
    };
    assert_eq!(judged(refused(Reply::Took(false))), [""; 0]);
    assert_eq!(judged(refused(Reply::Took(true))), ["K4-index-honesty"]);
}

#[test]
fn a_listing_of_no_single_state_is_found() {
    let listed = |keys: Vec<(&str, Option<Found>)>, index| Listed {
        prefix: "".into(),
        invoked: 1,
        returned: 2,
        keys: keys.into_iter().map(|(key, found)| (key.into(), found)).collect(),
        headers: headers(index),
    };
    let both = vec![("x", found("b", 6, 5)), ("y", found("c", 7, 7))];
    assert_eq!(judged(|r| r.listings = vec![listed(both.clone(), 7), listed(vec![("y", None)], 8)]), [""; 0]);
    assert_eq!(judged(|r| r.listings = vec![listed(both, 8)]), ["B4-one-snapshot"]);
    let torn = vec![("x", found("a", 5, 5)), ("y", found("c", 7, 7))];
    assert_eq!(judged(|r| r.listings = vec![listed(torn, 7)]), ["B4-one-snapshot"]);
}

fn watched(after: u64, returned: u64, shows: Option<Found>, index: u64) -> Watched {
    let (invoked, wait) = (5_500_000_000, 4_000_000_000);
    Watched { asked: Who(1), key: "x".into(), after, wait, invoked, returned, found: shows, headers: headers(index) }
}

fn calm() -> Calm {
    let running = BTreeSet::from([Who(1), Who(2)]);
    let view: BTreeMap<Who, Liveness> = running.iter().map(|who| (*who, Liveness::Alive)).collect();
    Calm {
        from: 1_000_000_000,
        election_bound: 4_000_000_000,
        one_leader: Some(1_500_000_000),
        equal_states: Some(9_000_000_000),
        trials: vec![Trial { what: "put".to_owned(), invoked: 10_000_000_000, succeeded: Some(10_100_000_000) }],
        views: running.iter().map(|who| (*who, view.clone())).collect(),
        running,
    }
}

#[test]
fn blocking_reads_that_sleep_too_long_come_back_empty_handed_or_mix_states_are_found() {
    let one = |watch: Watched| {
        judged(move |r| {
            r.calm = Some(calm());
            r.watches = vec![watch];
        })
    };
    assert_eq!(one(watched(5, 6_010_000_000, found("b", 6, 5), 6)), [""; 0]);
    assert_eq!(one(watched(5, 7_500_000_000, found("b", 6, 5), 6)), ["B1-no-lost-wake-up"]);
    assert_eq!(one(watched(9, 9_600_000_000, None, 8)), [""; 0]);
    assert_eq!(one(watched(9, 9_200_000_000, None, 8)), [""; 0], "the node's clock may be fast");
    assert_eq!(one(watched(9, 12_000_000_000, None, 8)), ["B2-wait-ends"]);
    assert_eq!(one(watched(6, 6_000_000_000, found("b", 6, 5), 6)), ["B3-index-rises"]);
    assert_eq!(one(watched(5, 6_010_000_000, found("b", 6, 5), 8)), ["B4-one-snapshot"]);
}

#[test]
fn a_cluster_that_does_not_come_back_is_found() {
    let with = |change: fn(&mut Calm)| {
        judged(|r| {
            let mut calm = calm();
            change(&mut calm);
            r.calm = Some(calm);
        })
    };
    assert_eq!(with(|_| {}), [""; 0]);
    assert_eq!(with(|c| c.one_leader = None), ["R12-liveness"]);
    assert_eq!(with(|c| c.one_leader = Some(6_000_000_000)), ["R12-liveness"]);
    assert_eq!(with(|c| c.equal_states = None), ["R12-liveness"]);
    assert_eq!(with(|c| c.trials[0].succeeded = None), ["R12-liveness"]);
    assert_eq!(with(|c| c.trials.clear()), ["R12-liveness"]);
    fn sees(c: &mut Calm, other: u8, liveness: Liveness) {
        c.views.entry(Who(2)).or_default().insert(Who(other), liveness);
    }
    let blind = |c: &mut Calm| sees(c, 1, Liveness::Failed);
    assert_eq!(with(blind), ["G7-membership-converges"]);
    let ghost = |c: &mut Calm| sees(c, 9, Liveness::Alive);
    assert_eq!(with(ghost), ["G7-membership-converges"]);
}

fn stale(found: &str, index: u64, invoked: u64, age_ms: u64) -> String {
    let returned = invoked + 1_000_000;
    format!(
        r#"{{"client":1,"asked":"n1","key":"x","op":"get","mode":"stale","invoked":{invoked},"outcome":"ok","returned":{returned},{found}"index":{index},"last_contact_ms":{age_ms}}}"#
    )
}

#[test]
fn stale_reads_that_go_back_lie_about_their_age_or_never_were_are_found() {
    let judged = |lines: &[String], boots: &[Boot]| {
        let record = Record { applied: log(), boots: boots.to_vec(), calm: Some(calm()), ..Record::default() };
        ids(&judge(&record, &read_lines(lines.join("\n").as_bytes()).unwrap()).violations)
    };
    let (old, new) = (r#""found":{"value":"a","modify":5,"create":5},"#, r#""found":{"value":"b","modify":6,"create":5},"#);
    assert_eq!(judged(&[stale(old, 5, 6_100_000_000, 50), stale(new, 6, 6_200_000_000, 0)], &[]), [""; 0]);
    let back = [stale(new, 6, 6_050_000_000, 0), stale(old, 5, 6_090_000_000, 0)];
    assert_eq!(judged(&back, &[]), ["K3-stale-order"]);
    let restart = Boot { at: 6_060_000_000, agent: Who(1) };
    assert_eq!(judged(&back, &[restart]), [""; 0], "another process may be behind");
    let elsewhere = back.clone().map(|line| line.replace("n1", "n11"));
    assert_eq!(judged(&elsewhere, &[]), [""; 0], "a client agent asks whom it likes");
    assert_eq!(judged(&[stale(old, 5, 6_900_000_000, 100)], &[]), ["K3-stale-honesty"]);
    assert_eq!(judged(&[stale(old, 5, 6_900_000_000, 900)], &[]), [""; 0], "it says that it is old");
    assert_eq!(judged(&[stale(old, 6, 6_050_000_000, 100)], &[]), ["K3-stale-honesty"]);
}

#[test]
fn the_clients_history_is_held_against_what_was_applied() {
    let lines = r#"{"client":1,"asked":"n1","key":"x","op":"put","value":"lost","invoked":1,"outcome":"ok","returned":2}"#;
    let record = Record { applied: log(), ..Record::default() };
    let judgement = judge(&record, &read_lines(lines.as_bytes()).unwrap());
    assert_eq!(judgement.verdict(), Verdict::Illegal);
    assert!(judgement.report.to_string().contains("R9-acknowledged-is-committed"), "{}", judgement.report);
}

#[test]
fn the_reference_deletes_trees_and_keeps_what_is_the_same() {
    let mut entries = log();
    entries.push(applied(1, 9, 9, put("y", "c", Condition::Always)));
    entries.push(applied(1, 10, 10, KvCommand::DeleteTree { prefix: "".into() }));
    let reference = Reference::of(&entries);
    assert_eq!(reference.at("y", 9), found("c", 7, 7));
    assert_eq!(reference.below("", 10), []);
    assert_eq!(reference.below("", 5), [("x".into(), found("a", 5, 5).unwrap())]);
}
