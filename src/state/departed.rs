//! When names went away: what a reader who waits for something that is not there goes by.

use crate::model::Index;
use imbl::{OrdMap, OrdSet};
use std::sync::Arc;

/// How many names that went away are remembered; of the older ones only the latest index is.
pub(super) const REMEMBERED: usize = 4096;

/// Names that were in a table and no longer are, and when the last row of each went. At most [`REMEMBERED`] names: whoever waits for one that was
/// forgotten since is told to look again, once.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Departed {
    by_name: OrdMap<Arc<str>, Index>,
    by_age: OrdSet<(Index, Arc<str>)>,
    /// The highest index among the names forgotten.
    forgotten: Index,
    /// The highest index ever.
    last: Index,
}

impl Departed {
    /// When `name`, which is not there, went away; at least as late as that if it was forgotten. 0 if nothing was ever forgotten.
    pub(super) fn at(&self, name: &str) -> Index {
        self.by_name.get(name).copied().unwrap_or(self.forgotten)
    }

    /// When anything last went away; 0 if nothing ever did.
    pub(super) fn last(&self) -> Index {
        self.last
    }

    /// `name` went away.
    pub(super) fn note(&mut self, name: &Arc<str>, index: Index) {
        self.returned(name);
        self.by_name.insert(name.clone(), index);
        self.by_age.insert((index, name.clone()));
        self.last = index;
        if self.by_name.len() > REMEMBERED
            && let Some((index, name)) = self.by_age.remove_min()
        {
            self.by_name.remove(&name);
            self.forgotten = index;
        }
    }

    /// `name` is there again.
    pub(super) fn returned(&mut self, name: &Arc<str>) {
        if let Some(index) = self.by_name.remove(name) {
            self.by_age.remove(&(index, name.clone()));
        }
    }

    /// The names remembered, by age, for a snapshot.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Index, Arc<str>)> {
        self.by_age.iter()
    }

    /// The highest index among the names forgotten and the highest ever, for a snapshot.
    pub(super) fn marks(&self) -> (Index, Index) {
        (self.forgotten, self.last)
    }

    /// What a snapshot says of one name. Whether it comes in order.
    pub(super) fn restore(&mut self, name: Arc<str>, index: Index) -> bool {
        let ascends = self.by_age.get_max().is_none_or(|last| *last < (index, name.clone()));
        let new = self.by_name.insert(name.clone(), index).is_none();
        self.by_age.insert((index, name));
        self.last = self.last.max(index);
        ascends && new && self.by_name.len() <= REMEMBERED
    }

    /// What a snapshot says beside the names.
    pub(super) fn restore_marks(&mut self, (forgotten, last): (Index, Index)) {
        (self.forgotten, self.last) = (forgotten, last);
    }
}

#[cfg(test)]
mod tests {
    use super::{Departed, REMEMBERED};

    #[test]
    fn a_name_forgotten_is_told_as_the_latest_that_was() {
        let mut departed = Departed::default();
        assert_eq!((departed.at("a"), departed.last()), (0, 0));
        for index in 1..=REMEMBERED as u64 + 2 {
            departed.note(&format!("name-{index}").into(), index);
        }
        assert_eq!((departed.at("name-1"), departed.at("name-2"), departed.at("never")), (2, 2, 2));
        assert_eq!((departed.at("name-3"), departed.last()), (3, REMEMBERED as u64 + 2));
        assert_eq!(departed.iter().count(), REMEMBERED);
    }

    #[test]
    fn a_name_that_came_back_takes_no_room() {
        let mut departed = Departed::default();
        departed.note(&"a".into(), 5);
        departed.note(&"a".into(), 7);
        assert_eq!((departed.at("a"), departed.iter().count()), (7, 1));
        departed.returned(&"a".into());
        assert_eq!((departed.at("a"), departed.iter().count(), departed.last()), (0, 0, 7));
    }
}
