use super::net::{
    Net, addr, alive, claim, drain, events, id, machine_among, name, packets, pass, profile, setup, start, status, tags, tell,
};
use crate::gossip::packet::{Alive, ClaimKind, Rumor};
use crate::gossip::{Conflict, Doubt, EventKind, Gossip, Input, MemberStatus, Output, Profile, Tags, Versions};
use crate::model::Machine;
use std::sync::Arc;
use std::time::Duration;

fn rumors_in(outputs: &[Output]) -> Vec<Rumor> {
    packets(outputs).into_iter().flat_map(|(_, packet)| packet.rumors).collect()
}

/// What the machine tells in its next round.
fn told_next(machine: &mut Gossip) -> Vec<Rumor> {
    let due = machine.poll_timeout().expect("news is told");
    assert_eq!(due.reason, "spread");
    machine.handle_timeout(due.at);
    rumors_in(&drain(machine))
}

#[test]
fn a_claim_about_oneself_is_refuted_above_its_incarnation() {
    for kind in [ClaimKind::Suspect, ClaimKind::Failed, ClaimKind::Leaving, ClaimKind::Left, ClaimKind::Pruned] {
        let mut machine = machine_among(1, &[2, 3]);
        tell(&mut machine, start(), 2, vec![claim(kind, 1, 4, 3)]);
        assert_eq!(machine.local().incarnation, 5, "{kind:?}");
        let alive = Rumor::Alive(Alive { profile: profile(1), incarnation: 5 });
        assert!(told_next(&mut machine).contains(&alive), "{kind:?}");
    }
}

#[test]
fn a_claim_about_an_earlier_incarnation_of_oneself_is_answered_not_refuted_again() {
    let mut machine = machine_among(1, &[2, 3]);
    tell(&mut machine, start(), 2, vec![claim(ClaimKind::Suspect, 1, 4, 3)]);
    let said = tell(&mut machine, start(), 3, vec![claim(ClaimKind::Suspect, 1, 2, 3)]);
    assert_eq!(machine.local().incarnation, 5);
    assert!(packets(&said).iter().any(|(to, packet)| *to == addr(3) && packet.rumors.contains(&alive(1, 5))));
}

#[test]
fn who_calls_somebody_dead_at_an_incarnation_that_is_over_is_told_of_the_later_one() {
    let mut machine = machine_among(1, &[2, 3]);
    tell(&mut machine, start(), 2, vec![alive(2, 5)]);
    let said = tell(&mut machine, start(), 3, vec![claim(ClaimKind::Failed, 2, 4, 3)]);
    assert_eq!(status(&machine, 2), MemberStatus::Alive);
    assert!(packets(&said).iter().any(|(to, packet)| *to == addr(3) && packet.rumors.contains(&alive(2, 5))));
}

#[test]
fn a_member_that_failed_a_short_time_ago_is_asked_whether_it_really_did() {
    let mut machine = machine_among(1, &[2, 3, 4, 5, 6, 7]);
    tell(&mut machine, start(), 3, vec![claim(ClaimKind::Failed, 2, 0, 3)]);
    let said = pass(&mut machine, start() + Duration::from_secs(300));
    let asked =
        packets(&said).into_iter().filter(|(to, packet)| *to == addr(2) && packet.rumors.contains(&claim(ClaimKind::Failed, 2, 0, 1)));
    let asked = asked.count();
    assert!((6..=12).contains(&asked), "every 2.5 to 5 seconds for half a minute, then no more: {asked} times");
}

#[test]
fn stale_news_cannot_make_a_member_talk_without_end() {
    let mut machine = machine_among(1, &[2, 3]);
    tell(&mut machine, start(), 2, vec![claim(ClaimKind::Suspect, 1, 4, 3)]);
    let answers: usize = (0..1000).map(|_| packets(&tell(&mut machine, start(), 3, vec![claim(ClaimKind::Suspect, 1, 2, 3)])).len()).sum();
    assert!(answers <= 100, "{answers} answers to 1000 stale datagrams in one second");
}

#[test]
fn only_a_newer_word_of_its_own_revives_the_dead() {
    let mut machine = machine_among(1, &[2, 3]);
    tell(&mut machine, start(), 3, vec![claim(ClaimKind::Failed, 2, 1, 3)]);
    tell(&mut machine, start(), 3, vec![claim(ClaimKind::Failed, 2, 10, 3)]);
    let said = tell(&mut machine, start(), 3, vec![alive(2, 2)]);
    assert_eq!(status(&machine, 2), MemberStatus::Failed, "alive@2 is older than failed@10");
    let doubts =
        packets(&said).into_iter().filter(|(to, packet)| *to == addr(2) && packet.rumors.contains(&claim(ClaimKind::Failed, 2, 10, 1)));
    assert_eq!(doubts.count(), 1, "it is told at its address what it must outdo");
    let said = tell(&mut machine, start(), 3, vec![alive(2, 11)]);
    assert_eq!(status(&machine, 2), MemberStatus::Alive);
    assert_eq!(events(&said)[0].kind, EventKind::Joined);
}

#[test]
fn who_counts_as_dead_cannot_bury_the_living() {
    let mut machine = machine_among(1, &[2, 3, 4]);
    tell(&mut machine, start(), 4, vec![claim(ClaimKind::Failed, 2, 0, 4)]);
    tell(&mut machine, start(), 2, vec![claim(ClaimKind::Failed, 3, 0, 2)]);
    assert_eq!(status(&machine, 3), MemberStatus::Alive);
    assert_eq!(machine.member(&name(3)).unwrap().doubt, Doubt::Suspected, "but it is asked to speak up");
    tell(&mut machine, start(), 4, vec![claim(ClaimKind::Failed, 3, 0, 4)]);
    assert_eq!(status(&machine, 3), MemberStatus::Failed);
}

#[test]
fn who_is_suspected_cannot_bury_the_living() {
    // When two halves of a pool find one another again, each holds dead whom the other knows to live, and has begun to doubt the other half.
    let mut machine = machine_among(1, &[2, 3, 4]);
    tell(&mut machine, start(), 4, vec![claim(ClaimKind::Suspect, 2, 0, 4), claim(ClaimKind::Failed, 3, 0, 2)]);
    assert_eq!(status(&machine, 3), MemberStatus::Alive);
    assert_eq!(machine.member(&name(3)).unwrap().doubt, Doubt::Suspected, "but it is asked to speak up");
    tell(&mut machine, start(), 4, vec![claim(ClaimKind::Failed, 3, 0, 4)]);
    assert_eq!(status(&machine, 3), MemberStatus::Failed);
}

#[test]
fn a_member_restarted_without_memory_is_alive_to_all_again() {
    let mut net = Net::formed(5);
    // It had refuted a few times, then it was found dead.
    for n in 1..=4 {
        let news = vec![alive(5, 7), claim(ClaimKind::Failed, 5, 7, n)];
        tell(net.machines.get_mut(&n).unwrap(), start(), n, news);
    }
    net.machines.insert(5, Gossip::new(start(), setup(5)));
    net.input(5, Input::Join { ticket: 1, addrs: vec![addr(1)] });
    net.run_for(Duration::from_secs(3));
    for n in 1..=4 {
        assert_eq!(net.status(n, 5), MemberStatus::Alive, "to n{n}");
    }
    assert_eq!(net.machines[&5].local().incarnation, 8);
}

#[test]
fn new_tags_are_told_under_a_new_incarnation() {
    let mut machine = machine_among(1, &[2]);
    let new = Tags::parse([("dc".to_owned(), "dc1".to_owned()), ("role".to_owned(), "consul".to_owned())].into()).unwrap();
    machine.handle(start(), Input::SetTags { tags: new.clone() });
    assert_eq!(events(&drain(&mut machine))[0].kind, EventKind::Updated);
    assert_eq!(machine.local().incarnation, 1);
    let told = told_next(&mut machine);
    assert!(matches!(&told[0], Rumor::Alive(alive) if alive.profile.tags == new && alive.incarnation == 1));
    let mut other = machine_among(2, &[1]);
    assert_eq!(events(&tell(&mut other, start(), 1, told))[0].kind, EventKind::Updated);
    assert_eq!(other.member(&name(1)).unwrap().profile.tags, new);
}

fn stranger(n: usize, change: impl FnOnce(&mut Profile)) -> Rumor {
    let mut profile = Profile::clone(&profile(n));
    change(&mut profile);
    Rumor::Alive(Alive { profile: Arc::new(profile), incarnation: 50 })
}

fn conflicts(outputs: &[Output]) -> Vec<&Conflict> {
    outputs.iter().filter_map(|output| if let Output::Conflict(conflict) = output { Some(conflict) } else { None }).collect()
}

#[test]
fn a_second_process_with_a_living_members_name_is_not_let_in() {
    let mut machine = machine_among(1, &[2]);
    let twin = stranger(2, |profile| {
        profile.addr = addr(9);
        profile.tags = tags(9);
    });
    let said = tell(&mut machine, start(), 9, vec![twin]);
    assert_eq!(conflicts(&said), [&Conflict::Name { name: name(2), holder: addr(2), claimant: addr(9) }]);
    assert_eq!(machine.member(&name(2)).unwrap().addr(), addr(2));
}

#[test]
fn a_name_may_be_taken_over_from_the_left_at_once_and_from_the_failed_after_a_while() {
    let twin = || {
        stranger(2, |profile| {
            profile.addr = addr(9);
            profile.tags = tags(9);
        })
    };
    for (kind, waits) in [(ClaimKind::Left, 0), (ClaimKind::Failed, 30)] {
        let mut machine = machine_among(1, &[2]);
        tell(&mut machine, start(), 2, vec![claim(kind, 2, 0, 2)]);
        if waits > 0 {
            tell(&mut machine, start() + Duration::from_secs(waits - 1), 9, vec![twin()]);
            assert_ne!(status(&machine, 2), MemberStatus::Alive, "{kind:?}");
        }
        tell(&mut machine, start() + Duration::from_secs(waits), 9, vec![twin()]);
        assert_eq!(machine.member(&name(2)).unwrap().addr(), addr(9), "{kind:?}");
    }
}

#[test]
fn a_node_that_moved_keeps_its_name_under_a_new_address() {
    let mut machine = machine_among(1, &[2]);
    let said = tell(&mut machine, start(), 9, vec![stranger(2, |profile| profile.addr = addr(9))]);
    assert_eq!((events(&said)[0].kind, machine.member(&name(2)).unwrap().addr()), (EventKind::Updated, addr(9)));
}

#[test]
fn a_living_twin_with_our_id_does_not_make_us_bid_without_end() {
    let mut machine = machine_among(1, &[2]);
    for n in 0..10 {
        let mut twin = Profile::clone(&profile(1));
        twin.addr = addr(9);
        tell(&mut machine, start(), 9, vec![Rumor::Alive(Alive { profile: twin.into(), incarnation: n * 10 })]);
    }
    assert_eq!(machine.local().incarnation, 1, "one refutation in half a minute");
}

#[test]
fn a_second_name_with_a_living_members_node_id_is_not_let_in_but_a_renamed_node_is() {
    let mut machine = machine_among(1, &[2]);
    let renamed = || stranger(9, |profile| profile.tags = tags(2));
    let said = tell(&mut machine, start(), 9, vec![renamed()]);
    let conflict = Conflict::Id { id: crate::model::NodeId::parse(&id(2)).unwrap(), holder: name(2), claimant: name(9) };
    assert_eq!(conflicts(&said), [&conflict]);
    assert_eq!(status(&machine, 9), MemberStatus::None);
    tell(&mut machine, start(), 2, vec![claim(ClaimKind::Failed, 2, 0, 2)]);
    tell(&mut machine, start(), 9, vec![renamed()]);
    assert_eq!(status(&machine, 9), MemberStatus::Alive);
}

#[test]
fn strangers_of_another_datacenter_version_or_nowhere_are_refused() {
    let mut machine = machine_among(1, &[2]);
    let other = Tags::parse([("dc".to_owned(), "dc2".to_owned())].into()).unwrap();
    let refused = [
        stranger(3, |profile| profile.tags = other),
        stranger(3, |profile| profile.versions = Versions { min: 9, max: 12 }),
        stranger(3, |profile| profile.addr = "0.0.0.0:8301".parse().unwrap()),
        stranger(3, |profile| profile.addr = "10.0.0.3:0".parse().unwrap()),
    ];
    for rumor in refused {
        tell(&mut machine, start(), 3, vec![rumor.clone()]);
        assert_eq!(status(&machine, 3), MemberStatus::None, "{rumor:?}");
    }
    assert_eq!(machine.stats().refused, 4);
    tell(&mut machine, start(), 3, vec![stranger(3, |profile| profile.versions = Versions { min: 1, max: 12 })]);
    assert_eq!(status(&machine, 3), MemberStatus::Alive, "a newer release that still speaks ours is let in");
}
