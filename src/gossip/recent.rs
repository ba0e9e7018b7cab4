//! What was heard lately, by logical time: nothing is taken twice, and what is older than all that is remembered is not taken at all.

use super::lamport::MAX_LAMPORT;
use std::collections::BTreeMap;

/// Things remembered (Serf's event buffer). At the bound the oldest is forgotten, and nothing of its time or before is taken any more.
pub(super) const MAX_RECENT: usize = 512;

/// Logical time, then what tells two of one time apart.
pub(super) type Place = (u64, u128);

/// The newest [`MAX_RECENT`] of one kind.
#[derive(Debug)]
pub(super) struct Recent<T> {
    held: BTreeMap<Place, T>,
    floor: u64,
}

impl<T> Recent<T> {
    /// Nothing yet, and nothing of `floor` or before is taken.
    pub fn above(floor: u64) -> Recent<T> {
        Recent { held: BTreeMap::new(), floor: floor.min(MAX_LAMPORT) }
    }

    /// Nothing of this time or before is taken.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// Takes nothing of this time or before from now on.
    pub fn raise_floor(&mut self, floor: u64) {
        self.floor = self.floor.max(floor.min(MAX_LAMPORT));
    }

    /// Whether something at this place was never taken and may be.
    pub fn lacks(&self, place: Place) -> bool {
        place.0 > self.floor && place.0 <= MAX_LAMPORT && !self.held.contains_key(&place)
    }

    /// Takes it, if it is new and not too old. It is taken at most once.
    pub fn take(&mut self, place: Place, what: T) -> bool {
        if !self.lacks(place) {
            return false;
        }
        self.held.insert(place, what);
        if self.held.len() > MAX_RECENT
            && let Some(((oldest, _), _)) = self.held.pop_first()
        {
            self.raise_floor(oldest);
        }
        true
    }

    /// All that is remembered, in order of time.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, &T)> {
        self.held.iter()
    }

    /// Those of one time.
    pub fn of_time(&self, at: u64) -> impl Iterator<Item = (&Place, &T)> {
        self.held.range((at, 0)..=(at, u128::MAX))
    }

    pub fn check_invariants(&self) {
        assert!(self.held.len() <= MAX_RECENT, "what is remembered is bounded");
        assert!(self.floor <= MAX_LAMPORT, "the floor is a time");
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_RECENT, Recent};
    use proptest::prelude::{any, prop_assert, proptest};
    use std::collections::BTreeSet;

    #[test]
    fn what_is_older_than_all_that_is_remembered_is_not_taken() {
        let mut recent = Recent::above(0);
        assert!((1..=MAX_RECENT as u64).all(|at| recent.take((at + 10, 0), ())));
        assert!(recent.take((5, 0), ()), "there is no floor yet, but it is the first to go");
        assert!(!recent.take((5, 1), ()) && !recent.take((5, 0), ()));
        assert!(recent.take((6, 0), ()));
    }

    proptest! {
        #[test]
        fn nothing_is_taken_twice_however_much_comes_between(places in proptest::collection::vec((1..2000u64, 0..3u128), 0..3000), floors in proptest::collection::vec(any::<u16>(), 0..3)) {
            let (mut recent, mut taken) = (Recent::above(0), BTreeSet::new());
            for (n, place) in places.into_iter().enumerate() {
                if n % 997 == 0 && let Some(floor) = floors.get(n / 997) {
                    recent.raise_floor(u64::from(*floor) % 500);
                }
                if recent.take(place, ()) {
                    prop_assert!(taken.insert(place), "{place:?} twice");
                }
                recent.check_invariants();
            }
        }
    }
}
