//! Where in the log an operation can stand.

use super::log::{Coverage, Log, Version};
use super::writers::Writers;
use super::{Broken, Law, broken, told};
use crate::checker::history::{Action, Found, Headers, History, Operation, Outcome};
use muster::model::Index;

/// Where an operation can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nothing is known.
    Anywhere,
    /// It is the entry at this index.
    At(Index),
    /// After the entry at `from` (or any later one) and before the entry at `until`.
    Within {
        /// The least index.
        from: Index,
        /// The first index that is too late.
        until: Index,
    },
    /// Wherever the key's state allows it: [`Positions::search`].
    Search,
}

/// The places of all operations.
pub struct Positions<'a> {
    history: &'a History,
    log: &'a Log,
    places: Vec<Place>,
}

impl<'a> Positions<'a> {
    /// Places all operations, and checks on the way that what they saw is in the log.
    pub fn new(history: &'a History, log: &'a Log) -> Result<Positions<'a>, Broken> {
        let writers = Writers::of(history);
        let mut positions = Positions { history, log, places: Vec::with_capacity(history.operations.len()) };
        for at in 0..history.operations.len() {
            let place = positions.find(at, &writers)?;
            positions.places.push(place);
        }
        Ok(positions)
    }

    /// Where the operation stands.
    pub fn place(&self, at: usize) -> Place {
        self.places[at]
    }

    fn find(&self, at: usize, writers: &Writers) -> Result<Place, Broken> {
        let operation = &self.history.operations[at];
        if !operation.is_linearizable() {
            return Ok(Place::Anywhere);
        }
        match &operation.outcome {
            Outcome::Failed => Ok(Place::Anywhere),
            Outcome::Unknown => Ok(self.of_unanswered(operation, writers)),
            Outcome::Wrote { took, .. } => self.of_write(at, operation, *took, writers),
            Outcome::Read { found: Some(found), headers, .. } => self.of_read(at, operation, found, *headers),
            Outcome::Read { found: None, headers, .. } => self.of_absence(at, operation, *headers),
        }
    }

    fn of_unanswered(&self, operation: &Operation, writers: &Writers) -> Place {
        let index = operation.action.value().filter(|value| writers.is_unique(&operation.key, value)).and_then(|value| {
            let attempts = self.log.puts.get(&(operation.key.clone(), value.clone()))?;
            attempts.took.first().copied()
        });
        index.map_or(Place::Anywhere, Place::At)
    }

    fn of_write(&self, at: usize, operation: &Operation, took: bool, writers: &Writers) -> Result<Place, Broken> {
        let whole = self.log.coverage == Coverage::Whole;
        let (value, expect) = match &operation.action {
            Action::Get { .. } => return Ok(Place::Anywhere),
            Action::Delete | Action::DeleteCas { .. } => return Ok(if whole { Place::Search } else { Place::Anywhere }),
            Action::Put { value } => (value, None),
            Action::Cas { value, expect } => (value, Some(*expect)),
        };
        let attempts = self.log.puts.get(&(operation.key.clone(), value.clone())).filter(|_| writers.is_unique(&operation.key, value));
        let index = attempts.and_then(|a| if took { a.took.first() } else { a.refused.first() }).copied();
        let Some(index) = index else {
            return Ok(if whole && !took { Place::Search } else { Place::Anywhere });
        };
        if let (Some(expect), true) = (expect, whole) {
            let was = present(self.log.at(&operation.key, index - 1));
            if (was == expect) != took {
                let says = format!("{} at index {index} answered {took} over version {was}", told(operation));
                return Err(broken(self.history, at, Law::CasHonesty, says));
            }
        }
        Ok(Place::At(index))
    }

    fn of_read(&self, at: usize, operation: &Operation, found: &Found, headers: Headers) -> Result<Place, Broken> {
        if found.modify == 0 {
            return Ok(Place::Anywhere);
        }
        let fail = |says: String| Err(broken(self.history, at, Law::IndexHonesty, format!("{} {says}", told(operation))));
        let seen = Version { modify: found.modify, create: found.create, value: Some(found.value.clone()) };
        if self.log.at(&operation.key, found.modify) != Some(&seen) {
            return fail(format!("shows create {} and modify {}, which was never written", found.create, found.modify));
        }
        let until = self.log.after(&operation.key, found.modify).map_or(Index::MAX, |v| v.modify);
        if headers.index != 0 && !(found.modify..until).contains(&headers.index) {
            return fail(format!("shows ModifyIndex {} under X-Consul-Index {}", found.modify, headers.index));
        }
        Ok(Place::Within { from: found.modify.max(headers.index), until })
    }

    fn of_absence(&self, at: usize, operation: &Operation, headers: Headers) -> Result<Place, Broken> {
        let whole = self.log.coverage == Coverage::Whole;
        if headers.index == 0 {
            return Ok(if whole { Place::Search } else { Place::Anywhere });
        }
        let next = self.log.after(&operation.key, headers.index);
        let until = next.map_or(Index::MAX, |v| if whole { v.modify } else { v.create.max(1) });
        let was = if whole { present(self.log.at(&operation.key, headers.index)) } else { 0 };
        if was != 0 || until <= headers.index {
            let says = format!("found nothing at X-Consul-Index {}, where the key had a value", headers.index);
            return Err(broken(self.history, at, Law::IndexHonesty, format!("{} {says}", told(operation))));
        }
        Ok(Place::Within { from: headers.index, until })
    }

    /// The least index above or at `floor` where the operation, which has no index of its own, fits.
    ///
    /// A delete is one of the deletes in the log after `floor`. It is not known which, so it is the first one: too low never accuses.
    pub fn search(&self, at: usize, floor: Index) -> Option<Index> {
        let operation = &self.history.operations[at];
        let key = operation.key.as_ref();
        let fits = |version: Option<&Version>| match (&operation.action, &operation.outcome) {
            (Action::Get { .. }, _) => present(version) == 0,
            (Action::Cas { expect, .. }, _) => present(version) != *expect,
            (Action::DeleteCas { expect }, Outcome::Wrote { took: false, .. }) => present(version) != 0 && present(version) != *expect,
            (Action::Put { .. } | Action::Delete | Action::DeleteCas { .. }, _) => true,
        };
        let deletes = matches!(
            (&operation.action, &operation.outcome),
            (Action::Delete, _) | (Action::DeleteCas { .. }, Outcome::Wrote { took: true, .. })
        );
        if deletes {
            let deletes = self.log.deletes.get(key)?;
            return deletes.get(deletes.partition_point(|index| *index <= floor)).copied();
        }
        let mut index = floor;
        while !fits(self.log.at(key, index)) {
            index = self.log.after(key, index)?.modify;
        }
        Some(index)
    }
}

/// The `ModifyIndex` of a present key, 0 of an absent one: what compare-and-set compares.
fn present(version: Option<&Version>) -> Index {
    version.map_or(0, |v| if v.value.is_some() { v.modify } else { 0 })
}
