//! A server's account of one subscription.

use super::board::{Board, Sheet};
use super::delta::{Delta, Holding};
use super::wire::{Changes, News, Verdict, Wanted};
use super::{BATCH_BYTES, MOST_VIEWS};
use crate::agent::query::Query;
use crate::model::{Index, Topic};
use crate::state::State;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// A server's account of one subscription: what it was sent, hence what to send.
#[derive(Debug, Default)]
pub struct Publisher {
    views: BTreeMap<u64, Shown>,
    /// Numbers that were refused and not yet told so.
    refused: Vec<u64>,
    /// The view that is looked at first next time: after a batch that was full, those that did not get into it.
    next: u64,
}

#[derive(Debug)]
struct Shown {
    query: Query,
    last: Last,
}

/// What the subscriber has of a view.
#[derive(Debug)]
enum Last {
    /// What it says it has.
    Held(Option<Holding>),
    /// What it was sent.
    Sent(Arc<Sheet>),
}

/// What [`Publisher::look`] found.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// What to send.
    pub news: Vec<News>,
    /// The newest state that it shows.
    pub index: Index,
    /// Whether everything was looked at: if not, there may be more at once.
    pub all: bool,
}

impl Publisher {
    /// Takes views in and out. Those beyond [`MOST_VIEWS`], and what is no view, are refused with the next batch.
    pub fn change(&mut self, changes: Changes) {
        for number in changes.remove {
            self.views.remove(&number);
        }
        for Wanted { number, query, holding } in changes.add {
            if query.is_view() && self.views.len() < MOST_VIEWS {
                self.views.insert(number, Shown { query, last: Last::Held(holding) });
            } else if self.refused.len() < MOST_VIEWS {
                self.refused.push(number);
            }
        }
    }

    /// Views subscribed to.
    pub fn len(&self) -> usize {
        self.views.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// What changes when something is to be sent beyond `state`.
    pub fn topics(&self, state: &State) -> Vec<Topic> {
        self.views.values().flat_map(|shown| shown.query.topics(state)).collect()
    }

    /// What the subscriber does not have yet of `state`, which has applied `index`; it counts as sent. A batch that is lost ends the subscription.
    pub fn look(&mut self, board: &mut Board, index: Index, state: &State) -> Found {
        let refused = std::mem::take(&mut self.refused).into_iter();
        let mut found = Found { news: refused.map(|number| News { number, verdict: Verdict::Refused }).collect(), index, all: true };
        let (mut bytes, mut gone) = (0, Vec::new());
        let turns = [(Bound::Included(self.next), Bound::Unbounded), (Bound::Unbounded, Bound::Excluded(self.next))];
        'turns: for turn in turns {
            for (number, shown) in self.views.range_mut(turn) {
                if bytes >= BATCH_BYTES {
                    (found.all, self.next) = (false, *number);
                    break 'turns;
                }
                let (sheet, shows) = board.sheet(&shown.query, index, state);
                found.index = found.index.max(shows);
                match shown.step_to(sheet) {
                    Step::None => {}
                    Step::Delta(delta) => {
                        bytes += delta.len();
                        found.news.push(News { number: *number, verdict: Verdict::Changed(delta) });
                    }
                    Step::Impossible => gone.push(*number),
                }
            }
        }
        for number in gone {
            self.views.remove(&number);
            found.news.push(News { number, verdict: Verdict::Refused });
        }
        found
    }
}

/// What brings a subscriber to a sheet.
enum Step {
    /// Nothing: it is there.
    None,
    Delta(Bytes),
    /// The sheet's rows are of a kind that no view has.
    Impossible,
}

impl Shown {
    fn step_to(&mut self, sheet: Arc<Sheet>) -> Step {
        let delta = match &self.last {
            Last::Sent(sent) if sent.serial == sheet.serial => return Step::None,
            Last::Sent(sent) => match &sheet.step {
                Some((from, delta)) if *from == sent.serial => Some(delta.clone()),
                Some(_) | None => Delta::between(&sent.answer, &sheet.answer).map(|delta| delta.encode()),
            },
            Last::Held(Some(holding)) => Delta::resumed(holding, &sheet.answer).map(|delta| delta.encode()),
            Last::Held(None) => sheet.whole(),
        };
        self.last = Last::Sent(sheet);
        delta.map_or(Step::Impossible, Step::Delta)
    }
}
