//! What an operator should think about again.

use super::world::check_of;
use crate::agent::local::{Lint, lint};
use crate::model::{CheckDefinition, Probe, Tree};

fn with(probe: Probe) -> CheckDefinition {
    CheckDefinition { probe, ..check_of("web", "c") }
}

#[test]
fn a_service_with_only_a_heartbeat_or_a_port_is_warned_of() {
    let heartbeat = check_of("web", "c");
    let port = with(Probe::Tcp { addr: "h:1".to_owned(), tls: None });
    let answer = with(Probe::Script { args: vec!["true".to_owned()] });
    assert_eq!(lint([]), Some(Lint::NoCheck));
    assert_eq!(lint([&heartbeat]), Some(Lint::OnlyHeartbeat));
    assert_eq!(lint([&heartbeat, &port]), Some(Lint::OnlyPort));
    assert_eq!(lint([&heartbeat, &answer]), None);
    let leaf = |check: &CheckDefinition| Tree::Leaf(Box::new(check.clone()));
    assert_eq!(lint([&with(Probe::Tree(Tree::All(vec![leaf(&port), leaf(&answer)])))]), None);
    assert_eq!(lint([&with(Probe::Tree(Tree::Any(vec![leaf(&port), leaf(&answer)])))]), Some(Lint::OnlyPort));
    assert!(Lint::OnlyHeartbeat.to_string().contains("heartbeat"));
}
