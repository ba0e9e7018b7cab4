use super::judge;
use super::observed::{Anew, Answer, Fate, Freshness, Heard, Looked, Named, Restored, Saved, Seen, Shown, Told};
use crate::checker::Nanos;
use crate::invariants::End;
use crate::invariants::board::Board;
use crate::invariants::observation::{Applied, Tables};
use crate::trace::digest;
use crate::world::Who;
use muster::model::{Index, Timestamp};
use muster::state::txn::{TxnOp, TxnReply};
use muster::state::{Command, Condition, KvCommand, Reply, RestoreCommand, Stamped, State};
use std::collections::BTreeMap;
use std::sync::Arc;

const SECOND: Nanos = 1_000_000_000;

fn put(key: &str, value: &str) -> KvCommand {
    KvCommand::Put { key: key.into(), value: value.to_owned().into(), flags: 0, condition: Condition::Always }
}

fn delete(key: &str) -> KvCommand {
    KvCommand::Delete { key: key.into(), condition: Condition::Always }
}

/// What the servers do, and with it the state that the product makes of it.
#[derive(Default)]
struct Log {
    applied: Vec<Applied>,
    state: State,
    /// The state after each entry.
    states: BTreeMap<Index, State>,
}

impl Log {
    fn apply(&mut self, command: Command) -> Index {
        let index = self.applied.last().map_or(5, |last| last.index + 1);
        let at = index * SECOND;
        let (reply, _) = self.state.apply(index, &Stamped { at: Timestamp::from_unix_nanos(at), command: command.clone() });
        let (whole, last_change) = (Some(Arc::new(command)), self.state.last_change());
        let tables = Some(Tables { last_change, digest: digest(&bytes(&self.state)) });
        let (server, process, term) = (Who(1), 0, 1);
        self.applied.push(Applied { at, server, process, index, term, command: u128::from(index), state: None, tables, whole, reply });
        self.states.insert(index, self.state.clone());
        index
    }

    fn end(&self) -> End {
        let log = self.applied.last().map_or(0, |last| last.index);
        End { server: Who(1), log, board: Board::of(&self.state) }
    }
}

/// a=1 at 5, b=2 at 6, c outside of the prefix at 7, a=3 and b gone together at 8.
fn story() -> Log {
    let mut log = Log::default();
    for command in [put("s/a", "1"), put("s/b", "2"), put("t/c", "0")] {
        log.apply(Command::Kv(command));
    }
    log.apply(Command::Txn(vec![TxnOp::Kv(put("s/a", "3")), TxnOp::Kv(delete("s/b"))]));
    log
}

fn shown(value: &str, create: Index, modify: Index) -> Option<Shown> {
    Some(Shown { value: value.to_owned(), flags: 0, create, modify, locks: 0, session: None })
}

fn change(id: Index, rows: &[(&str, Option<Shown>)]) -> (Nanos, Told) {
    let rows = rows.iter().map(|(key, row)| ((*key).to_owned(), row.clone())).collect();
    (id * SECOND, Told::Change { id, index: id, rows })
}

fn first() -> (Nanos, Told) {
    change(5, &[("s/a", shown("1", 5, 5))])
}

fn second() -> (Nanos, Told) {
    change(6, &[("s/b", shown("2", 6, 6))])
}

fn third() -> (Nanos, Told) {
    change(8, &[("s/a", shown("3", 5, 8)), ("s/b", None)])
}

fn heard(from: Index, told: Vec<(Nanos, Told)>) -> Heard {
    Heard { follower: 0, asked: Who(1), prefix: "s/".to_owned(), from, told, silent: None, until: 9 * SECOND }
}

fn ids(seen: &Seen) -> Vec<&'static str> {
    judge(seen).into_iter().map(|violation| violation.id).collect()
}

/// What is found wrong with streams over the story.
fn streams(streams: Vec<Heard>) -> Vec<&'static str> {
    ids(&Seen { streams, applied: story().applied, end: 10 * SECOND, ..Seen::default() })
}

#[test]
fn streams_that_tell_all_once_in_order_are_not_blamed_wherever_they_are_cut() {
    let alive = |id| (9 * SECOND, Told::Alive { id });
    assert_eq!(streams(vec![heard(1, vec![first(), second(), alive(7), third(), alive(8)])]), [""; 0]);
    assert_eq!(streams(vec![heard(1, vec![first()]), heard(5, vec![second(), third()]), heard(8, vec![alive(8)])]), [""; 0]);
    assert_eq!(streams(vec![heard(40, vec![alive(40)])]), [""; 0], "nothing is due to whom nothing has reached");
}

#[test]
fn a_change_left_out_told_twice_out_of_order_in_parts_or_wrongly_is_found() {
    let found = ["W1-stream-by-the-log"];
    assert_eq!(streams(vec![heard(1, vec![first(), third()])]), found, "left out");
    assert_eq!(streams(vec![heard(1, vec![first(), (7 * SECOND, Told::Alive { id: 7 })])]), found, "left out in silence");
    assert_eq!(streams(vec![heard(1, vec![first(), first()])]), found, "twice");
    assert_eq!(streams(vec![heard(5, vec![first(), second()])]), found, "twice, over two connections");
    assert_eq!(streams(vec![heard(1, vec![second(), first()])]), found, "out of order");
    let half = change(8, &[("s/a", shown("3", 5, 8))]);
    assert_eq!(streams(vec![heard(6, vec![half.clone()])]), found, "half of a transaction");
    assert_eq!(streams(vec![heard(6, vec![half, change(8, &[("s/b", None)])])]), found, "in two halves");
    assert_eq!(streams(vec![heard(1, vec![change(5, &[("s/a", shown("2", 5, 5))])])]), found, "another value");
    assert_eq!(streams(vec![heard(6, vec![change(7, &[("t/c", shown("0", 7, 7))]), third()])]), found, "of another prefix");
}

#[test]
fn old_changes_told_to_whom_stands_further_on_are_found() {
    assert_eq!(streams(vec![heard(40, vec![third()])]), ["W1-stream-by-the-log"]);
    assert_eq!(streams(vec![heard(40, vec![(9 * SECOND, Told::Alive { id: 8 })])]), ["W1-stream-by-the-log"]);
}

#[test]
fn an_index_that_nobody_has_reached_is_refused_and_no_other() {
    let judged = |index, freshness, answer| {
        let named = Named { index, freshness, invoked: 7 * SECOND + 1, returned: 8 * SECOND - 1, answer };
        ids(&Seen { named: vec![named], applied: story().applied, end: 10 * SECOND, ..Seen::default() })
    };
    assert_eq!(judged(7, Freshness::Current, Answer::Taken), [""; 0]);
    assert_eq!(judged(8, Freshness::Current, Answer::Refused), [""; 0]);
    assert_eq!(judged(8, Freshness::Stale, Answer::Taken), [""; 0]);
    assert_eq!(judged(7, Freshness::Current, Answer::Refused), ["W5-future"]);
    assert_eq!(judged(8, Freshness::Current, Answer::Taken), ["W5-future"]);
    assert_eq!(judged(8, Freshness::Stale, Answer::Refused), ["W5-future"]);
}

#[test]
fn a_gap_is_for_whom_the_memory_does_not_reach_back_to_and_ends_the_stream() {
    let gap = |oldest, resume| (9 * SECOND, Told::Gap { id: resume, oldest, resume });
    assert_eq!(streams(vec![heard(1, vec![gap(6, 8)])]), [""; 0]);
    assert_eq!(streams(vec![heard(1, vec![first(), gap(5, 8)])]), ["W2-gap"], "it stands where the memory begins");
    assert_eq!(streams(vec![heard(1, vec![gap(6, 5)])]), ["W2-gap"], "it would miss something again");
    assert_eq!(streams(vec![heard(1, vec![gap(6, 8), third()])]), ["W2-gap"], "it goes on");
}

#[test]
fn what_is_read_anew_holds_everything_up_to_where_it_goes_on() {
    let anew = |resume, rows: &[(&str, Option<Shown>)]| {
        let rows = rows.iter().filter_map(|(key, row)| Some(((*key).to_owned(), row.clone()?))).collect();
        let anew = Anew { prefix: "s/".to_owned(), resume, rows, returned: 9 * SECOND };
        ids(&Seen { anew: vec![anew], applied: story().applied, end: 10 * SECOND, ..Seen::default() })
    };
    assert_eq!(anew(8, &[("s/a", shown("3", 5, 8))]), [""; 0]);
    assert_eq!(anew(6, &[("s/a", shown("3", 5, 8))]), [""; 0], "more than that is fine");
    assert_eq!(anew(8, &[("s/a", shown("1", 5, 5)), ("s/b", shown("2", 6, 6))]), ["W3-read-anew"]);
}

#[test]
fn a_stream_that_falls_silent_is_blamed_only_when_nothing_is_broken_any_more() {
    let judged = |silent, calm_from| {
        let heard = Heard { silent, ..heard(1, vec![first()]) };
        ids(&Seen { streams: vec![heard], applied: story().applied, calm_from, end: 20 * SECOND, ..Seen::default() })
    };
    assert_eq!(judged(None, 6 * SECOND), [""; 0]);
    assert_eq!(judged(Some(5 * SECOND), 6 * SECOND), [""; 0]);
    assert_eq!(judged(Some(7 * SECOND), 6 * SECOND), ["W6-alive"]);
}

#[test]
fn a_follower_that_is_never_told_of_the_last_change_is_found_once_there_was_time() {
    let mut seen = Seen { streams: vec![heard(1, vec![first()])], applied: story().applied, end: 20 * SECOND, ..Seen::default() };
    assert_eq!(ids(&seen), [""; 0]);
    seen.end = 24 * SECOND;
    assert_eq!(ids(&seen), ["W4-arrival"]);
    seen.calm_from = 10 * SECOND;
    assert_eq!(ids(&seen), [""; 0]);
}

#[test]
fn a_transaction_that_reads_two_states_at_once_or_an_old_one_is_found() {
    let judged = |invoked, a: (&str, Index), b: Option<(&str, Index)>| {
        let row = |(value, modify): (&str, Index)| (value.to_owned(), modify);
        let rows = vec![("s/a".to_owned(), Some(row(a))), ("s/b".to_owned(), b.map(row))];
        let look = Looked { invoked, returned: 9 * SECOND, rows };
        ids(&Seen { looks: vec![look], applied: story().applied, end: 10 * SECOND, ..Seen::default() })
    };
    assert_eq!(judged(6 * SECOND, ("1", 5), Some(("2", 6))), [""; 0]);
    assert_eq!(judged(8 * SECOND + 1, ("3", 8), None), [""; 0]);
    assert_eq!(judged(6 * SECOND, ("3", 8), Some(("2", 6))), ["K6-one-state"], "half of a transaction");
    assert_eq!(judged(8 * SECOND + 1, ("1", 5), Some(("2", 6))), ["K6-one-state"], "old");
}

fn bytes(state: &State) -> Vec<u8> {
    state.archived().collect::<Vec<_>>().concat()
}

fn saved(state: &State, index: Index) -> Saved {
    let (invoked, returned, state, board) = (8 * SECOND + 1, 9 * SECOND, digest(&bytes(state)), Board::of(state));
    Saved { invoked, returned, freshness: Freshness::Current, index, state, board }
}

#[test]
fn an_archive_that_is_another_state_than_its_index_says_or_an_old_one_is_found() {
    let log = story();
    let judged = |saved: Saved| ids(&Seen { saved: vec![saved], applied: story().applied, end: 10 * SECOND, ..Seen::default() });
    assert_eq!(judged(saved(&log.state, 8)), [""; 0]);
    assert_eq!(judged(saved(&log.states[&6], 8)), ["S1-archive-is-its-index"]);
    assert_eq!(judged(saved(&log.state, 9)), ["S1-archive-is-its-index"], "no such index");
    assert_eq!(judged(Saved { state: 1, ..saved(&log.state, 8) }), ["S1-archive-is-its-index"], "other tables than those of keys differ");
    let old = Saved { freshness: Freshness::Stale, ..saved(&log.states[&6], 6) };
    assert_eq!(judged(old.clone()), [""; 0]);
    assert_eq!(judged(Saved { freshness: Freshness::Current, ..old }), ["S1-archive-is-its-index"]);
}

/// The story, and the state as of 6 put in its place at 11, and a write after that at 12.
fn restored(log: &mut Log) -> Restored {
    let bytes = bytes(&log.states[&6]);
    let (restore, state) = (7, digest(&bytes));
    log.apply(Command::Restore(RestoreCommand::Begin { restore, bytes: bytes.len() as u64 }));
    log.apply(Command::Restore(RestoreCommand::Piece { restore, offset: 0, bytes: bytes.into() }));
    let at = log.apply(Command::Restore(RestoreCommand::Commit { restore }));
    log.apply(Command::Kv(put("s/d", "4")));
    Restored { state: Some(state), invoked: (at - 3) * SECOND, over: (at + 1) * SECOND, fate: Fate::Done }
}

#[test]
fn a_restore_that_somebody_sent_is_right_and_another_or_one_that_never_came_is_found() {
    let mut log = story();
    let restored = restored(&mut log);
    let judged = |restored: Vec<Restored>, applied: &[Applied]| ids(&Seen { restored, applied: applied.to_vec(), ..Seen::default() });
    assert_eq!(judged(vec![restored.clone()], &log.applied), [""; 0]);
    assert_eq!(judged(vec![], &log.applied), ["S2-restore"]);
    assert_eq!(judged(vec![Restored { state: Some(1), fate: Fate::Unknown, ..restored.clone() }], &log.applied), ["S2-restore"]);
    assert_eq!(judged(vec![restored.clone()], &story().applied), ["S2-restore"]);
    assert_eq!(judged(vec![Restored { fate: Fate::Unknown, ..restored }], &story().applied), [""; 0]);
}

#[test]
fn a_server_that_has_anything_else_than_the_log_makes_is_found_and_the_restored_state_is_what_it_makes() {
    let mut log = story();
    let restored = restored(&mut log);
    let judged =
        |end: End| ids(&Seen { ends: vec![end], restored: vec![restored.clone()], applied: log.applied.clone(), ..Seen::default() });
    assert_eq!(judged(log.end()), [""; 0]);
    assert_eq!(judged(End { board: Board::of(&log.states[&8]), ..log.end() }), ["S3-state-by-the-log"]);
    assert!(log.end().board.difference(&Board::of(&log.states[&6])).unwrap().contains("s/d"));
}

#[test]
fn a_stream_that_goes_on_over_a_restore_as_if_nothing_had_been_is_found() {
    let mut log = story();
    let restored = restored(&mut log);
    let judged = |told| {
        ids(&Seen { streams: vec![heard(8, told)], restored: vec![restored.clone()], applied: log.applied.clone(), ..Seen::default() })
    };
    assert_eq!(judged(vec![change(12, &[("s/d", shown("4", 12, 12))])]), ["W1-stream-by-the-log"]);
    assert_eq!(judged(vec![(13 * SECOND, Told::Gap { id: 12, oldest: 11, resume: 12 })]), [""; 0]);
}

#[test]
fn the_log_of_these_tests_is_what_the_product_makes_of_it() {
    let log = story();
    assert!(matches!(&log.applied[3].reply, Reply::Txn(TxnReply::Done(rows)) if rows.len() == 1));
    assert_eq!(log.state.last_change(), 8);
}
