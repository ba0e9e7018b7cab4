//! Prepared queries: questions about a service that are kept and asked by name, and templates that answer every name they are a prefix of.

pub(super) mod section;
mod spec;
mod template;

pub use spec::{NAME_PREFIX_MATCH, QuerySpec, ServiceQuery, TemplateSpec};
pub use template::{Asked, TemplateError, check as check_template};

use super::{Reply, State};
use crate::model::{Index, SessionId, Table, Topic, Touched};
use imbl::{OrdMap, OrdSet};
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A change to the prepared queries. Answered [`Reply::Done`] or refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum QueryCommand {
    /// Keeps a new one.
    Create {
        /// An id drawn for it, as a UUID in lower case.
        id: String,
        /// The query.
        query: QuerySpec,
    },
    /// Replaces one.
    Update {
        /// Which.
        id: String,
        /// The query.
        query: QuerySpec,
    },
    /// Removes one.
    Delete {
        /// Which.
        id: String,
    },
}

/// A prepared query that is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PreparedQuery {
    /// Its id, a UUID in lower case.
    pub id: String,
    /// What was asked to be kept.
    pub spec: QuerySpec,
    /// When it came to be.
    pub create_index: Index,
    /// When it last changed.
    pub modify_index: Index,
    /// A template's expression, made ready.
    #[serde(skip)]
    regexp: Option<Regex>,
}

/// The expression is made of the rest.
impl PartialEq for PreparedQuery {
    fn eq(&self, other: &PreparedQuery) -> bool {
        (&self.id, &self.spec, self.create_index, self.modify_index) == (&other.id, &other.spec, other.create_index, other.modify_index)
    }
}

impl PreparedQuery {
    /// The query that the name asked for makes of it; itself if it is no template.
    ///
    /// # Errors
    /// A field cannot be read as a template: it was kept by an older release.
    pub fn resolve(&self, asked: &Asked<'_>) -> Result<QuerySpec, TemplateError> {
        match self.spec.is_template() {
            true => template::render(&self.spec, self.regexp.as_ref(), asked),
            false => Ok(self.spec.clone()),
        }
    }
}

/// The table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Queries {
    rows: OrdMap<String, Arc<PreparedQuery>>,
    /// Ids by name without case, of those that are no templates.
    names: OrdMap<String, String>,
    /// Ids by prefix without case, of templates.
    prefixes: OrdMap<String, String>,
    /// Sessions with the ids of what is bound to them.
    bound: OrdSet<(String, String)>,
    index: Index,
}

/// What a name or id leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved<'a> {
    /// To this query.
    Query(&'a Arc<PreparedQuery>),
    /// To a template's id, which alone says nothing.
    TemplateById,
    /// To nothing.
    Nothing,
}

impl Queries {
    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<PreparedQuery>> {
        self.rows.values()
    }

    /// The one with this id.
    pub fn get(&self, id: &str) -> Option<&Arc<PreparedQuery>> {
        self.rows.get(id)
    }

    /// The last change.
    pub fn index(&self) -> Index {
        self.index
    }

    /// What `text` leads to: the query with this id, else the one with this name, else the template with the longest prefix of it.
    pub fn resolve(&self, text: &str) -> Resolved<'_> {
        let folded = text.to_lowercase();
        if let Some(query) = self.rows.get(&folded) {
            return if query.spec.is_template() { Resolved::TemplateById } else { Resolved::Query(query) };
        }
        let by_prefix = || {
            let ends = folded.char_indices().map(|(at, letter)| at + letter.len_utf8()).rev().chain([0]);
            ends.filter_map(|end| self.prefixes.get(&folded[..end])).next()
        };
        let id = self.names.get(&folded).or_else(by_prefix);
        id.and_then(|id| self.rows.get(id)).map_or(Resolved::Nothing, Resolved::Query)
    }

    /// Why a query may not have its name, if so.
    fn conflict(&self, id: &str, spec: &QuerySpec) -> Option<String> {
        let (name, folded) = (&spec.name, spec.name.to_lowercase());
        let taken_by_other = |of: &OrdMap<String, String>| of.get(&folded).is_some_and(|holder| holder != id);
        if spec.is_template() {
            return taken_by_other(&self.prefixes).then(|| format!("name '{name}' aliases an existing query template name"));
        }
        if name.is_empty() {
            return None;
        }
        if self.rows.contains_key(&folded) {
            return Some(format!("name '{name}' aliases an existing query ID"));
        }
        taken_by_other(&self.names).then(|| format!("name '{name}' aliases an existing query name"))
    }

    fn put(&mut self, row: PreparedQuery) {
        self.take_out(&row.id);
        let folded = row.spec.name.to_lowercase();
        if row.spec.is_template() {
            self.prefixes.insert(folded, row.id.clone());
        } else if !folded.is_empty() {
            self.names.insert(folded, row.id.clone());
        }
        if !row.spec.session.is_empty() {
            self.bound.insert((row.spec.session.to_lowercase(), row.id.clone()));
        }
        self.rows.insert(row.id.clone(), Arc::new(row));
    }

    fn take_out(&mut self, id: &str) -> Option<Arc<PreparedQuery>> {
        let row = self.rows.remove(id)?;
        let folded = row.spec.name.to_lowercase();
        match row.spec.is_template() {
            true => self.prefixes.remove(&folded),
            false => self.names.remove(&folded),
        };
        self.bound.remove(&(row.spec.session.to_lowercase(), row.id.clone()));
        Some(row)
    }

    fn changed(&mut self, index: Index, touched: &mut Touched) {
        self.index = index;
        touched.add(Topic::Table(Table::Queries));
    }

    /// Removes what is bound to a session that ends.
    pub(super) fn unbind(&mut self, index: Index, session: SessionId, touched: &mut Touched) {
        let session = session.to_string();
        let ids: Vec<String> =
            self.bound.range((session.clone(), String::new())..).take_while(|(to, _)| *to == session).map(|(_, id)| id.clone()).collect();
        for id in &ids {
            self.take_out(id);
        }
        if !ids.is_empty() {
            self.changed(index, touched);
        }
    }
}

pub(super) fn apply(state: &mut State, index: Index, command: &QueryCommand, touched: &mut Touched) -> Reply {
    let outcome = match command {
        QueryCommand::Create { id, query } => keep(state, index, id, query),
        QueryCommand::Update { id, query } => match state.queries.get(id) {
            Some(_) => keep(state, index, id, query),
            None => Err(missing(id)),
        },
        QueryCommand::Delete { id } => state.queries.take_out(id).map(drop).ok_or_else(|| missing(id)),
    };
    match outcome {
        Ok(()) => {
            state.queries.changed(index, touched);
            Reply::Done
        }
        Err(why) => Reply::Refused(why),
    }
}

fn missing(id: &str) -> String {
    format!("Cannot modify non-existent prepared query: '{id}'")
}

fn keep(state: &mut State, index: Index, id: &str, query: &QuerySpec) -> Result<(), String> {
    let refused = |why: String| format!("raft apply failed: {why}");
    if !query.session.is_empty() && !is_session(state, &query.session) {
        return Err(refused(format!("invalid session {:?}", query.session)));
    }
    let regexp = template::check(query).map_err(|e| refused(format!("failed compiling template: {e}")))?;
    if let Some(conflict) = state.queries.conflict(id, query) {
        return Err(refused(conflict));
    }
    let create_index = state.queries.get(id).map_or(index, |row| row.create_index);
    state.queries.put(PreparedQuery { id: id.to_owned(), spec: query.clone(), create_index, modify_index: index, regexp });
    Ok(())
}

/// Whether there is a session with this id.
fn is_session(state: &State, id: &str) -> bool {
    SessionId::parse(id).is_ok_and(|id| state.sessions.get(id).is_some())
}

#[cfg(test)]
mod tests;
