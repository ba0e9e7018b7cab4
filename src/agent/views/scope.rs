//! Which queries views answer, and how.

use crate::agent::query::{Answer, Choice, Query, Rows, Subject};
use crate::state::{Marks, State};

/// How long a view of instances and their health is kept after its last use, as in Consul's streaming.
const STREAMED: std::time::Duration = std::time::Duration::from_secs(20 * 60);
/// How long any other view is kept, as in Consul's cache.
const CACHED: std::time::Duration = std::time::Duration::from_secs(72 * 60 * 60);

/// A query that a view answers.
enum Shown<'a> {
    /// The instances of a service with their health.
    Health { service: &'a str, choice: &'a Choice },
    /// The instances of a service.
    Rows { service: &'a str, choice: &'a Choice },
    /// The names of services.
    Names { choice: &'a Choice },
}

impl Query {
    /// What a view shows of this query; `None` if no view answers it. The one list of them.
    fn shown(&self) -> Option<Shown<'_>> {
        match self {
            Query::HealthService { service, choice } => Some(Shown::Health { service, choice }),
            Query::CatalogService { service, choice } => Some(Shown::Rows { service, choice }),
            Query::CatalogServices { choice } => Some(Shown::Names { choice }),
            Query::KvGet { .. }
            | Query::KvList { .. }
            | Query::KvKeys { .. }
            | Query::CatalogNodes { .. }
            | Query::CatalogNode { .. }
            | Query::HealthChecks { .. }
            | Query::HealthState { .. }
            | Query::HealthNode { .. }
            | Query::WholeNode { .. }
            | Query::AtAddress { .. }
            | Query::WholeCatalog
            | Query::PreparedQueries { .. }
            | Query::ExecutePrepared { .. }
            | Query::ExecuteForOther { .. }
            | Query::ExplainPrepared { .. }
            | Query::KvAt { .. }
            | Query::KvListAt { .. }
            | Query::KvHistory { .. }
            | Query::KvChanges { .. }
            | Query::LastChange
            | Query::Session { .. }
            | Query::Sessions
            | Query::SessionsOfNode { .. }
            | Query::Txn { .. }
            | Query::Coordinates { .. }
            | Query::AutopilotConfiguration => None,
        }
    }

    /// The query of the view that answers this one: all instances, whatever the choice, so that one view serves every choice. `None` if no view does: of
    /// such queries Consul takes no notice of `cached` either.
    pub fn view(&self) -> Option<Query> {
        let choice = Choice::default();
        Some(match self.shown()? {
            Shown::Health { service, .. } => Query::HealthService { service: service.to_owned(), choice },
            Shown::Rows { service, .. } => Query::CatalogService { service: service.to_owned(), choice },
            Shown::Names { choice: asked } if asked.takes_all() => Query::CatalogServices { choice },
            // The tags of those instances that count are joined on the way, so each choice is a view of its own.
            Shown::Names { .. } => self.clone(),
        })
    }

    /// Whether it is one that a view shows as it is.
    pub(super) fn is_view(&self) -> bool {
        self.view().as_ref() == Some(self)
    }

    /// How long its view is kept after its last use.
    pub(super) fn view_life(&self) -> std::time::Duration {
        if self.is_streamed() { STREAMED } else { CACHED }
    }

    /// Whether Consul answers it from a stream, too.
    pub fn is_streamed(&self) -> bool {
        matches!(self, Query::HealthService { .. })
    }

    /// How current its view's answer is, if that can be told without the answer.
    pub(super) fn marks(&self, state: &State) -> Option<Marks> {
        self.marks_of_rows(state).map(|marks| marks.at_least(state.restored_at()))
    }

    fn marks_of_rows(&self, state: &State) -> Option<Marks> {
        match self.shown()? {
            Shown::Health { service, .. } => Some(state.services().marks_of_health(service)),
            Shown::Rows { service, .. } => Some(state.services().marks_of_rows(service)),
            Shown::Names { .. } => None,
        }
    }

    /// Answers from the answer of its view.
    pub fn narrow(&self, wide: &Answer) -> Answer {
        let (choice, subject) = match self.shown() {
            Some(Shown::Health { choice, .. }) => (choice, Subject::Instances),
            Some(Shown::Rows { choice, .. }) => (choice, Subject::CatalogServices),
            Some(Shown::Names { .. }) | None => return wide.clone(),
        };
        let Rows::Instances(instances) = &wide.rows else { return wide.clone() };
        if choice.takes_all() {
            return wide.clone();
        }
        let chooser = choice.ready(subject);
        let rows = instances.iter().filter(|instance| chooser.takes_instance(instance)).cloned().collect();
        Answer { marks: wide.marks, rows: Rows::Instances(rows) }
    }
}
