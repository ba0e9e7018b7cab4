use super::{REAP_STEP, TOMBSTONE_LIFE};
use crate::model::{Index, Key, Timestamp, Topic};
use crate::state::{Command, Condition, KvCommand, Marks, Reply, Stamped, State};
use bytes::Bytes;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use std::collections::BTreeMap;
use std::time::Duration;

/// A state that counts its commands, at a clock of its own.
#[derive(Default)]
struct Store {
    state: State,
    index: Index,
    seconds: u64,
}

impl Store {
    fn apply(&mut self, command: KvCommand) -> (Reply, Vec<Topic>) {
        self.index += 1;
        let at = Timestamp::from_unix_nanos(self.seconds * 1_000_000_000);
        let (reply, touched) = self.state.apply(self.index, &Stamped { at, command: Command::Kv(command) });
        (reply, touched.topics().to_vec())
    }

    fn put(&mut self, key: &str, value: &str) -> (Reply, Vec<Topic>) {
        self.apply(put(key, value, 0, Condition::Always))
    }

    fn delete(&mut self, key: &str) -> (Reply, Vec<Topic>) {
        self.apply(KvCommand::Delete { key: Key::from(key), condition: Condition::Always })
    }

    fn below(&self, prefix: &str) -> Marks {
        let prefix = Key::from(prefix);
        let latest = self.state.kv().below(&prefix).map(|entry| entry.modify_index).max().unwrap_or(0);
        self.state.kv().marks_below(&prefix, latest)
    }

    fn names(&self) -> Vec<&[u8]> {
        let all = self.state.kv().entries.keys();
        all.map(|key| &**key).collect()
    }
}

fn put(key: &str, value: &str, flags: u64, condition: Condition) -> KvCommand {
    KvCommand::Put { key: Key::from(key), value: Bytes::copy_from_slice(value.as_bytes()), flags, condition }
}

fn topic(key: &str) -> Topic {
    Topic::Key(Key::from(key))
}

#[test]
fn a_write_keeps_the_create_index_and_moves_the_modify_index() {
    let mut store = Store::default();
    assert_eq!(store.put("a", "1"), (Reply::Took(true), vec![topic("a")]));
    store.put("a", "2");
    let entry = store.state.kv().get(b"a").unwrap();
    assert_eq!((&*entry.value, entry.create_index, entry.modify_index), (b"2".as_slice(), 1, 2));
}

#[test]
fn writing_the_same_again_changes_no_index_and_touches_nothing() {
    let mut store = Store::default();
    store.put("a", "1");
    assert_eq!(store.put("a", "1"), (Reply::Took(true), vec![]));
    assert_eq!(store.apply(put("a", "1", 0, Condition::At(1))), (Reply::Took(true), vec![]));
    assert_eq!(store.below(""), Marks::at(1));
    assert_eq!(store.apply(put("a", "1", 4, Condition::Always)), (Reply::Took(true), vec![topic("a")]));
    assert_eq!(store.state.kv().get(b"a").unwrap().modify_index, 4);
}

#[test]
fn a_conditional_write_takes_effect_only_at_its_index() {
    let mut store = Store::default();
    assert_eq!(store.apply(put("a", "1", 0, Condition::At(7))), (Reply::Took(false), vec![]));
    assert_eq!(store.apply(put("a", "1", 0, Condition::Absent)).0, Reply::Took(true));
    assert_eq!(store.apply(put("a", "2", 0, Condition::Absent)), (Reply::Took(false), vec![]));
    assert_eq!(store.apply(put("a", "2", 0, Condition::At(2))).0, Reply::Took(true));
    assert_eq!(store.apply(put("a", "3", 0, Condition::At(2))).0, Reply::Took(false));
}

#[test]
fn a_deletion_of_what_is_not_there_takes_effect_and_changes_nothing() {
    let mut store = Store::default();
    assert_eq!(store.delete("a"), (Reply::Took(true), vec![]));
    let at = |index| KvCommand::Delete { key: Key::from("a"), condition: Condition::At(index) };
    assert_eq!(store.apply(at(9)), (Reply::Took(true), vec![]));
    store.put("a", "1");
    assert_eq!(store.apply(at(0)), (Reply::Took(false), vec![]));
    assert_eq!(store.apply(at(3)), (Reply::Took(true), vec![topic("a")]));
    assert!(store.state.kv().is_empty());
}

#[test]
fn a_prefix_is_plain_text() {
    let mut store = Store::default();
    for key in ["d/1", "dx", "e", "d"] {
        store.put(key, "x");
    }
    let (reply, touched) = store.apply(KvCommand::DeleteTree { prefix: Key::from("d/") });
    assert_eq!((reply, touched), (Reply::Took(true), vec![topic("d/1")]));
    store.apply(KvCommand::DeleteTree { prefix: Key::from("d") });
    assert_eq!(store.names(), [b"e"]);
    store.apply(KvCommand::DeleteTree { prefix: Key::default() });
    assert!(store.state.kv().is_empty());
}

#[test]
fn the_index_of_a_prefix_rises_when_a_key_below_it_goes_away_and_then_stays() {
    let mut store = Store::default();
    store.put("p/a", "1");
    store.put("p/b", "1");
    assert_eq!(store.below("p/"), Marks::at(2));
    store.delete("p/b");
    assert_eq!(store.below("p/"), Marks::at(3));
    store.delete("p/a");
    store.put("elsewhere", "1");
    assert_eq!(store.below("p/"), Marks::at(4));
}

#[test]
fn an_absent_key_has_the_tables_index_but_unrelated_writes_are_no_change_of_it() {
    let mut store = Store::default();
    store.put("other", "1");
    assert_eq!(store.state.kv().marks_of_key(b"a"), Marks { index: 1, changed: 0 });
    assert_eq!(store.below("a"), Marks { index: 1, changed: 0 });
    store.put("a", "1");
    store.delete("a");
    store.put("other", "2");
    assert_eq!(store.state.kv().marks_of_key(b"a"), Marks { index: 4, changed: 3 });
}

#[test]
fn tombstones_are_reaped_in_steps_when_their_time_is_over() {
    let mut store = Store { seconds: 1_000_001, ..Store::default() };
    store.put("a", "1");
    store.delete("a");
    store.seconds += TOMBSTONE_LIFE.as_secs();
    let now = |store: &Store| Timestamp::from_unix_nanos(store.seconds * 1_000_000_000);
    assert!(!store.state.reaping_is_due(now(&store)), "only at the next whole step");
    store.apply(KvCommand::ReapTombstones);
    assert_eq!(store.state.kv().tombstones.len(), 1);
    store.seconds += REAP_STEP.as_secs();
    assert!(store.state.reaping_is_due(now(&store)));
    store.apply(KvCommand::ReapTombstones);
    assert!(store.state.kv().tombstones.is_empty() && store.state.kv().burials.is_empty());
    assert!(!store.state.reaping_is_due(now(&store)));
}

#[test]
fn whoever_saw_a_key_before_its_reaped_deletion_is_told_to_look_again() {
    let mut store = Store::default();
    store.put("a", "1");
    store.delete("a");
    store.seconds += (TOMBSTONE_LIFE + REAP_STEP).as_secs();
    store.apply(KvCommand::ReapTombstones);
    assert_eq!(store.state.kv().marks_of_key(b"a").changed, 2);
    assert_eq!(store.below("a").changed, 2);
}

#[test]
fn a_deletion_stamped_by_a_wrong_clock_is_not_remembered_for_ever() {
    let mut store = Store { seconds: 4_000_000_000, ..Store::default() };
    store.put("a", "1");
    store.delete("a");
    store.seconds = 1_700_000_000;
    store.apply(KvCommand::ReapTombstones);
    assert!(store.state.kv().tombstones.is_empty());
}

#[test]
fn a_key_deleted_again_keeps_its_later_tombstone() {
    let mut store = Store::default();
    store.put("a", "1");
    store.delete("a");
    store.seconds += 600;
    store.put("a", "1");
    store.delete("a");
    store.seconds += 600;
    store.apply(KvCommand::ReapTombstones);
    assert_eq!(store.state.kv().tombstones.get(b"a".as_slice()), Some(&4));
}

/// The store as one would write it without a thought for speed: a list of everything that ever happened to a key.
#[derive(Default)]
struct Naive {
    rows: BTreeMap<Vec<u8>, (Vec<u8>, u64, Index, Index)>,
    deaths: Vec<(Vec<u8>, Index, Duration)>,
    reaped: Index,
    last: Index,
}

impl Naive {
    fn apply(&mut self, index: Index, now: Duration, command: &KvCommand) -> Reply {
        match command {
            KvCommand::Put { key, value, flags, condition } => {
                let row = self.rows.get(&**key).cloned();
                if !condition.holds(row.as_ref().map(|row| row.3)) {
                    return Reply::Took(false);
                }
                let same = row.as_ref().is_some_and(|row| row.0 == **value && row.1 == *flags);
                if !same {
                    self.rows.insert(key.to_vec(), (value.to_vec(), *flags, row.map_or(index, |row| row.2), index));
                    self.last = index;
                }
                Reply::Took(true)
            }
            KvCommand::Delete { key, condition } => match self.rows.get(&**key) {
                Some(row) if !condition.holds(Some(row.3)) => Reply::Took(false),
                _ => {
                    self.bury(index, now, |name| name == &**key);
                    Reply::Took(true)
                }
            },
            KvCommand::DeleteTree { prefix } => {
                self.bury(index, now, |name| name.starts_with(prefix));
                Reply::Took(true)
            }
            KvCommand::PutFor { .. } | KvCommand::Lock { .. } | KvCommand::Unlock { .. } => {
                unreachable!("the model of sessions knows these")
            }
            KvCommand::ReapTombstones => {
                let step = REAP_STEP.as_secs();
                let dead =
                    |death: &(Vec<u8>, Index, Duration)| now.as_secs() >= (death.2 + TOMBSTONE_LIFE).as_secs().next_multiple_of(step);
                self.reaped = self.deaths.iter().filter(|death| dead(death)).map(|death| death.1).fold(self.reaped, Index::max);
                self.deaths.retain(|death| !dead(death));
                Reply::Done
            }
        }
    }

    fn bury(&mut self, index: Index, now: Duration, dies: impl Fn(&[u8]) -> bool) {
        let before = self.deaths.len();
        self.deaths.extend(self.rows.keys().filter(|key| dies(key)).map(|key| (key.clone(), index, now)));
        self.rows.retain(|key, _| !dies(key));
        if self.deaths.len() > before {
            self.last = index;
        }
    }

    fn marks(&self, concerns: impl Fn(&[u8]) -> bool) -> Marks {
        let living = self.rows.iter().filter(|(key, _)| concerns(key)).map(|(_, row)| row.3);
        let dead = self.deaths.iter().filter(|death| concerns(&death.0)).map(|death| death.1);
        let changed = living.chain(dead).max().unwrap_or(0).max(self.reaped);
        Marks { index: if changed == 0 { self.last } else { changed }, changed }
    }
}

fn a_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        "[ab/]{0,3}".prop_map(|text| Key::from(text.as_str())),
        proptest::collection::vec(any::<u8>(), 0..3).prop_map(|b| Key::new(&b))
    ]
}

fn a_condition() -> impl Strategy<Value = Condition> {
    prop_oneof![3 => Just(Condition::Always), 1 => Just(Condition::Absent), 2 => (0u64..40).prop_map(Condition::At)]
}

fn a_command() -> impl Strategy<Value = KvCommand> {
    prop_oneof![
        6 => (a_key(), "[xy]?", 0u64..2, a_condition())
            .prop_map(|(key, value, flags, condition)| KvCommand::Put { key, value: value.into(), flags, condition }),
        3 => (a_key(), a_condition()).prop_map(|(key, condition)| KvCommand::Delete { key, condition }),
        1 => a_key().prop_map(|prefix| KvCommand::DeleteTree { prefix }),
        1 => Just(KvCommand::ReapTombstones),
    ]
}

proptest! {
    #[test]
    fn the_store_does_what_a_naive_one_does(steps in proptest::collection::vec((a_command(), 0u64..200), 0..60), probe in a_key()) {
        let mut store = Store::default();
        let mut naive = Naive::default();
        for (command, seconds) in steps {
            store.seconds += seconds;
            let before = store.state.kv().clone();
            let (reply, touched) = store.apply(command.clone());
            assert_eq!(reply, naive.apply(store.index, Duration::from_secs(store.seconds), &command));
            let kv = store.state.kv();
            let changed = |key: &[u8]| before.get(key) != kv.get(key);
            let mut names: Vec<&[u8]> = before.entries.keys().chain(kv.entries.keys()).map(|key| &**key).filter(|key| changed(key)).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(touched, names.iter().map(|name| Topic::Key(Key::new(name))).collect::<Vec<_>>());

            let rows: BTreeMap<_, _> = kv.entries.values().map(|entry| {
                (entry.key.to_vec(), (entry.value.to_vec(), entry.flags, entry.create_index, entry.modify_index))
            }).collect();
            assert_eq!(rows, naive.rows);
            assert_eq!(store.below(""), naive.marks(|_| true));
            let prefix = store.state.kv().below(&probe).map(|entry| entry.modify_index).max().unwrap_or(0);
            assert_eq!(store.state.kv().marks_below(&probe, prefix), naive.marks(|key| key.starts_with(&probe)));
            match kv.get(&probe) {
                Some(entry) => assert_eq!(kv.marks_of_key(&probe), Marks::at(entry.modify_index)),
                None => assert_eq!(kv.marks_of_key(&probe), Marks { index: naive.last, ..naive.marks(|key| key == &*probe) }),
            }
        }
    }
}
