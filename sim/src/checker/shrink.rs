//! From an illegal history of one key to a few operations that still have no legal order.
//!
//! Leaving a read out, or a write's time, only ever gives more freedom: if what is left has no legal order, the whole had none. So a
//! write that is not needed is first made free (any time, or never), and goes entirely only when nothing left could tell. Every
//! candidate is searched; the budget bounds the sum, and at its end the smallest one found so far stands.

use super::compile::Step;
use super::register::{Effect, Need};
use super::search::{Progress, Search};
use super::seen::Fingerprints;
use std::collections::BTreeSet;

/// Makes `steps`, which have no legal order, few. `client` tells whose step it is.
pub fn shrink(steps: &[Step], client: impl Fn(&Step) -> u32, budget: u64) -> Vec<Step> {
    let mut shrinking = Shrinking { steps, left: budget };
    let mut kept: Vec<usize> = (0..steps.len()).collect();
    shrinking.cut_tail(&mut kept);
    let clients: BTreeSet<u32> = kept.iter().map(|s| client(&steps[*s])).collect();
    for gone in clients {
        let without: Vec<usize> = kept.iter().copied().filter(|s| client(&steps[*s]) != gone).collect();
        shrinking.accept(&mut kept, without);
    }
    let mut chunk = kept.len().div_ceil(2);
    while chunk > 0 {
        let smaller = shrinking.drop_chunks(&mut kept, chunk);
        chunk = if chunk == 1 && smaller { 1 } else { chunk / 2 };
    }
    let mut short = relax(steps, &kept);
    short.sort_by_key(|s| (s.need == Need::Optional, s.invoked, s.source));
    short
}

struct Shrinking<'a> {
    steps: &'a [Step],
    left: u64,
}

impl Shrinking<'_> {
    /// Legal orders are closed under prefixes, so the shortest illegal prefix is found by halving.
    fn cut_tail(&mut self, kept: &mut Vec<usize>) {
        kept.sort_by_key(|s| match self.steps[*s].need {
            Need::Required => self.steps[*s].returned,
            Need::Optional => self.steps[*s].invoked,
        });
        let (mut legal, mut illegal) = (0, kept.len());
        while illegal - legal > 1 {
            let middle = legal.midpoint(illegal);
            if self.is_illegal(&kept[..middle]) { illegal = middle } else { legal = middle }
        }
        kept.truncate(illegal);
        kept.sort_unstable();
    }

    /// Tries to do without each run of `chunk` steps; whether any went.
    fn drop_chunks(&mut self, kept: &mut Vec<usize>, chunk: usize) -> bool {
        let (mut from, before) = (0, kept.len());
        while from < kept.len() {
            let to = (from + chunk).min(kept.len());
            let without = [&kept[..from], &kept[to..]].concat();
            if !self.accept(kept, without) {
                from = to;
            }
        }
        kept.len() < before
    }

    fn accept(&mut self, kept: &mut Vec<usize>, without: Vec<usize>) -> bool {
        let illegal = without.len() < kept.len() && self.is_illegal(&without);
        if illegal {
            *kept = without;
        }
        illegal
    }

    /// Whether it is certain: a search that ends early is not.
    fn is_illegal(&mut self, kept: &[usize]) -> bool {
        const ROOM: usize = 1_000_000;
        const PORTION: u64 = 2_000_000;
        let mut search = Search::<Fingerprints>::new(relax(self.steps, kept), ROOM);
        let progress = search.run(self.left.min(PORTION));
        self.left -= search.take_spent();
        progress == Progress::Illegal
    }
}

/// The kept steps as they are, the other writes without their time, the others left out.
fn relax(steps: &[Step], kept: &[usize]) -> Vec<Step> {
    let kept: BTreeSet<usize> = kept.iter().copied().collect();
    let mut relaxed: Vec<Step> = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate() {
        if kept.contains(&at) {
            relaxed.push(*step);
        } else if writes(step.effect) {
            relaxed.push(Step { need: Need::Optional, invoked: 0, returned: u64::MAX, ..*step });
        }
    }
    while let Some(fewer) = without_unseen(&relaxed) {
        relaxed = fewer;
    }
    relaxed
}

fn writes(effect: Effect) -> bool {
    match effect {
        Effect::Put { .. } | Effect::Cas { .. } | Effect::Delete | Effect::DeleteCas { .. } => true,
        Effect::CasRefused { .. } | Effect::DeleteCasRefused { .. } | Effect::Read { .. } | Effect::ReadAbsent => false,
    }
}

/// Leaves out optional writes that nothing could observe, and of equally good ones all but as many as there are observers.
/// `None` if there is none to leave out.
fn without_unseen(steps: &[Step]) -> Option<Vec<Step>> {
    let mut alike: Vec<(Group, usize)> = Vec::new();
    let mut keep = |step: &Step| {
        if step.need == Need::Required {
            return true;
        }
        let observers = steps.iter().filter(|other| other.source != step.source && observes(other.effect, step.effect)).count();
        let Some(group) = group(step, steps) else { return observers > 0 };
        let at = alike.iter().position(|(g, _)| *g == group).unwrap_or_else(|| {
            alike.push((group, 0));
            alike.len() - 1
        });
        alike[at].1 += 1;
        alike[at].1 <= observers
    };
    let fewer: Vec<Step> = steps.iter().filter(|step| keep(step)).copied().collect();
    (fewer.len() < steps.len()).then_some(fewer)
}

/// Optional writes that can stand for one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    /// Deletes.
    Gone,
    /// Puts whose value nothing names: only refusals can tell that they happened.
    Nameless,
}

fn group(step: &Step, steps: &[Step]) -> Option<Group> {
    match step.effect {
        Effect::Delete if step.invoked == 0 => Some(Group::Gone),
        Effect::Put { .. } if step.invoked == 0 => {
            let named = |other: &&Step| other.source != step.source && names(other.effect, step.effect);
            if steps.iter().any(|other| named(&other)) { None } else { Some(Group::Nameless) }
        }
        Effect::Put { .. } | Effect::Delete | Effect::Cas { .. } | Effect::DeleteCas { .. } => None,
        Effect::CasRefused { .. } | Effect::DeleteCasRefused { .. } | Effect::Read { .. } | Effect::ReadAbsent => None,
    }
}

/// Whether `other` could come right after `write` because of the very value or version that it wrote.
fn names(other: Effect, write: Effect) -> bool {
    let (Effect::Put { value: wrote, version: made } | Effect::Cas { value: wrote, version: made, .. }) = write else { return false };
    match other {
        Effect::Read { value, .. } | Effect::Put { value, .. } => value == wrote,
        Effect::Cas { expect, value, .. } => value == wrote || (expect != 0 && (made == 0 || expect == made)),
        Effect::DeleteCas { expect } => made == 0 || expect == made,
        Effect::Delete | Effect::ReadAbsent | Effect::CasRefused { .. } | Effect::DeleteCasRefused { .. } => false,
    }
}

/// Whether `other` could come where it stands because `write` came before it.
fn observes(other: Effect, write: Effect) -> bool {
    let removed = matches!(write, Effect::Delete | Effect::DeleteCas { .. });
    match other {
        Effect::ReadAbsent => removed,
        Effect::Cas { expect: 0, .. } => removed || names(other, write),
        Effect::DeleteCas { .. } => removed || names(other, write),
        Effect::CasRefused { expect } => !removed || expect != 0,
        Effect::DeleteCasRefused { .. } => !removed,
        Effect::Read { .. } | Effect::Put { .. } | Effect::Cas { .. } => names(other, write),
        Effect::Delete => false,
    }
}
