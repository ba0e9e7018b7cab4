//! Many keys, one budget: each key gets its portion in turn, and portions double, so that one hard key starves nobody.

use super::compile::Step;
use super::search::{Progress, Search};
use super::seen::Fingerprints;

/// What a check may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Search steps over all keys. Steps, not seconds: the same history always gives the same verdict.
    pub steps: u64,
    /// Configurations remembered over all keys, at about 48 bytes each.
    pub room: usize,
}

impl Default for Budget {
    /// A few seconds and at most about 200 MB.
    fn default() -> Budget {
        Budget { steps: 50_000_000, room: 4_000_000 }
    }
}

/// What came of all keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// The first key found without a legal order; the search stops there.
    pub illegal: Option<usize>,
    /// Keys for which the budget ran out.
    pub undecided: Vec<usize>,
    /// Steps taken.
    pub spent: u64,
}

const FIRST_PORTION: u64 = 1_024;

/// Searches all keys until one is illegal, all are decided, or the budget is spent.
pub fn search_fairly(keys: &[Vec<Step>], budget: Budget) -> Outcomes {
    let room = budget.room / keys.len().max(1);
    let mut going: Vec<(usize, Search<Fingerprints>)> =
        keys.iter().enumerate().map(|(key, steps)| (key, Search::new(steps.clone(), room))).collect();
    let mut outcomes = Outcomes::default();
    let mut portion = FIRST_PORTION;
    while !going.is_empty() && outcomes.spent < budget.steps {
        let mut still = Vec::new();
        for (key, mut search) in going {
            let allowed = portion.min(budget.steps - outcomes.spent);
            let progress = search.run(allowed);
            outcomes.spent += search.take_spent();
            match progress {
                Progress::Going => still.push((key, search)),
                Progress::Linearizable => {}
                Progress::OutOfRoom => outcomes.undecided.push(key),
                Progress::Illegal => return Outcomes { illegal: Some(key), ..outcomes },
            }
        }
        going = still;
        portion = portion.saturating_mul(2);
    }
    outcomes.undecided.extend(going.into_iter().map(|(key, _)| key));
    outcomes.undecided.sort_unstable();
    outcomes
}
