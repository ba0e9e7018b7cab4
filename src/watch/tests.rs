use super::{Full, Ticket, Watches};
use crate::model::{Key, Table, Topic, Touched};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use std::collections::BTreeMap;

fn key(text: &str) -> Topic {
    Topic::Key(Key::from(text))
}

fn prefix(text: &str) -> Topic {
    Topic::KeyPrefix(Key::from(text))
}

fn touched(topics: impl IntoIterator<Item = Topic>) -> Touched {
    let mut touched = Touched::default();
    for topic in topics {
        touched.add(topic);
    }
    touched
}

#[test]
fn a_write_wakes_the_waiters_of_its_key_and_of_every_prefix_of_it_in_the_order_they_came() {
    let mut watches = Watches::new(100);
    for (name, topic) in [
        ("whole store", prefix("")),
        ("folder", prefix("app/")),
        ("key", key("app/a")),
        ("neighbour", key("app/b")),
        ("longer", prefix("app/a/")),
        ("half a word", prefix("ap")),
        ("other folder", prefix("web/")),
        ("key again", key("app/a")),
    ] {
        watches.register(vec![topic], name).unwrap();
    }
    assert_eq!(watches.wake(&touched([key("app/a")])), ["whole store", "folder", "key", "half a word", "key again"]);
    assert_eq!(watches.wake(&touched([key("app/a")])), Vec::<&str>::new());
    assert_eq!(watches.len(), 3);
}

#[test]
fn a_waiter_on_several_topics_is_woken_once() {
    let mut watches = Watches::new(100);
    watches.register(vec![key("a"), Topic::Table(Table::Nodes), key("a")], "waiter").unwrap();
    assert_eq!(watches.wake(&touched([Topic::Table(Table::Nodes), key("a")])), ["waiter"]);
    assert!(watches.is_empty());
    assert_eq!(watches.wake(&touched([key("a")])), Vec::<&str>::new());
}

#[test]
fn a_cancelled_waiter_is_handed_back_and_never_woken() {
    let mut watches = Watches::new(100);
    let ticket = watches.register(vec![prefix("a")], "waiter").unwrap();
    assert_eq!(watches.cancel(ticket), Some("waiter"));
    assert_eq!(watches.cancel(ticket), None);
    assert_eq!(watches.wake(&touched([key("a")])), Vec::<&str>::new());
}

#[test]
fn at_the_limit_a_waiter_is_refused_until_another_leaves() {
    let mut watches = Watches::new(1);
    let first = watches.register(vec![key("a")], 1).unwrap();
    assert_eq!(watches.register(vec![key("b")], 2), Err(Full { waiter: 2, limit: 1 }));
    watches.cancel(first);
    watches.register(vec![key("b")], 3).unwrap();
}

#[test]
fn a_restored_snapshot_wakes_everyone() {
    let mut watches = Watches::new(100);
    watches.register(vec![key("a")], 1).unwrap();
    watches.register(vec![Topic::Node("n1".into())], 2).unwrap();
    assert_eq!(watches.wake_all(), [1, 2]);
    assert!(watches.is_empty());
    assert_eq!(watches.wake(&touched([key("a")])), Vec::<i32>::new());
}

#[derive(Debug, Clone)]
enum Step {
    Register(Vec<Topic>),
    Cancel(u64),
    Wake(Vec<Topic>),
}

fn a_key() -> impl Strategy<Value = Key> {
    "[ab]{0,3}".prop_map(|text| Key::from(text.as_str()))
}

fn a_topic() -> impl Strategy<Value = Topic> {
    prop_oneof![
        a_key().prop_map(Topic::Key),
        a_key().prop_map(Topic::KeyPrefix),
        "[ab]".prop_map(|name| Topic::Node(name.as_str().into())),
        "[ab]".prop_map(|name| Topic::NodeChecks(name.as_str().into())),
        "[ab]".prop_map(|name| Topic::Service(name.as_str().into())),
        "[ab]".prop_map(|name| Topic::ServiceHealth(name.as_str().into())),
        Just(Topic::Table(Table::Nodes)),
        Just(Topic::Table(Table::Checks)),
    ]
}

fn a_step() -> impl Strategy<Value = Step> {
    let topics = || proptest::collection::vec(a_topic(), 0..4);
    prop_oneof![topics().prop_map(Step::Register), any::<u8>().prop_map(|t| Step::Cancel(t.into())), topics().prop_map(Step::Wake)]
}

fn concerns(waited: &Topic, changed: &Topic) -> bool {
    match (waited, changed) {
        (Topic::KeyPrefix(prefix), Topic::Key(key)) => key.starts_with(prefix),
        (Topic::Key(key), Topic::KeyPrefix(prefix)) => key.starts_with(prefix),
        (Topic::KeyPrefix(one), Topic::KeyPrefix(other)) => one.starts_with(other) || other.starts_with(one),
        (waited, changed) => waited == changed,
    }
}

proptest! {
    /// Against a list that is searched from end to end.
    #[test]
    fn exactly_the_waiters_a_change_concerns_are_woken(steps in proptest::collection::vec(a_step(), 0..60)) {
        let mut watches = Watches::new(20);
        let mut naive: BTreeMap<u64, Vec<Topic>> = BTreeMap::new();
        let mut issued = 0;
        for step in steps {
            match step {
                Step::Register(topics) if naive.len() == 20 => assert!(watches.register(topics, 0).is_err()),
                Step::Register(topics) => {
                    issued += 1;
                    assert_eq!(watches.register(topics.clone(), issued), Ok(Ticket(issued)));
                    naive.insert(issued, topics);
                }
                Step::Cancel(ticket) => assert_eq!(watches.cancel(Ticket(ticket)).is_some(), naive.remove(&ticket).is_some()),
                Step::Wake(changes) => {
                    let expected: Vec<u64> = naive
                        .iter()
                        .filter(|(_, topics)| topics.iter().any(|waited| changes.iter().any(|changed| concerns(waited, changed))))
                        .map(|(ticket, _)| *ticket)
                        .collect();
                    assert_eq!(watches.wake(&touched(changes)), expected);
                    naive.retain(|ticket, _| !expected.contains(ticket));
                }
            }
            assert_eq!(watches.len(), naive.len());
        }
        watches.wake_all();
    }
}
