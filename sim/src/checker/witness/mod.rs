//! The quick judge: the Raft indexes in the answers propose an order; it is replayed once and held against real time.
//!
//! Every answered operation stands for a position in the log: a write its own index, a read any index at which it would have seen what it
//! saw. One sweep over time carries a floor, the greatest position answered so far; an operation that was requested after that and stands
//! below is stale. Positions are over the whole store, so this is strict serializability, stronger than key by key. Taking the least
//! possible position for each operation is exact: a lower position never forbids what a higher one allows.

mod log;
mod position;
mod writers;

pub use log::{Change, Coverage, Log, Written};

use super::history::{History, Nanos, Operation};
use muster::model::Index;
use position::{Place, Positions};
use std::fmt;

/// The promise that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// R9: what was acknowledged is in the log.
    AcknowledgedIsCommitted,
    /// K6: no request is applied twice, a refused one never.
    AtMostOnce,
    /// K1, K2: an answer is not older than what was answered before it was asked.
    RealTime,
    /// K4: what is read was written, under the indexes that are shown.
    IndexHonesty,
    /// K4: a conditional write takes effect exactly if the version is the one it names.
    CasHonesty,
}

impl Law {
    /// Its id and name, as reports show it.
    pub fn id(self) -> &'static str {
        match self {
            Law::AcknowledgedIsCommitted => "R9-acknowledged-is-committed",
            Law::AtMostOnce => "K6-at-most-once",
            Law::RealTime => "K2-real-time-order",
            Law::IndexHonesty => "K4-index-honesty",
            Law::CasHonesty => "K4-cas-honesty",
        }
    }
}

/// A broken promise and who saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The promise.
    pub law: Law,
    /// One sentence.
    pub says: String,
    /// The operation that shows it, as a position in the history.
    pub operation: usize,
    /// When it was requested.
    pub at: Nanos,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (t={}.{:03} s)", self.law.id(), self.says, self.at / 1_000_000_000, self.at / 1_000_000 % 1_000)
    }
}

/// Judges the history by its indexes alone.
pub fn verify(history: &History) -> Result<(), Broken> {
    let log = Log::observed(history)?;
    verify_with(history, &log)
}

/// Judges the history by the log that the cluster really applied.
pub fn verify_with(history: &History, log: &Log) -> Result<(), Broken> {
    writers::check(history, log)?;
    sweep(history, &Positions::new(history, log)?)
}

/// The greatest position answered so far, and by whom.
#[derive(Debug, Clone, Copy, Default)]
struct Floor {
    index: Index,
    by: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    Invoked,
    Returned,
}

/// Requests come before answers of the same time: operations that touch are concurrent.
fn sweep(history: &History, positions: &Positions<'_>) -> Result<(), Broken> {
    let mut edges: Vec<(Nanos, Edge, u32)> = Vec::with_capacity(history.operations.len() * 2);
    for (at, operation) in (0u32..).zip(&history.operations) {
        if !operation.is_linearizable() {
            continue;
        }
        edges.push((operation.invoked, Edge::Invoked, at));
        if let Some(returned) = operation.returned() {
            edges.push((returned, Edge::Returned, at));
        }
    }
    edges.sort_unstable();
    let mut floor = Floor::default();
    let mut floors = vec![Floor::default(); history.operations.len()];
    for (_, edge, at) in edges {
        let at = at as usize;
        match edge {
            Edge::Invoked => {
                floors[at] = floor;
                if history.operations[at].returned().is_none() {
                    settle(history, positions, at, floor)?;
                }
            }
            Edge::Returned => {
                let index = settle(history, positions, at, floors[at])?;
                if index > floor.index {
                    floor = Floor { index, by: Some(at) };
                }
            }
        }
    }
    Ok(())
}

/// The least position the operation can stand at.
fn settle(history: &History, positions: &Positions<'_>, at: usize, floor: Floor) -> Result<Index, Broken> {
    let stale = |stands: Index| {
        let operation = &history.operations[at];
        let by = floor.by.map(|by| format!("{} was answered at index {}", told(&history.operations[by]), floor.index));
        let by = by.unwrap_or_else(|| "the beginning".to_owned());
        broken(history, at, Law::RealTime, format!("{} stands at index {stands}, but before it was asked, {by}", told(operation)))
    };
    match positions.place(at) {
        Place::Anywhere => Ok(0),
        Place::At(index) if index > floor.index => Ok(index),
        Place::At(index) => Err(stale(index)),
        Place::Within { from, until } => {
            let index = from.max(floor.index);
            if index < until { Ok(index) } else { Err(stale(from)) }
        }
        Place::Search => positions.search(at, floor.index).ok_or_else(|| stale(0)),
    }
}

fn broken(history: &History, operation: usize, law: Law, says: String) -> Broken {
    Broken { law, says, operation, at: history.operations[operation].invoked }
}

/// The operation in a few words.
fn told(operation: &Operation) -> String {
    format!("client {}'s {}", operation.client, super::lanes::label(operation))
}

#[cfg(test)]
mod tests;
