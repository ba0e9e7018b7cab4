//! A few operations on one key that no order explains, and how far one gets.

use super::compile::{Standing, Step, steps};
use super::history::Operation;
use super::register::{Effect, Need, Register};
use super::search::{Progress, Search};
use super::seen::Exact;
use super::settle::settle;
use super::shrink::shrink;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One operation of a counterexample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The operation as it was recorded.
    pub operation: Operation,
    /// Whether its time matters.
    pub standing: Standing,
}

/// The state of a key, readable: value and version (0 if not known), or no entry.
pub type Shown = Option<(Arc<str>, u64)>;

/// Operations on one key without a legal order, as few as could be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample {
    /// The key.
    pub key: Arc<str>,
    /// Timed operations by their request's time, then the free ones.
    pub parts: Vec<Part>,
    /// How many more writes were allowed at any time or never, and do not help.
    pub useless: usize,
    /// The longest legal order, as positions in `parts`, with the state after each.
    pub longest: Vec<(usize, Shown)>,
    /// The operation that had to be placed next and cannot be, as a position in `parts`.
    pub stuck: usize,
}

/// Why there is no counterexample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// Exact memory found a legal order: two fingerprints collided.
    Legal,
    /// Exact memory ran out of budget.
    OutOfBudget,
}

const EXACT_STEPS: u64 = 20_000_000;
const EXACT_ROOM: usize = 2_000_000;

/// The counterexample in `operations`, all on one key, which a search by fingerprints found illegal; confirmed with exact memory.
pub fn explain(operations: &[&Operation], budget: u64) -> Result<Counterexample, Withdrawn> {
    let all = steps(operations);
    let short = shrink(&all, |step| operations[step.source].client, budget);
    let confirmed = confirm(short).or_else(|_| confirm(settle(all)))?;
    Ok(confirmed.show(operations))
}

struct Confirmed {
    steps: Vec<Step>,
    longest: Vec<u32>,
    stuck: u32,
}

fn confirm(steps: Vec<Step>) -> Result<Confirmed, Withdrawn> {
    let mut search = Search::<Exact>::explaining(steps.clone(), EXACT_ROOM);
    match search.run(EXACT_STEPS) {
        Progress::Illegal => {
            let deepest = search.deepest().cloned().unwrap_or_default();
            Ok(Confirmed { steps, longest: deepest.placed, stuck: deepest.stuck })
        }
        Progress::Linearizable => Err(Withdrawn::Legal),
        Progress::Going | Progress::OutOfRoom => Err(Withdrawn::OutOfBudget),
    }
}

impl Confirmed {
    /// Free writes that could not even be placed are counted, not shown.
    fn show(&self, operations: &[&Operation]) -> Counterexample {
        let mut names: BTreeMap<u32, Arc<str>> = BTreeMap::new();
        for step in &self.steps {
            name(&mut names, step.effect, operations[step.source]);
        }
        let is_shown = |at: &usize| {
            let step = &self.steps[*at];
            step.standing != Standing::Free || step.need == Need::Required || self.longest.contains(&(*at as u32))
        };
        let shown: Vec<usize> = (0..self.steps.len()).filter(is_shown).collect();
        let place = |at: u32| shown.iter().position(|s| *s == at as usize).expect("what is placed or required is shown");
        let mut state = Register::default();
        let mut longest = Vec::new();
        for at in &self.longest {
            let step = self.steps[*at as usize];
            state = state.step(step.effect, step.need).expect("the search placed it");
            longest.push((place(*at), names.get(&state.value).map(|value| (value.clone(), state.version))));
        }
        let part = |at: &usize| {
            let step = &self.steps[*at];
            Part { operation: operations[step.source].clone(), standing: step.standing }
        };
        Counterexample {
            key: operations.first().map(|o| o.key.clone()).unwrap_or_default(),
            parts: shown.iter().map(part).collect(),
            useless: self.steps.len() - shown.len(),
            longest,
            stuck: place(self.stuck),
        }
    }
}

fn name(names: &mut BTreeMap<u32, Arc<str>>, effect: Effect, operation: &Operation) {
    match effect {
        Effect::Put { value, .. } | Effect::Cas { value, .. } => {
            if let Some(text) = operation.action.value() {
                names.insert(value, text.clone());
            }
        }
        Effect::CasRefused { .. } | Effect::Delete | Effect::DeleteCas { .. } => {}
        Effect::DeleteCasRefused { .. } | Effect::Read { .. } | Effect::ReadAbsent => {}
    }
}
