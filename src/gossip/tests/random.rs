//! Random news in random order: whatever arrives, and however it is shuffled, everybody ends up believing the same.

use super::net::{alive, claim, machine_among, name, start, tell};
use crate::gossip::Gossip;
use crate::gossip::packet::{ClaimKind, Rumor};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

/// Members 2 to 4 are spoken of; member 1 listens.
fn news() -> impl Strategy<Value = Rumor> {
    let lasting = select(vec![ClaimKind::Failed, ClaimKind::Leaving, ClaimKind::Left]);
    prop_oneof![
        (2..5usize, 0..5u64).prop_map(|(n, incarnation)| alive(n, incarnation)),
        (lasting, 2..5usize, 0..5u64, 2..5usize).prop_map(|(kind, about, incarnation, by)| claim(kind, about, incarnation, by)),
    ]
}

/// What is believed: incarnation and condition of each.
fn beliefs(machine: &Gossip) -> Vec<(u64, u8)> {
    (2..5).filter_map(|n| machine.member(&name(n))).map(|member| (member.incarnation, member.status.code())).collect()
}

fn shuffled() -> impl Strategy<Value = (Vec<Rumor>, Vec<Rumor>)> {
    proptest::collection::vec(news(), 1..20).prop_flat_map(|news| (Just(news.clone()), Just(news).prop_shuffle()))
}

proptest! {
    #[test]
    fn an_incarnation_never_falls_whatever_is_heard(news in proptest::collection::vec(news(), 1..40)) {
        let mut machine = machine_among(1, &[2, 3, 4]);
        let mut last = [0; 3];
        for rumor in news {
            tell(&mut machine, start(), 2, vec![rumor]);
            for (last, (incarnation, _)) in last.iter_mut().zip(beliefs(&machine)) {
                prop_assert!(incarnation >= *last);
                *last = incarnation;
            }
        }
    }

    /// Of one incarnation, all claims together say the same in any order. Across incarnations the highest wins, once the member itself
    /// has spoken at it: so each listener also hears every member's last word.
    #[test]
    fn the_order_of_news_does_not_matter((one, other) in shuffled(), last in any::<bool>()) {
        let listen = |news: Vec<Rumor>| {
            let mut machine = machine_among(1, &[2, 3, 4]);
            for rumor in news {
                tell(&mut machine, start(), 2, vec![rumor]);
            }
            if last {
                tell(&mut machine, start(), 2, (2..5).map(|n| alive(n, 9)).collect());
            }
            machine
        };
        let (one, other) = (listen(one), listen(other));
        let incarnations = |machine: &Gossip| beliefs(machine).into_iter().map(|(incarnation, _)| incarnation).collect::<Vec<_>>();
        prop_assert_eq!(incarnations(&one), incarnations(&other));
        if last {
            prop_assert_eq!(beliefs(&one), beliefs(&other));
        }
    }

    #[test]
    fn claims_of_one_incarnation_commute(kinds in proptest::collection::vec(select(vec![ClaimKind::Failed, ClaimKind::Leaving, ClaimKind::Left]), 1..6).prop_flat_map(|kinds| (Just(kinds.clone()), Just(kinds).prop_shuffle()))) {
        let listen = |kinds: Vec<ClaimKind>| {
            let mut machine = machine_among(1, &[2, 3, 4]);
            tell(&mut machine, start(), 3, kinds.into_iter().map(|kind| claim(kind, 2, 0, 3)).collect());
            beliefs(&machine)
        };
        prop_assert_eq!(listen(kinds.0), listen(kinds.1));
    }
}
