//! From an illegal history of one key to a few operations that still have no legal order.
//!
//! Leaving a read out, or a write's time, only ever gives more freedom: if what is left has no legal order, the whole had none. So a
//! write that is not needed is first made free (any time, or never), and goes entirely only when nothing left could tell. Every
//! candidate is searched; the budget bounds the sum, and at its end the smallest one found so far stands.

use super::compile::{Standing, Step};
use super::register::{Effect, Need};
use super::search::{Progress, Search};
use super::seen::Fingerprints;
use super::settle::settle;
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
    short.sort_by_key(|s| (s.standing == Standing::Free, s.invoked, s.source));
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

/// The kept steps as they are, the other writes without their time, everything else left out.
fn relax(steps: &[Step], kept: &[usize]) -> Vec<Step> {
    let kept: BTreeSet<usize> = kept.iter().copied().collect();
    let required = |at: &usize| steps[*at].need == Need::Required;
    let last = kept.iter().copied().filter(required).map(|at| steps[at].returned).max().unwrap_or(0);
    let read: BTreeSet<u32> = kept.iter().map(|at| shown(steps[*at].effect)).filter(|value| *value != 0).collect();
    let mut relaxed: Vec<Step> = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate() {
        // What was requested after the last answer comes after it in every order.
        if step.invoked > last && !read.contains(&written(step.effect)) {
            continue;
        } else if kept.contains(&at) {
            relaxed.push(*step);
        } else if writes(step.effect) {
            relaxed.push(Step { need: Need::Optional, invoked: 0, returned: u64::MAX, standing: Standing::Free, ..*step });
        }
    }
    settle(relaxed)
}

/// The value that a read shows; 0 if it is none.
fn shown(effect: Effect) -> u32 {
    if let Effect::Read { value, .. } = effect { value } else { 0 }
}

/// The value that is written; 0 if it is none.
fn written(effect: Effect) -> u32 {
    if let Effect::Put { value, .. } | Effect::Cas { value, .. } = effect { value } else { 0 }
}

fn writes(effect: Effect) -> bool {
    match effect {
        Effect::Put { .. } | Effect::Cas { .. } | Effect::Delete | Effect::DeleteCas { .. } => true,
        Effect::CasRefused { .. } | Effect::DeleteCasRefused { .. } | Effect::Read { .. } | Effect::ReadAbsent => false,
    }
}
