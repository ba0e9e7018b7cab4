//! Which queries views answer, and how.

use crate::agent::query::{Answer, Choice, Query, Rows, Subject};
use crate::state::{Marks, State};

/// How long a view of instances and their health is kept after its last use, as in Consul's streaming.
const STREAMED: std::time::Duration = std::time::Duration::from_secs(20 * 60);
/// How long any other view is kept, as in Consul's cache.
const CACHED: std::time::Duration = std::time::Duration::from_secs(72 * 60 * 60);

impl Query {
    /// The query of the view that answers this one: all instances, whatever the choice, so that one view serves every choice. `None` if no view does: of
    /// such queries Consul takes no notice of `cached` either.
    pub fn view(&self) -> Option<Query> {
        match self {
            Query::HealthService { service, .. } => Some(Query::HealthService { service: service.clone(), choice: Choice::default() }),
            Query::CatalogService { service, .. } => Some(Query::CatalogService { service: service.clone(), choice: Choice::default() }),
            Query::CatalogServices { choice } if choice.takes_all() => Some(Query::CatalogServices { choice: Choice::default() }),
            // The tags of those instances that count are joined on the way, so each choice is a view of its own.
            Query::CatalogServices { .. } => Some(self.clone()),
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
            | Query::Absent
            | Query::Session { .. }
            | Query::Sessions
            | Query::SessionsOfNode { .. }
            | Query::Txn { .. }
            | Query::AutopilotConfiguration => None,
        }
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
        match self {
            Query::HealthService { service, .. } => Some(state.services().marks_of_health(service)),
            Query::CatalogService { service, .. } => Some(state.services().marks_of_rows(service)),
            Query::CatalogServices { .. }
            | Query::KvGet { .. }
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
            | Query::Absent
            | Query::Session { .. }
            | Query::Sessions
            | Query::SessionsOfNode { .. }
            | Query::Txn { .. }
            | Query::AutopilotConfiguration => None,
        }
    }

    /// Answers from the answer of its view.
    pub fn narrow(&self, wide: &Answer) -> Answer {
        let (choice, subject) = match self {
            Query::HealthService { choice, .. } => (choice, Subject::Instances),
            Query::CatalogService { choice, .. } => (choice, Subject::CatalogServices),
            Query::CatalogServices { .. }
            | Query::KvGet { .. }
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
            | Query::Absent
            | Query::Session { .. }
            | Query::Sessions
            | Query::SessionsOfNode { .. }
            | Query::Txn { .. }
            | Query::AutopilotConfiguration => return wide.clone(),
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
