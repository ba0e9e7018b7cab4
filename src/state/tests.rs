use super::arbitrary::a_command;
use super::checks::{CheckSpec, SERF_HEALTH};
use super::nodes::NodeSpec;
use super::{CatalogCommand, Command, Condition, NodeUpdate, Reply, Stamped, State};
use crate::model::CheckStatus;
use crate::model::{Index, NodeId, NodeName, Table, Timestamp, Topic};
use crate::state::autopilot::AutopilotSettings;
use proptest::prelude::proptest;
use std::collections::BTreeMap;

fn apply(state: &mut State, index: Index, command: CatalogCommand) -> (Reply, Vec<Topic>) {
    let (reply, touched) = state.apply(index, &Stamped { at: Timestamp::default(), command: Command::Catalog(command) });
    (reply, touched.topics().to_vec())
}

fn node(id: u128, name: &str) -> NodeSpec {
    NodeSpec {
        id: (id > 0).then(|| NodeId::from_u128(id)),
        name: NodeName::parse(name).unwrap(),
        address: "10.0.0.1".to_owned(),
        tagged_addresses: BTreeMap::new(),
        meta: BTreeMap::new(),
    }
}

fn register(id: u128, name: &str, check: CheckSpec) -> CatalogCommand {
    CatalogCommand::Register { node: node(id, name), update: NodeUpdate::Apply, service: None, checks: vec![check] }
}

fn alive(id: u128, name: &str) -> CatalogCommand {
    register(id, name, CheckSpec::serf_alive())
}

fn failed(id: u128, name: &str) -> CatalogCommand {
    register(id, name, CheckSpec::serf_failed())
}

fn of_node(name: &str) -> Topic {
    Topic::Node(name.into())
}

fn of_checks(name: &str) -> Topic {
    Topic::NodeChecks(name.into())
}

const NODES: Topic = Topic::Table(Table::Nodes);
const CHECKS: Topic = Topic::Table(Table::Checks);

#[test]
fn a_member_becomes_a_node_with_its_health() {
    let mut state = State::default();
    let (reply, touched) = apply(&mut state, 5, alive(1, "N1"));
    assert_eq!((reply, touched), (Reply::Done, vec![of_node("n1"), NODES, of_checks("n1"), CHECKS]));
    let row = state.nodes().get("n1").unwrap();
    assert_eq!((row.spec.name.as_str(), row.create_index, row.modify_index, state.nodes().marks_of_checks("n1").changed), ("N1", 5, 5, 5));
    assert_eq!(state.checks().get("n1", SERF_HEALTH).unwrap().status().clone(), CheckStatus::Passing);
    assert_eq!(state.nodes().with_id(NodeId::from_u128(1)), Some(row));
}

#[test]
fn reconciling_what_is_so_already_changes_nothing() {
    let mut state = State::default();
    apply(&mut state, 5, alive(1, "n1"));
    let before = state.clone();
    assert_eq!(apply(&mut state, 6, alive(1, "n1")), (Reply::Done, vec![]));
    assert_eq!(state, before);
}

#[test]
fn a_failure_changes_the_check_and_not_the_node() {
    let mut state = State::default();
    apply(&mut state, 5, alive(1, "n1"));
    assert_eq!(apply(&mut state, 6, failed(1, "n1")).1, [of_checks("n1"), CHECKS]);
    let row = state.nodes().get("n1").unwrap();
    assert_eq!(
        (row.modify_index, state.nodes().marks_of_checks("n1").changed, state.nodes().index(), state.checks().index()),
        (5, 6, 5, 6)
    );
    let check = state.checks().get("n1", SERF_HEALTH).unwrap();
    assert_eq!((check.create_index(), check.modify_index()), (5, 6));
}

#[test]
fn a_node_goes_with_its_checks_but_only_if_it_is_the_one_that_was_meant() {
    let mut state = State::default();
    apply(&mut state, 5, alive(1, "n1"));
    let leave = |id| CatalogCommand::DeregisterNode { node: NodeName::parse("N1").unwrap(), only_id: Some(NodeId::from_u128(id)) };
    assert_eq!(apply(&mut state, 6, leave(2)), (Reply::Done, vec![]));
    assert_eq!(apply(&mut state, 7, leave(1)).1, [of_checks("n1"), CHECKS, of_node("n1"), NODES, of_checks("n1")]);
    assert!(state.nodes().is_empty() && state.checks().is_empty());
    assert_eq!(state.nodes().with_id(NodeId::from_u128(1)), None);
    assert_eq!((state.nodes().index(), state.checks().index()), (7, 7));
}

#[test]
fn a_node_that_comes_back_under_another_name_was_renamed() {
    let mut state = State::default();
    apply(&mut state, 5, alive(1, "old"));
    let (_, touched) = apply(&mut state, 6, alive(1, "new"));
    assert!(touched.contains(&of_node("old")) && touched.contains(&of_node("new")));
    assert!(state.nodes().get("old").is_none() && state.checks().get("old", SERF_HEALTH).is_none());
    let row = state.nodes().get("new").unwrap();
    assert_eq!((row.create_index, row.modify_index), (5, 6));
    assert_eq!(state.nodes().len(), 1);
}

#[test]
fn the_name_of_a_living_node_cannot_be_taken() {
    let mut state = State::default();
    apply(&mut state, 5, alive(1, "n1"));
    apply(&mut state, 6, alive(2, "n2"));
    let before = state.clone();
    let one = NodeId::from_u128(1);
    let text = format!("Node name N1 is reserved by node ID {one} with name n1 (10.0.0.1)");
    assert_eq!(apply(&mut state, 7, alive(3, "N1")), (Reply::Refused(text.clone()), vec![]));
    let two = NodeId::from_u128(2);
    let renaming = format!("Error while renaming Node ID: {two} (10.0.0.1): {text}");
    assert_eq!(apply(&mut state, 8, alive(2, "N1")), (Reply::Refused(renaming), vec![]));
    assert_eq!(state, before);
}

#[test]
fn the_name_of_a_failed_node_goes_to_the_machine_that_replaces_it() {
    let mut state = State::default();
    apply(&mut state, 5, failed(1, "n1"));
    assert_eq!(apply(&mut state, 6, alive(2, "n1")).0, Reply::Done);
    let row = state.nodes().get("n1").unwrap();
    assert_eq!((row.spec.id, row.create_index), (Some(NodeId::from_u128(2)), 6));
    assert_eq!(state.nodes().with_id(NodeId::from_u128(1)), None);
    assert_eq!(state.checks().get("n1", SERF_HEALTH).unwrap().create_index(), 6);
}

#[test]
fn a_node_registered_ahead_of_its_agent_is_adopted_and_keeps_its_id_afterwards() {
    let mut state = State::default();
    apply(&mut state, 5, CatalogCommand::Register { node: node(0, "n1"), update: NodeUpdate::Apply, service: None, checks: vec![] });
    apply(&mut state, 6, alive(1, "n1"));
    assert_eq!(state.nodes().get("n1").unwrap().create_index, 5);
    apply(&mut state, 7, CatalogCommand::Register { node: node(0, "n1"), update: NodeUpdate::Apply, service: None, checks: vec![] });
    let row = state.nodes().get("n1").unwrap();
    assert_eq!((row.spec.id, row.modify_index), (Some(NodeId::from_u128(1)), 6));
}

#[test]
fn autopilots_settings_are_set_on_condition() {
    let mut state = State::default();
    let mut set = |index, quorum, condition| {
        let settings = AutopilotSettings { min_quorum: quorum, ..AutopilotSettings::default() };
        let (reply, touched) =
            state.apply(index, &Stamped { at: Timestamp::default(), command: Command::Autopilot { settings, condition } });
        let row = state.autopilot().row().unwrap();
        (reply, touched.topics().to_vec(), row.settings.min_quorum, row.create_index, row.modify_index)
    };
    let touched = vec![Topic::Table(Table::Autopilot)];
    assert_eq!(set(4, 1, Condition::Absent), (Reply::Took(true), touched.clone(), 1, 4, 4));
    assert_eq!(set(5, 2, Condition::Absent), (Reply::Took(false), vec![], 1, 4, 4));
    assert_eq!(set(6, 3, Condition::At(4)), (Reply::Took(true), touched, 3, 4, 6));
    assert_eq!(set(7, 4, Condition::At(4)), (Reply::Took(false), vec![], 3, 4, 6));
}

#[test]
#[should_panic(expected = "in the order of their indexes")]
fn a_command_at_an_old_index_is_our_own_bug() {
    let mut state = State::default();
    apply(&mut state, 5, alive(1, "n1"));
    apply(&mut state, 5, failed(1, "n1"));
}

proptest! {
    /// The same commands give the same bytes on every server, and the bytes the same state.
    #[test]
    fn equal_histories_give_equal_bytes_and_bytes_give_the_state_back(commands in proptest::collection::vec((a_command(), 0u64..2_000), 0..60)) {
        let (mut one, mut other) = (State::default(), State::default());
        let mut seconds = 0;
        for (index, (command, passed)) in (1..).zip(commands) {
            seconds += passed;
            let stamped = Stamped { at: Timestamp::from_unix_nanos(seconds * 1_000_000_000), command };
            let done = one.apply(index, &stamped);
            // The other server restarts from a snapshot before every command.
            other = State::decode(&other.encode()).unwrap();
            assert_eq!(other.apply(index, &stamped), done);
            assert_eq!(one, other);
            assert_eq!(one.encode(), other.encode());
        }
    }

    #[test]
    fn no_bytes_make_reading_a_snapshot_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60)) {
        assert!(State::decode(&bytes).is_err());
    }
}
