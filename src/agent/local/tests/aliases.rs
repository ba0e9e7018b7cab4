//! Checks that stand as others do.

use super::world::{apply, check_of, empty, register, service, settle, target};
use crate::agent::local::{AliasTarget, Local, LocalChange, Maintenance, OtherChecks, alias_target, verdict_of_rows};
use crate::health::Verdict;
use crate::model::CheckStatus::{Critical, Passing, Warning};
use crate::model::{CheckDefinition, CheckStatus, NodeName, Probe, ServiceSpec};
use crate::state::checks::{Check, CheckSpec};
use crate::state::services::Service;
use std::sync::Arc;

fn alias(service: &str, id: &str, node: &str, of: &str) -> LocalChange {
    let probe = Probe::Alias { node: node.to_owned(), service: of.to_owned() };
    LocalChange::RegisterCheck { definition: Box::new(CheckDefinition { probe, ..check_of(service, id) }) }
}

/// Services `web`, followed, and `side`, whose check `a` follows it.
fn following() -> Local {
    let mut local = empty();
    register(&mut local, service("web", &["c1", "c2"]), OtherChecks::Keep);
    register(&mut local, service("side", &[]), OtherChecks::Keep);
    apply(&mut local, alias("side", "a", "", "web"));
    local
}

fn stands(status: CheckStatus, output: &str) -> Option<Verdict> {
    Some(Verdict { status, output: output.to_owned() })
}

#[test]
fn an_alias_stands_as_the_worst_check_of_its_target() {
    let mut local = following();
    settle(&mut local, "c1", Passing, "");
    assert_eq!(target(&settle(&mut local, "c2", Passing, ""), "a"), stands(Passing, "All checks passing."));
    assert_eq!(target(&settle(&mut local, "c1", Warning, "slow"), "a"), stands(Warning, "Check \"c1\" is warning: slow"));
    assert_eq!(target(&settle(&mut local, "c2", Critical, "down"), "a"), stands(Critical, "Check \"c2\" is critical: down"));
}

#[test]
fn only_what_concerns_the_target_is_told() {
    let mut local = following();
    register(&mut local, service("db", &["c3"]), OtherChecks::Keep);
    assert_eq!(target(&settle(&mut local, "c3", Passing, ""), "a"), None);
    let effects = apply(&mut local, LocalChange::NodeMaintenance(Maintenance::On { reason: "x".to_owned() }));
    assert_eq!(target(&effects, "a").unwrap().status, Critical, "the node's checks are the target's too");
}

#[test]
fn a_target_that_is_not_there_is_critical_and_one_without_checks_passes() {
    let mut local = empty();
    register(&mut local, service("side", &[]), OtherChecks::Keep);
    let effects = apply(&mut local, alias("side", "a", "N1", "web"));
    assert_eq!(target(&effects, "a"), stands(Critical, "Service web is not registered on node n1"));
    let effects = register(&mut local, service("web", &[]), OtherChecks::Keep);
    assert_eq!(target(&effects, "a"), stands(Passing, "No checks found."));
    let effects = apply(&mut local, LocalChange::DeregisterService { id: "web".to_owned() });
    assert_eq!(target(&effects, "a").unwrap().status, Critical);
}

#[test]
fn two_that_follow_each_other_recover() {
    let mut local = following();
    apply(&mut local, alias("web", "b", "", "side"));
    for check in ["c1", "c2"] {
        settle(&mut local, check, Passing, "");
    }
    let effects = settle(&mut local, "c1", Critical, "down");
    assert_eq!(target(&effects, "a").unwrap().status, Critical);
    assert_eq!(target(&effects, "b").unwrap().status, Critical, "through a");
    settle(&mut local, "a", Critical, "");
    settle(&mut local, "b", Critical, "");
    let effects = settle(&mut local, "c1", Passing, "");
    assert_eq!((target(&effects, "a").unwrap().status, target(&effects, "b").unwrap().status), (Passing, Passing));
}

#[test]
fn an_alias_of_the_node_follows_the_nodes_checks_alone_and_not_itself() {
    let mut local = following();
    apply(&mut local, alias("", "n", "", ""));
    settle(&mut local, "n", Critical, "latched");
    let effects = apply(&mut local, LocalChange::RegisterCheck { definition: Box::new(check_of("", "disk")) });
    assert_eq!(target(&effects, "n").unwrap().status, Critical);
    assert_eq!(target(&settle(&mut local, "disk", Passing, ""), "n"), stands(Passing, "All checks passing."));
}

#[test]
fn an_alias_of_another_node_is_told_by_the_catalog() {
    let mut local = empty();
    assert_eq!(target(&apply(&mut local, alias("", "a", "n2", "web")), "a"), None);
    let ours = NodeName::parse("n1").unwrap();
    let remote = AliasTarget::Elsewhere { node: "n2".to_owned(), service: "web".to_owned() };
    assert_eq!(alias_target(&local.view().checks["a"].definition.probe, &ours), Some(remote));
}

#[test]
fn the_rows_of_another_node_make_a_verdict() {
    let node = NodeName::parse("n2").unwrap();
    let web = Service::new(&node, &ServiceSpec::new("web", "web"), 1, 1);
    let db = Service::new(&node, &ServiceSpec::new("db", "db"), 1, 1);
    let row = |service: &Service, id: &str, status: CheckStatus| {
        let spec = CheckSpec { service_id: service.id().to_owned(), ..CheckSpec::of_node(id, id, status, "said") };
        Arc::new(Check::new(&node, &spec, Some(service), 1, 1))
    };
    let serf = Arc::new(Check::new(&node, &CheckSpec::serf_alive(), None, 1, 1));
    let rows = [serf, row(&web, "w", Passing), row(&db, "d", Critical)];
    let verdict = |service: &str| verdict_of_rows("n2", service, ["web", "db"], &rows);
    assert_eq!(Some(verdict("web")), stands(Passing, "All checks passing."));
    assert_eq!(Some(verdict("db")), stands(Critical, "Check \"d\" is critical: said"));
    assert_eq!(Some(verdict("")), stands(Passing, "All checks passing."));
    assert_eq!(Some(verdict("mq")), stands(Critical, "Service mq is not registered on node n2"));
}
