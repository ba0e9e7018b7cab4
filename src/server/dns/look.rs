//! Asking the catalog: what is at hand, else a server, else what was known last.

use super::Dns;
use super::setting::Freshness;
use crate::agent::query::{Answer, Query};
use crate::runtime::{Runtime, timeout};
use crate::server::views::AtHand;
use std::sync::Arc;
use std::time::Duration;

/// How long servers are waited for by a question whose last answer is known: askers give up after some seconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the catalog said.
#[derive(Debug, Clone)]
pub(super) struct Looked {
    pub(super) answer: Arc<Answer>,
    /// How long ago it was known to be current.
    pub(super) age: Duration,
}

impl<R: Runtime> Dns<R> {
    /// What is at hand and fresh enough.
    pub(super) fn look_now(&self, query: &Query, freshness: &Freshness) -> Option<Looked> {
        let AtHand { answer, behind, age } = self.agent.at_hand(query)?;
        freshness.allows(behind, age).then_some(Looked { answer, age })
    }

    /// What can be learned. `None` if nobody can tell.
    pub(super) async fn look(&self, query: &Query, freshness: &Freshness) -> Option<Looked> {
        if let Some(AtHand { answer, behind, age }) = self.agent.at_hand_soon(query).await
            && freshness.allows(behind, age)
        {
            return Some(Looked { answer, age });
        }
        let Some(held) = self.recall(query, freshness) else { return self.ask(query, freshness).await };
        if self.shared.held().misses(R::now()) {
            return Some(held);
        }
        match timeout::<R, _>(PATIENCE, self.ask(query, freshness)).await {
            Ok(Some(looked)) => Some(looked),
            Ok(None) | Err(_) => {
                self.shared.held().miss(R::now());
                Some(held)
            }
        }
    }

    /// Asks the servers, for as long as requests are held.
    async fn ask(&self, query: &Query, freshness: &Freshness) -> Option<Looked> {
        match self.agent.read_for_client(query.clone(), freshness.options()).await {
            Ok(answered) => {
                let answer = Arc::new(answered.answer);
                let age = if answered.known_leader { Duration::ZERO } else { answered.last_contact };
                if self.is_kept(query) {
                    self.shared.held().learn(R::now(), query, &answer);
                }
                Some(Looked { answer, age })
            }
            Err(refusal) => {
                tracing::debug!(?refusal, "dns: no server answers");
                None
            }
        }
    }

    /// What is known from earlier, where an answer may be as old as that.
    fn recall(&self, query: &Query, freshness: &Freshness) -> Option<Looked> {
        let (learned, answer) = self.shared.held().recall(query).filter(|_| self.is_kept(query))?;
        let age = R::now().since(learned);
        freshness.allows(age, age).then_some(Looked { answer, age })
    }

    /// Whether a client agent keeps the last answer itself, there being no copy of it.
    fn is_kept(&self, query: &Query) -> bool {
        self.agent.raft().is_none() && query.view().is_none()
    }
}
