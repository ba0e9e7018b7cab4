//! Events are told after what their origin had been told of; a missing one is asked for, and waited for a bounded time.

use super::net::{Net, addr, drain, machine_among, name, pass, setup, start, tell};
use crate::gossip::packet::Rumor;
use crate::gossip::{Brief, Clocks, Gossip, Homecoming, Input, MAX_AFTER, Output, Scope, Setup, UserEvent};
use crate::model::{Instant, Machine};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, proptest};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One gossip interval of a LAN.
const INTERVAL: Duration = Duration::from_millis(200);

fn event(at: u64, id: u32, after: &[Brief]) -> UserEvent {
    let (id, scope) = (u128::from(id) << 96, Scope::default());
    UserEvent { id, at, name: "deploy".to_owned(), payload: b"v42"[..].into(), scope, after: after.to_vec() }
}

fn rumor(at: u64, id: u32, after: &[Brief]) -> Rumor {
    Rumor::Event(event(at, id, after).into())
}

fn told(outputs: &[Output]) -> Vec<Brief> {
    outputs.iter().filter_map(|output| if let Output::Fired(event) = output { Some(event.brief()) } else { None }).collect()
}

fn dialled(outputs: &[Output]) -> Vec<SocketAddr> {
    outputs.iter().filter_map(|output| if let Output::Dial { to, .. } = output { Some(*to) } else { None }).collect()
}

fn after(millis: u64) -> Instant {
    start() + Duration::from_millis(millis)
}

fn fire(machine: &mut Gossip, now: Instant, id: u32) -> Arc<UserEvent> {
    machine.handle(now, Input::Fire { event: event(0, id, &[]) });
    let fired = drain(machine).into_iter().find_map(|output| if let Output::Fired(event) = output { Some(event) } else { None });
    fired.expect("our own event is told at once")
}

#[test]
fn an_event_waits_for_the_one_it_comes_after_and_travels_on_meanwhile() {
    let mut machine = machine_among(1, &[2, 3]);
    assert_eq!(told(&tell(&mut machine, start(), 2, vec![rumor(2, 2, &[(1, 1)])])), []);
    assert_eq!(told(&tell(&mut machine, after(1), 2, vec![rumor(3, 3, &[(2, 2)])])), [], "nor is what comes after that one");
    assert_eq!(machine.stats().shout_queue, 2, "others hear of both");
    assert_eq!(told(&tell(&mut machine, after(2), 3, vec![rumor(1, 1, &[])])), [(1, 1), (2, 2), (3, 3)]);
    assert_eq!((machine.stats().events_early, machine.stats().events_sought), (0, 0));
}

#[test]
fn events_that_know_nothing_of_one_another_do_not_wait() {
    let mut machine = machine_among(1, &[2, 3]);
    assert_eq!(told(&tell(&mut machine, start(), 2, vec![rumor(9, 2, &[])])), [(9, 2)]);
    assert_eq!(told(&tell(&mut machine, start(), 2, vec![rumor(4, 1, &[])])), [(4, 1)], "as late as it comes");
}

#[test]
fn what_does_not_come_in_time_is_waited_for_no_longer_and_told_when_it_comes() {
    let mut machine = machine_among(1, &[2, 3]);
    tell(&mut machine, start(), 2, vec![rumor(2, 2, &[(1, 1)])]);
    assert_eq!(told(&pass(&mut machine, after(1500))), []);
    tell(&mut machine, after(1500), 2, vec![rumor(3, 3, &[(2, 2)])]);
    assert_eq!(told(&pass(&mut machine, after(1999))), []);
    assert_eq!(told(&pass(&mut machine, after(2000))), [(2, 2), (3, 3)], "the second waits for nothing but the first");
    assert_eq!(machine.stats().events_early, 1);
    assert_eq!(told(&tell(&mut machine, after(2500), 3, vec![rumor(1, 1, &[])])), [(1, 1)]);
    assert_eq!(told(&tell(&mut machine, after(2501), 3, vec![rumor(1, 1, &[]), rumor(2, 2, &[(1, 1)])])), [], "nothing twice");
}

#[test]
fn a_missing_event_is_asked_for_first_of_whoever_told_us() {
    let mut machine = machine_among(1, &[2, 3, 4, 5]);
    tell(&mut machine, start(), 4, vec![rumor(2, 2, &[(1, 1)])]);
    assert_eq!(dialled(&pass(&mut machine, start() + INTERVAL - Duration::from_millis(1))), [], "most come by themselves");
    assert_eq!(dialled(&pass(&mut machine, start() + INTERVAL)), [addr(4)]);
    pass(&mut machine, start() + INTERVAL * 5);
    assert_eq!(machine.stats().events_sought, 5, "then of others, once an interval");
    tell(&mut machine, start() + INTERVAL * 5, 2, vec![rumor(1, 1, &[])]);
    pass(&mut machine, start() + INTERVAL * 9);
    assert_eq!(machine.stats().events_sought, 5, "nothing is missing");
}

#[test]
fn a_stranger_who_tells_of_something_is_not_dialled_for_it() {
    let mut machine = machine_among(1, &[2]);
    tell(&mut machine, start(), 77, vec![rumor(2, 2, &[(1, 1)])]);
    assert_eq!(dialled(&pass(&mut machine, start() + INTERVAL)), [addr(2)]);
}

#[test]
fn an_event_names_what_its_origin_had_been_told_of_but_for_what_those_name() {
    let mut machine = machine_among(1, &[2]);
    assert_eq!(fire(&mut machine, start(), 1).after, []);
    assert_eq!(fire(&mut machine, start(), 2).after, [(1, 1)]);
    tell(&mut machine, start(), 2, vec![rumor(1, 9, &[]), rumor(7, 7, &[(1, 9), (2, 2)])]);
    let third = fire(&mut machine, start(), 3);
    assert_eq!((third.at, third.after.as_slice()), (8, &[(7, 7)][..]), "that one comes after all the others");
    tell(&mut machine, start(), 2, vec![rumor(20, 5, &[(19, 4)])]);
    assert_eq!(fire(&mut machine, start(), 6).after, [(8, 3)], "what waits has not been told");
}

#[test]
fn the_events_named_are_bounded_and_the_origins_own_last_is_always_among_them() {
    let mut machine = machine_among(1, &[2]);
    fire(&mut machine, start(), 1);
    for id in 2..=20 {
        tell(&mut machine, start(), 2, vec![rumor(u64::from(id), id, &[])]);
    }
    let named = fire(&mut machine, start(), 99).after.clone();
    assert_eq!((named.len(), named[0], named[1], named[MAX_AFTER - 1]), (MAX_AFTER, (1, 1), (14, 14), (20, 20)));
}

#[test]
fn an_event_that_comes_after_itself_or_after_too_many_is_refused() {
    let mut machine = machine_among(1, &[2]);
    let many: Vec<Brief> = (1..=MAX_AFTER as u32 + 1).map(|id| (1, id)).collect();
    let refused = vec![rumor(2, 2, &[(2, 1)]), rumor(2, 3, &[(9, 1)]), rumor(2, 4, &many)];
    assert_eq!(told(&tell(&mut machine, start(), 2, refused)), []);
    assert_eq!((machine.stats().refused, machine.stats().event_time), (3, 0));
}

#[test]
fn when_too_many_wait_the_first_is_told_before_its_turn() {
    let mut machine = machine_among(1, &[2]);
    for at in 10..10 + 256 {
        assert_eq!(told(&tell(&mut machine, start(), 2, vec![rumor(at, 1, &[(1, at as u32)])])), []);
    }
    assert_eq!(told(&tell(&mut machine, start(), 2, vec![rumor(9, 1, &[(2, 2)])])), [(9, 1)]);
    assert_eq!(machine.stats().events_early, 1);
}

#[test]
fn what_has_come_while_the_process_stood_still_is_heard_before_patience_ends() {
    let mut machine = machine_among(1, &[2]);
    tell(&mut machine, start(), 2, vec![rumor(2, 2, &[(1, 1)])]);
    pass(&mut machine, after(1800));
    machine.handle_timeout(after(60_000));
    assert_eq!(told(&drain(&mut machine)), []);
    assert_eq!(told(&tell(&mut machine, after(60_001), 2, vec![rumor(1, 1, &[])])), [(1, 1), (2, 2)]);
}

#[test]
fn a_member_that_missed_an_event_gets_it_before_the_next_is_told() {
    let mut net = Net::formed(6);
    let others = (1..=5).flat_map(|n| [(n, 6), (6, n)]);
    net.udp_cut.extend(others);
    net.input(1, Input::Fire { event: event(0, 1, &[]) });
    net.run_for(Duration::from_secs(3));
    net.udp_cut.clear();
    net.input(1, Input::Fire { event: event(0, 2, &[]) });
    net.run_for(Duration::from_millis(1200));
    let order: Vec<Brief> =
        net.outputs.iter().filter(|(n, _)| *n == 6).flat_map(|(_, output)| told(std::slice::from_ref(output))).collect();
    assert_eq!(order, [(1, 1), (2, 2)]);
    assert_eq!(net.machines[&6].stats().events_early, 0);
}

#[test]
fn who_comes_back_is_told_what_was_fired_meanwhile_and_nothing_again() {
    let mut net = Net::formed(3);
    net.input(1, Input::Fire { event: event(0, 1, &[]) });
    net.run_for(Duration::from_secs(2));
    net.machines.remove(&3);
    net.input(2, Input::Fire { event: event(0, 2, &[]) });
    net.run_for(Duration::from_secs(60));
    let before = net.outputs.len();
    let back = Setup { clocks: Clocks { events: 1, questions: 0 }, homecoming: Homecoming::Back, incarnation: 1, ..setup(3) };
    net.machines.insert(3, Gossip::new(net.now, back));
    net.input(3, Input::Join { ticket: 1, addrs: vec![addr(1), addr(2)] });
    net.run_for(Duration::from_secs(90));
    net.input(3, Input::Fire { event: event(0, 3, &[]) });
    net.run_for(Duration::from_secs(2));
    let mut heard: BTreeMap<usize, Vec<Brief>> = BTreeMap::new();
    for (n, output) in &net.outputs[before..] {
        heard.entry(*n).or_default().extend(told(std::slice::from_ref(output)));
    }
    assert_eq!(heard[&3], [(2, 2), (3, 3)]);
    assert_eq!((&heard[&1], &heard[&2]), (&vec![(3, 3)], &vec![(3, 3)]), "its clock goes on");
}

#[test]
fn who_starts_alone_goes_on_with_its_clock_and_is_still_new_to_the_pool_it_finds() {
    let mut net = Net::formed(2);
    net.input(1, Input::Fire { event: event(0, 1, &[]) });
    net.run_for(Duration::from_secs(2));
    let alone = Setup { clocks: Clocks { events: 40, questions: 7 }, ..setup(3) };
    net.machines.insert(3, Gossip::new(net.now, alone));
    assert_eq!((net.machines[&3].stats().event_time, net.machines[&3].stats().question_time), (40, 7));
    net.input(3, Input::Join { ticket: 1, addrs: vec![addr(1)] });
    net.run_for(Duration::from_secs(90));
    assert!(net.outputs.iter().all(|(n, output)| *n != 3 || told(std::slice::from_ref(output)).is_empty()));
    assert_eq!(net.machines[&1].member(&name(3)).map(|member| member.incarnation), Some(0));
    net.input(1, Input::Fire { event: event(0, 2, &[]) });
    net.run_for(Duration::from_secs(2));
    assert_eq!(net.machines[&3].stats().event_time, 41, "all of the pool have the later clock");
}

/// Events of a few origins, each after some of the earlier ones, and an order in which they arrive, some of them twice.
fn storm() -> impl Strategy<Value = (Vec<UserEvent>, Vec<usize>)> {
    let links = proptest::collection::vec(proptest::collection::vec(any::<proptest::sample::Index>(), 0..4), 1..40);
    let events = links.prop_map(|links| {
        let mut events: Vec<UserEvent> = Vec::new();
        for (n, links) in links.into_iter().enumerate() {
            let mut after: Vec<Brief> = if n == 0 { Vec::new() } else { links.iter().map(|link| events[link.index(n)].brief()).collect() };
            after.sort_unstable();
            after.dedup();
            let at = after.last().map_or(1, |last| last.0 + 1);
            events.push(event(at, n as u32 + 1, &after));
        }
        events
    });
    events.prop_flat_map(|events| {
        let arrivals: Vec<usize> = (0..events.len()).chain(0..events.len() / 2).collect();
        (Just(events), Just(arrivals).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn whatever_the_order_of_arrival_each_is_told_once_and_after_those_it_names((events, arrivals) in storm()) {
        let mut machine = machine_among(1, &[2]);
        let mut order: Vec<Brief> = Vec::new();
        for n in arrivals {
            order.extend(told(&tell(&mut machine, start(), 2, vec![Rumor::Event(events[n].clone().into())])));
        }
        prop_assert_eq!(order.len(), events.len());
        for event in &events {
            let place = |brief: Brief| order.iter().position(|told| *told == brief);
            let own = place(event.brief());
            prop_assert!(event.after.iter().all(|before| place(*before) < own), "{:?} in {order:?}", event.brief());
        }
    }
}
