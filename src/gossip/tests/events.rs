//! User events: everybody, once, in logical time; after a cut too; never what was before one came.

use super::net::{Net, addr, drain, machine_among, packets, start, tell};
use crate::gossip::packet::Rumor;
use crate::gossip::{Gossip, Input, MAX_SAID, Output, Scope, UserEvent};
use crate::model::Machine;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn event(id: u128, name: &str) -> UserEvent {
    UserEvent { id: id << 96 | id, at: 0, name: name.to_owned(), payload: b"v42"[..].into(), scope: Scope::default(), after: Vec::new() }
}

fn fire(net: &mut Net, by: usize, id: u128, name: &str) {
    net.input(by, Input::Fire { event: event(id, name) });
}

/// What each member heard, in its order.
fn heard(net: &Net) -> BTreeMap<usize, Vec<(u64, String)>> {
    let mut heard: BTreeMap<usize, Vec<(u64, String)>> = net.machines.keys().map(|n| (*n, Vec::new())).collect();
    for (n, output) in &net.outputs {
        if let Output::Fired(event) = output {
            heard.get_mut(n).unwrap().push((event.at, event.name.clone()));
        }
    }
    heard
}

fn fired(outputs: &[Output]) -> Vec<(u64, u128)> {
    outputs.iter().filter_map(|output| if let Output::Fired(event) = output { Some((event.at, event.id)) } else { None }).collect()
}

fn of_time(at: u64, id: u128) -> Rumor {
    Rumor::Event(Arc::new(UserEvent { at, ..event(id, "e") }))
}

#[test]
fn an_event_reaches_everybody_once_and_soon() {
    let mut net = Net::formed(20);
    fire(&mut net, 3, 1, "deploy");
    net.run_for(Duration::from_secs(1));
    for (n, heard) in heard(&net) {
        assert_eq!(heard, [(1, "deploy".to_owned())], "n{n}");
    }
    net.run_for(Duration::from_secs(120));
    assert!(heard(&net).values().all(|heard| heard.len() == 1), "syncs bring nothing twice");
}

#[test]
fn whoever_fires_after_it_heard_bears_a_later_time() {
    let mut net = Net::formed(5);
    fire(&mut net, 1, 1, "a");
    net.run_for(Duration::from_secs(2));
    fire(&mut net, 4, 2, "b");
    fire(&mut net, 4, 3, "c");
    net.run_for(Duration::from_secs(2));
    let all = [(1, "a".to_owned()), (2, "b".to_owned()), (3, "c".to_owned())];
    assert!(heard(&net).values().all(|heard| *heard == all), "{:?}", heard(&net));
}

#[test]
fn events_that_come_together_are_told_in_their_order() {
    let mut machine = machine_among(1, &[2, 3]);
    let outputs = tell(&mut machine, start(), 2, vec![of_time(9, 1), of_time(7, 2), of_time(8, 3)]);
    assert_eq!(fired(&outputs).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [7, 8, 9]);
    assert_eq!(machine.stats().event_time, 9);
}

#[test]
fn who_was_cut_off_hears_what_it_missed_both_ways() {
    let mut net = Net::formed(6);
    net.cut_off(6);
    fire(&mut net, 1, 1, "missed");
    fire(&mut net, 6, 2, "alone");
    net.run_for(Duration::from_secs(60));
    assert_eq!(heard(&net)[&6].len(), 1);
    net.heal();
    net.run_for(Duration::from_secs(150));
    for (n, mut heard) in heard(&net) {
        heard.sort();
        assert_eq!(heard, [(1, "alone".to_owned()), (1, "missed".to_owned())], "n{n}");
    }
}

#[test]
fn a_newcomer_hears_nothing_of_what_was_before_it_came_and_all_that_comes_after() {
    let mut net = Net::formed(3);
    fire(&mut net, 1, 1, "old");
    net.run_for(Duration::from_secs(5));
    net.machines.insert(4, Gossip::new(net.now, super::net::setup(4)));
    net.input(4, Input::Join { ticket: 1, addrs: vec![addr(1), addr(2), addr(3)] });
    net.run_for(Duration::from_secs(100));
    assert_eq!(heard(&net)[&4], []);
    fire(&mut net, 4, 2, "new");
    net.run_for(Duration::from_secs(2));
    assert_eq!(heard(&net)[&4], [(2, "new".to_owned())], "it knows the time it came into");
    assert_eq!(heard(&net)[&1].len(), 2);
}

#[test]
fn an_agent_that_nobody_knew_yet_hears_nothing_old_of_the_pool_that_finds_it() {
    let mut net = Net::strangers(2);
    fire(&mut net, 1, 1, "old");
    net.input(1, Input::Remember { addrs: vec![addr(2)] });
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.machines[&2].stats().alive, 2, "it was found");
    assert_eq!(heard(&net)[&2], []);
}

#[test]
fn what_is_too_long_or_of_an_absurd_time_is_refused() {
    let mut machine = machine_among(1, &[2]);
    let long = UserEvent { at: 1, payload: vec![0; MAX_SAID].into(), ..event(1, "x") };
    let outputs = tell(&mut machine, start(), 2, vec![Rumor::Event(long.into()), of_time(u64::MAX, 2), of_time(0, 3)]);
    assert_eq!(fired(&outputs), []);
    assert_eq!((machine.stats().refused, machine.stats().event_time), (3, 0));
}

#[test]
fn events_leave_the_room_to_news_of_members() {
    let mut machine = machine_among(1, &[2, 3, 4]);
    for id in 1..=5 {
        machine.handle(start(), Input::Fire { event: UserEvent { payload: vec![id as u8; 400].into(), ..event(id, "big") } });
        drain(&mut machine);
    }
    tell(&mut machine, start(), 2, vec![super::net::claim(crate::gossip::packet::ClaimKind::Suspect, 4, 0, 2)]);
    let sent = super::net::pass(&mut machine, start() + Duration::from_millis(1));
    let spread = packets(&sent);
    assert!(!spread.is_empty());
    for (_, packet) in &spread {
        assert!(matches!(packet.rumors.first(), Some(Rumor::Claim(_))), "news of members comes first");
        assert!(packet.rumors.len() > 1, "what room is left is the events'");
    }
    for output in &sent {
        if let Output::Send { bytes, .. } = output {
            assert!(bytes.len() <= 1400, "{} bytes", bytes.len());
        }
    }
}

#[test]
fn an_old_event_is_not_taken_after_many_newer_ones() {
    let mut machine = machine_among(1, &[2]);
    for at in 2..=700 {
        assert_eq!(fired(&tell(&mut machine, start(), 2, vec![of_time(at, u128::from(at))])).len(), 1);
    }
    assert_eq!(fired(&tell(&mut machine, start(), 2, vec![of_time(1, 1), of_time(100, 100)])), []);
    assert!(machine.stats().shouts_dropped > 0 && machine.stats().shout_queue <= 512);
}
