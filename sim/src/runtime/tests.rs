//! The Runtime's own suite on this side, and openraft's on the adapter over it.

use super::{Program, Sim};
use crate::nodes::Nodes;
use crate::play::play;
use crate::world::{self, Who};
use muster::raft::RaftRuntime;
use muster::runtime::suite::{self, Place};
use std::collections::BTreeMap;
use std::pin::Pin;

fn programs() -> BTreeMap<Vec<String>, Program> {
    let named = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect();
    let program = |&(args, takes, exit, output): &suite::Program| (named(args), Program { takes, exit, output: output.to_vec() });
    suite::PROGRAMS.iter().map(program).collect()
}

fn on_a_node(case: impl FnOnce(Place) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + 'static) {
    let played = play(1, None, || async {
        let nodes = Nodes::default();
        nodes.add_idle(Who(1));
        world::with(|w| w.host(Who(1)).programs = programs());
        let running = nodes.spawn(Who(1), case(Place { ip: Who(1).ip(), root: "/data/case".into() }));
        running.await.expect("the node lives");
    });
    assert_eq!(played.value, Ok(()));
    assert_eq!(played.footprint.failures, Vec::<String>::new());
}

muster::runtime_suite!(Sim, on_a_node);

#[test]
fn openrafts_own_suite_passes() {
    let suite = std::thread::Builder::new().stack_size(16 << 20);
    let suite = suite.spawn(openraft_rt::testing::Suite::<RaftRuntime<Sim>>::test_all).unwrap();
    suite.join().unwrap();
}
