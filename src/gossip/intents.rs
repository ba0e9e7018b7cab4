//! Leaves heard of before, or after, their member is known: news can overtake one another.

use crate::model::{Instant, NodeName};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an intent is kept (Serf's recent intents).
const MEMORY: Duration = Duration::from_secs(300);

/// Intents kept. At the bound the oldest goes: the next sync tells what it told.
const MAX_INTENTS: usize = 1024;

/// What was heard of somebody unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Heard {
    /// It leaves or has left.
    Leaves,
    /// It is to be forgotten.
    Pruned,
}

#[derive(Debug)]
struct Intent {
    incarnation: u64,
    heard: Heard,
    until: Instant,
}

/// The intents, by name.
#[derive(Debug, Default)]
pub(super) struct Intents {
    by_name: BTreeMap<NodeName, Intent>,
}

impl Intents {
    pub fn remember(&mut self, now: Instant, name: &NodeName, incarnation: u64, heard: Heard) {
        self.by_name.retain(|_, intent| intent.until > now);
        if self.by_name.len() >= MAX_INTENTS && !self.by_name.contains_key(name) {
            let oldest = self.by_name.iter().min_by_key(|(_, intent)| intent.until).map(|(name, _)| name.clone());
            self.by_name.remove(&oldest.expect("it is full"));
        }
        let intent = self.by_name.entry(name.clone()).or_insert(Intent { incarnation, heard, until: now });
        intent.incarnation = intent.incarnation.max(incarnation);
        intent.heard = intent.heard.max(heard);
        intent.until = now + MEMORY;
    }

    /// What was heard of this member at this incarnation or a later one.
    pub fn recall(&self, now: Instant, name: &NodeName, incarnation: u64) -> Option<Heard> {
        let intent = self.by_name.get(name)?;
        (intent.until > now && intent.incarnation >= incarnation).then_some(intent.heard)
    }

    pub fn check_invariants(&self) {
        assert!(self.by_name.len() <= MAX_INTENTS, "intents are bounded");
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, Intents, MAX_INTENTS, MEMORY};
    use crate::model::{Instant, NodeName};
    use std::time::Duration;

    fn name(n: usize) -> NodeName {
        NodeName::parse(&format!("n{n}")).unwrap()
    }

    #[test]
    fn an_intent_holds_for_its_incarnation_and_earlier_ones_until_it_is_too_old() {
        let (mut intents, now) = (Intents::default(), Instant::ZERO);
        intents.remember(now, &name(1), 5, Heard::Leaves);
        assert_eq!(intents.recall(now, &name(1), 5), Some(Heard::Leaves));
        assert_eq!(intents.recall(now, &name(1), 6), None);
        assert_eq!(intents.recall(now + MEMORY, &name(1), 5), None);
    }

    #[test]
    fn a_prune_is_not_taken_back_by_a_leave() {
        let (mut intents, now) = (Intents::default(), Instant::ZERO);
        intents.remember(now, &name(1), 5, Heard::Pruned);
        intents.remember(now, &name(1), 3, Heard::Leaves);
        assert_eq!(intents.recall(now, &name(1), 5), Some(Heard::Pruned));
    }

    #[test]
    fn at_the_bound_the_oldest_is_dropped() {
        let mut intents = Intents::default();
        for n in 0..=MAX_INTENTS {
            intents.remember(Instant::ZERO + Duration::from_millis(n as u64), &name(n), 1, Heard::Leaves);
        }
        intents.check_invariants();
        let now = Instant::ZERO + Duration::from_secs(2);
        assert_eq!(intents.recall(now, &name(0), 1), None);
        assert_eq!(intents.recall(now, &name(MAX_INTENTS), 1), Some(Heard::Leaves));
    }
}
