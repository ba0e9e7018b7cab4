//! Prepared queries carried out: what a name leads to, and the instances it asks for.

use super::catalog::seats;
use super::{Answer, Instance, Rows, sort_by_distance};
use crate::state::queries::{Asked, QuerySpec, Resolved, ServiceQuery};
use crate::state::{Marks, State};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How far a node that instances are sorted by is looked for among them, to be put first.
const NEAREST: usize = 10;

/// How a prepared query is carried out, beside what it says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Execution {
    /// At most so many instances; 0 is all.
    pub limit: u64,
    /// The node to sort by (`near=`), before the query's own; empty if none was named. `_agent` and `_ip` stand for the next two.
    pub near: String,
    /// The node of the agent that was asked.
    pub agent: String,
    /// The client's address.
    pub client: String,
    /// The segment of the agent that was asked.
    pub segment: String,
    /// Instances come in an order drawn from this.
    pub seed: u64,
}

/// What a prepared query found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Executed {
    /// What it asks for, filled in if it is a template.
    pub query: ServiceQuery,
    /// Its DNS TTL; empty if it has none.
    pub dns_ttl: String,
    /// The instances.
    pub instances: Vec<Instance>,
}

/// Why a prepared query was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum NotExecuted {
    /// There is none of this id or name.
    #[error("Query not found")]
    NotFound,
    /// It is a template, which needs a name.
    #[error("prepared query templates can only be resolved up by name, not by ID")]
    TemplateById,
    /// Its template cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

/// A prepared query with its template filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// Its id.
    pub id: String,
    /// What it says.
    pub spec: QuerySpec,
    /// When it came to be and when it last changed.
    pub indexes: (u64, u64),
}

/// All prepared queries, or the one with this id.
pub(super) fn list(state: &State, id: Option<&str>) -> Answer {
    let queries = state.queries();
    let rows = match id {
        Some(id) => queries.get(id).cloned().into_iter().collect(),
        None => queries.iter().cloned().collect(),
    };
    Answer { marks: Marks::at(queries.index()), rows: Rows::PreparedQueries(rows) }
}

/// What the query with this id or name says.
pub(super) fn explain(state: &State, name: &str, segment: &str) -> Answer {
    Answer { marks: Marks::at(1), rows: Rows::Explained(resolve(state, name, segment).map(Box::new)) }
}

/// The instances that the query with this id or name asks for.
pub(super) fn execute(state: &State, name: &str, execution: &Execution) -> Answer {
    let executed = resolve(state, name, &execution.segment).map(|Explained { spec, .. }| {
        let QuerySpec { service, dns_ttl, .. } = spec;
        Box::new(run(state, service, dns_ttl, execution))
    });
    Answer { marks: Marks::at(1), rows: Rows::Executed(executed) }
}

/// The instances that a query of another datacenter asks for.
pub(super) fn execute_for_other(state: &State, query: &ServiceQuery, execution: &Execution) -> Answer {
    Answer { marks: Marks::at(1), rows: Rows::Executed(Ok(Box::new(run(state, query.clone(), String::new(), execution)))) }
}

fn resolve(state: &State, name: &str, segment: &str) -> Result<Explained, NotExecuted> {
    let query = match state.queries().resolve(name) {
        Resolved::Query(query) => query,
        Resolved::TemplateById => return Err(NotExecuted::TemplateById),
        Resolved::Nothing => return Err(NotExecuted::NotFound),
    };
    let spec = query.resolve(&Asked { name, segment }).map_err(|e| NotExecuted::Unreadable(e.to_string()))?;
    Ok(Explained { id: query.id.clone(), spec, indexes: (query.create_index, query.modify_index) })
}

fn run(state: &State, query: ServiceQuery, dns_ttl: String, execution: &Execution) -> Executed {
    let mut instances = instances(state, &query);
    instances.shuffle(&mut ChaCha8Rng::seed_from_u64(execution.seed));
    let near = if execution.near.is_empty() { query.near.as_str() } else { execution.near.as_str() };
    if let Some(node) = origin(state, near, execution) {
        let names = instances.iter().map(|instance| instance.node.spec.name.as_str()).chain([node]);
        let located: Vec<_> = names.filter_map(|name| state.coordinates().get(name).cloned()).collect();
        sort_by_distance(&mut instances, node, &located, |instance| instance.node.spec.name.as_str());
        let at = instances.iter().take(NEAREST).position(|instance| instance.node.spec.name.as_str() == node);
        if let Some(at) = at {
            instances.swap(0, at);
        }
    }
    if let Some(limit) = usize::try_from(execution.limit).ok().filter(|limit| *limit > 0) {
        instances.truncate(limit);
    }
    Executed { query, dns_ttl, instances }
}

/// The node that `near` means, if there is one.
fn origin<'a>(state: &'a State, near: &'a str, execution: &'a Execution) -> Option<&'a str> {
    match near {
        "" => None,
        "_agent" => Some(execution.agent.as_str()),
        "_ip" => state.nodes().iter().find(|node| node.spec.address == execution.client).map(|node| node.spec.name.as_str()),
        node => Some(node),
    }
}

fn instances(state: &State, query: &ServiceQuery) -> Vec<Instance> {
    let tags = Tags::of(query);
    let wanted = seats(state, &query.service).filter(|seat| {
        let checks = || seat.above.iter().chain(seat.own).filter(|check| !query.ignore_check_ids.iter().any(|id| id == check.id()));
        let healthy = checks().all(|check| !check.status().is_critical() && (!query.only_passing || check.status().is_passing()));
        healthy
            && query.node_meta.iter().all(|(key, value)| seat.node.spec.meta.get(key) == Some(value))
            && query.service_meta.iter().all(|(key, value)| seat.service.meta().get(key) == Some(value.as_str()))
            && tags.take(seat.service.tags().iter().map(|tag| &**tag))
    });
    wanted
        .map(|seat| Instance { node: seat.node.clone(), service: seat.service.clone(), checks: [seat.above, seat.own].concat() })
        .collect()
}

/// Tags that must be there, and tags that must not, in lower case.
struct Tags {
    required: Vec<String>,
    forbidden: Vec<String>,
}

impl Tags {
    fn of(query: &ServiceQuery) -> Tags {
        let (mut required, mut forbidden) = (Vec::new(), Vec::new());
        for tag in &query.tags {
            match tag.strip_prefix('!') {
                Some(tag) => forbidden.push(tag.to_lowercase()),
                None => required.push(tag.to_lowercase()),
            }
        }
        Tags { required, forbidden }
    }

    fn take<'t>(&self, tags: impl Iterator<Item = &'t str>) -> bool {
        let tags: Vec<String> = tags.map(str::to_lowercase).collect();
        self.required.iter().all(|tag| tags.contains(tag)) && !self.forbidden.iter().any(|tag| tags.contains(tag))
    }
}

#[cfg(test)]
mod tests;
