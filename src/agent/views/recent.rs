//! What a server was asked lately: it needs no copy of what it has, but tells its clients what an agent with copies would.

use super::MOST_VIEWS;
use crate::agent::query::Query;
use crate::model::Instant;
use std::collections::BTreeMap;

/// Whether a view was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// No, or so long ago that an agent would have dropped it.
    First,
    /// Yes.
    Again,
}

/// The views used lately, at most [`MOST_VIEWS`]: the one used longest ago makes room.
#[derive(Debug, Default)]
pub struct Recent {
    used: BTreeMap<Query, Instant>,
}

impl Recent {
    /// A view is used.
    pub fn note(&mut self, now: Instant, view: &Query) -> Use {
        if let Some(used) = self.used.get_mut(view) {
            let before = std::mem::replace(used, now);
            return if now.since(before) < view.view_life() { Use::Again } else { Use::First };
        }
        if self.used.len() >= MOST_VIEWS {
            let oldest = self.used.iter().min_by_key(|(_, used)| **used).map(|(view, _)| view.clone());
            oldest.map(|view| self.used.remove(&view));
        }
        self.used.insert(view.clone(), now);
        Use::First
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_VIEWS, Recent, Use};
    use crate::agent::query::{Choice, Query};
    use crate::model::Instant;
    use std::time::Duration;

    fn view(name: &str) -> Query {
        Query::HealthService { service: name.to_owned(), choice: Choice::default() }
    }

    #[test]
    fn a_view_is_new_once_and_again_when_it_would_have_been_dropped() {
        let (mut recent, start) = (Recent::default(), Instant::ZERO);
        let minutes = |minutes: u64| start + Duration::from_secs(60 * minutes);
        assert_eq!(recent.note(start, &view("a")), Use::First);
        assert_eq!(recent.note(minutes(19), &view("a")), Use::Again);
        assert_eq!(recent.note(minutes(38), &view("a")), Use::Again);
        assert_eq!(recent.note(minutes(58), &view("a")), Use::First);
    }

    #[test]
    fn at_the_bound_the_view_used_longest_ago_makes_room() {
        let mut recent = Recent::default();
        let at = |n: usize| Instant::ZERO + Duration::from_millis(n as u64);
        for n in 0..MOST_VIEWS {
            recent.note(at(n), &view(&n.to_string()));
        }
        recent.note(at(MOST_VIEWS), &view("0"));
        recent.note(at(MOST_VIEWS), &view("one more"));
        assert_eq!(recent.used.len(), MOST_VIEWS);
        assert_eq!(recent.note(at(MOST_VIEWS), &view("0")), Use::Again);
        assert_eq!(recent.note(at(MOST_VIEWS), &view("1")), Use::First);
    }
}
