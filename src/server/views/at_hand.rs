//! What an agent can answer without waiting for anyone.

use super::copies::Copy;
use crate::agent::query::{Answer, Query};
use crate::raft::Raft;
use crate::runtime::{Runtime, timeout};
use crate::server::Agent;
use std::sync::Arc;
use std::time::Duration;

/// How long a server that knows of newer data than it has waits for it. Replication takes a round trip; beyond, what is there will do.
const CATCH_UP: Duration = Duration::from_millis(200);

/// An answer that was at hand.
#[derive(Debug, Clone)]
pub(in crate::server) struct AtHand {
    pub(in crate::server) answer: Arc<Answer>,
    /// How far behind the leader it may be.
    pub(in crate::server) behind: Duration,
    /// How long nobody has vouched for it.
    pub(in crate::server) age: Duration,
}

impl<R: Runtime> Agent<R> {
    /// A server's published view, or a client agent's copy, which is asked for if there is none yet. `None` if neither is there, or a server has
    /// not applied yet what clients of it were shown.
    pub(in crate::server) fn at_hand(&self, query: &Query) -> Option<AtHand> {
        match self.raft() {
            Some(raft) => {
                let view = raft.view();
                let shown = view.index >= self.0.copies.seen() || self.known_leader(raft).is_none();
                if shown { self.viewed(raft, query) } else { None }
            }
            None => self.copied(query),
        }
    }

    /// Like [`Agent::at_hand`] on a server, after what was shown to clients is applied, or could not be soon.
    pub(in crate::server) async fn at_hand_soon(&self, query: &Query) -> Option<AtHand> {
        let raft = self.raft()?;
        // Whether it came or not: older data is an answer, too.
        drop(timeout::<R, _>(CATCH_UP, raft.applied(self.0.copies.seen())).await);
        self.viewed(raft, query)
    }

    /// What a server has; `None` before it heard of a leader, for until then it knows nothing of what was decided.
    fn viewed(&self, raft: &Raft<R>, query: &Query) -> Option<AtHand> {
        let behind = raft.last_contact()?;
        let age = if self.known_leader(raft).is_some() { Duration::ZERO } else { behind };
        Some(AtHand { answer: Arc::new(query.answer(&raft.view().state)), behind, age })
    }

    fn copied(&self, query: &Query) -> Option<AtHand> {
        let view = query.view()?;
        let now = R::now();
        let held = match &*self.0.copies.want(now, &view).borrow() {
            Copy::Held(answer) => answer.clone(),
            Copy::Awaited | Copy::Refused => return None,
        };
        let currency = self.0.copies.currency(now);
        let unvouched = if currency.contact.known_leader { Duration::ZERO } else { currency.contact.last_contact };
        Some(AtHand {
            answer: if view == *query { held } else { Arc::new(query.narrow(&held)) },
            behind: currency.contact.last_contact + now.since(currency.contact.at),
            age: currency.age + unvouched,
        })
    }
}
