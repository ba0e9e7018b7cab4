use super::{PATIENCE, RestoreCommand};
use crate::model::{Key, Timestamp};
use crate::state::arbitrary::a_command;
use crate::state::timers::{Expiry, Timer};
use crate::state::{Command, Condition, KvCommand, Reply, Stamped, State};
use bytes::Bytes;
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use std::time::Duration;

fn put(key: &str, value: &str) -> Command {
    let value = Bytes::copy_from_slice(value.as_bytes());
    Command::Kv(KvCommand::Put { key: Key::from(key), value, flags: 0, condition: Condition::Always })
}

fn apply(state: &mut State, log: u64, command: Command) -> Reply {
    state.apply(log, &Stamped { at: Timestamp::from_unix_nanos(log), command }).0
}

/// A state that was changed at every index up to `last`.
fn state(last: u64) -> State {
    let mut state = State::default();
    for index in 1..=last {
        apply(&mut state, index, put(&format!("old-{}", index % 7), &index.to_string()));
    }
    state
}

/// The commands that restore `from`, in pieces of `size` bytes.
fn steps(restore: u128, from: &State, size: usize) -> Vec<Command> {
    let bytes: Vec<u8> = from.archived().flatten().collect();
    let begin = RestoreCommand::Begin { restore, bytes: bytes.len() as u64 };
    let pieces = bytes.chunks(size).enumerate().map(|(at, piece)| {
        let offset = (at * size) as u64;
        RestoreCommand::Piece { restore, offset, bytes: Bytes::copy_from_slice(piece) }
    });
    [begin].into_iter().chain(pieces).chain([RestoreCommand::Commit { restore }]).map(Command::Restore).collect()
}

/// Whether both have the same tables.
fn same_tables(one: &State, other: &State) -> bool {
    one.archived().eq(other.archived())
}

#[test]
fn a_state_is_replaced_at_the_last_step_and_not_before() {
    let (saved, mut current) = (state(20), state(30));
    let steps = steps(7, &saved, 10);
    let last = steps.len() - 1;
    for (at, step) in steps.into_iter().enumerate() {
        assert!(same_tables(&current, &state(30)), "before step {at}");
        assert_eq!(apply(&mut current, 31 + at as u64, step), Reply::Took(true));
    }
    assert!(same_tables(&current, &saved));
    assert_eq!(current.restored_at(), 31 + last as u64);
    assert_eq!(current.kv().get(b"old-0").unwrap().modify_index, 14, "a row keeps its index");
}

#[test]
fn indexes_go_on_beyond_those_that_were_restored() {
    let (saved, mut young) = (state(1_000), state(3));
    for (log, step) in (4..).zip(steps(7, &saved, 100_000)) {
        apply(&mut young, log, step);
    }
    assert_eq!((young.restored_at(), young.index_of(6)), (1_001, 1_001));
    apply(&mut young, 7, put("new", "x"));
    assert_eq!(young.kv().get(b"new").unwrap().modify_index, 1_002);
    // And once more, from a state that is behind.
    for (log, step) in (8..).zip(steps(8, &state(5), 100_000)) {
        apply(&mut young, log, step);
    }
    assert_eq!((young.restored_at(), young.index_of(11)), (1_005, 1_006));
}

#[test]
fn what_was_decided_before_a_restore_ends_nothing_that_it_brings_back() {
    let key = Key::from("short");
    let ttl = Duration::from_secs(30);
    let short = KvCommand::PutFor { key: key.clone(), value: Bytes::new(), flags: 0, condition: Condition::Always, ttl };
    let over = |since| Command::Expire(vec![Expiry { timer: Timer::Key(key.clone()), since }]);
    for mut current in [State::default(), state(500)] {
        let mut saved = state(20);
        apply(&mut saved, 21, Command::Kv(short.clone()));
        let log = current.last_change() + 1;
        let steps = steps(7, &saved, 100_000);
        let end = log + steps.len() as u64;
        (log..).zip(steps).for_each(|(log, step)| drop(apply(&mut current, log, step)));
        let mut sent = State::decode(&current.encode()).unwrap();
        for state in [&mut current, &mut sent] {
            apply(state, end, over(21));
            assert!(state.kv().get(&key).is_some(), "it was measured before it was restored");
            let restored_at = state.restored_at();
            apply(state, end + 1, over(restored_at));
            assert!(state.kv().get(&key).is_none());
        }
        assert_eq!(current, sent);
    }
}

#[test]
fn a_step_that_is_repeated_changes_nothing() {
    let (saved, mut once, mut twice) = (state(20), state(30), state(30));
    let (mut log_once, mut log_twice) = (31, 31);
    let steps = steps(7, &saved, 50);
    let last = steps.len() - 1;
    for (at, step) in steps.into_iter().enumerate() {
        log_once = log_twice;
        apply(&mut once, log_once, step.clone());
        assert_eq!(apply(&mut twice, log_twice, step.clone()), Reply::Took(true));
        if at < last {
            log_twice += 1;
            assert_eq!(apply(&mut twice, log_twice, step), Reply::Took(true));
            assert!(same_tables(&twice, &once));
            log_twice += 1;
        }
    }
    assert!(same_tables(&once, &saved) && same_tables(&twice, &saved));
    apply(&mut twice, log_twice + 1, put("later", "x"));
    assert_eq!(apply(&mut twice, log_twice + 2, Command::Restore(RestoreCommand::Commit { restore: 7 })), Reply::Took(true));
    assert!(twice.kv().get(b"later").is_some(), "a commit heard twice does not undo what came after");
    assert_eq!(log_once + 1, log_twice + 1);
}

#[test]
fn what_is_damaged_cut_off_or_superseded_changes_nothing() {
    let saved = state(20);
    let whole = steps(7, &saved, 50);
    let restore = |change: &dyn Fn(&mut Vec<Command>)| {
        let (mut current, mut steps) = (state(30), whole.clone());
        change(&mut steps);
        let replies: Vec<Reply> = (31..).zip(steps).map(|(log, step)| apply(&mut current, log, step)).collect();
        assert!(same_tables(&current, &state(30)));
        assert!(matches!(replies.last(), Some(Reply::Refused(_))), "{replies:?}");
        assert!(current.restoring.as_ref().is_none_or(|on| on.restore != 7), "nothing of it is kept");
    };
    restore(&|steps| drop(steps.remove(2)));
    restore(&|steps| drop(steps.remove(steps.len() - 2)));
    restore(&|steps| steps.insert(3, Command::Restore(RestoreCommand::Begin { restore: 8, bytes: 1 })));
    restore(&|steps| steps.insert(3, Command::Restore(RestoreCommand::Forget { restore: 7 })));
    restore(&|steps| {
        let Command::Restore(RestoreCommand::Piece { bytes, .. }) = &mut steps[1] else { panic!("a piece") };
        *bytes = bytes.iter().map(|byte| byte ^ 0x40).collect();
    });
    let foreign: Vec<u8> = steps(9, &saved, 50).len().to_le_bytes().to_vec();
    restore(&|steps| {
        let bytes = Bytes::copy_from_slice(&foreign);
        steps.insert(steps.len() - 1, Command::Restore(RestoreCommand::Piece { restore: 7, offset: 1 << 20, bytes }));
    });
}

#[test]
fn one_that_nobody_goes_on_with_is_due_to_be_forgotten() {
    let mut current = state(3);
    let at = Timestamp::from_unix_nanos(1_000_000_000);
    let begin = Command::Restore(RestoreCommand::Begin { restore: 7, bytes: 100 });
    current.apply(4, &Stamped { at, command: begin });
    let later = |by: Duration| Timestamp::from_unix_nanos(at.as_unix_nanos() + by.as_nanos() as u64);
    assert_eq!(current.abandoned_restore(later(PATIENCE)), None);
    assert_eq!(current.abandoned_restore(later(PATIENCE + Duration::from_nanos(1))), Some(7));
    apply(&mut current, 5, Command::Restore(RestoreCommand::Forget { restore: 7 }));
    assert_eq!(current, state(3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// A server that is sent a snapshot in the middle of a restore ends where the others end.
    #[test]
    fn a_snapshot_taken_during_a_restore_goes_on_with_it(
        before in proptest::collection::vec(a_command(), 0..20),
        after in proptest::collection::vec(a_command(), 0..20),
        size in 1usize..400,
        cut in proptest::prelude::any::<proptest::sample::Index>(),
    ) {
        let mut saved = State::default();
        for (log, command) in (1..).zip(before) {
            apply(&mut saved, log, command);
        }
        let commands: Vec<Command> = steps(7, &saved, size).into_iter().chain(after).collect();
        let cut = cut.index(commands.len());
        let (mut one, mut other) = (state(9), state(9));
        for (at, command) in commands.into_iter().enumerate() {
            if at == cut {
                other = State::decode(&other.encode()).unwrap();
                prop_assert_eq!(&one, &other);
            }
            let log = 10 + at as u64;
            prop_assert_eq!(apply(&mut one, log, command.clone()), apply(&mut other, log, command));
        }
        prop_assert_eq!(one, other);
    }
}
