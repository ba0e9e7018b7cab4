//! Definitions of files, read again.

use super::world::{apply, check_of, empty, files, register, service, settle, wall};
use crate::agent::local::{Effects, Local, LocalChange, LocalError, Origin, OtherChecks, Touched};
use crate::model::CheckStatus::Passing;
use crate::model::{CheckDefinition, ServiceDefinition};

fn reload(local: &mut Local, services: Vec<ServiceDefinition>, checks: Vec<CheckDefinition>) -> Effects {
    let effects = local.replace_file_definitions(wall(), services, checks).expect("the definitions are taken");
    local.check_invariants();
    effects
}

#[test]
fn what_is_the_same_is_left_alone() {
    let mut local = empty();
    let first = reload(&mut local, vec![service("web", &["c1"])], vec![check_of("web", "c2"), check_of("", "c3")]);
    let ids = ["web", "c1", "c2", "c3"];
    assert!(files(&first, &ids).iter().all(|(_, folder, _)| *folder == "checks/state"), "files are their own record");
    settle(&mut local, "c1", Passing, "fine");
    let again = reload(&mut local, vec![service("web", &["c1"])], vec![check_of("web", "c2"), check_of("", "c3")]);
    assert!(again.is_empty(), "{again:?}");
    assert_eq!(local.view().checks["c1"].status, Passing);
}

#[test]
fn what_is_gone_goes_and_what_is_new_comes_and_what_was_registered_over_http_stays() {
    let mut local = empty();
    reload(&mut local, vec![service("old", &["c1"]), service("web", &["c2", "c3"])], vec![check_of("", "c4")]);
    register(&mut local, service("api", &["c5"]), OtherChecks::Keep);
    apply(&mut local, LocalChange::RegisterCheck { definition: Box::new(check_of("web", "c6")) });
    settle(&mut local, "c2", Passing, "fine");
    let effects = reload(&mut local, vec![service("fresh", &[]), service("web", &["c2"])], Vec::new());
    let services: Vec<&str> = local.view().services.keys().map(|id| &**id).collect();
    let checks: Vec<&str> = local.view().checks.keys().map(|id| &**id).collect();
    assert_eq!((services, checks), (vec!["api", "fresh", "web"], vec!["c2", "c5", "c6"]));
    assert!(!effects.touched.contains(&Touched::Service("web".into())), "it is as it was");
    assert!(effects.touched.contains(&Touched::Service("old".into())));
    assert_eq!(local.view().checks["c2"].status, Passing);
}

#[test]
fn a_changed_definition_keeps_how_its_check_stands() {
    let mut local = empty();
    reload(&mut local, vec![service("web", &["c1"])], Vec::new());
    settle(&mut local, "c1", Passing, "fine");
    let mut changed = service("web", &["c1"]);
    (changed.spec.port, changed.checks[0].notes) = (8080, "new".to_owned());
    reload(&mut local, vec![changed], Vec::new());
    let check = &local.view().checks["c1"];
    assert_eq!((local.view().services["web"].spec.port, check.status, check.definition.notes.as_str()), (8080, Passing, "new"));
}

#[test]
fn a_file_wins_over_a_registration_of_the_same_id() {
    let mut local = empty();
    register(&mut local, service("web", &["c1"]), OtherChecks::Keep);
    let effects = reload(&mut local, vec![service("web", &["c1"])], Vec::new());
    let removed = files(&effects, &["web", "c1"]);
    assert_eq!(
        removed.iter().map(|(what, folder, id)| (*what, *folder, id.as_str())).collect::<Vec<_>>(),
        [("remove", "services", "web"), ("remove", "checks", "c1")]
    );
    assert_eq!((local.view().services["web"].origin, local.view().checks["c1"].origin), (Origin::File, Origin::File));
    assert!(reload(&mut local, Vec::new(), Vec::new()).touched.contains(&Touched::Service("web".into())));
    assert!(local.view().services.is_empty());
}

#[test]
fn a_registration_over_a_file_lasts_until_the_next_reload() {
    let mut local = empty();
    reload(&mut local, vec![service("web", &[])], Vec::new());
    let mut mine = service("web", &[]);
    mine.spec.port = 1;
    register(&mut local, mine, OtherChecks::Keep);
    assert_eq!(local.view().services["web"].origin, Origin::Api);
    reload(&mut local, vec![service("web", &[])], Vec::new());
    assert_eq!((local.view().services["web"].origin, local.view().services["web"].spec.port), (Origin::File, 0));
}

#[test]
fn one_bad_definition_leaves_everything_as_it_was() {
    let mut local = empty();
    reload(&mut local, vec![service("web", &["c1"])], Vec::new());
    let before = local.view().clone();
    let refused = local.replace_file_definitions(wall(), vec![service("db", &[])], vec![check_of("web", "c2")]);
    assert_eq!(refused, Err(LocalError::NoServiceForCheck("web".to_owned())));
    assert_eq!(*local.view(), before);
    local.check_invariants();
}
