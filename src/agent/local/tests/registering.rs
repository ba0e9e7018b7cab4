//! Registrations over HTTP, heartbeats and maintenance.

use super::world::{after, apply, check_of, empty, files, records, register, service, settings, settle, wall};
use crate::agent::local::{
    Embedding, Local, LocalChange, LocalError, LocalSettings, Maintenance, NODE_MAINTENANCE, Origin, OtherChecks, Record, Standing, Touched,
};
use crate::health::{Input, TreeFault, Verdict};
use crate::model::CheckStatus::{Critical, Passing, Warning};
use crate::model::{CheckDefinition, Probe, Tree};
use std::time::Duration;

#[test]
fn a_registration_is_written_watched_and_told() {
    let mut local = empty();
    let effects = register(&mut local, service("web", &["c1", "c2"]), OtherChecks::Keep);
    let ids = ["web", "c1", "c2"];
    let told = files(&effects, &ids);
    assert_eq!(
        told.iter().map(|(what, folder, id)| (*what, *folder, id.as_str())).collect::<Vec<_>>(),
        [
            ("write", "services", "web"),
            ("write", "checks", "c1"),
            ("write", "checks/state", "c1"),
            ("write", "checks", "c2"),
            ("write", "checks/state", "c2"),
        ]
    );
    assert_eq!(effects.health.len(), 2);
    assert_eq!(effects.touched, [Touched::Service("web".into()), Touched::Check("c1".into()), Touched::Check("c2".into())]);
    let check = &local.view().checks["c1"];
    assert_eq!((check.status, check.output.as_str(), check.embedding), (Critical, "", Embedding::InService));
}

#[test]
fn a_check_stands_as_its_definition_says_before_its_first_result() {
    let mut local = empty();
    let definition = Box::new(CheckDefinition { initial: Some(Passing), ..check_of("", "c") });
    let effects = apply(&mut local, LocalChange::RegisterCheck { definition });
    assert_eq!(local.view().checks["c"].status, Passing);
    assert!(matches!(&effects.health[..], [Input::Watch { verdict, .. }] if verdict.status == Passing));
}

#[test]
fn registering_again_keeps_status_and_output_and_writes_only_what_changed() {
    let mut local = empty();
    register(&mut local, service("web", &["c1", "c2"]), OtherChecks::Keep);
    settle(&mut local, "c1", Passing, "fine");
    let effects = register(&mut local, service("web", &["c1", "c2"]), OtherChecks::Keep);
    assert!(effects.files.is_empty(), "{:?}", effects.files);
    let mut changed = service("web", &["c1"]);
    changed.checks[0].initial = Some(Warning);
    let effects = register(&mut local, changed, OtherChecks::Keep);
    assert_eq!(records(&effects).len(), 1);
    let check = &local.view().checks["c1"];
    assert_eq!((check.status, check.output.as_str()), (Passing, "fine"));
    assert!(local.view().checks.contains_key("c2"), "a check that is not named stays");
}

#[test]
fn other_checks_go_if_they_are_to_but_maintenance_stays() {
    let mut local = empty();
    register(&mut local, service("web", &["c1", "c2"]), OtherChecks::Keep);
    let on = Maintenance::On { reason: "disk".to_owned() };
    apply(&mut local, LocalChange::ServiceMaintenance { id: "web".to_owned(), maintenance: on });
    let effects = register(&mut local, service("web", &["c3"]), OtherChecks::Drop);
    let left: Vec<&str> = local.view().checks.keys().map(|id| &**id).collect();
    assert_eq!(left, ["_service_maintenance:web", "c3"]);
    assert!(effects.health.contains(&Input::Forget("c1".into())) && effects.health.contains(&Input::Forget("c2".into())));
}

#[test]
fn a_deregistered_service_takes_its_checks_and_files_along() {
    let mut local = empty();
    register(&mut local, service("web", &["c1"]), OtherChecks::Keep);
    apply(&mut local, LocalChange::RegisterCheck { definition: Box::new(check_of("web", "extra")) });
    settle(&mut local, "c1", Passing, "fine");
    let effects = apply(&mut local, LocalChange::DeregisterService { id: "web".to_owned() });
    assert!(local.view().services.is_empty() && local.view().checks.is_empty());
    let removed = files(&effects, &["web", "c1", "extra"]);
    for expected in [("services", "web"), ("checks", "c1"), ("checks/state", "c1"), ("checks", "extra")] {
        assert!(removed.iter().any(|(what, folder, id)| *what == "remove" && (*folder, id.as_str()) == expected), "{expected:?}");
    }
    assert_eq!(effects.health.len(), 2);
}

#[test]
fn what_is_not_there_is_refused_and_changes_nothing() {
    let mut local = empty();
    register(&mut local, service("web", &["c1"]), OtherChecks::Keep);
    let tcp = CheckDefinition { probe: Probe::Tcp { addr: "h:1".to_owned(), tls: None }, ..check_of("", "tcp") };
    apply(&mut local, LocalChange::RegisterCheck { definition: Box::new(tcp) });
    let beat = |id: &str| LocalChange::Heartbeat { id: id.to_owned(), status: Passing, output: String::new() };
    let off = |id: &str| LocalChange::ServiceMaintenance { id: id.to_owned(), maintenance: Maintenance::Off };
    let nobodys = LocalChange::RegisterCheck { definition: Box::new(check_of("nope", "c")) };
    let before = local.view().clone();
    for (change, error) in [
        (LocalChange::DeregisterService { id: "x".to_owned() }, LocalError::UnknownService("x".to_owned())),
        (LocalChange::DeregisterCheck { id: "x".to_owned() }, LocalError::UnknownCheck("x".to_owned())),
        (beat("x"), LocalError::UnknownCheck("x".to_owned())),
        (beat("tcp"), LocalError::NoTtl("tcp".to_owned())),
        (off("x"), LocalError::UnknownService("x".to_owned())),
        (nobodys, LocalError::NoServiceForCheck("nope".to_owned())),
    ] {
        assert_eq!(local.apply(wall(), change), Err(error));
    }
    assert_eq!(*local.view(), before);
    assert!(local.settle(wall(), "x", Verdict { status: Passing, output: String::new() }).is_empty());
}

#[test]
fn a_full_agent_refuses_more_but_not_the_same_again() {
    let mut local = Local::new(LocalSettings { services: 1, checks: 2, ..settings() });
    register(&mut local, service("web", &["c1", "c2"]), OtherChecks::Keep);
    register(&mut local, service("web", &["c1", "c2"]), OtherChecks::Keep);
    let more = |definition| LocalChange::RegisterService { definition: Box::new(definition), others: OtherChecks::Keep };
    assert!(matches!(local.apply(wall(), more(service("db", &[]))), Err(LocalError::Full(_))));
    assert!(matches!(local.apply(wall(), more(service("web", &["c3"]))), Err(LocalError::Full(_))));
    let files = local.replace_file_definitions(wall(), vec![service("db", &[])], Vec::new());
    assert!(matches!(files, Err(LocalError::Full(_))));
    local.check_invariants();
}

#[test]
fn a_tree_that_cannot_be_looked_after_is_refused() {
    let mut definition = check_of("", "c");
    definition.probe = Probe::Tree(Tree::All(Vec::new()));
    let change = LocalChange::RegisterCheck { definition: Box::new(definition) };
    assert_eq!(empty().apply(wall(), change), Err(LocalError::InvalidCheck { id: "c".to_owned(), fault: TreeFault::Empty }));
}

#[test]
fn a_check_may_move_to_another_service() {
    let mut local = empty();
    register(&mut local, service("web", &["c"]), OtherChecks::Keep);
    register(&mut local, service("db", &["c"]), OtherChecks::Keep);
    assert_eq!(local.view().checks["c"].definition.service_id, "db");
    apply(&mut local, LocalChange::DeregisterService { id: "web".to_owned() });
    assert!(local.view().checks.contains_key("c"));
}

#[test]
fn maintenance_is_a_critical_check_with_its_reason_and_is_idempotent() {
    let mut local = empty();
    register(&mut local, service("web", &[]), OtherChecks::Keep);
    let change = |maintenance| LocalChange::ServiceMaintenance { id: "web".to_owned(), maintenance };
    let on = |reason: &str| Maintenance::On { reason: reason.to_owned() };
    let effects = apply(&mut local, change(on("broken disk")));
    assert!(effects.health.is_empty(), "nothing is run");
    assert_eq!(records(&effects).len(), 1, "it is kept");
    let check = local.view().checks["_service_maintenance:web"].clone();
    let definition = &check.definition;
    assert_eq!((definition.name.as_str(), definition.notes.as_str(), check.status), ("Service Maintenance Mode", "broken disk", Critical));
    assert_eq!((check.kind(), check.interval(), check.origin), ("maintenance", String::new(), Origin::Agent));
    assert!(apply(&mut local, change(on("again"))).is_empty());
    assert_eq!(Standing::of(local.view().checks.values().map(|check| &**check)), Standing::Maintenance);
    assert_eq!(apply(&mut local, change(Maintenance::Off)).touched, [Touched::Check("_service_maintenance:web".into())]);
    assert!(apply(&mut local, change(Maintenance::Off)).is_empty() && local.view().checks.is_empty());
}

#[test]
fn the_node_in_maintenance_without_a_reason_says_so() {
    let mut local = empty();
    apply(&mut local, LocalChange::NodeMaintenance(Maintenance::On { reason: String::new() }));
    let check = &local.view().checks[NODE_MAINTENANCE];
    assert_eq!((check.definition.name.as_str(), check.definition.service_id.as_str()), ("Node Maintenance Mode", ""));
    assert!(check.definition.notes.to_lowercase().contains("maintenance mode") && check.definition.notes.contains("no reason"));
}

#[test]
fn a_status_is_kept_and_told_and_an_output_only_told() {
    let mut local = empty();
    let tcp = CheckDefinition { probe: Probe::Tcp { addr: "h:1".to_owned(), tls: None }, ..check_of("", "c") };
    apply(&mut local, LocalChange::RegisterCheck { definition: Box::new(tcp) });
    let effects = settle(&mut local, "c", Passing, "fine");
    assert_eq!((records(&effects).len(), effects.touched), (1, vec![Touched::Check("c".into())]));
    let effects = settle(&mut local, "c", Passing, "finer");
    assert_eq!((records(&effects).len(), effects.touched), (0, vec![Touched::Output("c".into())]));
    assert!(settle(&mut local, "c", Passing, "finer").is_empty());
}

#[test]
fn a_ttl_check_that_is_registered_again_has_its_ttl_from_then_on() {
    let mut local = empty();
    register(&mut local, service("web", &["c"]), OtherChecks::Keep);
    let again = LocalChange::RegisterService { definition: Box::new(service("web", &["c"])), others: OtherChecks::Keep };
    let at = after(Duration::from_secs(15));
    let written = records(&local.apply(at, again).unwrap());
    assert!(matches!(&written[..], [Record::State(state)] if state.check == "c" && state.at == at), "{written:?}");
}

#[test]
fn a_thousand_heartbeats_are_written_a_few_times() {
    let mut local = empty();
    register(&mut local, service("web", &["c"]), OtherChecks::Keep);
    settle(&mut local, "c", Passing, "fine");
    let (mut written, mut beats) = (0, 0);
    for n in 0..1000 {
        let beat = LocalChange::Heartbeat { id: "c".to_owned(), status: Passing, output: "fine".to_owned() };
        let effects = local.apply(after(Duration::from_millis(100 * n)), beat).unwrap();
        assert!(effects.touched.is_empty());
        beats += effects.health.len();
        written += records(&effects).iter().filter(|record| matches!(record, Record::State(state) if state.check == "c")).count();
    }
    assert_eq!((beats, written), (1000, 6), "at a quarter of its TTL of a minute");
}
