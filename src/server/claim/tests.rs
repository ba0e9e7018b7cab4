use super::{Ruling, rule};
use crate::model::NodeId;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn ids(numbers: &[u64]) -> Vec<NodeId> {
    numbers.iter().map(|n| NodeId::from(*n)).collect()
}

fn ruling(us: u64, held: &[u64], by: u64, wanted: &[u64]) -> Ruling {
    rule(NodeId::from(us), &ids(held), NodeId::from(by), &ids(wanted))
}

#[test]
fn a_free_claim_is_granted_and_granting_it_again_changes_nothing() {
    assert_eq!(ruling(2, &[], 1, &[1, 2, 3]), Ruling::Grant);
    assert_eq!(ruling(2, &[1, 2, 3], 1, &[1, 2, 3]), Ruling::Granted);
}

#[test]
fn only_the_first_of_a_set_proposes_it_and_only_to_its_own_servers() {
    assert_eq!(ruling(2, &[], 2, &[1, 2, 3]), Ruling::Refuse);
    assert_eq!(ruling(4, &[], 1, &[1, 2, 3]), Ruling::Refuse);
    assert_eq!(ruling(4, &[], 1, &[]), Ruling::Refuse);
}

#[test]
fn a_claim_for_another_set_is_only_free_when_its_proposer_says_so() {
    assert_eq!(ruling(2, &[1, 2, 3], 0, &[0, 2, 3]), Ruling::AskFirst(NodeId::from(1)));
    assert_eq!(ruling(1, &[1, 2, 3], 0, &[0, 1, 2]), Ruling::Refuse, "its own proposal is under way");
    assert_eq!(ruling(2, &[1, 2, 3], 1, &[1, 2, 3, 4]), Ruling::Grant, "the proposer has a new one");
}

/// What can happen to one of five servers.
#[derive(Debug, Clone)]
enum Act {
    /// Proposes a set of which it is the first, to itself.
    Propose(u64, Vec<u64>),
    /// Asks the next server of its proposal.
    Ask(u64),
    /// Gives its proposal up.
    GiveUp(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let set = |first: u64| prop::sample::subsequence((first + 1..5).collect::<Vec<_>>(), 1..=(4 - first) as usize);
    prop_oneof![
        2 => (0u64..4).prop_flat_map(move |first| set(first).prop_map(move |rest| {
            Act::Propose(first, [first].into_iter().chain(rest).collect())
        })),
        8 => (0u64..4).prop_map(Act::Ask),
        1 => (0u64..4).prop_map(Act::GiveUp),
    ]
}

/// Servers that follow the rules, every message heard at once.
#[derive(Default)]
struct Model {
    held: BTreeMap<u64, Vec<u64>>,
    /// The proposals under way, and how many of their servers have granted them.
    rounds: BTreeMap<u64, (Vec<u64>, usize)>,
    formed: Vec<Vec<u64>>,
}

impl Model {
    fn grant(&mut self, us: u64, by: u64, wanted: &[u64]) -> bool {
        let held = self.held.get(&us).cloned().unwrap_or_default();
        if self.formed.iter().any(|set| set[0] == us) {
            return false;
        }
        let granted = match ruling(us, &held, by, wanted) {
            Ruling::Grant | Ruling::Granted => true,
            Ruling::Refuse => false,
            Ruling::AskFirst(proposer) => {
                let proposer = held.iter().find(|n| NodeId::from(**n) == proposer).expect("the first of the set");
                !self.formed.iter().any(|set| set[0] == *proposer) && self.held.get(proposer) != Some(&held)
            }
        };
        if granted {
            self.held.insert(us, wanted.to_vec());
        }
        granted
    }

    fn give_up(&mut self, us: u64) {
        self.rounds.remove(&us);
        if self.held.get(&us).is_some_and(|held| held[0] == us) {
            self.held.remove(&us);
        }
    }

    fn step(&mut self, act: &Act) {
        match act {
            Act::Propose(by, set) => {
                self.give_up(*by);
                if self.grant(*by, *by, set) {
                    self.rounds.insert(*by, (set.clone(), 1));
                }
            }
            Act::Ask(by) => {
                let Some((set, granted)) = self.rounds.get(by).cloned() else { return };
                if !self.grant(set[granted], *by, &set) {
                    return self.give_up(*by);
                }
                self.rounds.insert(*by, (set.clone(), granted + 1));
                if granted + 1 == set.len() {
                    self.rounds.remove(by);
                    self.formed.push(set);
                }
            }
            Act::GiveUp(by) if self.rounds.contains_key(by) => self.give_up(*by),
            Act::GiveUp(_) => {}
        }
    }
}

proptest! {
    #[test]
    fn two_clusters_never_share_a_server(acts in prop::collection::vec(act(), 1..60)) {
        let mut model = Model::default();
        for act in &acts {
            model.step(act);
            for (n, one) in model.formed.iter().enumerate() {
                for other in &model.formed[n + 1..] {
                    prop_assert!(one.iter().all(|server| !other.contains(server)), "{one:?} and {other:?}");
                }
            }
        }
    }
}

#[test]
fn sets_that_overlap_do_not_block_each_other_for_ever() {
    let mut model = Model::default();
    for act in [Act::Propose(1, vec![1, 2, 3]), Act::Propose(0, vec![0, 1, 2, 3]), Act::Ask(1), Act::Ask(0)] {
        model.step(&act);
    }
    assert!(model.formed.is_empty());
    // Server 1 has seen server 0 by now, and leaves it to it.
    model.step(&Act::GiveUp(1));
    model.step(&Act::Propose(0, vec![0, 1, 2, 3]));
    for _ in 0..3 {
        model.step(&Act::Ask(0));
    }
    assert_eq!(model.formed, [vec![0, 1, 2, 3]]);
}
