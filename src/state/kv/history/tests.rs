use super::{Change, History, LIFE, MOST_BYTES, MOST_CHANGES};
use crate::model::{Key, Timestamp};
use crate::state::arbitrary::a_command;
use crate::state::kv::Entry;
use crate::state::{Command, Condition, KvCommand, Stamped, State};
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn put(key: &str, value: Vec<u8>) -> Command {
    Command::Kv(KvCommand::Put { key: Key::from(key), value: value.into(), flags: 0, condition: Condition::Always })
}

fn apply(state: &mut State, index: u64, at: u64, command: Command) {
    state.apply(index, &Stamped { at: Timestamp::from_unix_nanos(at), command });
}

fn history(state: &State) -> &History {
    state.kv().history()
}

#[test]
fn what_is_older_than_the_window_is_forgotten_by_the_stamps() {
    let mut state = State::default();
    let minutes = |count: u64| Duration::from_secs(60 * count).as_nanos() as u64;
    apply(&mut state, 1, minutes(0), put("a", vec![1]));
    apply(&mut state, 2, minutes(5), put("a", vec![2]));
    apply(&mut state, 3, LIFE.as_nanos() as u64, Command::Nothing);
    assert_eq!((history(&state).since(), history(&state).of_key(&Key::from("a")).count()), (0, 2));
    apply(&mut state, 4, minutes(11), Command::Nothing);
    assert_eq!((history(&state).since(), history(&state).of_key(&Key::from("a")).count()), (1, 1));
    apply(&mut state, 5, minutes(60), Command::Nothing);
    assert_eq!(history(&state).since(), 2);
}

#[test]
fn changes_and_bytes_have_a_bound_and_the_window_says_where_it_begins() {
    let mut history = History::default();
    for index in 1..=MOST_CHANGES as u64 + 5 {
        history.note(index, &Key::from("k"), None, None);
    }
    assert_eq!((history.changes.len(), history.since()), (MOST_CHANGES, 5));
    let mut state = State::default();
    let large = MOST_BYTES / 4;
    for index in 1..=8 {
        apply(&mut state, index, 1, put("k", vec![0; large + index as usize]));
    }
    assert_eq!(state.kv().history().since(), 5, "three replaced values fit");
    assert!(state.kv().history().bytes <= MOST_BYTES);
}

#[test]
fn a_loaded_state_remembers_nothing_of_how_it_came_to_be() {
    let mut state = State::default();
    apply(&mut state, 1, 1, put("a", vec![1]));
    apply(&mut state, 2, 1, put("a", vec![2]));
    let loaded = State::decode(&state.encode()).unwrap();
    assert_eq!((history(&loaded).since(), history(&loaded).of_key(&Key::from("a")).count()), (2, 0));
}

#[test]
fn a_long_run_of_changes_is_given_command_by_command() {
    let mut history = History::default();
    for (index, keys) in [(1, 1), (2, 5), (3, 1), (4, 1)] {
        for key in 0..keys {
            history.note(index, &Key::from(format!("k{key}").as_str()), None, None);
        }
    }
    history.note(5, &Key::from("other"), None, None);
    let of = |after, most| {
        let (changes, all) = history.after(&Key::from("k"), after, most);
        (changes.iter().map(|change| change.index).collect::<Vec<_>>(), all)
    };
    assert_eq!(of(0, 2), (vec![1, 2, 2, 2, 2, 2], false));
    assert_eq!(of(2, 1), (vec![3], false));
    assert_eq!(of(3, 9), (vec![4], true));
    assert_eq!(of(5, 9), (vec![], true));
}

type Entries = BTreeMap<Key, Arc<Entry>>;

fn entries(state: &State) -> Entries {
    state.kv().below(&Key::default()).map(|entry| (entry.key.clone(), entry.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// Against the states themselves, all of them kept.
    #[test]
    fn any_index_of_the_window_is_answered_as_it_was_and_changes_lead_from_one_to_the_next(
        commands in proptest::collection::vec(a_command(), 1..60),
        prefix in "[ab]{0,1}",
        pick in any::<proptest::sample::Index>(),
    ) {
        let mut state = State::default();
        let mut past = vec![entries(&state)];
        for (index, command) in (1..).zip(commands) {
            apply(&mut state, index, index, command);
            past.push(entries(&state));
        }
        let (prefix, history) = (Key::from(prefix.as_str()), state.kv().history());
        let at = pick.index(past.len());
        let then: Entries = past[at].iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(k, e)| (k.clone(), e.clone())).collect();
        let found = history.entries_at(&prefix, at as u64, state.kv().below(&prefix));
        prop_assert_eq!(&found, &then.values().cloned().collect::<Vec<_>>());
        for key in ["", "a", "b", "ab"].map(Key::from) {
            prop_assert_eq!(history.entry_at(&key, at as u64, state.kv().get(&key)), past[at].get(&key).cloned());
        }
        // Played forward, a few at a time, the changes lead from then to now.
        let (mut replayed, mut after, mut all) = (then, at as u64, false);
        while !all {
            let (changes, rest) = history.after(&prefix, after, 2);
            all = rest;
            for change in changes {
                let Change { index, key, before, after: now, .. } = &*change;
                prop_assert_eq!(replayed.get(key), before.as_ref());
                match now {
                    Some(entry) => replayed.insert(key.clone(), entry.clone()),
                    None => replayed.remove(key),
                };
                after = *index;
            }
        }
        let now: Entries = past.pop().unwrap().into_iter().filter(|(key, _)| key.starts_with(&prefix)).collect();
        prop_assert_eq!(replayed, now);
    }
}
