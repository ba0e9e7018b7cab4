use super::{Fate, Input, Output, Proof, Renewal, Rows, Rules, Sight, Watch};
use crate::model::{Instant, Key, Machine, SessionId};
use crate::state::timers::{Expiry, Span, Timer};
use std::time::Duration;

/// A leader's watch, the state it watches, and a clock that only the test moves.
struct World {
    watch: Watch,
    rows: Rows,
    as_of: u64,
    restored_at: u64,
    now: Instant,
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn session(n: u128) -> Timer {
    Timer::Session(SessionId::from_u128(n))
}

fn expiry(timer: Timer, since: u64) -> Expiry {
    Expiry { timer, since }
}

impl World {
    fn new() -> World {
        let now = Instant::ZERO + Duration::from_secs(100);
        World { watch: Watch::new(Rules { session_permille: 2_000 }, now), rows: Rows::new(), as_of: 0, restored_at: 0, now }
    }

    fn set(&mut self, timer: Timer, length: Duration) {
        self.as_of += 1;
        self.rows.insert(timer, Span { length, since: self.as_of });
        self.tell();
    }

    fn remove(&mut self, timer: &Timer) {
        self.as_of += 1;
        self.rows.remove(timer);
        self.tell();
    }

    fn tell(&mut self) {
        self.input(Input::Timers(self.sight()));
    }

    fn sight(&self) -> Sight {
        Sight { as_of: self.as_of, rows: self.rows.clone(), restored_at: self.restored_at }
    }

    /// Other tables are put in place of all.
    fn restore(&mut self, rows: Rows) {
        self.as_of += 1;
        (self.rows, self.restored_at) = (rows, self.as_of);
        self.tell();
    }

    fn input(&mut self, input: Input) {
        self.watch.handle(self.now, input);
        self.watch.check_invariants();
    }

    fn renew(&mut self, timer: &Timer) -> Renewal {
        let renewal = self.watch.renew(self.now, self.sight(), timer);
        self.watch.check_invariants();
        renewal
    }

    /// Lets time pass with every deadline on the way handled, up to the first decision.
    fn pass(&mut self, time: Duration) -> Option<Output> {
        let until = self.now + time;
        loop {
            if let Some(output) = self.watch.poll_output() {
                return Some(output);
            }
            match self.watch.poll_timeout().filter(|deadline| deadline.at <= until) {
                Some(deadline) => self.now = self.now.max(deadline.at),
                None => {
                    self.now = until;
                    return None;
                }
            }
            self.watch.handle_timeout(self.now);
            self.watch.check_invariants();
        }
    }

    /// Lets the process stand still.
    fn freeze(&mut self, time: Duration) {
        self.now += time;
    }

    /// Passes time until something is proven due and is to be ended.
    fn expire(&mut self, time: Duration) -> Vec<Expiry> {
        assert_eq!(self.pass(time), Some(Output::Prove));
        self.input(Input::Proof(Proof::Leads));
        match self.watch.poll_output() {
            Some(Output::Expire(batch)) => batch,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_session_ends_at_twice_its_ttl_a_key_and_a_lock_delay_at_once() {
    let mut world = World::new();
    world.set(session(1), millis(10_000));
    assert_eq!(world.pass(millis(19_999)), None);
    assert_eq!(world.expire(millis(1)), [expiry(session(1), 1)]);
    for timer in [Timer::Key(Key::from("k")), Timer::LockDelay(SessionId::from_u128(1))] {
        let mut world = World::new();
        world.set(timer.clone(), millis(1_000));
        assert_eq!(world.pass(millis(999)), None);
        assert_eq!(world.expire(millis(1)), [expiry(timer, 1)]);
    }
}

#[test]
fn what_is_renewed_begins_anew_also_while_a_proof_is_under_way() {
    let mut world = World::new();
    world.set(session(1), millis(10_000));
    world.set(session(2), millis(10_000));
    assert_eq!(world.pass(millis(15_000)), None);
    assert_eq!(world.renew(&session(1)), Renewal::Renewed);
    assert_eq!(world.pass(millis(5_000)), Some(Output::Prove));
    assert_eq!(world.renew(&session(2)), Renewal::Renewed);
    world.input(Input::Proof(Proof::Leads));
    assert_eq!(world.watch.poll_output(), None, "renewals go before expiries");
    assert_eq!(world.pass(millis(14_999)), None);
    assert_eq!(world.expire(millis(1)), [expiry(session(1), 1)]);
}

#[test]
fn what_is_due_together_ends_in_one_entry_and_what_falls_due_meanwhile_in_the_next() {
    let mut world = World::new();
    for n in 0..5_000 {
        world.set(session(n), millis(10_000));
    }
    world.set(session(9_999), millis(10_001));
    let first = world.expire(millis(20_000));
    assert_eq!(first.len(), 4_096);
    assert_eq!(world.pass(millis(10)), None, "one entry at a time");
    for expiry in &first {
        world.rows.remove(&expiry.timer);
    }
    world.as_of += 1;
    world.tell();
    world.input(Input::Fate(Fate::Committed));
    assert_eq!(world.expire(millis(0)).len(), 905);
}

#[test]
fn nobody_is_told_of_a_renewal_while_the_end_is_undecided() {
    let mut world = World::new();
    world.set(session(1), millis(10_000));
    world.expire(millis(20_000));
    assert_eq!(world.renew(&session(1)), Renewal::Undecided);
    world.input(Input::Fate(Fate::Unknown));
    assert_eq!(world.renew(&session(1)), Renewal::Undecided, "it may be in the log");
    assert_eq!(world.pass(millis(100)), Some(Output::Expire(vec![expiry(session(1), 1)])));
    world.remove(&session(1));
    world.input(Input::Fate(Fate::Committed));
    assert_eq!(world.renew(&session(1)), Renewal::NoTimer);
    assert_eq!(world.pass(millis(60_000)), None);
}

#[test]
fn what_was_certainly_not_ended_can_be_renewed_and_else_ends_later() {
    let mut world = World::new();
    world.set(session(1), millis(10_000));
    world.set(session(2), millis(10_000));
    assert_eq!(world.expire(millis(20_000)).len(), 2);
    world.input(Input::Fate(Fate::Refused));
    assert_eq!(world.renew(&session(1)), Renewal::Renewed);
    assert_eq!(world.expire(millis(100)), [expiry(session(2), 2)]);
}

#[test]
fn without_a_proof_nothing_ends() {
    let mut world = World::new();
    world.set(session(1), millis(10_000));
    for _ in 0..10 {
        assert_eq!(world.pass(millis(20_000)), Some(Output::Prove));
        world.input(Input::Proof(Proof::Unknown));
        assert_eq!(world.watch.poll_output(), None);
    }
    assert_eq!(world.renew(&session(1)), Renewal::Renewed);
    assert_eq!(world.pass(millis(19_999)), None);
}

#[test]
fn time_in_which_the_process_stood_still_does_not_count() {
    let mut world = World::new();
    world.set(session(1), millis(10_000));
    assert_eq!(world.pass(millis(19_500)), None);
    world.freeze(Duration::from_secs(3_600));
    // Half a second was left when it froze; at the latest a second of the pause is counted, and then clients are heard first.
    assert_eq!(world.pass(millis(999)), None);
    assert_eq!(world.renew(&session(1)), Renewal::Renewed);
    assert_eq!(world.pass(millis(19_999)), None);
    assert_eq!(world.expire(millis(1)), [expiry(session(1), 1)]);
}

#[test]
fn a_timer_that_was_set_anew_is_not_touched_by_what_was_decided_before() {
    let mut world = World::new();
    let key = Timer::Key(Key::from("k"));
    world.set(key.clone(), millis(1_000));
    assert_eq!(world.expire(millis(1_000)), [expiry(key.clone(), 1)]);
    world.set(key.clone(), millis(1_000));
    assert_eq!(world.renew(&key), Renewal::Renewed);
    world.input(Input::Fate(Fate::Committed));
    assert_eq!(world.pass(millis(999)), None);
    assert_eq!(world.expire(millis(1)), [expiry(key, 2)]);
}

#[test]
fn an_older_view_changes_nothing_and_a_short_timer_after_a_quiet_hour_is_on_time() {
    let mut world = World::new();
    world.set(session(1), millis(10_000));
    let old = world.sight();
    world.remove(&session(1));
    world.input(Input::Timers(old));
    assert_eq!(world.renew(&session(1)), Renewal::NoTimer);
    assert_eq!(world.pass(Duration::from_secs(3_600)), None);
    assert_eq!(world.watch.poll_timeout(), None, "nothing is waited for");
    world.set(Timer::LockDelay(SessionId::from_u128(1)), millis(1));
    assert_eq!(world.expire(millis(1)).len(), 1);
}

#[test]
fn keys_of_one_entry_are_bounded_in_bytes() {
    let mut world = World::new();
    for n in 0..100 {
        let key = [&[b'k'; 8_192][..], &[n]].concat();
        world.set(Timer::Key(Key::new(&key)), millis(1_000));
    }
    let batch = world.expire(millis(1_000));
    assert!((32..35).contains(&batch.len()), "{}", batch.len());
}

#[test]
fn after_a_restore_everything_begins_anew_also_what_was_there_before() {
    let mut world = World::new();
    world.set(session(1), millis(10_000));
    world.set(Timer::LockDelay(SessionId::from_u128(2)), millis(15_000));
    let saved = world.rows.clone();
    assert_eq!(world.pass(millis(14_000)), None);
    world.set(session(3), millis(10_000));
    world.restore(saved);
    assert_eq!(world.renew(&session(3)), Renewal::NoTimer, "it came later than what was restored");
    assert_eq!(world.pass(millis(14_999)), None);
    assert_eq!(world.expire(millis(1)), [expiry(Timer::LockDelay(SessionId::from_u128(2)), 4)], "named by the restore");
    world.remove(&Timer::LockDelay(SessionId::from_u128(2)));
    world.input(Input::Fate(Fate::Committed));
    assert_eq!(world.pass(millis(4_999)), None);
    assert_eq!(world.expire(millis(1)), [expiry(session(1), 4)]);
}

#[test]
fn what_was_to_end_when_it_was_restored_lives_and_can_be_renewed() {
    for fate in [Fate::Committed, Fate::Refused, Fate::Unknown] {
        let mut world = World::new();
        world.set(session(1), millis(10_000));
        let saved = world.rows.clone();
        assert_eq!(world.expire(millis(20_000)), [expiry(session(1), 1)]);
        world.restore(saved);
        assert_eq!(world.renew(&session(1)), Renewal::Renewed, "the decision was about another");
        world.input(Input::Fate(fate));
        if fate == Fate::Unknown {
            assert_eq!(world.pass(millis(100)), Some(Output::Expire(vec![expiry(session(1), 1)])), "it may be in the log");
            world.input(Input::Fate(Fate::Committed));
        }
        assert_eq!(world.pass(millis(19_899)), None);
        assert_eq!(world.expire(millis(101)), [expiry(session(1), 2)]);
    }
}
