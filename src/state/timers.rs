//! What ends by itself. The state knows how long each thing lives, never how much of that is over: the leader measures, on a clock that only runs
//! forward, and has a [`super::Command::Expire`] committed.

use crate::model::{Index, Key, SessionId, Table, Topic, Touched};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What ends when its time is over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Timer {
    /// A session that nobody renews.
    Session(SessionId),
    /// A key that was written with a TTL and not refreshed.
    Key(Key),
    /// The time for which the keys of a session that was invalidated cannot be locked.
    LockDelay(SessionId),
}

/// How long something lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its TTL, or the lock-delay.
    pub length: Duration,
    /// The command that set it, as its row says. A timer set anew has another: what was decided about the old one does not concern it.
    pub since: Index,
}

/// A timer whose time is over, as the leader saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiry {
    /// Which.
    pub timer: Timer,
    /// [`since`] when the timer was measured; one set since then stays.
    pub since: Index,
}

/// All timers. A function of the rows they belong to and of when the tables were last restored, so a snapshot leaves them out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timers {
    rows: OrdMap<Timer, Span>,
    /// [`super::State::restored_at`]: those that are older began anew then.
    restored_at: Index,
}

impl Timers {
    /// All of them, in order. Versions share what they have in common, so the difference of two is found without looking at all. A restore sets all of them
    /// anew without a trace here: see [`since`].
    pub fn rows(&self) -> &OrdMap<Timer, Span> {
        &self.rows
    }

    pub(super) fn set(&mut self, timer: Timer, length: Duration, since: Index, touched: &mut Touched) {
        self.restore(timer, length, since);
        touched.add(Topic::Table(Table::Timers));
    }

    pub(super) fn restore(&mut self, timer: Timer, length: Duration, since: Index) {
        self.rows.insert(timer, Span { length, since });
    }

    pub(super) fn clear(&mut self, timer: &Timer, touched: &mut Touched) {
        if self.rows.remove(timer).is_some() {
            touched.add(Topic::Table(Table::Timers));
        }
    }

    /// All tables were restored by the command at `index`: whatever was decided about a timer before does not concern the one that was restored.
    pub(super) fn begin_anew_at(&mut self, index: Index) {
        self.restored_at = index;
    }

    /// Whether what `expiry` was decided about is still there.
    pub(super) fn stands(&self, expiry: &Expiry) -> bool {
        self.rows.get(&expiry.timer).is_some_and(|span| since(*span, self.restored_at) == expiry.since)
    }
}

/// The command that last set a timer, where the tables were last restored by the one at `restored_at`: that one, for all that came with it.
pub fn since(span: Span, restored_at: Index) -> Index {
    span.since.max(restored_at)
}
