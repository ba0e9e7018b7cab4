use super::net::{Net, addr, alive, claim, drain, events, machine_among, name, pass, start, status, tell};
use crate::gossip::packet::ClaimKind;
use crate::gossip::{EventKind, Input, MemberStatus, Output, Prune};
use crate::model::Machine;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_member_that_leaves_is_seen_leaving_then_left_and_never_failed() {
    let mut net = Net::formed(5);
    net.run_for(Duration::from_secs(2));
    net.input(3, Input::Leave);
    net.run_for(Duration::from_secs(8));
    assert!(net.outputs.iter().any(|(n, output)| *n == 3 && *output == Output::Departed));
    net.machines.remove(&3);
    net.run_for(Duration::from_secs(60));
    for n in [1, 2, 4, 5] {
        let seen: Vec<_> = net.events.iter().filter(|(_, by, e)| *by == n && *e.member.name() == name(3)).map(|(_, _, e)| e.kind).collect();
        assert!(matches!(seen.as_slice(), [EventKind::Leaving, EventKind::Left] | [EventKind::Left]), "n{n} saw {seen:?}");
        assert_eq!(net.status(n, 3), MemberStatus::Left);
    }
}

#[test]
fn whoever_is_alone_leaves_at_once() {
    let mut machine = machine_among(1, &[]);
    machine.handle(start(), Input::Leave);
    assert!(drain(&mut machine).contains(&Output::Departed));
}

#[test]
fn a_death_after_an_announced_leave_counts_as_left() {
    let mut machine = machine_among(1, &[2, 3]);
    tell(&mut machine, start(), 2, vec![claim(ClaimKind::Leaving, 2, 0, 2)]);
    assert_eq!(status(&machine, 2), MemberStatus::Leaving);
    let said = tell(&mut machine, start(), 3, vec![claim(ClaimKind::Failed, 2, 0, 3)]);
    assert_eq!(events(&said)[0].kind, EventKind::Left);
}

#[test]
fn a_leave_heard_before_its_member_is_known_is_not_forgotten() {
    let mut machine = machine_among(1, &[3]);
    tell(&mut machine, start(), 3, vec![claim(ClaimKind::Leaving, 2, 4, 2)]);
    tell(&mut machine, start(), 3, vec![alive(2, 4)]);
    assert_eq!(status(&machine, 2), MemberStatus::Leaving);
    tell(&mut machine, start(), 3, vec![alive(2, 5)]);
    assert_eq!(status(&machine, 2), MemberStatus::Alive, "a later word of its own takes it back");
}

#[test]
fn a_failed_member_is_forced_out_everywhere_and_says_who_did_it() {
    let mut net = Net::formed(4);
    net.machines.remove(&4);
    net.run_for(Duration::from_secs(40));
    assert_eq!(net.status(1, 4), MemberStatus::Failed);
    net.input(2, Input::ForceLeave { name: name(4), prune: Prune::Keep });
    net.run_for(Duration::from_secs(5));
    for n in 1..=3 {
        assert_eq!(net.status(n, 4), MemberStatus::Left, "to n{n}");
    }
    let left = net.events.iter().find(|(_, by, event)| *by == 1 && event.kind == EventKind::Left).expect("n1 hears of it");
    assert_eq!(left.2.by, [name(2)]);
}

#[test]
fn a_living_member_that_is_forced_out_takes_it_back() {
    let mut net = Net::formed(4);
    net.run_for(Duration::from_secs(2));
    net.input(2, Input::ForceLeave { name: name(4), prune: Prune::Keep });
    net.run_for(Duration::from_secs(5));
    for n in 1..=4 {
        assert_eq!(net.status(n, 4), MemberStatus::Alive, "to n{n}");
    }
}

#[test]
fn a_pruned_member_vanishes_everywhere_and_no_sync_brings_it_back() {
    let mut net = Net::formed(4);
    net.machines.remove(&4);
    net.run_for(Duration::from_secs(40));
    net.input(2, Input::ForceLeave { name: name(4), prune: Prune::Forget });
    net.run_for(Duration::from_secs(120));
    for n in 1..=3 {
        assert_eq!(net.status(n, 4), MemberStatus::None, "to n{n}");
        let reaped = net.events.iter().filter(|(_, by, event)| *by == n && event.kind == EventKind::Reaped).count();
        assert_eq!(reaped, 1, "to n{n}");
    }
}

#[test]
fn the_failed_are_forgotten_after_72_hours_and_the_left_after_24() {
    for (kind, hours) in [(ClaimKind::Failed, 72), (ClaimKind::Left, 24)] {
        let mut machine = machine_among(1, &[2]);
        tell(&mut machine, start(), 2, vec![claim(kind, 2, 0, 2)]);
        let said = pass(&mut machine, start() + HOUR * hours - Duration::from_secs(1));
        assert!(events(&said).is_empty(), "{kind:?}");
        let said = pass(&mut machine, start() + HOUR * hours + Duration::from_secs(15));
        assert_eq!(events(&said)[0].kind, EventKind::Reaped, "{kind:?}");
        assert_eq!(status(&machine, 2), MemberStatus::None);
    }
}

#[test]
fn a_newcomer_learns_how_long_somebody_has_been_dead() {
    let mut net = Net::strangers(2);
    tell(net.machines.get_mut(&1).unwrap(), start(), 7, vec![alive(7, 0), claim(ClaimKind::Left, 7, 0, 7)]);
    net.run_for(HOUR * 20);
    net.input(2, Input::Join { ticket: 1, addrs: vec![addr(1)] });
    net.run_for(Duration::from_secs(1));
    assert_eq!(net.status(2, 7), MemberStatus::Left);
    net.run_for(HOUR * 4 + Duration::from_secs(30));
    assert_eq!((net.status(1, 7), net.status(2, 7)), (MemberStatus::None, MemberStatus::None), "both forget at the same age");
    let revived = net.events.iter().filter(|(_, _, event)| event.kind == EventKind::Left).count();
    assert_eq!(revived, 2, "one event each, nobody learned it twice");
}
