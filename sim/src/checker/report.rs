//! Both judges, one verdict.

use super::compile::{Step, steps};
use super::counterexample::{Counterexample, Withdrawn, explain};
use super::history::{History, Operation};
use super::rounds::{Budget, search_fairly};
use super::settle::settle;
use super::witness::{self, Broken, Log};
use super::{lanes, page};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What is certain about a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every key has a legal order, and the indexes agree with it.
    Linearizable,
    /// There is a counterexample.
    Illegal,
    /// The budget was spent before it was certain.
    Unknown,
}

/// The judgement of one history.
#[derive(Debug, Clone)]
pub struct Report {
    /// How many operations were judged: all but failed requests, unanswered reads and stale reads.
    pub operations: usize,
    /// On how many keys.
    pub keys: usize,
    /// Search steps taken.
    pub steps: u64,
    /// What the index-guided judge found.
    pub broken: Option<Broken>,
    /// What the search found.
    pub counterexample: Option<Counterexample>,
    /// Keys for which the budget was spent first.
    pub undecided: Vec<Arc<str>>,
}

/// Judges the history by both ways. With `log`, what the servers applied is the order to verify; without, what readers were told.
pub fn check(history: &History, log: Option<&Log>, budget: Budget) -> Report {
    let broken = match log {
        Some(log) => witness::verify_with(history, log),
        None => witness::verify(history),
    };
    Report { broken: broken.err(), ..check_apart_from_indexes(history, budget) }
}

/// Judges the history by the search alone: where a restore brought older indexes back, they propose no order.
pub fn check_apart_from_indexes(history: &History, budget: Budget) -> Report {
    let keys = by_key(history);
    let compiled: Vec<Vec<Step>> = keys.values().map(|operations| settle(steps(operations))).collect();
    let outcomes = search_fairly(&compiled, budget);
    let mut undecided = outcomes.undecided;
    let mut counterexample = None;
    if let Some(illegal) = outcomes.illegal {
        let operations = keys.values().nth(illegal).map_or(&[][..], Vec::as_slice);
        match explain(operations, budget.steps) {
            Ok(found) => counterexample = Some(found),
            Err(Withdrawn::Legal | Withdrawn::OutOfBudget) => undecided.push(illegal),
        }
    }
    Report {
        operations: compiled.iter().map(Vec::len).sum(),
        keys: keys.len(),
        steps: outcomes.spent,
        broken: None,
        counterexample,
        undecided: keys.keys().enumerate().filter(|(at, _)| undecided.contains(at)).map(|(_, key)| (*key).clone()).collect(),
    }
}

fn by_key(history: &History) -> BTreeMap<&Arc<str>, Vec<&Operation>> {
    let mut keys: BTreeMap<&Arc<str>, Vec<&Operation>> = BTreeMap::new();
    for operation in &history.operations {
        keys.entry(&operation.key).or_default().push(operation);
    }
    keys
}

impl Report {
    /// The verdict: illegal on any counterexample, else unknown on any undecided key.
    pub fn verdict(&self) -> Verdict {
        if self.counterexample.is_some() || self.broken.is_some() {
            Verdict::Illegal
        } else if self.undecided.is_empty() {
            Verdict::Linearizable
        } else {
            Verdict::Unknown
        }
    }

    /// What a command that judged this exits with: 0, 1 for illegal, 6 for unknown.
    pub fn exit_code(&self) -> u8 {
        match self.verdict() {
            Verdict::Linearizable => 0,
            Verdict::Illegal => 1,
            Verdict::Unknown => 6,
        }
    }

    /// The counterexample as one HTML page that needs nothing else; `None` without one.
    pub fn page(&self) -> Option<String> {
        self.counterexample.as_ref().map(page::render)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict() {
            Verdict::Linearizable => "linearizable",
            Verdict::Illegal => "NOT linearizable",
            Verdict::Unknown => "unknown: the budget was spent",
        };
        writeln!(f, "{verdict}: {} operations on {} keys, {} search steps", self.operations, self.keys, self.steps)?;
        if let Some(broken) = &self.broken {
            writeln!(f, "{broken}")?;
        }
        for key in &self.undecided {
            writeln!(f, "undecided: key {key}")?;
        }
        match &self.counterexample {
            Some(counterexample) => f.write_str(&lanes::render(counterexample)),
            None => Ok(()),
        }
    }
}
