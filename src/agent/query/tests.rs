use super::{Answer, Choice, Query, Rows, Verdict, judge, patience};
use crate::model::codec::{decode, encode};
use crate::model::{Index, Key, NodeName, Timestamp, Topic};
use crate::state::checks::CheckSpec;
use crate::state::nodes::NodeSpec;
use crate::state::{CatalogCommand, Command, Condition, KvCommand, Marks, NodeUpdate, Stamped, State};
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use std::collections::BTreeMap;
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

fn a_query() -> impl Strategy<Value = Query> {
    let key = || "[ab]{0,2}".prop_map(|key| Key::from(key.as_str()));
    prop_oneof![
        key().prop_map(|key| Query::KvGet { key }),
        key().prop_map(|prefix| Query::KvList { prefix }),
        key().prop_map(|prefix| Query::KvKeys { prefix, separator: Key::from("b") }),
    ]
}

proptest! {
    /// What a blocking query lives by: an answer changes only with a topic of its query, and then it is news to whoever saw it before.
    #[test]
    fn an_answer_changes_only_with_its_topics_and_is_news_then(
        query in a_query(),
        steps in proptest::collection::vec(("[ab]{0,3}", any::<bool>()), 1..40),
    ) {
        let mut state = State::default();
        let mut watches = crate::watch::Watches::new(1);
        let mut before = query.answer(&state);
        for (index, (key, write)) in (1..).zip(steps) {
            watches.register(query.topics(&state), ()).unwrap();
            let key = Key::from(key.as_str());
            let command = if write {
                KvCommand::Put { key, value: index.to_string().into(), flags: 0, condition: Condition::Always }
            } else {
                KvCommand::Delete { key, condition: Condition::Always }
            };
            let (_, touched) = state.apply(index, &Stamped { at: Timestamp::default(), command: Command::Kv(command) });
            let woken = !watches.wake(&touched).is_empty();
            let after = query.answer(&state);
            assert!(after.marks.index >= before.marks.index, "an index went back");
            assert!(after.marks.changed <= after.marks.index);
            if woken {
                assert_eq!(judge(before.marks.index.max(1), &after), if index == 1 { Verdict::Wait } else { Verdict::Send });
            } else {
                assert_eq!(after.rows, before.rows);
                assert_eq!(after.marks.changed, before.marks.changed);
                watches.wake_all();
            }
            assert_eq!(decode::<Answer>("answer", 1, &encode(1, &after)).unwrap(), after);
            before = after;
        }
    }
}
