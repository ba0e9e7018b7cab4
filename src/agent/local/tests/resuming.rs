//! An agent that starts again.

use super::world::{after, apply, check_of, empty, files, records, register, service, settings, settle, wall};
use crate::agent::local::{
    CheckState, Effects, FRESH, Folder, Life, LifeSign, Local, LocalChange, Maintenance, Origin, OtherChecks, Record,
};
use crate::health::Input;
use crate::model::CheckStatus::{self, Critical, Passing, Warning};
use crate::model::{CheckDefinition, Probe, ServiceDefinition, Timestamp};
use std::time::Duration;

fn resume(at: Timestamp, records: Vec<Record>, services: Vec<ServiceDefinition>) -> (Local, Effects) {
    let resumed = Local::resume(settings(), at, records, services, Vec::new()).expect("it starts");
    resumed.0.check_invariants();
    resumed
}

fn state(check: &str, status: CheckStatus, at: Timestamp) -> Record {
    Record::State(CheckState { check: check.to_owned(), status, output: "before".to_owned(), at })
}

/// What is on disk after `web` with its check `c` was registered.
fn registered() -> Vec<Record> {
    records(&register(&mut empty(), service("web", &["c"]), OtherChecks::Keep))
}

#[test]
fn services_checks_and_maintenance_come_back() {
    let mut local = empty();
    let mut written = records(&register(&mut local, service("web", &["c"]), OtherChecks::Keep));
    let on = || Maintenance::On { reason: "why".to_owned() };
    for change in [
        LocalChange::ServiceMaintenance { id: "web".to_owned(), maintenance: on() },
        LocalChange::NodeMaintenance(on()),
        LocalChange::RegisterCheck { definition: Box::new(check_of("", "disk")) },
    ] {
        written.extend(records(&apply(&mut local, change)));
    }
    let (again, effects) = resume(wall(), written, Vec::new());
    assert_eq!(again.view(), local.view());
    assert!(effects.files.is_empty(), "what was read is not written");
    assert_eq!((effects.health.len(), effects.touched.len()), (2, 5));
}

#[test]
fn a_ttl_check_stands_as_before_while_its_ttl_lasts() {
    for (age, status) in [(0, Passing), (30, Passing), (74, Passing), (75, Critical), (1000, Critical)] {
        let mut disk = registered();
        disk.push(state("c", Passing, wall()));
        let (local, effects) = resume(after(Duration::from_secs(age)), disk, Vec::new());
        assert_eq!(local.view().checks["c"].status, status, "after {age} s");
        // Nobody could feed it while its agent was away: it is looked after as a new one is, and its TTL begins anew.
        assert!(matches!(&effects.health[..], [Input::Watch { verdict, .. }] if verdict.status == status));
    }
}

#[test]
fn a_check_that_is_run_stands_as_before_only_if_that_was_a_moment_ago() {
    let probe = Probe::Tcp { addr: "h:1".to_owned(), tls: None };
    let definition = Box::new(CheckDefinition { probe, initial: Some(Passing), ..check_of("", "c") });
    let written = records(&apply(&mut empty(), LocalChange::RegisterCheck { definition }));
    for (age, status) in [(FRESH - Duration::from_secs(1), Warning), (FRESH, Critical)] {
        let disk = written.iter().cloned().chain([state("c", Warning, wall())]).collect();
        let (local, _) = resume(after(age), disk, Vec::new());
        assert_eq!(local.view().checks["c"].status, status);
    }
}

fn life(sign: LifeSign, at: Timestamp) -> Record {
    Record::Life(Life { at, sign })
}

/// What is on disk after a check that is run was registered as passing, and never turned.
fn registered_passing() -> Vec<Record> {
    let probe = Probe::Tcp { addr: "h:1".to_owned(), tls: None };
    let definition = Box::new(CheckDefinition { probe, initial: Some(Passing), ..check_of("", "c") });
    records(&apply(&mut empty(), LocalChange::RegisterCheck { definition }))
}

#[test]
fn what_never_turned_stands_as_before_if_the_agent_lived_a_moment_ago() {
    let hour = Duration::from_secs(3600);
    for (away, status) in [(Duration::from_secs(1), Passing), (FRESH - Duration::from_secs(1), Passing), (FRESH, Critical)] {
        let disk = registered_passing().into_iter().chain([life(LifeSign::Alive, after(hour))]).collect();
        assert_eq!(resume(after(hour + away), disk, Vec::new()).0.view().checks["c"].status, status, "away for {away:?}");
    }
    let (local, _) = resume(after(hour), registered_passing(), Vec::new());
    assert_eq!(local.view().checks["c"].status, Critical, "nobody knows how long ago that was");
    let disk = registered_passing().into_iter().chain([life(LifeSign::Alive, after(hour))]).collect();
    assert_eq!(resume(wall(), disk, Vec::new()).0.view().checks["c"].status, Critical, "nor where the clock went back");
}

#[test]
fn a_later_sign_of_life_does_not_vouch_for_what_no_longer_held() {
    let late = Duration::from_secs(1000);
    let (local, effects) = resume(after(late), registered_passing(), Vec::new());
    assert_eq!(local.view().checks["c"].status, Critical);
    // It crashes again before the check was run.
    let soon = after(late + Duration::from_secs(5));
    let disk = registered_passing().into_iter().chain(records(&effects)).chain([life(LifeSign::Alive, soon)]).collect();
    assert_eq!(resume(soon, disk, Vec::new()).0.view().checks["c"].status, Critical);
}

#[test]
fn a_short_ttl_does_not_outlive_its_agent_by_more_than_a_second() {
    let definition = CheckDefinition { probe: Probe::Ttl { ttl: Duration::from_secs(2) }, ..check_of("", "c") };
    let disk = || {
        let written = records(&apply(&mut empty(), LocalChange::RegisterCheck { definition: Box::new(definition.clone()) }));
        written.into_iter().chain([state("c", Passing, wall())]).collect::<Vec<_>>()
    };
    let stands = |millis, sign, died| {
        let at = after(Duration::from_millis(millis));
        let life = life(sign, after(Duration::from_millis(died)));
        resume(at, disk().into_iter().chain([life]).collect(), Vec::new()).0.view().checks["c"].status
    };
    assert_eq!(stands(2_999, LifeSign::Alive, 1_200), Passing, "it may have been fed after it was written");
    assert_eq!(stands(3_000, LifeSign::Alive, 1_200), Critical);
    assert_eq!(stands(5_300, LifeSign::Alive, 5_000), Critical, "an agent that lives feeds nobody");
    assert_eq!(stands(1_999, LifeSign::Rests, 1_200), Passing);
    assert_eq!(stands(2_000, LifeSign::Rests, 1_200), Critical, "an orderly stop wrote down the last heartbeat");
}

#[test]
fn a_ttl_that_is_recalled_again_and_again_runs_out_all_the_same() {
    let mut disk = registered();
    disk.push(state("c", Passing, wall()));
    for (age, status) in [(30, Passing), (60, Passing), (90, Critical)] {
        let (local, effects) = resume(after(Duration::from_secs(age)), disk.clone(), Vec::new());
        assert_eq!(local.view().checks["c"].status, status, "after {age} s");
        disk.extend(records(&effects));
    }
}

#[test]
fn a_check_of_a_file_stands_as_before_too() {
    let (local, _) = resume(wall(), vec![state("c", Passing, wall())], vec![service("web", &["c"])]);
    assert_eq!(local.view().checks["c"].status, Passing);
}

#[test]
fn files_win_and_what_belongs_to_nobody_is_removed() {
    let mut disk = registered();
    disk.push(state("gone", Passing, wall()));
    let orphan = CheckDefinition { service_id: "nobody".to_owned(), ..check_of("", "orphan") };
    disk.push(Record::Check { definition: orphan, embedding: crate::agent::local::Embedding::Alone });
    let (local, effects) = resume(wall(), disk, vec![service("web", &["c"])]);
    assert_eq!((local.view().services["web"].origin, local.view().checks["c"].origin), (Origin::File, Origin::File));
    let mut removed = files(&effects, &["web", "c", "gone", "orphan"]);
    removed.sort();
    let removed: Vec<_> = removed.iter().map(|(what, folder, id)| (*what, *folder, id.as_str())).collect();
    assert_eq!(
        removed,
        [("remove", "checks", "c"), ("remove", "checks", "orphan"), ("remove", "checks/state", "gone"), ("remove", "services", "web"),]
    );
    assert_eq!(Folder::ALL.map(Folder::path), ["checks/state", "services", "checks"]);
}

#[test]
fn an_orderly_stop_keeps_every_verdict_to_the_second() {
    let mut local = empty();
    let disk = records(&register(&mut local, service("web", &["c", "silent"]), OtherChecks::Keep));
    settle(&mut local, "c", Passing, "fine");
    let rest = local.rest(after(Duration::from_secs(100)), |id| (id == "c").then_some(Duration::from_secs(25)));
    let states = records(&rest);
    let at = after(Duration::from_secs(65));
    let stood = Record::State(CheckState { check: "c".to_owned(), status: Passing, output: "fine".to_owned(), at });
    assert_eq!(states, [stood, life(LifeSign::Rests, after(Duration::from_secs(100)))]);
    let (again, _) = resume(after(Duration::from_secs(101)), disk.into_iter().chain(states).collect(), Vec::new());
    assert_eq!((again.view().checks["c"].status, again.view().checks["silent"].status), (Passing, Critical));
}
