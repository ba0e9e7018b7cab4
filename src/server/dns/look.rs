//! Asking the catalog: what is at hand, else a server, else what was known last.

use super::Dns;
use super::held::Turn;
use super::setting::Freshness;
use crate::agent::query::{Answer, Execution, Query};
use crate::runtime::{Runtime, timeout};
use crate::server::views::AtHand;
use std::sync::Arc;
use std::time::Duration;

/// How long servers are waited for by a question whose last answer is known: askers give up after some seconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long servers are waited for by a question that nothing is known about. An election is over before, and askers that are told to try again are
/// better off than those who hear nothing: most give up after five seconds.
const LONGEST: Duration = Duration::from_secs(4);

/// What the catalog said.
#[derive(Debug, Clone)]
pub(super) struct Looked {
    pub(super) answer: Arc<Answer>,
    pub(super) origin: Origin,
    /// How long ago it was known to be current.
    pub(super) age: Duration,
}

/// Whether an answer was made for this question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was.
    Learned,
    /// It was made for an earlier one, maybe of another asker.
    Recalled,
}

/// The question as it is remembered. A prepared query's last answer serves all askers.
fn whoever_asks(query: &Query) -> Query {
    match query {
        Query::ExecutePrepared { name, .. } => Query::ExecutePrepared { name: name.clone(), execution: Execution::default() },
        query => query.clone(),
    }
}

impl<R: Runtime> Dns<R> {
    /// What is at hand and fresh enough.
    pub(super) fn look_now(&self, query: &Query, freshness: &Freshness) -> Option<Looked> {
        let AtHand { answer, behind, age } = self.agent.at_hand(query)?;
        freshness.allows(behind, age).then_some(Looked { answer, age, origin: Origin::Learned })
    }

    /// What can be learned. `None` if nobody can tell.
    pub(super) async fn look(&self, query: &Query, freshness: &Freshness) -> Option<Looked> {
        if let Some(AtHand { answer, behind, age }) = self.agent.at_hand_soon(query).await
            && freshness.allows(behind, age)
        {
            return Some(Looked { answer, age, origin: Origin::Learned });
        }
        let Some(held) = self.recall(query, freshness) else {
            return timeout::<R, _>(LONGEST, self.ask(query, freshness)).await.ok().flatten();
        };
        let turn = self.shared.held().turn(R::now());
        match turn {
            Turn::Ask => match timeout::<R, _>(PATIENCE, self.ask(query, freshness)).await {
                Ok(Some(looked)) => Some(looked),
                Ok(None) | Err(_) => {
                    self.shared.held().miss(R::now());
                    Some(held)
                }
            },
            Turn::Give => Some(held),
            Turn::Recheck => {
                let (dns, query, freshness) = (self.clone(), query.clone(), *freshness);
                drop(R::spawn(async move { timeout::<R, _>(LONGEST, dns.ask(&query, &freshness)).await.map(drop) }));
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
                    self.shared.held().learn(R::now(), &whoever_asks(query), &answer);
                }
                Some(Looked { answer, age, origin: Origin::Learned })
            }
            Err(refusal) => {
                tracing::debug!(?refusal, "dns: no server answers");
                None
            }
        }
    }

    /// What is known from earlier, where an answer may be as old as that.
    fn recall(&self, query: &Query, freshness: &Freshness) -> Option<Looked> {
        let (learned, answer) = self.shared.held().recall(&whoever_asks(query)).filter(|_| self.is_kept(query))?;
        let age = R::now().since(learned);
        freshness.allows(age, age).then_some(Looked { answer, age, origin: Origin::Recalled })
    }

    /// Whether a client agent keeps the last answer itself, there being no copy of it.
    fn is_kept(&self, query: &Query) -> bool {
        self.agent.raft().is_none() && query.view().is_none()
    }
}
