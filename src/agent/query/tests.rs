use super::{Answer, Choice, Health, Instance, Query, Rows, Subject, Verdict, Wait, judge, patience};
use crate::model::codec::{decode, encode};
use crate::model::{Index, Key, NodeName, Timestamp, Topic};
use crate::state::arbitrary::a_command;
use crate::state::checks::{Check, CheckSpec};
use crate::state::nodes::NodeSpec;
use crate::state::{CatalogCommand, Command, Condition, KvCommand, Marks, NodeUpdate, Stamped, State};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn apply(state: &mut State, index: Index, command: Command) -> Vec<Topic> {
    state.apply(index, &Stamped { at: Timestamp::default(), command }).1.topics().to_vec()
}

fn put(key: &str) -> Command {
    let value = key.as_bytes().to_vec().into();
    Command::Kv(KvCommand::Put { key: Key::from(key), value, flags: 0, condition: Condition::Always })
}

fn store(keys: &[&str]) -> State {
    let mut state = State::default();
    for (index, key) in (1..).zip(keys) {
        apply(&mut state, index, put(key));
    }
    state
}

fn names(state: &State, prefix: &str, separator: &str) -> Vec<String> {
    let query = Query::KvKeys { prefix: Key::from(prefix), separator: Key::from(separator) };
    let Rows::Keys(keys) = query.answer(state).rows else { panic!("keys were asked") };
    keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
}

#[test]
fn names_are_cut_behind_the_first_separator_after_the_prefix() {
    let state = store(&["t/a", "t/dir/x", "t/dir/y", "t/dir2/z/w", "t-a:b:c", "t-a:b:d", "t-a:e"]);
    assert_eq!(names(&state, "t/", "/"), ["t/a", "t/dir/", "t/dir2/"]);
    assert_eq!(names(&state, "t/dir/", "/"), ["t/dir/x", "t/dir/y"]);
    assert_eq!(names(&state, "t", "/"), ["t-a:b:c", "t-a:b:d", "t-a:e", "t/"]);
    assert_eq!(names(&state, "t-a:", ":"), ["t-a:b:", "t-a:e"]);
    assert_eq!(names(&state, "t/", "r/"), ["t/a", "t/dir/", "t/dir2/z/w"]);
    assert_eq!(names(&state, "t-a:b", ""), ["t-a:b:c", "t-a:b:d"]);
}

#[test]
fn a_list_has_the_index_of_its_latest_entry() {
    let state = store(&["a/1", "a/2", "b"]);
    let answer = Query::KvList { prefix: Key::from("a/") }.answer(&state);
    assert_eq!(answer.marks, Marks::at(2));
    assert!(matches!(answer.rows, Rows::Entries(entries) if entries.len() == 2));
}

#[test]
fn a_nodes_health_is_found_without_regard_to_case_and_has_the_nodes_index() {
    let mut state = store(&["a"]);
    let node = NodeSpec {
        id: None,
        name: NodeName::parse("N1").unwrap(),
        address: String::new(),
        tagged_addresses: BTreeMap::new(),
        meta: BTreeMap::new(),
    };
    apply(
        &mut state,
        7,
        Command::Catalog(CatalogCommand::Register {
            node,
            update: NodeUpdate::Apply,
            service: None,
            checks: vec![CheckSpec::serf_alive()],
        }),
    );
    let query = Query::HealthNode { node: "n1".to_owned(), choice: Choice::default() };
    let answer = query.answer(&state);
    assert_eq!(answer.marks, Marks::at(7));
    assert!(matches!(answer.rows, Rows::Checks(checks) if checks.len() == 1));
    let unknown = Query::HealthNode { node: "n".to_owned(), choice: Choice::default() }.answer(&state);
    assert_eq!(unknown, Answer { marks: Marks { index: 7, changed: 0 }, rows: Rows::Checks(vec![]) });
}

#[test]
fn an_answer_waits_until_something_asked_for_changed() {
    let answer = |changed| Answer { marks: Marks { index: 9, changed }, rows: Rows::Entry(None) };
    assert_eq!(judge(0, &answer(0)), Verdict::Send);
    assert_eq!(judge(5, &answer(5)), Verdict::Wait);
    assert_eq!(judge(5, &answer(6)), Verdict::Send);
    assert_eq!(judge(99_999, &answer(6)), Verdict::Wait);
}

#[test]
fn a_wait_is_the_clients_within_bounds_and_up_to_a_sixteenth_longer() {
    let (default, longest) = (Duration::from_secs(300), Duration::from_secs(600));
    let of = |wait: Option<u64>, chance| patience(wait.map(Duration::from_secs), default, longest, chance);
    assert_eq!(of(None, 0), default);
    assert_eq!(of(Some(0), 0), default);
    assert_eq!(of(Some(16), 0), Duration::from_secs(16));
    assert_eq!(of(Some(16), u64::MAX), Duration::from_secs(17));
    assert_eq!(of(Some(100_000), u64::MAX), Duration::from_millis(637_500));
    assert_eq!(of(Some(16), u64::MAX / 2), Duration::from_millis(16_500));
}

fn a_choice() -> impl Strategy<Value = Choice> {
    let tags = prop_oneof![2 => Just(vec![]), 1 => Just(vec!["U".to_owned()])];
    let meta = prop_oneof![2 => Just(vec![]), 1 => Just(vec![("rack".to_owned(), "x".to_owned())])];
    (any::<bool>(), tags, meta).prop_map(|(passing, tags, node_meta)| Choice {
        health: if passing { Health::Passing } else { Health::Any },
        tags,
        node_meta,
        ..Choice::default()
    })
}

fn a_query() -> impl Strategy<Value = Query> {
    let key = || "[ab]{0,2}".prop_map(|key| Key::from(key.as_str()));
    let service = || "[stS]".prop_map(String::from);
    let node = || "[abA]|a[ab]|b[ab0]|[ab]0|none".prop_map(String::from);
    let state = "any|passing|critical|odd".prop_map(String::from);
    prop_oneof![
        1 => key().prop_map(|key| Query::KvGet { key }),
        1 => key().prop_map(|prefix| Query::KvList { prefix }),
        1 => key().prop_map(|prefix| Query::KvKeys { prefix, separator: Key::from("b") }),
        1 => Just(Query::AutopilotConfiguration),
        2 => a_choice().prop_map(|choice| Query::CatalogNodes { choice }),
        2 => a_choice().prop_map(|choice| Query::CatalogServices { choice }),
        1 => Just(Query::CatalogServices { choice: Choice::default() }),
        2 => (service(), a_choice()).prop_map(|(service, choice)| Query::CatalogService { service, choice }),
        2 => (node(), a_choice()).prop_map(|(node, choice)| Query::CatalogNode { node, choice }),
        4 => (service(), a_choice()).prop_map(|(service, choice)| Query::HealthService { service, choice }),
        2 => (service(), a_choice()).prop_map(|(service, choice)| Query::HealthChecks { service, choice }),
        2 => (state, a_choice()).prop_map(|(state, choice)| Query::HealthState { state, choice }),
        2 => (node(), a_choice()).prop_map(|(node, choice)| Query::HealthNode { node, choice }),
        2 => node().prop_map(|node| Query::WholeNode { node }),
        1 => Just(Query::WholeCatalog),
        2 => "10[.]0[.]0[.][01]".prop_map(|address| Query::AtAddress { address: address.parse().unwrap() }),
        1 => Just(Query::Coordinates { nodes: None }),
        1 => node().prop_map(|node| Query::Coordinates { nodes: Some(vec![node]) }),
    ]
}

fn is_of_catalog(query: &Query) -> bool {
    match query {
        Query::KvGet { .. }
        | Query::KvList { .. }
        | Query::KvKeys { .. }
        | Query::AutopilotConfiguration
        | Query::Coordinates { .. }
        | Query::Session { .. }
        | Query::Sessions
        | Query::SessionsOfNode { .. }
        | Query::Txn { .. }
        | Query::KvAt { .. }
        | Query::KvListAt { .. }
        | Query::KvHistory { .. }
        | Query::KvChanges { .. }
        | Query::LastChange
        | Query::PreparedQueries { .. }
        | Query::ExecutePrepared { .. }
        | Query::ExecuteForOther { .. }
        | Query::ExplainPrepared { .. } => false,
        Query::CatalogNodes { .. }
        | Query::CatalogServices { .. }
        | Query::CatalogService { .. }
        | Query::CatalogNode { .. }
        | Query::HealthService { .. }
        | Query::HealthChecks { .. }
        | Query::HealthState { .. }
        | Query::HealthNode { .. }
        | Query::AtAddress { .. }
        | Query::WholeCatalog
        | Query::WholeNode { .. } => true,
    }
}

/// A client that asks again with the index it was told, as soon as it has an answer.
struct Client {
    query: Query,
    told: Index,
    rows: Rows,
    wait: Wait,
}

impl Client {
    fn new(query: Query, state: &State) -> Client {
        let answer = query.answer(state);
        let mut client = Client { query, told: 0, rows: answer.rows.clone(), wait: Wait::new(0) };
        // The first index of a log is its first leader's: no command has it.
        client.take(1, answer);
        client
    }

    fn take(&mut self, as_of: Index, answer: Answer) {
        assert!(answer.marks.index >= self.told, "an index went back");
        self.told = answer.marks.index;
        self.rows = answer.rows.clone();
        self.wait = Wait::new(self.told.max(1));
        assert_eq!(self.wait.look(as_of, &answer), Verdict::Wait, "asked again at once, it would be answered at once");
    }

    /// Looks at what it was woken for; whether that was sent.
    fn look(&mut self, as_of: Index, state: &State) -> bool {
        let answer = self.query.answer(state);
        let sent = self.wait.look(as_of, &answer) == Verdict::Send;
        if sent {
            self.take(as_of, answer);
        }
        sent
    }
}

proptest! {
    /// What a blocking query lives by: an answer changes only with a topic of its query, and then it is news to whoever saw it before.
    #[test]
    fn an_answer_changes_only_with_its_topics_and_is_sent_then(query in a_query(), commands in proptest::collection::vec(a_command(), 1..40)) {
        let mut state = State::default();
        let mut watches = crate::watch::Watches::new(1);
        let mut client = Client::new(query.clone(), &state);
        let mut before = query.answer(&state);
        for (index, command) in (2..).zip(commands) {
            watches.register(query.topics(&state), ()).unwrap();
            let (_, touched) = state.apply(index, &Stamped { at: Timestamp::default(), command });
            let woken = !watches.wake(&touched).is_empty();
            let after = query.answer(&state);
            assert!(after.marks.index >= before.marks.index, "an index went back");
            assert!(after.marks.changed <= after.marks.index);
            let differs = after.rows != client.rows;
            if woken {
                let sent = client.look(index, &state);
                assert_eq!(sent, differs || !is_of_catalog(&query));
            } else {
                assert!(!differs, "{touched:?}");
                assert_eq!(after.marks.changed, before.marks.changed);
                watches.wake_all();
            }
            assert_eq!(decode::<Answer>("answer", 1, &encode(1, &after)).unwrap(), after);
            before = after;
        }
    }

    /// The health of a service, found by looking at everything.
    #[test]
    fn what_is_at_an_address_is_what_a_look_at_all_rows_finds(commands in proptest::collection::vec(a_command(), 1..30)) {
        let mut state = State::default();
        for (index, command) in (1..).zip(commands) {
            state.apply(index, &Stamped { at: Timestamp::default(), command });
        }
        for n in 0..10 {
            let address = format!("10.0.0.{n}");
            let node = state.nodes().iter().find(|node| node.spec.address == address);
            let service = state.services().iter().find(|service| service.address() == address);
            let found = Query::AtAddress { address: address.parse().unwrap() }.answer(&state).rows;
            match (found, node, service) {
                (Rows::Nodes(found), Some(node), _) => assert_eq!(found, std::slice::from_ref(node)),
                (Rows::Instances(found), None, service) => {
                    assert_eq!(found.iter().map(|instance| &instance.service).collect::<Vec<_>>(), service.into_iter().collect::<Vec<_>>());
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn health_is_what_a_look_at_all_rows_gives(commands in proptest::collection::vec(a_command(), 1..30), choice in a_choice()) {
        let mut state = State::default();
        for (index, command) in (1..).zip(commands) {
            state.apply(index, &Stamped { at: Timestamp::default(), command });
        }
        for name in ["s", "t", "S"] {
            let rows = state.services().iter().filter(|row| row.name().eq_ignore_ascii_case(name));
            let instances = rows.map(|row| {
                let on_node = |check: &&Arc<Check>| check.node() == row.node();
                let of = |owner: &str| state.checks().iter().filter(on_node).filter(|check| check.service_id() == owner).cloned().collect();
                let checks: [Vec<Arc<Check>>; 2] = [of(""), of(row.id())];
                let node = state.nodes().get(row.node().as_str()).unwrap().clone();
                Instance { node, service: row.clone(), checks: checks.concat() }
            });
            let chooser = choice.ready(Subject::Instances);
            let expected: Vec<Instance> = instances.filter(|instance| chooser.takes_instance(instance)).collect();
            let query = Query::HealthService { service: name.to_owned(), choice: choice.clone() };
            assert_eq!(query.answer(&state).rows, Rows::Instances(expected));
        }
    }
}

fn instances(indexes: &[Index]) -> Rows {
    let name = NodeName::parse("n").unwrap();
    let check = |index: &Index| Arc::new(Check::new(&name, &CheckSpec::serf_alive(), None, 1, *index));
    Rows::Checks(indexes.iter().map(check).collect())
}

#[test]
fn a_wait_goes_on_while_the_chosen_rows_are_the_same() {
    let answer = |changed, rows: &[Index]| Answer { marks: Marks::at(changed), rows: instances(rows) };
    let mut wait = Wait::new(5);
    assert_eq!(wait.look(5, &answer(5, &[3])), Verdict::Wait);
    assert_eq!(wait.look(6, &answer(6, &[3])), Verdict::Wait, "what changed was not chosen");
    assert_eq!(wait.look(7, &answer(7, &[7])), Verdict::Send);
    assert_eq!(Wait::new(5).look(6, &answer(6, &[3])), Verdict::Send, "nobody knows what the client has seen");
    assert_eq!(Wait::new(0).look(6, &answer(0, &[])), Verdict::Send);
}

#[test]
fn rows_of_a_server_that_lags_are_not_taken_for_what_the_client_has_seen() {
    let answer = |changed, rows: &[Index]| Answer { marks: Marks::at(changed), rows: instances(rows) };
    // The client saw [] at 9; this server has only heard of 7, and shows what was chosen then.
    let mut wait = Wait::new(9);
    assert_eq!(wait.look(7, &answer(7, &[3])), Verdict::Wait);
    assert_eq!(wait.look(12, &answer(12, &[3])), Verdict::Send);
}
