//! The definition of linearizability, tried literally: every order of a few operations. Slow, and too simple to be wrong.

use super::compile::steps;
use super::history::{Action, Found, Headers, History, Mode, Operation, Outcome};
use super::register::{Effect, Need};
use proptest::prelude::{Just, Strategy, prop_oneof};
use std::sync::Arc;

/// Whether some order of all required and any of the optional operations is legal. For one key.
pub fn is_linearizable(history: &History) -> bool {
    let operations: Vec<&Operation> = history.operations.iter().collect();
    has_legal_order(&steps(&operations))
}

/// The same of steps.
pub fn has_legal_order(steps: &[super::Step]) -> bool {
    place(steps, &mut vec![false; steps.len()], &mut Vec::new())
}

fn place(steps: &[super::Step], placed: &mut Vec<bool>, order: &mut Vec<Effect>) -> bool {
    let open = |at: usize, placed: &[bool]| !placed[at] && steps[at].need == Need::Required;
    if (0..steps.len()).all(|at| !open(at, placed)) {
        return true;
    }
    for at in 0..steps.len() {
        let overtakes = (0..steps.len()).any(|other| open(other, placed) && steps[other].returned < steps[at].invoked);
        if placed[at] || overtakes {
            continue;
        }
        placed[at] = true;
        order.push(steps[at].effect);
        let found = is_legal(order) && place(steps, placed, order);
        order.pop();
        placed[at] = false;
        if found {
            return true;
        }
    }
    false
}

/// Replays an order on a plain cell, without any of the shortcuts of [`super::register`].
fn is_legal(order: &[Effect]) -> bool {
    let (mut value, mut version) = (0, 0);
    let agree = |a: u64, b: u64| a == 0 || b == 0 || a == b;
    for effect in order {
        let holds = match *effect {
            Effect::Put { .. } | Effect::Delete => true,
            Effect::Cas { expect: 0, .. } | Effect::ReadAbsent => value == 0,
            Effect::Cas { expect, .. } => value != 0 && agree(version, expect),
            Effect::DeleteCas { expect } => value == 0 || agree(version, expect),
            Effect::CasRefused { expect: 0 } => value != 0,
            Effect::CasRefused { expect } => value == 0 || version == 0 || version != expect,
            Effect::DeleteCasRefused { expect } => value != 0 && (version == 0 || version != expect),
            Effect::Read { value: seen, version: at } => value == seen && agree(version, at),
        };
        if !holds {
            return false;
        }
        match *effect {
            Effect::Put { value: new, version: made } | Effect::Cas { value: new, version: made, .. } if new != value => {
                (value, version) = (new, made);
            }
            Effect::Delete | Effect::DeleteCas { .. } => (value, version) = (0, 0),
            Effect::Read { version: at, .. } => version = version.max(at),
            Effect::Put { .. } | Effect::Cas { .. } | Effect::CasRefused { .. } => {}
            Effect::DeleteCasRefused { .. } | Effect::ReadAbsent => {}
        }
    }
    true
}

/// One request of a generated run: who, what, how long before and after its turn it is under way, and whether the answer arrives.
#[derive(Debug, Clone)]
pub struct Ask {
    client: u32,
    what: What,
    before: u64,
    after: u64,
    answered: bool,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Put,
    Get,
    Delete,
    /// Over the current version, or over one that is not.
    Cas {
        fits: bool,
    },
    DeleteCas {
        fits: bool,
    },
}

/// Requests of a run with up to `most` operations.
pub fn asks(most: usize) -> impl Strategy<Value = Vec<Ask>> {
    let fits = proptest::bool::ANY;
    let what = prop_oneof![
        3 => Just(What::Put),
        4 => Just(What::Get),
        1 => Just(What::Delete),
        2 => fits.prop_map(|fits| What::Cas { fits }),
        1 => fits.prop_map(|fits| What::DeleteCas { fits }),
    ];
    let ask = (0..4u32, what, 0..60u64, 0..60u64, proptest::bool::weighted(0.85));
    let ask = ask.prop_map(|(client, what, before, after, answered)| Ask { client, what, before, after, answered });
    proptest::collection::vec(ask, 1..most)
}

/// A run against a real register: each request takes effect at its turn, somewhere between request and answer.
pub fn linearizable_run(asks: &[Ask]) -> History {
    let mut cell: Option<Found> = None;
    let mut operations = Vec::new();
    for (turn, ask) in (1u64..).zip(asks) {
        let now = 100 + turn * 20;
        let (current, index) = (cell.as_ref().map_or(0, |c| c.modify), turn * 2 + 8);
        let value: Arc<str> = format!("v{turn}").into();
        let write = |value: &Arc<str>| {
            let create = cell.as_ref().map_or(index, |c| c.create);
            Some(Found { value: value.clone(), modify: index, create })
        };
        let wrong = current + 1;
        let at = now + ask.after;
        let (action, next, outcome) = match ask.what {
            What::Put => (Action::Put { value: value.clone() }, write(&value), Outcome::Wrote { at, took: true }),
            What::Get => {
                let headers = Headers { index: if current == 0 { index } else { current }, ..Headers::default() };
                (Action::Get { mode: Mode::Default }, cell.clone(), Outcome::Read { at, found: cell.clone(), headers })
            }
            What::Delete => (Action::Delete, None, Outcome::Wrote { at, took: true }),
            What::Cas { fits: true } => {
                (Action::Cas { value: value.clone(), expect: current }, write(&value), Outcome::Wrote { at, took: true })
            }
            What::Cas { fits: false } => (Action::Cas { value, expect: wrong }, cell.clone(), Outcome::Wrote { at, took: false }),
            What::DeleteCas { fits: true } => (Action::DeleteCas { expect: current.max(1) }, None, Outcome::Wrote { at, took: true }),
            What::DeleteCas { fits: false } => {
                (Action::DeleteCas { expect: wrong }, cell.clone(), Outcome::Wrote { at, took: cell.is_none() })
            }
        };
        cell = next;
        let outcome = if ask.answered { outcome } else { Outcome::Unknown };
        let key: Arc<str> = "k".into();
        operations.push(Operation { client: ask.client, asked: "".into(), key, action, invoked: now - ask.before, outcome });
    }
    History { operations }
}

/// Gives the answer of one read to another: what a stale or invented answer looks like. `None` if there are no two different reads.
pub fn swap_answers(history: &History, one: usize, other: usize) -> Option<History> {
    let reads: Vec<usize> =
        (0..history.operations.len()).filter(|at| matches!(history.operations[*at].outcome, Outcome::Read { .. })).collect();
    let (one, other) = (*reads.get(one % reads.len().max(1))?, *reads.get(other % reads.len())?);
    let mut swapped = history.clone();
    let answer = |at: usize| match &history.operations[at].outcome {
        Outcome::Read { found, headers, .. } => (found.clone(), *headers),
        Outcome::Wrote { .. } | Outcome::Failed | Outcome::Unknown => (None, Headers::default()),
    };
    for (to, from) in [(one, other), (other, one)] {
        let at = history.operations[to].returned()?;
        let (found, headers) = answer(from);
        swapped.operations[to].outcome = Outcome::Read { at, found, headers };
    }
    (swapped != *history).then_some(swapped)
}
