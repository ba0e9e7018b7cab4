//! The subscriptions a server keeps.

use crate::agent::views::{Board, Changes, Found, Publisher, SESSION_LIFE};
use crate::model::{Index, Instant, Topic};
use crate::state::State;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// Most subscriptions of one server. The next agent is told to ask another.
const MOST_SESSIONS: usize = 4_096;

/// The subscriptions a server keeps, and the newest answers of what they show.
#[derive(Default)]
pub(in crate::server) struct Sessions {
    kept: Mutex<BTreeMap<u64, Arc<Session>>>,
    board: Mutex<Board>,
    /// The first one came.
    came: Notify,
}

/// One subscription.
#[derive(Default)]
pub(super) struct Session {
    publisher: Mutex<Publisher>,
    /// It wants something else.
    changed: Notify,
    pulse: Mutex<Pulse>,
}

/// When a subscription was last heard of.
#[derive(Debug, Clone, Copy, Default)]
struct Pulse {
    /// A question of its agent waits here.
    asked: bool,
    /// When the last one was answered.
    answered: Instant,
}

/// All places are taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoPlace;

impl Sessions {
    /// Begins a subscription called `id`.
    pub(super) fn begin(&self, id: u64, now: Instant) -> Result<Arc<Session>, NoPlace> {
        let mut kept = self.kept();
        if kept.len() >= MOST_SESSIONS || kept.contains_key(&id) {
            return Err(NoPlace);
        }
        let session = Arc::new(Session { pulse: Mutex::new(Pulse { asked: false, answered: now }), ..Session::default() });
        kept.insert(id, session.clone());
        self.came.notify_one();
        Ok(session)
    }

    pub(super) fn find(&self, id: u64) -> Option<Arc<Session>> {
        self.kept().get(&id).cloned()
    }

    /// How many there are.
    pub(in crate::server) fn len(&self) -> usize {
        self.kept().len()
    }

    fn close(&self, id: u64) {
        let closed = self.kept().remove(&id);
        drop(closed);
        self.board().tidy();
    }

    /// Ends those whose agents take nothing any more.
    pub(super) fn expire(&self, now: Instant) {
        let before = self.len();
        self.kept().retain(|_, session| {
            let pulse = *session.pulse();
            pulse.asked || now.since(pulse.answered) < SESSION_LIFE
        });
        if self.len() < before {
            self.board().tidy();
        }
    }

    /// Completes when there is one.
    pub(super) async fn any(&self) {
        while self.len() == 0 {
            self.came.notified().await;
        }
    }

    /// What `session` does not have of `state`, which has applied `index`.
    pub(super) fn look(&self, session: &Session, index: Index, state: &State) -> Found {
        let mut publisher = session.publisher();
        publisher.look(&mut self.board(), index, state)
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Session>>> {
        self.kept.lock().expect("no panic while held")
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().expect("no panic while held")
    }
}

impl Session {
    /// Takes views in and out; whoever waits for its news looks again.
    pub(super) fn change(&self, changes: Changes) {
        if !changes.is_empty() {
            self.publisher().change(changes);
            self.changed.notify_one();
        }
    }

    /// Completes when it wants something else.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(super) fn topics(&self, state: &State) -> Vec<Topic> {
        self.publisher().topics(state)
    }

    /// When its last batch was sent.
    pub(super) fn answered(&self) -> Instant {
        self.pulse().answered
    }

    fn publisher(&self) -> MutexGuard<'_, Publisher> {
        self.publisher.lock().expect("no panic while held")
    }

    fn pulse(&self) -> MutexGuard<'_, Pulse> {
        self.pulse.lock().expect("no panic while held")
    }
}

/// A question that waits for a subscription's news. Dropped before it is answered, it takes the subscription with it: what was found for it may be lost.
pub(super) struct Turn<'a> {
    sessions: &'a Sessions,
    id: u64,
    pub(super) session: Arc<Session>,
    answered: bool,
}

impl<'a> Turn<'a> {
    /// Takes the turn; `None` if another question waits already.
    pub(super) fn take(sessions: &'a Sessions, id: u64, session: Arc<Session>) -> Option<Turn<'a>> {
        let before = std::mem::replace(&mut session.pulse().asked, true);
        (!before).then_some(Turn { sessions, id, session, answered: false })
    }

    /// The batch is on its way.
    pub(super) fn answer(mut self, now: Instant) {
        *self.session.pulse() = Pulse { asked: false, answered: now };
        self.answered = true;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.sessions.close(self.id);
        }
    }
}
