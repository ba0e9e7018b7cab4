//! What can be known about unanswered writes before searching: a write whose value was read has happened; one that nothing can tell of
//! need not be tried; and of those that can stand for one another only one is tried at a time.

use super::compile::{Alike, Step};
use super::history::Nanos;
use super::register::{Effect, Need};
use std::collections::{BTreeMap, BTreeSet};

/// Settles what needs no search. The steps that remain have a legal order exactly if the given ones have.
pub fn settle(mut steps: Vec<Step>) -> Vec<Step> {
    loop {
        let before = steps.len();
        let facts = Facts::of(&steps);
        let mut spare = facts.observers;
        steps.retain_mut(|step| facts.keep(step, &mut spare));
        if steps.len() == before {
            return steps;
        }
    }
}

/// How many steps could come where they stand because of an optional write of each kind.
#[derive(Debug, Clone, Copy, Default)]
struct Observers {
    of_nameless: usize,
    of_removal: usize,
}

#[derive(Debug, Default)]
struct Facts {
    writers: BTreeMap<u32, u32>,
    /// The earliest answer that showed the value.
    read_by: BTreeMap<u32, Nanos>,
    /// The versions that conditional writes took effect over.
    expected: BTreeSet<u64>,
    observers: Observers,
}

impl Facts {
    fn of(steps: &[Step]) -> Facts {
        let mut facts = Facts::default();
        let mut versions = BTreeSet::new();
        for step in steps {
            match step.effect {
                Effect::Put { value, version } | Effect::Cas { value, version, .. } => {
                    *facts.writers.entry(value).or_default() += 1;
                    versions.insert(version);
                }
                Effect::Read { value, version } => {
                    let first = facts.read_by.entry(value).or_insert(step.returned);
                    *first = step.returned.min(*first);
                    versions.insert(version);
                }
                Effect::CasRefused { .. } | Effect::Delete | Effect::DeleteCas { .. } => {}
                Effect::DeleteCasRefused { .. } | Effect::ReadAbsent => {}
            }
        }
        for step in steps {
            facts.count(step.effect, &versions);
            if let Effect::Cas { expect, .. } | Effect::DeleteCas { expect } = step.effect {
                facts.expected.insert(expect);
            }
        }
        facts
    }

    fn count(&mut self, effect: Effect, versions: &BTreeSet<u64>) {
        let Observers { of_nameless, of_removal } = &mut self.observers;
        let (nameless, removal) = match effect {
            Effect::ReadAbsent | Effect::Cas { expect: 0, .. } => (false, true),
            Effect::CasRefused { expect: 0 } | Effect::DeleteCasRefused { .. } => (true, false),
            Effect::CasRefused { .. } => (true, true),
            Effect::Cas { expect, .. } => (!versions.contains(&expect), false),
            Effect::DeleteCas { expect } => (!versions.contains(&expect), true),
            Effect::Read { .. } | Effect::Put { .. } | Effect::Delete => (false, false),
        };
        *of_nameless += usize::from(nameless);
        *of_removal += usize::from(removal);
    }

    /// Whether the step has to be searched; makes it required or marks its group on the way.
    fn keep(&self, step: &mut Step, spare: &mut Observers) -> bool {
        if step.need == Need::Required {
            return true;
        }
        match step.effect {
            Effect::Put { value, .. } | Effect::Cas { value, .. } if self.writers.get(&value) != Some(&1) => true,
            Effect::Put { value, .. } | Effect::Cas { value, .. } if self.read_by.contains_key(&value) => {
                step.need = Need::Required;
                step.returned = self.read_by[&value];
                true
            }
            // Its version is known from elsewhere, so it cannot stand for another.
            Effect::Put { version, .. } | Effect::Cas { version, .. } if version != 0 => {
                self.observers.of_nameless > 0 || self.expected.contains(&version)
            }
            Effect::Put { .. } => {
                step.alike = Some(Alike::Nameless);
                self.observers.of_nameless > 0 && (step.invoked > 0 || take(&mut spare.of_nameless))
            }
            Effect::Delete => {
                step.alike = Some(Alike::Gone);
                self.observers.of_removal > 0 && (step.invoked > 0 || take(&mut spare.of_removal))
            }
            Effect::Cas { .. } => self.observers.of_nameless > 0,
            Effect::DeleteCas { .. } => self.observers.of_removal > 0,
            Effect::CasRefused { .. } | Effect::DeleteCasRefused { .. } | Effect::Read { .. } | Effect::ReadAbsent => true,
        }
    }
}

/// One of as many as there are observers.
fn take(spare: &mut usize) -> bool {
    let any = *spare > 0;
    *spare = spare.saturating_sub(1);
    any
}
