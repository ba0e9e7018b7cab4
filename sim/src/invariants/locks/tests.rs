use super::judge;
use super::observed::{Created, Fenced, Renewal, Seen, Sign, Taken, Told, Tuple, Verified};
use crate::checker::Nanos;
use crate::invariants::observation::{Applied, RoleChange};
use crate::world::Who;
use muster::model::{Index, Key, LockToken, NodeName, SessionId};
use muster::state::sessions::{Behavior, SessionCommand, SessionSpec, SessionTtl};
use muster::state::timers::{Expiry, Timer};
use muster::state::{Command, Condition, KvCommand, Reply};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Nanos = 1_000_000_000;
const TTL: Duration = Duration::from_secs(4);

fn session(n: u128) -> SessionId {
    SessionId::from_u128(n)
}

fn key(text: &str) -> Key {
    Key::new(text.as_bytes())
}

fn token(n: u128, lock_index: u64) -> LockToken {
    LockToken { session: session(n), key: key("lock/0"), create_index: 12, lock_index }
}

fn applied(index: Index, command: Command, reply: Reply) -> Applied {
    let at = index * SECOND;
    Applied {
        at,
        server: Who(1),
        process: 0,
        index,
        term: 1,
        command: u128::from(index),
        state: None,
        tables: None,
        whole: Some(Arc::new(command)),
        reply,
    }
}

fn create(n: u128) -> Command {
    let spec = SessionSpec {
        name: String::new(),
        node: NodeName::parse("n1").unwrap(),
        lock_delay: Duration::from_secs(1),
        behavior: Behavior::Release,
        ttl: Some(SessionTtl { text: "4s".to_owned(), length: TTL }),
        node_checks: Vec::new(),
        service_checks: Vec::new(),
    };
    Command::Session(SessionCommand::Create { id: session(n), spec })
}

fn lock(n: u128) -> Command {
    Command::Kv(KvCommand::Lock { key: key("lock/0"), value: "x".into(), flags: 0, session: session(n) })
}

fn unlock(n: u128) -> Command {
    Command::Kv(KvCommand::Unlock { key: key("lock/0"), value: "x".into(), flags: 0, session: session(n) })
}

fn write(token: LockToken) -> Command {
    let then = KvCommand::Put { key: key("guarded/0"), value: "v".into(), flags: 0, condition: Condition::Always };
    Command::Fenced { token, then }
}

fn took(yes: bool) -> Reply {
    Reply::Took(yes)
}

/// Two sessions; the first has the lock from 12 to 14, the second from 15.
fn story() -> Vec<Applied> {
    vec![
        applied(10, create(1), Reply::Done),
        applied(11, create(2), Reply::Done),
        applied(12, lock(1), took(true)),
        applied(13, write(token(1, 1)), took(true)),
        applied(14, unlock(1), took(true)),
        applied(15, lock(2), took(true)),
        applied(16, write(token(1, 1)), Reply::LockLost(String::new())),
    ]
}

fn ids(seen: &Seen) -> Vec<&'static str> {
    judge(seen).into_iter().map(|violation| violation.id).collect()
}

fn seen(applied: Vec<Applied>) -> Seen {
    Seen { applied, end: 17 * SECOND, ..Seen::default() }
}

#[test]
fn a_story_that_keeps_every_promise_is_not_blamed() {
    let mut seen = seen(story());
    seen.taken = vec![Taken { token: token(1, 1), returned: 12 * SECOND + 1 }, Taken { token: token(2, 2), returned: 15 * SECOND + 1 }];
    seen.fenced = vec![Fenced { token: token(1, 1), value: "v".to_owned(), invoked: 13 * SECOND, told: Told::Done }];
    seen.verified = vec![
        Verified { token: token(1, 1), invoked: 13 * SECOND, returned: 13 * SECOND + 1, holds: true },
        Verified { token: token(1, 1), invoked: 16 * SECOND, returned: 16 * SECOND + 1, holds: false },
    ];
    seen.sessions = vec![Created { session: session(1), ttl: TTL, invoked: 10 * SECOND }];
    seen.tuples = vec![tuple(4, &["a", "a", "a", "a"]), tuple(4, &[])];
    assert_eq!(judge(&seen), []);
}

#[test]
fn a_fenced_write_that_took_after_the_lock_was_lost_is_seen_in_the_log() {
    let mut story = story();
    story[6].reply = took(true);
    assert_eq!(ids(&seen(story)), ["L1-lock-by-the-log"]);
}

#[test]
fn a_lock_that_two_have_is_seen_in_the_log() {
    let mut story = story();
    story[4] = applied(14, Command::Nothing, Reply::Done);
    story.truncate(6);
    assert_eq!(ids(&seen(story)), ["L1-lock-by-the-log"]);
}

#[test]
fn a_fenced_write_after_the_next_holder_was_told_is_seen_without_the_log() {
    let mut seen = seen(story());
    seen.taken = vec![Taken { token: token(2, 2), returned: 15 * SECOND }];
    seen.fenced = vec![Fenced { token: token(1, 1), value: "v".to_owned(), invoked: 16 * SECOND, told: Told::Done }];
    assert_eq!(ids(&seen), ["L2-mutual-exclusion"]);
}

#[test]
fn a_token_said_to_hold_after_it_was_lost_and_one_said_to_be_lost_while_it_holds_are_seen() {
    let mut seen = seen(story());
    seen.verified = vec![
        Verified { token: token(1, 1), invoked: 15 * SECOND, returned: 16 * SECOND, holds: true },
        Verified { token: token(2, 2), invoked: 16 * SECOND, returned: 17 * SECOND, holds: false },
    ];
    assert_eq!(ids(&seen), ["L3-verify", "L3-verify"]);
}

fn expiring(at: Index) -> Vec<Applied> {
    let expiry = Expiry { timer: Timer::Session(session(1)), since: 10 };
    vec![applied(10, create(1), Reply::Done), applied(at, Command::Expire(vec![expiry]), Reply::Done)]
}

#[test]
fn a_session_that_expires_before_its_time_is_seen_and_a_renewal_moves_that() {
    let created = Created { session: session(1), ttl: TTL, invoked: 10 * SECOND };
    let mut seen = seen(expiring(18));
    seen.end = 18 * SECOND;
    seen.sessions = vec![created];
    assert_eq!(judge(&seen), []);
    seen.renewals = vec![Renewal { session: session(1), invoked: 12 * SECOND, over: 12 * SECOND, told: Told::Unknown }];
    assert_eq!(judge(&seen), [], "nobody knows of a renewal that was not answered");
    seen.renewals[0].told = Told::Done;
    assert_eq!(ids(&seen), ["L4-never-early"]);
}

#[test]
fn a_session_that_nobody_renews_has_to_end() {
    let mut seen = seen(expiring(90));
    seen.applied.truncate(1);
    seen.sessions = vec![Created { session: session(1), ttl: TTL, invoked: 10 * SECOND }];
    seen.renewals = vec![Renewal { session: session(1), invoked: 12 * SECOND, over: 13 * SECOND, told: Told::Done }];
    seen.end = 22 * SECOND;
    assert_eq!(judge(&seen), []);
    seen.end = 23 * SECOND;
    assert_eq!(ids(&seen), ["L4-not-late"]);
}

fn tuple(asked: usize, values: &[&str]) -> Tuple {
    let row = |value: &&str| (!value.is_empty()).then(|| ((*value).to_owned(), 7));
    Tuple { at: 1, asked, rows: values.iter().map(row).collect() }
}

#[test]
fn half_of_a_transaction_is_seen() {
    for torn in [tuple(2, &["a", "b"]), tuple(3, &["a", "a", ""]), tuple(4, &["a", "a", "a"])] {
        let seen = Seen { tuples: vec![torn], ..Seen::default() };
        assert_eq!(ids(&seen), ["L5-atomic"]);
    }
}

fn brief(at: Nanos, value: Option<&str>, told: Told) -> Sign {
    let ttl = Duration::from_secs(4);
    Sign { key: key("b"), ttl, value: value.map(str::to_owned), invoked: at * SECOND, over: at * SECOND + SECOND / 2, told }
}

/// A key with a TTL of 4 s, written at 10 s; it goes at `at`.
fn lapsing(at: Index) -> Vec<Applied> {
    let ttl = Duration::from_secs(4);
    let put = KvCommand::PutFor { key: key("b"), value: "v".into(), flags: 0, condition: Condition::Always, ttl };
    let expiry = Expiry { timer: Timer::Key(key("b")), since: 10 };
    vec![applied(10, Command::Kv(put), took(true)), applied(at, Command::Expire(vec![expiry]), Reply::Done)]
}

#[test]
fn a_key_that_goes_before_its_time_is_seen_and_a_refresh_moves_that() {
    let judged = |at, signs: &[Sign]| {
        let written = [brief(10, Some("v"), Told::Done)];
        ids(&Seen { signs: [&written, signs].concat(), applied: lapsing(at), end: at * SECOND, ..Seen::default() })
    };
    assert_eq!(judged(14, &[]), [""; 0]);
    assert_eq!(judged(13, &[]), ["L7-key-never-early"]);
    assert_eq!(judged(14, &[brief(12, None, Told::Unknown)]), [""; 0], "nobody knows of a refresh that was not answered");
    assert_eq!(judged(14, &[brief(12, None, Told::Done)]), ["L7-key-never-early"]);
    assert_eq!(judged(16, &[brief(12, None, Told::Done)]), [""; 0]);
}

#[test]
fn a_key_that_stays_after_its_time_is_seen_unless_there_was_an_election() {
    let signs = vec![brief(10, Some("v"), Told::Done), brief(12, None, Told::Done)];
    let mut seen = Seen { signs, applied: lapsing(18), end: 18 * SECOND, ..Seen::default() };
    assert_eq!(judge(&seen), []);
    seen.applied = lapsing(19);
    assert_eq!(ids(&seen), ["L7-key-not-late"]);
    seen.roles = vec![RoleChange { at: 15 * SECOND, server: Who(1), term: 2, last: (1, 10) }];
    assert_eq!(judge(&seen), []);
    seen.applied.truncate(1);
    seen.end = 21 * SECOND;
    assert_eq!(ids(&seen), ["L7-key-not-late"]);
}

#[test]
fn whoever_has_a_keys_time_begin_anew_is_told_the_truth() {
    let judged = |sign| ids(&Seen { signs: vec![sign], applied: lapsing(14), end: 20 * SECOND, ..Seen::default() });
    assert_eq!(judged(brief(9, None, Told::Done)), ["L7-key-refresh"]);
    assert_eq!(judged(brief(11, None, Told::Done)), [""; 0]);
    assert_eq!(judged(brief(11, None, Told::Lost)), ["L7-key-refresh"]);
    assert_eq!(judged(brief(15, None, Told::Done)), ["L7-key-refresh"]);
    assert_eq!(judged(brief(15, None, Told::Lost)), [""; 0]);
}
