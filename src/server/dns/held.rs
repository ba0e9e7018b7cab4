//! The last known answers of a client agent to questions of which it has no subscribed copy (nodes, addresses, prepared queries): given when no server
//! can be asked.

use crate::agent::query::{Answer, Query};
use crate::model::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Answers kept; of more, the one that was learned longest ago goes.
const MOST: usize = 1_024;

/// Servers that did not answer are asked again after this long; what is held is given at once meanwhile (RFC 8767 section 5, which has longer timers
/// for those who ask strangers).
const RECHECK: Duration = Duration::from_secs(2);

/// What to do with a question whose last answer is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Ask a server first: they answered last time.
    Ask,
    /// Give what is held: none answered last time.
    Give,
    /// Give what is held, and ask meanwhile whether one answers again.
    Recheck,
}

/// What was learned and when.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// When servers did not answer last, if they have not since.
    missed: Option<Instant>,
    answers: BTreeMap<Query, (Instant, Arc<Answer>)>,
    by_age: BTreeSet<(Instant, Query)>,
}

impl Held {
    /// No server answered.
    pub(super) fn miss(&mut self, now: Instant) {
        self.missed = Some(now);
    }

    /// What to do with a question now. Of those told to recheck, one is enough for a while.
    pub(super) fn turn(&mut self, now: Instant) -> Turn {
        match self.missed {
            None => Turn::Ask,
            Some(missed) if now.since(missed) < RECHECK => Turn::Give,
            Some(_) => {
                self.missed = Some(now);
                Turn::Recheck
            }
        }
    }

    /// A server answered.
    pub(super) fn learn(&mut self, now: Instant, query: &Query, answer: &Arc<Answer>) {
        self.missed = None;
        if let Some((learned, _)) = self.answers.insert(query.clone(), (now, answer.clone())) {
            self.by_age.remove(&(learned, query.clone()));
        }
        self.by_age.insert((now, query.clone()));
        if self.answers.len() > MOST
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.answers.remove(&oldest);
        }
    }

    /// What was learned last, and when.
    pub(super) fn recall(&self, query: &Query) -> Option<(Instant, Arc<Answer>)> {
        self.answers.get(query).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Held, MOST, RECHECK, Turn};
    use crate::agent::query::{Answer, Choice, Query, Rows};
    use crate::model::Instant;
    use crate::state::Marks;
    use std::sync::Arc;
    use std::time::Duration;

    fn query(number: usize) -> Query {
        Query::CatalogNode { node: format!("n{number}"), choice: Choice::default() }
    }

    fn answer(index: u64) -> Arc<Answer> {
        Arc::new(Answer { marks: Marks::at(index), rows: Rows::NodeServices(None) })
    }

    #[test]
    fn servers_that_were_missed_are_asked_again_after_a_while() {
        let (mut held, start) = (Held::default(), Instant::ZERO);
        assert_eq!(held.turn(start), Turn::Ask);
        held.miss(start);
        assert_eq!(held.turn(start), Turn::Give);
        assert_eq!([held.turn(start + RECHECK), held.turn(start + RECHECK)], [Turn::Recheck, Turn::Give]);
        assert_eq!(held.turn(start + RECHECK * 2), Turn::Recheck, "for as long as none answers");
        held.learn(start + RECHECK * 2, &query(1), &answer(1));
        assert_eq!(held.turn(start + RECHECK * 2), Turn::Ask, "one answered");
    }

    #[test]
    fn the_newest_answer_is_kept_and_the_oldest_goes_at_the_bound() {
        let mut held = Held::default();
        let at = |millis: usize| Instant::ZERO + Duration::from_millis(millis as u64);
        for number in 0..MOST {
            held.learn(at(number), &query(number), &answer(1));
        }
        held.learn(at(MOST), &query(0), &answer(2));
        held.learn(at(MOST + 1), &query(MOST), &answer(3));
        let marks = |held: &Held, number| held.recall(&query(number)).map(|(learned, answer)| (learned, answer.marks.index));
        assert_eq!(marks(&held, 0), Some((at(MOST), 2)));
        assert_eq!(marks(&held, 1), None, "learned longest ago");
        assert_eq!(marks(&held, MOST), Some((at(MOST + 1), 3)));
        assert_eq!((held.answers.len(), held.by_age.len()), (MOST, MOST));
    }
}
