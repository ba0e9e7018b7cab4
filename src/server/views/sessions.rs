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
        if let Some(session) = closed {
            // Whoever ends it may hold it still.
            *session.publisher() = Publisher::default();
        }
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
        // One that is not taken must not come to be: its end would be the subscription's.
        (!before).then(|| Turn { sessions, id, session, answered: false })
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

#[cfg(test)]
mod tests {
    use super::{MOST_SESSIONS, NoPlace, Sessions, Turn};
    use crate::agent::query::{Choice, Query};
    use crate::agent::views::{Changes, SESSION_LIFE, Wanted};
    use crate::model::Instant;
    use crate::state::State;
    use std::time::Duration;

    fn start() -> Instant {
        Instant::ZERO + Duration::from_secs(1)
    }

    /// A subscription to one view that was sent it.
    fn subscribed(sessions: &Sessions, id: u64) {
        let session = sessions.begin(id, start()).unwrap();
        let turn = Turn::take(sessions, id, session).unwrap();
        let query = Query::HealthService { service: "web".to_owned(), choice: Choice::default() };
        turn.session.change(Changes { add: vec![Wanted { number: 1, query, holding: None }], remove: vec![] });
        assert_eq!(sessions.look(&turn.session, 1, &State::default()).news.len(), 1);
        turn.answer(start());
    }

    #[test]
    fn a_subscription_whose_agent_stays_away_ends_and_what_it_showed_with_it() {
        let sessions = Sessions::default();
        subscribed(&sessions, 7);
        sessions.expire(start() + SESSION_LIFE - Duration::from_nanos(1));
        assert_eq!((sessions.len(), sessions.board().len()), (1, 1));
        let waiting = Turn::take(&sessions, 7, sessions.find(7).unwrap()).unwrap();
        sessions.expire(start() + SESSION_LIFE * 9);
        assert_eq!(sessions.len(), 1, "a question waits");
        waiting.answer(start());
        sessions.expire(start() + SESSION_LIFE);
        assert_eq!((sessions.len(), sessions.board().len()), (0, 0));
    }

    #[test]
    fn a_question_that_is_given_up_takes_its_subscription_along() {
        let sessions = Sessions::default();
        subscribed(&sessions, 7);
        drop(Turn::take(&sessions, 7, sessions.find(7).unwrap()));
        assert!(sessions.find(7).is_none() && sessions.board().is_empty(), "what was found for it may be lost");
    }

    #[test]
    fn one_question_waits_for_a_subscription_and_a_second_does_not_end_it() {
        let sessions = Sessions::default();
        subscribed(&sessions, 7);
        let first = Turn::take(&sessions, 7, sessions.find(7).unwrap()).unwrap();
        assert!(Turn::take(&sessions, 7, sessions.find(7).unwrap()).is_none());
        first.answer(start());
        assert!(Turn::take(&sessions, 7, sessions.find(7).unwrap()).is_some());
    }

    #[test]
    fn at_the_bound_the_next_is_refused_until_one_ends() {
        let sessions = Sessions::default();
        for id in 0..MOST_SESSIONS as u64 {
            sessions.begin(id, start()).unwrap();
        }
        assert_eq!(sessions.begin(u64::MAX, start()).err(), Some(NoPlace));
        drop(Turn::take(&sessions, 3, sessions.find(3).unwrap()));
        sessions.begin(u64::MAX, start()).unwrap();
    }
}
