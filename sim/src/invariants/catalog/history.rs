//! What the log makes of the catalog, index by index, and when each index was applied where.

use super::observed::{Subject, Written};
use super::reference::{Catalog, Home};
use crate::checker::Nanos;
use crate::world::Who;
use muster::model::Index;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

/// A node before and after a change; `None`: it is not there.
type Pair = (Option<Arc<Home>>, Option<Arc<Home>>);

/// One change of the catalog.
struct Step {
    index: Index,
    /// The catalog after it.
    catalog: Catalog,
    /// The nodes it changed.
    changed: Vec<Pair>,
}

/// Where what a subject's answers are made of changed.
#[derive(Default)]
struct Marks {
    /// Indexes at which the answer itself became another.
    answers: Vec<Index>,
    /// Indexes at which something changed that the answer could have come from.
    grounds: Vec<Index>,
}

/// The catalog's history.
pub struct History {
    start: Catalog,
    steps: Vec<Step>,
    first_applied: BTreeMap<Index, Nanos>,
    /// Of each server, when it was how far: both rise.
    progress: BTreeMap<Who, Vec<(Nanos, Index)>>,
    marks: RefCell<BTreeMap<Subject, Rc<Marks>>>,
}

impl History {
    /// Plays what the servers applied; of several accounts of one index the first counts.
    pub fn of(applied: &[Written]) -> History {
        let mut entries: BTreeMap<Index, &Written> = BTreeMap::new();
        let mut first_applied: BTreeMap<Index, Nanos> = BTreeMap::new();
        let mut progress: BTreeMap<Who, Vec<(Nanos, Index)>> = BTreeMap::new();
        for entry in applied {
            entries.entry(entry.index).or_insert(entry);
            let first = first_applied.entry(entry.index).or_insert(entry.at);
            *first = entry.at.min(*first);
            let line = progress.entry(entry.server).or_default();
            // A restarted server applies some of it again.
            if line.last().is_none_or(|(_, index)| *index < entry.index) {
                line.push((entry.at, entry.index));
            }
        }
        let mut catalog = Catalog::default();
        let mut steps = Vec::new();
        for (index, entry) in entries {
            if let Some(command) = &entry.command {
                let before = catalog.clone();
                catalog.play(command);
                let changed = difference(&before, &catalog);
                if !changed.is_empty() {
                    steps.push(Step { index, catalog: catalog.clone(), changed });
                }
            }
        }
        History { start: Catalog::default(), steps, first_applied, progress, marks: RefCell::default() }
    }

    /// Every state but the empty one, by its index.
    pub fn states(&self) -> impl Iterator<Item = (Index, &Catalog)> {
        self.steps.iter().map(|step| (step.index, &step.catalog))
    }

    /// The catalog at an index.
    pub fn at(&self, index: Index) -> &Catalog {
        match self.steps.partition_point(|step| step.index <= index) {
            0 => &self.start,
            n => &self.steps[n - 1].catalog,
        }
    }

    fn marks(&self, subject: &Subject) -> Rc<Marks> {
        if let Some(marks) = self.marks.borrow().get(subject) {
            return marks.clone();
        }
        let mut marks = Marks::default();
        for (n, step) in self.steps.iter().enumerate() {
            let grounded = step.changed.iter().any(|pair| grounds_differ(pair, subject));
            if grounded {
                marks.grounds.push(step.index);
                let before = if n == 0 { &self.start } else { &self.steps[n - 1].catalog };
                if before.answer(subject) != step.catalog.answer(subject) {
                    marks.answers.push(step.index);
                }
            }
        }
        let marks = Rc::new(marks);
        self.marks.borrow_mut().insert(subject.clone(), marks.clone());
        marks
    }

    /// The stretches after `after` in which the answer is not what it was there: from which index on, and until which.
    pub fn differences(&self, subject: &Subject, after: Index) -> Vec<(Index, Option<Index>)> {
        let marks = self.marks(subject);
        let known = self.at(after).answer(subject);
        let mut found: Vec<(Index, Option<Index>)> = Vec::new();
        for index in &marks.answers[marks.answers.partition_point(|index| *index <= after)..] {
            let differs = self.at(*index).answer(subject) != known;
            match found.last_mut().filter(|(_, to)| to.is_none()) {
                Some(_) if differs => {}
                Some((_, to)) => *to = Some(*index),
                None if differs => found.push((*index, None)),
                None => {}
            }
        }
        found
    }

    /// Whether after `after`, up to `to`, anything changed that an answer could have come from.
    pub fn is_grounded(&self, subject: &Subject, after: Index, to: Index) -> bool {
        let marks = self.marks(subject);
        marks.grounds.get(marks.grounds.partition_point(|index| *index <= after)).is_some_and(|index| *index <= to)
    }

    /// When an index was first applied anywhere.
    pub fn first_applied(&self, index: Index) -> Option<Nanos> {
        self.first_applied.get(&index).copied()
    }

    /// When `server` had come as far as `index`; the end of time if it never had.
    pub fn applied_at(&self, server: Who, index: Index) -> Nanos {
        let line = self.progress.get(&server).map_or(&[][..], Vec::as_slice);
        line.get(line.partition_point(|(_, applied)| *applied < index)).map_or(Nanos::MAX, |(at, _)| *at)
    }

    /// How far `server` was at a time.
    pub fn reached(&self, server: Who, at: Nanos) -> Index {
        let line = self.progress.get(&server).map_or(&[][..], Vec::as_slice);
        match line.partition_point(|(when, _)| *when <= at) {
            0 => 0,
            n => line[n - 1].1,
        }
    }
}

fn grounds_differ<'a>((before, after): &'a Pair, subject: &Subject) -> bool {
    let ground = |home: &'a Option<Arc<Home>>| home.as_ref().map(|home| home.ground(subject)).filter(|ground| !ground.is_empty());
    ground(before) != ground(after)
}

fn difference(before: &Catalog, after: &Catalog) -> Vec<Pair> {
    let names: BTreeSet<&String> = before.homes.keys().chain(after.homes.keys()).collect();
    let pair = |name: &&String| (before.homes.get(*name).cloned(), after.homes.get(*name).cloned());
    let differs = |(one, other): &Pair| match (one, other) {
        (Some(one), Some(other)) => !Arc::ptr_eq(one, other) && one != other,
        (None, None) => false,
        (Some(_), None) | (None, Some(_)) => true,
    };
    names.iter().map(pair).filter(differs).collect()
}
