//! The prepared queries' part of a snapshot.

use super::{PreparedQuery, Queries, template};
use crate::model::Index;
use crate::state::State;
use crate::state::snapshot::batches;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A run of rows by id, or the table's index.
#[derive(Serialize, Deserialize)]
pub(in crate::state) enum QuerySection {
    /// Rows.
    Rows(Vec<Arc<PreparedQuery>>),
    /// The last change.
    Mark(Index),
}

impl QuerySection {
    /// How many rows it has.
    pub(in crate::state) fn len(&self) -> usize {
        match self {
            QuerySection::Rows(rows) => rows.len(),
            QuerySection::Mark(_) => 0,
        }
    }
}

/// The table in sections; none if it was never used.
pub(in crate::state) fn sections(queries: &Queries) -> impl Iterator<Item = QuerySection> + '_ {
    let rows = batches(queries.rows.values().cloned(), |row| bytes_of(row)).map(QuerySection::Rows);
    rows.chain((queries.index > 0).then_some(QuerySection::Mark(queries.index)))
}

/// Adds a run of rows. Whether they are in order and can be kept beside one another.
pub(in crate::state) fn add(queries: &mut Queries, section: QuerySection) -> bool {
    match section {
        QuerySection::Rows(rows) => rows.into_iter().all(|row| {
            let ascends = queries.rows.get_max().is_none_or(|(last, _)| *last < row.id);
            let Ok(regexp) = template::check(&row.spec) else { return false };
            if !ascends || queries.conflict(&row.id, &row.spec).is_some() {
                return false;
            }
            queries.put(PreparedQuery { regexp, ..Arc::unwrap_or_clone(row) });
            true
        }),
        QuerySection::Mark(index) => {
            queries.index = index;
            true
        }
    }
}

/// Whether every session that a query is bound to is there.
pub(in crate::state) fn is_whole(state: &State) -> bool {
    state.queries.bound.iter().all(|(session, _)| super::is_session(state, session))
}

/// What a text is reckoned beside itself.
const TEXT: usize = 8;

fn bytes_of(row: &PreparedQuery) -> usize {
    let spec = &row.spec;
    let service = &spec.service;
    let texts = [&row.id, &spec.name, &spec.session, &spec.token, &spec.template.regexp, &service.service, &service.near, &spec.dns_ttl];
    let lists = service.datacenters.iter().chain(&service.ignore_check_ids).chain(&service.tags);
    let pairs = service.node_meta.iter().chain(&service.service_meta).map(|(key, value)| key.len() + value.len() + TEXT);
    texts.iter().map(|text| text.len()).sum::<usize>() + lists.map(|text| text.len() + TEXT).sum::<usize>() + pairs.sum::<usize>()
}
