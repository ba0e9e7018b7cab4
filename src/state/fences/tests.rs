use super::{Fences, MOST_OPEN, REMEMBERED};
use crate::model::{NodeId, NodeName, ServiceSpec, Timestamp};
use crate::state::checks::CheckSpec;
use crate::state::nodes::NodeSpec;
use crate::state::{CatalogCommand, Command, NodeUpdate, Reply, Stamped, State, WriteOrder};
use proptest::collection::vec;
use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
use std::collections::{BTreeMap, BTreeSet};

fn order(life: u64, number: u64, open: &[u64]) -> WriteOrder {
    WriteOrder { node: NodeId::from_u128(1), life, number, open: open.to_vec() }
}

fn node(id: u128, name: &str) -> NodeSpec {
    let (tagged_addresses, meta) = Default::default();
    let id = Some(NodeId::from_u128(id));
    NodeSpec { id, name: NodeName::parse(name).unwrap(), address: "10.0.0.1".to_owned(), tagged_addresses, meta }
}

fn register(id: u128, service: Option<ServiceSpec>, checks: &[CheckSpec]) -> CatalogCommand {
    CatalogCommand::Register { node: node(id, "n1"), update: NodeUpdate::Skip, service, checks: checks.to_vec() }
}

fn web(tag: &str) -> CatalogCommand {
    register(1, Some(ServiceSpec { tags: vec![tag.to_owned()], ..ServiceSpec::new("web", "web") }), &[])
}

#[derive(Default)]
struct Store {
    state: State,
    index: u64,
}

impl Store {
    fn apply(&mut self, command: Command) -> Reply {
        self.index += 1;
        self.state.apply(self.index, &Stamped { at: Timestamp::default(), command }).0
    }

    fn write(&mut self, order: WriteOrder, command: CatalogCommand) -> Reply {
        self.apply(Command::Ordered { order, command })
    }

    fn tags(&self) -> Option<Vec<String>> {
        let row = self.state.services().at("n1", "web")?;
        Some(row.spec().tags)
    }

    fn remove_node(&mut self) {
        let node = NodeName::parse("n1").unwrap();
        self.apply(Command::Catalog(CatalogCommand::DeregisterNode { node, only_id: None }));
    }
}

const SUPERSEDED: Reply = Reply::Superseded { life: 1 };

#[test]
fn a_registration_that_arrives_after_a_newer_one_changes_nothing() {
    let mut store = Store::default();
    assert_eq!(store.write(order(1, 2, &[]), web("new")), Reply::Done);
    let before = store.state.clone();
    assert_eq!(store.write(order(1, 1, &[]), web("old")), SUPERSEDED);
    assert_eq!(store.state, before);
}

#[test]
fn a_deregistration_that_arrives_late_does_not_remove_what_was_registered_since_nor_a_registration_bring_back_what_went() {
    let mut store = Store::default();
    let gone = || CatalogCommand::DeregisterService { node: NodeName::parse("n1").unwrap(), service: "web".to_owned() };
    store.write(order(1, 2, &[]), web("v"));
    assert_eq!(store.write(order(1, 1, &[]), gone()), SUPERSEDED);
    assert_eq!(store.tags(), Some(vec!["v".to_owned()]));
    assert_eq!(store.write(order(1, 4, &[]), gone()), Reply::Done);
    assert_eq!(store.write(order(1, 3, &[]), web("v")), SUPERSEDED);
    assert_eq!(store.tags(), None);
}

#[test]
fn an_older_write_that_its_agent_waits_for_is_taken_and_only_once() {
    let mut store = Store::default();
    assert_eq!(store.write(order(1, 3, &[1]), register(1, None, &[])), Reply::Done);
    assert_eq!(store.write(order(1, 2, &[1]), web("given up")), SUPERSEDED);
    assert_eq!(store.write(order(1, 1, &[]), web("awaited")), Reply::Done);
    assert_eq!(store.write(order(1, 1, &[]), web("awaited")), SUPERSEDED);
    assert_eq!(store.write(order(1, 4, &[1, 2]), register(1, None, &[])), Reply::Done);
    assert_eq!(store.write(order(1, 1, &[]), web("awaited")), SUPERSEDED, "it had been taken");
    assert_eq!(store.write(order(1, 2, &[]), web("given up")), SUPERSEDED, "what was once given up stays so");
}

#[test]
fn a_new_life_supersedes_every_write_of_the_one_before() {
    let mut store = Store::default();
    store.write(order(1, 7, &[6]), web("v1"));
    assert_eq!(store.write(order(2, 1, &[]), web("v2")), Reply::Done);
    for number in [6, 8, u64::MAX] {
        assert_eq!(store.write(order(1, number, &[]), web("v1")), Reply::Superseded { life: 2 });
    }
    assert_eq!(store.tags(), Some(vec!["v2".to_owned()]));
}

#[test]
fn a_refused_write_supersedes_older_ones_too() {
    let mut store = Store::default();
    let orphan = CheckSpec { service_id: "none".to_owned(), ..CheckSpec::serf_alive() };
    assert!(matches!(store.write(order(1, 2, &[]), register(1, None, &[orphan])), Reply::Refused(_)));
    assert_eq!(store.write(order(1, 1, &[]), web("old")), SUPERSEDED);
}

#[test]
fn what_was_sent_before_a_node_was_removed_does_not_bring_it_back_and_a_new_life_does() {
    let mut store = Store::default();
    store.write(order(1, 1, &[]), web("v"));
    store.remove_node();
    for late in [order(1, 2, &[]), order(1, u64::MAX, &[])] {
        assert_eq!(store.write(late, web("late")), SUPERSEDED);
    }
    assert!(store.state.nodes().is_empty());
    assert_eq!(store.write(order(2, 3, &[]), web("again")), Reply::Done);
    assert_eq!(store.tags(), Some(vec!["again".to_owned()]));
    assert_eq!(store.write(order(1, 2, &[]), web("late")), Reply::Superseded { life: 2 });
}

#[test]
fn a_machine_whose_name_another_took_writes_nothing_there() {
    let mut store = Store::default();
    store.write(order(1, 1, &[]), web("old machine"));
    let failed = || CheckSpec::serf_failed();
    store.apply(Command::Catalog(register(1, None, &[failed()])));
    let other = WriteOrder { node: NodeId::from_u128(2), ..order(1, 1, &[]) };
    let takes = CatalogCommand::Register { node: node(2, "n1"), update: NodeUpdate::Apply, service: None, checks: Vec::new() };
    assert_eq!(store.write(other, takes), Reply::Done);
    assert_eq!(store.write(order(1, 2, &[]), web("old machine")), SUPERSEDED);
    assert_eq!(store.tags(), None);
}

#[test]
fn a_renamed_node_keeps_its_fence() {
    let mut store = Store::default();
    store.write(order(1, 2, &[]), web("v"));
    let renamed = CatalogCommand::Register { node: node(1, "n2"), update: NodeUpdate::Apply, service: None, checks: Vec::new() };
    store.apply(Command::Catalog(renamed));
    assert_eq!(store.write(order(1, 1, &[]), web("old")), SUPERSEDED);
    assert!(store.state.nodes().get("n1").is_none());
}

#[test]
fn writes_without_a_number_are_taken_as_they_come() {
    let mut store = Store::default();
    store.write(order(1, 5, &[]), web("agent"));
    assert_eq!(store.apply(Command::Catalog(web("by hand"))), Reply::Done);
    assert_eq!(store.tags(), Some(vec!["by hand".to_owned()]));
}

#[test]
fn a_write_beyond_the_bounds_is_refused_by_name_and_changes_nothing() {
    let mut store = Store::default();
    let many: Vec<u64> = (0..=MOST_OPEN as u64).collect();
    for (wrong, says) in [(order(1, 99, &many), "waits for 17"), (order(u64::MAX, 1, &[]), "life")] {
        let Reply::Refused(text) = store.write(wrong, web("v")) else { panic!("it is refused") };
        assert!(text.contains(says), "{text}");
    }
    assert_eq!(store.state, State::default());
}

#[test]
fn of_nodes_that_went_the_last_4096_are_remembered() {
    let mut fences = Fences::default();
    let of = |n: u64, number| WriteOrder { node: NodeId::from_u128(u128::from(n)), ..order(1, number, &[]) };
    for n in 1..=REMEMBERED as u64 + 1 {
        fences.pass(&of(n, 5)).unwrap();
        fences.shut(NodeId::from_u128(u128::from(n)), n);
    }
    assert_eq!(fences.iter().count(), REMEMBERED);
    assert_eq!(fences.pass(&of(1, 4)), Ok(()), "the oldest is forgotten");
    assert_eq!(fences.pass(&of(2, 4)), Err(SUPERSEDED));
    // One that comes back takes no room among the gone.
    fences.returned(NodeId::from_u128(2));
    fences.left(NodeId::from_u128(1), 9_999);
    assert_eq!((fences.gone.len(), fences.by_node.len()), (REMEMBERED, REMEMBERED + 1));
}

#[test]
fn a_snapshot_whose_fences_contradict_its_nodes_is_refused() {
    let mut store = Store::default();
    store.write(order(1, 2, &[1]), web("v"));
    let fences: Vec<_> = store.state.fences.iter().collect();
    let restored = |there: &[u128], times: usize| {
        let there = there.iter().map(|id| (NodeId::from_u128(*id), std::sync::Arc::from("n1"))).collect();
        let mut kept = Fences::default();
        (0..times).all(|_| fences.iter().all(|(node, fence)| kept.restore(*node, fence.clone(), &there)))
    };
    assert!(restored(&[1], 1));
    assert!(!restored(&[], 1), "its node is not there");
    assert!(!restored(&[1], 2), "twice the same");
}

/// What an agent and the network do.
#[derive(Debug, Clone)]
enum Step {
    /// The agent writes a row that it is not writing already.
    Send(usize),
    /// A write on its way arrives, given up or not.
    Arrive(usize),
    /// The agent gives up a write it waits for.
    GiveUp(usize),
    /// The agent is restarted.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4usize).prop_map(Step::Send),
        8 => (0..20usize).prop_map(Step::Arrive),
        3 => (0..4usize).prop_map(Step::GiveUp),
        1 => proptest::prelude::Just(Step::Restart),
    ]
}

/// An agent that writes rows by the rules: nothing twice at once.
#[derive(Default)]
struct Writer {
    life: u64,
    number: u64,
    /// The row each write that is waited for is about.
    open: BTreeMap<u64, usize>,
    /// Everything that was sent and has not arrived.
    on_the_way: Vec<(WriteOrder, usize)>,
}

impl Writer {
    fn send(&mut self, row: usize) {
        if self.open.values().any(|busy| *busy == row) {
            return;
        }
        self.number += 1;
        let open: Vec<u64> = self.open.keys().copied().collect();
        self.on_the_way.push((order(self.life, self.number, &open), row));
        self.open.insert(self.number, row);
    }
}

proptest! {
    /// The law: of one row, what was sent later stands; and what its agent waits for is never refused.
    #[test]
    fn a_write_that_is_waited_for_is_taken_and_one_about_a_row_that_a_newer_one_changed_is_not(steps in vec(step(), 0..120)) {
        let (mut fences, mut writer) = (Fences::default(), Writer { life: 1, ..Writer::default() });
        let mut taken: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
        let mut once = BTreeSet::new();
        for step in steps {
            match step {
                Step::Send(row) => writer.send(row),
                Step::GiveUp(which) => {
                    let number = writer.open.keys().nth(which).copied();
                    number.map(|number| writer.open.remove(&number));
                }
                Step::Restart => writer = Writer { life: writer.life + 1, on_the_way: writer.on_the_way, ..Writer::default() },
                Step::Arrive(which) if which < writer.on_the_way.len() => {
                    let (order, row) = writer.on_the_way.remove(which);
                    let place = (order.life, order.number);
                    let awaited = order.life == writer.life && writer.open.remove(&order.number).is_some();
                    let passed = fences.pass(&order).is_ok();
                    let newest = taken.get(&row).copied().unwrap_or_default();
                    prop_assert!(!awaited || passed, "{order:?} is waited for and refused");
                    prop_assert!(!passed || place > newest, "{order:?} comes after {newest:?} of the same row");
                    if passed {
                        taken.insert(row, place);
                        prop_assert!(once.insert(place), "taken twice");
                    }
                    prop_assert_eq!(fences.pass(&order).is_ok(), false, "the same again");
                }
                Step::Arrive(_) => {}
            }
        }
    }
}
