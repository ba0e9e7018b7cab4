use super::net::{Net, addr, alive, claim, name, profile, tags, tell};
use super::net::{drain, setup, start};
use crate::gossip::frame::{self, Frame};
use crate::gossip::packet::ClaimKind;
use crate::gossip::{EventKind, Gossip, Input, MemberStatus, Output, Setup, StreamEvent, StreamId};
use crate::model::{Datacenter, Machine};
use std::time::Duration;

fn joined(net: &Net, n: usize) -> Option<(usize, Vec<String>)> {
    net.outputs.iter().find_map(|(by, output)| match output {
        Output::Joined { contacted, failures, .. } if *by == n => {
            Some((*contacted, failures.iter().map(|(_, reason)| reason.clone()).collect()))
        }
        _ => None,
    })
}

#[test]
fn a_joiner_knows_everybody_and_everybody_hears_of_it() {
    let mut net = Net::formed(5);
    net.machines.insert(6, Gossip::new(net.now, setup(6)));
    net.input(6, Input::Join { ticket: 1, addrs: vec![addr(3)] });
    net.run_for(Duration::from_secs(2));
    assert_eq!(joined(&net, 6), Some((1, vec![])));
    for n in 1..=6 {
        assert!((1..=6).all(|m| net.status(n, m) == MemberStatus::Alive), "n{n} knows all");
    }
}

#[test]
fn a_join_says_of_each_address_why_it_failed() {
    let mut net = Net::strangers(1);
    net.input(1, Input::Join { ticket: 1, addrs: vec![addr(7), addr(8), addr(1)] });
    net.run_for(Duration::from_secs(1));
    assert_eq!(joined(&net, 1), Some((0, vec!["no route".to_owned(), "no route".to_owned()])));
    net.outputs.clear();
    net.input(1, Input::Join { ticket: 2, addrs: vec![addr(1)] });
    assert_eq!(joined(&net, 1), Some((1, vec![])), "whoever asks only for itself has itself");
}

#[test]
fn joins_beyond_the_bounds_are_answered_at_once() {
    let mut net = Net::strangers(1);
    for ticket in 0..=64 {
        net.input(1, Input::Join { ticket, addrs: vec![addr(7)] });
    }
    assert_eq!(joined(&net, 1), Some((0, vec!["64 joins are under way: try again later".to_owned()])));
    net.run_for(Duration::from_secs(1));
    net.outputs.clear();
    let many = (0..300).map(|n| ([10, 1, (n / 200) as u8, (n % 200) as u8 + 10], 8301).into()).collect();
    net.input(1, Input::Join { ticket: 1, addrs: many });
    net.run_for(Duration::from_secs(1));
    let (contacted, reasons) = joined(&net, 1).unwrap();
    assert_eq!((contacted, reasons.len()), (0, 300));
    assert_eq!(reasons.iter().filter(|reason| *reason == "more than 256 addresses in one join").count(), 44);
}

#[test]
fn a_joiner_of_another_datacenter_is_told_why() {
    let mut net = Net::strangers(1);
    let other = crate::gossip::Tags::parse([("dc".to_owned(), "dc2".to_owned())].into()).unwrap();
    let stranger = Setup { tags: other, datacenter: Datacenter::parse("dc2").ok(), ..setup(2) };
    net.machines.insert(2, Gossip::new(net.now, stranger));
    net.input(2, Input::Join { ticket: 1, addrs: vec![addr(1)] });
    net.run_for(Duration::from_secs(1));
    assert_eq!(joined(&net, 2), Some((0, vec!["Member 'n2' part of wrong datacenter 'dc2'".to_owned()])));
}

#[test]
fn a_joiner_with_a_living_members_name_or_id_is_told_why() {
    for (n, id, reason) in [(2, 9, "node name n2 is taken"), (9, 2, "Member 'n9' has conflicting node ID")] {
        let mut net = Net::formed(2);
        let twin = Setup { name: name(n), addr: addr(9), tags: tags(id), ..setup(9) };
        net.machines.insert(9, Gossip::new(net.now, twin));
        net.input(9, Input::Join { ticket: 1, addrs: vec![addr(1)] });
        net.run_for(Duration::from_secs(1));
        let (contacted, reasons) = joined(&net, 9).unwrap();
        assert!(contacted == 0 && reasons[0].starts_with(reason), "{reasons:?}");
        assert!(net.outputs.iter().any(|(by, output)| *by == 1 && matches!(output, Output::Conflict(_))), "the operator hears of it");
        assert_eq!(net.machines[&1].members().count(), 2);
    }
}

/// Frames of one sync between two members that know 200.
fn frames_of_a_sync(differ: impl FnOnce(&mut Gossip)) -> Vec<Frame> {
    let mut net = Net::strangers(2);
    for n in 1..=2 {
        let members = (1..=200).map(|n| (profile(n), 0));
        net.machines.get_mut(&n).unwrap().acquaint(start(), members);
    }
    differ(net.machines.get_mut(&1).unwrap());
    net.outputs.clear();
    net.input(2, Input::Join { ticket: 1, addrs: vec![addr(1)] });
    net.run_for(Duration::from_millis(20));
    let sent = net.outputs.iter().filter_map(|(_, output)| match output {
        Output::StreamSend { frame, .. } => Some(frame::decode(frame).unwrap()),
        _ => None,
    });
    sent.collect()
}

#[test]
fn equal_tables_cost_two_small_frames() {
    let frames = frames_of_a_sync(|_| {});
    assert!(matches!(frames.as_slice(), [Frame::Open(_), Frame::Same]), "{frames:?}");
    let quiet = Frame::Open(frame::Open {
        from: name(1),
        versions: crate::gossip::Versions::OURS,
        own: None,
        root: u64::MAX,
        lore: Default::default(),
    });
    assert!(frame::encode(&quiet).len() + frame::encode(&Frame::Same).len() < 32);
}

#[test]
fn only_what_differs_is_sent_in_full() {
    let frames = frames_of_a_sync(|machine| {
        tell(machine, start(), 50, vec![alive(50, 3), claim(ClaimKind::Left, 60, 0, 60)]);
    });
    let [Frame::Open(_), Frame::Buckets { .. }, Frame::Digests { buckets }, Frame::Rows { rows, .. }, Frame::Rows { rows: back, .. }] =
        frames.as_slice()
    else {
        panic!("{frames:?}")
    };
    assert!(buckets.len() <= 2, "{} buckets", buckets.len());
    let mut sent: Vec<_> = rows.iter().map(|row| row.profile.name.clone()).collect();
    sent.sort();
    assert_eq!(sent, [name(50), name(60)]);
    assert!(back.len() <= 1);
}

#[test]
fn a_member_that_missed_a_broadcast_is_put_right_within_seconds() {
    let mut net = Net::formed(4);
    net.run_for(Duration::from_secs(40));
    let before = net.machines[&1].stats().syncs;
    // Nobody but n1 hears of it.
    let hearer = net.machines.get_mut(&1).unwrap();
    tell(hearer, net.now, 3, vec![alive(3, 7)]);
    hearer.broadcasts.clear();
    hearer.timers.spread = None;
    net.run_for(Duration::from_secs(20));
    assert!(net.machines[&1].stats().syncs > before);
    for n in [1, 2, 4] {
        assert!(net.machines[&n].member(&name(3)).unwrap().incarnation >= 7, "n{n}");
    }
}

#[test]
fn a_sync_tells_of_a_death_as_a_suspicion_only() {
    let mut net = Net::formed(3);
    let believer = net.machines.get_mut(&1).unwrap();
    tell(believer, start(), 3, vec![claim(ClaimKind::Failed, 3, 0, 1)]);
    // Only the sync is to tell of it.
    believer.broadcasts.clear();
    believer.timers.spread = None;
    net.input(2, Input::Join { ticket: 1, addrs: vec![addr(1)] });
    net.run_for(Duration::from_secs(10));
    let failed_at_2 = net.events.iter().any(|(_, by, event)| *by == 2 && event.kind == EventKind::Failed);
    assert!(!failed_at_2, "n3 answers n2: it is asked to refute, not buried");
    assert_eq!((net.status(1, 3), net.status(2, 3)), (MemberStatus::Alive, MemberStatus::Alive));
}

#[test]
fn a_pool_of_thousands_is_sent_in_several_frames() {
    let mut net = Net::strangers(2);
    let many = (10..3000).map(|n| {
        let mut profile = crate::gossip::Profile::clone(&profile(3));
        profile.name = name(n);
        profile.tags = tags(n);
        (profile.into(), 0)
    });
    net.machines.get_mut(&1).unwrap().acquaint(start(), many);
    net.input(2, Input::Join { ticket: 1, addrs: vec![addr(1)] });
    net.run_for(Duration::from_millis(20));
    let rows = net.outputs.iter().filter(|(by, output)| {
        *by == 1 && matches!(output, Output::StreamSend { frame, .. } if matches!(frame::decode(frame), Ok(Frame::Rows { .. })))
    });
    assert!(rows.count() >= 2);
    assert_eq!(net.machines[&2].members().count(), 2 + 2990);
}

#[test]
fn streams_beyond_the_bound_and_frames_out_of_turn_are_closed() {
    let mut machine = Gossip::new(start(), setup(1));
    let open = |machine: &mut Gossip, n: u64| {
        machine.handle(start(), Input::Stream { id: StreamId::Accepted(n), event: StreamEvent::Opened });
        drain(machine)
    };
    for n in 0..1024 {
        assert_eq!(open(&mut machine, n), []);
    }
    assert_eq!(open(&mut machine, 1024), [Output::StreamClose { id: StreamId::Accepted(1024) }]);
    assert_eq!(machine.stats().streams_refused, 1);
    let frame = frame::encode(&Frame::Same).into();
    machine.handle(start(), Input::Stream { id: StreamId::Accepted(5), event: StreamEvent::Frame(frame) });
    assert_eq!(drain(&mut machine), [Output::StreamClose { id: StreamId::Accepted(5) }]);
    assert_eq!(open(&mut machine, 2000), [], "a place is free again");
}

#[test]
fn syncs_beyond_those_answered_at_once_wait_their_turn() {
    let mut machine = Gossip::new(start(), setup(1));
    let open =
        Frame::Open(frame::Open { from: name(2), versions: crate::gossip::Versions::OURS, own: None, root: 0, lore: Default::default() });
    let mut answered = Vec::new();
    let mut on_stream = |machine: &mut Gossip, n: u64, event: StreamEvent| {
        machine.handle(start(), Input::Stream { id: StreamId::Accepted(n), event });
        let said = drain(machine);
        answered.extend(said.iter().filter_map(|output| if let Output::StreamSend { id, .. } = output { Some(*id) } else { None }));
        answered.len()
    };
    for n in 1..=70 {
        on_stream(&mut machine, n, StreamEvent::Opened);
        on_stream(&mut machine, n, StreamEvent::Frame(frame::encode(&open).into()));
    }
    let closed = || StreamEvent::Closed { reason: "gone".to_owned() };
    assert_eq!(on_stream(&mut machine, 66, closed()), 64, "one that waits gives up");
    assert_eq!(on_stream(&mut machine, 3, closed()), 65);
    assert_eq!(on_stream(&mut machine, 4, closed()), 66);
    assert_eq!(answered[64..], [StreamId::Accepted(65), StreamId::Accepted(67)]);
}

#[test]
fn a_member_of_an_earlier_life_is_dialled_until_it_answers() {
    let mut net = Net::strangers(2);
    net.cut_off(1);
    net.input(1, Input::Remember { addrs: vec![addr(2)] });
    net.run_for(Duration::from_secs(600));
    let dials = |net: &Net| net.outputs.iter().filter(|(by, output)| *by == 1 && matches!(output, Output::Dial { .. })).count();
    assert!(dials(&net) >= 60, "about every ten seconds: {}", dials(&net));
    net.heal();
    net.run_for(Duration::from_secs(11));
    assert_eq!((net.status(1, 2), net.status(2, 1)), (MemberStatus::Alive, MemberStatus::Alive));
}
