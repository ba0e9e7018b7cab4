//! Checks made of several.

use super::world::{World, says, secs, tcp};
use crate::health::{Input, Output, Run, Verdict};
use crate::model::CheckStatus::{Critical, Passing};
use crate::model::{CheckDefinition, Machine, Probe, Tree};

fn leaf(name: &str) -> Tree {
    let probe = Probe::Tcp { addr: format!("{name}:1"), tls: None };
    let unset = CheckDefinition { interval: secs(0), ..tcp(name) };
    Tree::Leaf(Box::new(CheckDefinition { probe, ..unset }))
}

fn tree(tree: Tree) -> CheckDefinition {
    CheckDefinition { probe: Probe::Tree(tree), timeout: Some(secs(3)), ..tcp("tree") }
}

/// Answers every run as it is started, by the name of its leaf, for one interval.
fn answer(world: &mut World, mut verdict: impl FnMut(&str) -> Verdict) {
    let end = world.now + secs(10);
    while world.machine.poll_timeout().is_some_and(|deadline| deadline.at < end) {
        let (run, name) = next(world);
        world.done("tree", run, verdict(&name));
    }
    world.run_for(end.since(world.now));
}

fn next(world: &mut World) -> (Run, String) {
    let run = world.next_run("tree");
    match &world.heard.last().expect("a start").1 {
        Output::Start { probe, timeout, .. } => match &**probe {
            Probe::Tcp { addr, .. } if *timeout == secs(3) => (run, addr.trim_end_matches(":1").to_owned()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_passes_once_every_leaf_has() {
    let mut world = World::new();
    world.watch(tree(Tree::All(vec![leaf("a"), leaf("b")])));
    let (run, first) = next(&mut world);
    world.done("tree", run, says(Passing, "ok"));
    assert_eq!(world.machine.verdict("tree").unwrap().status, Critical, "one is still unheard");
    let (run, second) = next(&mut world);
    assert_ne!(first, second);
    world.done("tree", run, says(Passing, "ok"));
    assert_eq!(world.machine.verdict("tree"), Some(&says(Passing, "a: ok")));
}

#[test]
fn the_leaf_that_decides_is_named() {
    let mut world = World::new();
    world.watch(tree(Tree::All(vec![leaf("a"), Tree::Any(vec![leaf("b"), leaf("c")])])));
    answer(&mut world, |name| if name == "b" { says(Critical, "refused") } else { says(Passing, "ok") });
    assert_eq!(world.machine.verdict("tree"), Some(&says(Passing, "a: ok")), "c makes up for b");
    answer(&mut world, |name| if name == "a" { says(Passing, "ok") } else { says(Critical, "refused") });
    assert_eq!(world.machine.verdict("tree"), Some(&says(Critical, "b: refused")));
}

#[test]
fn registering_a_tree_again_keeps_what_its_leaves_found() {
    let mut world = World::new();
    let any = || tree(Tree::Any(vec![leaf("a"), leaf("b")]));
    world.watch(any());
    answer(&mut world, |name| if name == "a" { says(Critical, "no") } else { says(Passing, "ok") });
    let stands = world.machine.verdict("tree").unwrap().clone();
    assert_eq!(stands, says(Passing, "b: ok"));
    world.watch_as(any(), stands);
    let mut failing = 0;
    while failing < 1 {
        let (run, name) = next(&mut world);
        if name == "b" {
            failing += 1;
        }
        world.done("tree", run, says(Critical, "no"));
    }
    assert_eq!(world.machine.verdict("tree").unwrap().status, Critical, "a was known to fail");
}

#[test]
fn forgetting_a_tree_cancels_every_run() {
    let mut world = World::new();
    world.watch(tree(Tree::All(vec![leaf("a"), leaf("b"), leaf("c")])));
    world.run_for(secs(10));
    world.input(Input::Forget("tree".into()));
    assert_eq!(world.cancelled().len(), 3);
    assert!(world.machine.poll_timeout().is_none());
}
