//! The machine is stepped through renewals, failures and freezes.

use super::{Cause, Event, Hold, Order, RETRY, Terms};
use crate::model::Instant;
use proptest::prelude::*;
use rustix::process::Signal;
use std::time::Duration;

const TERMS: Terms = Terms { ttl: Duration::from_secs(15), lock_delay: Duration::from_secs(15), monitor_retry: 3 };

fn at(seconds: f64) -> Instant {
    Instant::ZERO + Duration::from_secs(100) + Duration::from_secs_f64(seconds)
}

fn orders(hold: &mut Hold, now: Instant) -> Vec<Order> {
    std::iter::from_fn(|| hold.next(now)).collect()
}

#[test]
fn a_session_is_renewed_at_a_third_of_its_ttl_and_the_lock_looked_at_without_a_pause() {
    let mut hold = Hold::new(TERMS, at(0.0));
    assert_eq!(orders(&mut hold, at(0.0)), [Order::Look]);
    assert_eq!(hold.deadline(), at(5.0));
    hold.handle(Event::StillOurs, at(1.0));
    assert_eq!(orders(&mut hold, at(1.0)), [Order::Look]);
    assert_eq!(orders(&mut hold, at(5.0)), [Order::Renew]);
    assert_eq!(hold.deadline(), at(10.0));
    hold.handle(Event::Renewed(at(5.0)), at(9.0));
    assert_eq!((hold.deadline(), hold.lapse()), (at(10.0), at(15.0)));
    assert_eq!(orders(&mut hold, at(9.0)), []);
}

#[test]
fn a_renewal_counts_from_when_it_was_asked_for_and_a_late_answer_takes_nothing_back() {
    let mut hold = Hold::new(TERMS, at(0.0));
    hold.handle(Event::Renewed(at(10.0)), at(10.1));
    hold.handle(Event::Renewed(at(5.0)), at(10.2));
    assert_eq!(hold.lapse(), at(20.0));
}

#[test]
fn a_renewal_that_fails_is_tried_again_until_the_session_may_be_over() {
    let mut hold = Hold::new(TERMS, at(0.0));
    orders(&mut hold, at(0.0));
    let (mut now, mut renewals) = (at(5.0), 0);
    while hold.cause().is_none() {
        for order in orders(&mut hold, now) {
            match order {
                Order::Renew => hold.handle(Event::NotRenewed, now),
                Order::End(signal) => assert_eq!((signal, now), (Signal::TERM, at(10.0))),
                Order::Look | Order::Kill => panic!("{order:?}"),
            }
            renewals += 1;
        }
        now = hold.deadline();
    }
    assert!(renewals >= 6, "{renewals}");
    assert_eq!(hold.cause(), Some(&Cause::Lost("the session was not renewed for 10 s".to_owned())));
}

#[test]
fn who_was_frozen_past_its_time_ends_its_command_before_anything_else() {
    for thawed in [10.0, 11.0, 3600.0] {
        let mut hold = Hold::new(TERMS, at(0.0));
        assert_eq!(hold.next(at(thawed)), Some(Order::End(Signal::TERM)));
        assert_eq!(orders(&mut hold, at(thawed)), [Order::Renew]);
        assert_eq!(orders(&mut hold, at(thawed + 5.0)), [Order::Kill]);
        assert_eq!(hold.deadline(), at(thawed + 5.0) + RETRY);
    }
    // An answer that was on its way all the while proves nothing about now.
    let mut hold = Hold::new(TERMS, at(0.0));
    hold.handle(Event::Renewed(at(7.5)), at(100.0));
    assert_eq!(hold.next(at(100.0)), Some(Order::End(Signal::TERM)));
}

#[test]
fn the_command_is_dead_when_the_ttl_is_over() {
    for seconds in [1, 3, 10, 15, 60, 86_400] {
        let terms = Terms { ttl: Duration::from_secs(seconds), ..TERMS };
        assert_eq!(terms.lapse(at(0.0)) + terms.grace(), at(0.0) + terms.ttl);
        assert!(terms.renewal() <= terms.lapse(at(0.0)).since(at(0.0)) / 2, "there is time to ask again");
    }
}

#[test]
fn only_a_lock_delay_as_long_as_the_ttl_lets_a_session_end_with_its_node() {
    assert!(TERMS.is_bound_to_node());
    assert!(!Terms { lock_delay: Duration::from_secs(14), ..TERMS }.is_bound_to_node());
    assert!(!Terms { lock_delay: Duration::ZERO, ..TERMS }.is_bound_to_node());
}

#[test]
fn failures_to_look_are_borne_as_often_as_was_said_and_a_success_forgives_them() {
    let mut hold = Hold::new(TERMS, at(0.0));
    let mut now = at(0.0);
    for failures in [3, 3, 4] {
        for _ in 0..failures {
            assert_eq!(orders(&mut hold, now).last(), Some(&Order::Look), "{now:?}");
            hold.handle(Event::NotSeen("500".to_owned()), now);
            assert_ne!(hold.next(now), Some(Order::Look), "it pauses before it looks again");
            now += RETRY;
            hold.handle(Event::Renewed(now), now);
        }
        if failures == 3 {
            assert_eq!(orders(&mut hold, now), [Order::Look]);
            assert_eq!(hold.cause(), None);
            hold.handle(Event::StillOurs, now);
        }
    }
    assert_eq!(hold.cause(), Some(&Cause::Lost("nobody can tell whether it is still ours: 500".to_owned())));
}

#[test]
fn every_loss_ends_the_command_and_the_session_is_renewed_until_it_is_dead() {
    for event in [Event::NotOurs("it is held by x".to_owned()), Event::SessionGone, Event::Unguarded] {
        let mut hold = Hold::new(TERMS, at(0.0));
        hold.handle(event, at(1.0));
        assert_eq!(orders(&mut hold, at(1.0)), [Order::End(Signal::TERM)]);
        assert!(matches!(hold.cause(), Some(Cause::Lost(_))));
        assert_eq!(orders(&mut hold, at(7.5)), [Order::Kill, Order::Renew]);
    }
}

#[test]
fn a_command_that_the_user_ends_gets_his_signals_and_no_more_time_for_the_second() {
    let mut hold = Hold::new(TERMS, at(0.0));
    hold.handle(Event::Told(Signal::INT), at(1.0));
    assert_eq!(orders(&mut hold, at(1.0)), [Order::End(Signal::INT)]);
    hold.handle(Event::Told(Signal::TERM), at(4.0));
    assert_eq!(orders(&mut hold, at(4.0)), [Order::End(Signal::TERM)]);
    assert_eq!(hold.cause(), Some(&Cause::Told));
    assert_eq!(orders(&mut hold, at(6.0)), [Order::Kill, Order::Renew]);
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::NotRenewed),
        4 => Just(Event::StillOurs),
        1 => Just(Event::NotSeen(String::new())),
        6 => (0..20_u64).prop_map(|seconds| Event::Renewed(Instant::ZERO + Duration::from_secs(seconds))),
    ]
}

proptest! {
    /// Whatever is heard, with freezes of any length: a command that is not ended has a session that cannot have expired, and the deadline is never
    /// later than that.
    #[test]
    fn no_command_outlives_its_lease(steps in prop::collection::vec((0..20_000_u64, event()), 1..60)) {
        let mut now = at(0.0);
        let mut hold = Hold::new(TERMS, now);
        let mut last = now;
        for (millis, event) in steps {
            now += Duration::from_millis(millis);
            let event = match event {
                // Asked for up to 20 s ago, as far as it was asked for after the lock was taken.
                Event::Renewed(ago) => {
                    let asked = (now - ago.since(Instant::ZERO)).max(at(0.0));
                    last = last.max(asked);
                    Event::Renewed(asked)
                }
                other => other,
            };
            hold.handle(event, now);
            let first = hold.next(now);
            if hold.cause().is_none() {
                prop_assert!(now + TERMS.grace() < last + TERMS.ttl);
                prop_assert!(hold.deadline() + TERMS.grace() <= last + TERMS.ttl);
            } else {
                prop_assert_eq!(first, Some(Order::End(Signal::TERM)));
                return Ok(());
            }
            while hold.next(now).is_some() {}
        }
    }
}
