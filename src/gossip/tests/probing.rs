use super::net::{LATENCY, Net, addr, alive, claim, drain, events, machine_among, name, packets, pass, say, start, status, tell};
use crate::gossip::packet::{ClaimKind, Head, Rumor};
use crate::gossip::{Doubt, EventKind, Gossip, MemberStatus, Output};
use crate::model::{Instant, Machine};
use std::time::Duration;

/// Steps the machine to its next direct ping; returns when, to whom and what else was in the packet.
fn next_ping(machine: &mut Gossip) -> (Instant, Head, Vec<Rumor>) {
    loop {
        let due = machine.poll_timeout().expect("it has timers");
        machine.handle_timeout(due.at);
        for (_, packet) in packets(&drain(machine)) {
            if let Some(head @ Head::Ping { .. }) = packet.head {
                return (due.at, head, packet.rumors);
            }
        }
    }
}

fn seq_of(head: &Head) -> u32 {
    match head {
        Head::Ping { seq, .. } | Head::Ack { seq } | Head::AckAt { seq, .. } | Head::Nack { seq } | Head::AskPing { seq, .. } => *seq,
        Head::Say(_) | Head::Pass { .. } => panic!("a question's head has no number"),
    }
}

#[test]
fn everybody_is_probed_once_a_round() {
    let mut machine = machine_among(1, &[2, 3, 4, 5]);
    for _round in 0..3 {
        let mut probed = Vec::new();
        for _ in 0..4 {
            let (at, ping, _) = next_ping(&mut machine);
            let Head::Ping { to, .. } = &ping else { panic!("a ping") };
            let n = (2..=5).find(|n| name(*n) == *to).expect("one of us");
            say(&mut machine, at + LATENCY, n, Some(Head::Ack { seq: seq_of(&ping) }), vec![]);
            probed.push(n);
        }
        probed.sort_unstable();
        assert_eq!(probed, [2, 3, 4, 5]);
    }
    assert_eq!(machine.stats().probes_failed, 0);
}

#[test]
fn a_silent_member_is_asked_for_through_others_and_over_tcp_before_it_is_suspected() {
    let mut machine = machine_among(1, &[2, 3, 4, 5, 6]);
    let (at, ping, _) = next_ping(&mut machine);
    let Head::Ping { to, .. } = &ping else { panic!("a ping") };
    let said = pass(&mut machine, at + Duration::from_millis(500));
    let asked = packets(&said).into_iter().filter(|(_, p)| matches!(&p.head, Some(Head::AskPing { to: whom, .. }) if whom == to)).count();
    assert_eq!(asked, 3, "the LAN profile's indirect checks");
    assert!(said.iter().any(|output| matches!(output, Output::Dial { .. })), "TCP may get through");
    assert_eq!(machine.stats().suspicions, 0);
    pass(&mut machine, at + Duration::from_millis(1000));
    assert_eq!(machine.stats().suspicions, 1);
    assert_eq!(machine.member(to).unwrap().doubt, Doubt::Suspected);
    assert_eq!(machine.member(to).unwrap().status, MemberStatus::Alive, "a suspect still counts as alive");
}

#[test]
fn missing_nacks_make_a_member_doubt_itself_and_slow_down() {
    let mut machine = machine_among(1, &[2, 3, 4, 5, 6]);
    let (at, ping, _) = next_ping(&mut machine);
    pass(&mut machine, at + Duration::from_millis(500));
    say(&mut machine, at + Duration::from_millis(950), 2, Some(Head::Nack { seq: seq_of(&ping) }), vec![]);
    pass(&mut machine, at + Duration::from_millis(1000));
    assert_eq!(machine.stats().health_score, 2, "three were asked, one nack came");
    // The next probe began as this one failed; nobody answers it either.
    let (after_it, _, _) = next_ping(&mut machine);
    assert_eq!(after_it.since(at), Duration::from_secs(1 + 3), "a probe waits score + 1 times as long");
}

#[test]
fn an_indirect_ack_saves_a_member_whose_own_way_to_us_is_cut() {
    let mut net = Net::formed(4);
    net.udp_cut.extend([(1, 2), (2, 1)]);
    net.tcp_cut.extend([(1, 2), (2, 1)]);
    net.run_for(Duration::from_secs(60));
    assert!(net.machines[&3].stats().relayed + net.machines[&4].stats().relayed > 10);
    assert_eq!(net.machines[&1].stats().suspicions, 0);
    assert_eq!(net.machines[&1].stats().health_score, 0);
}

#[test]
fn tcp_saves_a_member_that_no_datagram_reaches() {
    let mut net = Net::formed(2);
    net.udp_cut.extend([(1, 2), (2, 1)]);
    net.run_for(Duration::from_secs(60));
    assert!(net.machines[&1].stats().probes_only_tcp > 10, "{:?}", net.machines[&1].stats());
    assert_eq!(net.status(1, 2), MemberStatus::Alive);
    assert_eq!(net.machines[&1].stats().suspicions, 0);
}

#[test]
fn a_relay_says_so_when_the_target_stays_silent() {
    let mut machine = machine_among(1, &[2, 3]);
    let ask = Head::AskPing { seq: 77, to: name(3), addr: addr(3) };
    let said = say(&mut machine, start(), 2, Some(ask), vec![]);
    assert!(packets(&said).iter().any(|(to, p)| *to == addr(3) && matches!(&p.head, Some(Head::Ping { to, .. }) if *to == name(3))));
    let said = pass(&mut machine, start() + Duration::from_millis(400));
    assert!(packets(&said).iter().any(|(to, p)| *to == addr(2) && p.head == Some(Head::Nack { seq: 77 })));
}

#[test]
fn a_suspect_hears_of_it_first_from_whoever_probes_it() {
    let mut machine = machine_among(1, &[2, 3]);
    tell(&mut machine, start(), 3, vec![claim(ClaimKind::Suspect, 2, 0, 3)]);
    loop {
        let (_, ping, rumors) = next_ping(&mut machine);
        if matches!(&ping, Head::Ping { to, .. } if *to == name(2)) {
            assert_eq!(rumors.first(), Some(&claim(ClaimKind::Suspect, 2, 0, 3)));
            return;
        }
    }
}

#[test]
fn a_failed_member_that_pings_is_told_that_it_counts_as_failed() {
    let mut machine = machine_among(1, &[2, 3]);
    tell(&mut machine, start(), 3, vec![claim(ClaimKind::Failed, 2, 4, 3)]);
    let said = say(&mut machine, start() + LATENCY, 2, Some(Head::Ping { seq: 5, to: name(1), from: name(2) }), vec![]);
    let (to, ack) = packets(&said).remove(0);
    assert_eq!(to, addr(2));
    assert!(matches!(ack.head, Some(Head::AckAt { seq: 5, .. })));
    assert!(matches!(&ack.rumors[0], Rumor::Claim(c) if c.kind == ClaimKind::Failed && c.about == name(2) && c.incarnation == 4));
}

#[test]
fn a_ping_for_somebody_else_is_not_answered() {
    let mut machine = machine_among(1, &[2]);
    let said = say(&mut machine, start(), 2, Some(Head::Ping { seq: 5, to: name(9), from: name(2) }), vec![]);
    assert_eq!(packets(&said), []);
    assert_eq!(machine.stats().refused, 1);
}

#[test]
fn independent_accusers_shorten_a_suspicion_to_its_minimum() {
    let accused_by = |accusers: &[usize]| {
        let mut machine = machine_among(1, &[2, 3, 4, 5, 6, 7]);
        tell(&mut machine, start(), 3, accusers.iter().map(|by| claim(ClaimKind::Suspect, 2, 0, *by)).collect());
        machine
    };
    let deadline = |machine: &Gossip| machine.suspicions.first().expect("it is suspected").0.since(start());
    let mut machine = accused_by(&[3, 4, 5]);
    assert_eq!(deadline(&machine), Duration::from_secs(4));
    assert_eq!(deadline(&accused_by(&[3, 3, 3])), Duration::from_secs(24), "one accuser counts once, however often it speaks");
    assert!(events(&pass(&mut machine, start() + Duration::from_millis(3999))).is_empty());
    let failed = events(&pass(&mut machine, start() + Duration::from_secs(4))).remove(0);
    assert_eq!((failed.kind, failed.by), (EventKind::Failed, vec![name(3), name(4), name(5)]), "the event says who accused");
}

#[test]
fn a_member_that_stood_still_accuses_nobody_when_it_wakes() {
    let mut net = Net::formed(3);
    net.run_for(Duration::from_secs(3));
    net.frozen.insert(1);
    net.run_for(Duration::from_secs(300));
    net.frozen.clear();
    net.events.clear();
    net.run_for(Duration::from_secs(60));
    let false_alarms: Vec<_> = net.events.iter().filter(|(_, by, event)| *by == 1 && event.kind == EventKind::Failed).collect();
    assert!(false_alarms.is_empty(), "{false_alarms:?}: what it did not hear while frozen is nobody's fault");
    assert!(net.machines[&1].stats().stalls > 0);
    for n in 1..=3 {
        assert!((1..=3).all(|m| net.status(n, m) == MemberStatus::Alive), "all are back");
    }
}

#[test]
fn a_long_wait_alone_is_not_a_stall_when_somebody_comes() {
    let mut machine = machine_among(1, &[]);
    pass(&mut machine, start() + Duration::from_secs(100));
    let now = start() + Duration::from_secs(100);
    tell(&mut machine, now, 2, vec![alive(2, 0)]);
    pass(&mut machine, now + Duration::from_secs(1));
    assert_eq!(machine.stats().stalls, 0);
    assert_eq!(status(&machine, 2), MemberStatus::Alive);
    assert!(machine.stats().probes > 0);
}
