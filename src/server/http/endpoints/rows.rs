//! What the endpoints of catalog and health share: the rows a request wants, the question, and the answer's document.

use super::Call;
use crate::agent::query::{Choice, Health, Query, ReadMode, ReadOptions, Rows, Subject, sort_by_distance};
use crate::api::ApiError;
use crate::api::document::Document;
use crate::api::json::Layout;
use crate::model::{Datacenter, NodeName};
use crate::runtime::Runtime;
use crate::server::http::backend::{Answered, Backend, Means};
use crate::server::http::reply::{self, Effective, Reply};
use hyper::StatusCode;
use std::collections::BTreeSet;

/// An answer of more rows is written where it keeps nobody waiting.
pub(super) const WRITE_APART_FROM: usize = 512;

/// Writes a document of `rows` rows, apart if they are many.
pub(super) async fn write<R: Runtime>(rows: usize, document: impl FnOnce() -> Vec<u8> + Send + 'static) -> Result<Reply, ApiError> {
    let document = if rows < WRITE_APART_FROM {
        document()
    } else {
        R::spawn_blocking(document).await.map_err(|error| ApiError::internal(error.to_string()))?
    };
    Ok(reply::document(StatusCode::OK, document))
}

/// What a document is written with, beside its rows.
pub(super) struct Sheet {
    pub(super) layout: Layout,
    pub(super) datacenter: Datacenter,
}

impl Sheet {
    pub(super) fn of<B: Backend>(call: &Call<'_, B>) -> Sheet {
        Sheet { layout: call.layout, datacenter: call.backend.datacenter().clone() }
    }

    /// A list of rows of about `size` bytes each.
    pub(super) fn list<T>(&self, rows: &[T], size: usize, mut row: impl FnMut(&mut Document, &T, &Datacenter)) -> Vec<u8> {
        self.document(rows.len() * size, |to| to.list(rows, |to, one| row(to, one, &self.datacenter)))
    }

    /// Any document of about `size` bytes.
    pub(super) fn document(&self, size: usize, write: impl FnOnce(&mut Document)) -> Vec<u8> {
        let mut to = Document::with_capacity(size + 64);
        write(&mut to);
        to.finish(self.layout)
    }
}

/// An answer whose rows were taken out of it, and what its headers tell.
pub(super) struct Told {
    answered: Answered,
}

impl Told {
    /// That Consul's agent, too, would have asked the servers anew instead of being told by a stream.
    pub(super) fn asked_anew(self) -> Told {
        Told { answered: Answered { means: Means::BlockingQuery, ..self.answered } }
    }

    pub(super) fn mark(&self, reply: Reply) -> Reply {
        reply::mark(reply, &self.answered, Effective::Told)
    }
}

impl<B: Backend> Call<'_, B> {
    /// The options of a read of the catalog: where no mode is asked for, the operator may allow an older answer.
    pub(super) fn catalog_options(&self) -> Result<ReadOptions, ApiError> {
        let options = self.read_options()?;
        let mode = match (options.mode, self.settings.discovery_max_stale) {
            (ReadMode::Default, Some(age)) if !self.params.has("leader") => ReadMode::Stale { max_age: Some(age) },
            (mode, _) => mode,
        };
        Ok(ReadOptions { mode, ..options })
    }

    /// The part of the path behind the route.
    pub(super) fn needed(&self, missing: &'static str) -> Result<String, ApiError> {
        if self.segment.is_empty() { Err(ApiError::bad_request(missing)) } else { Ok(self.name().into_owned()) }
    }

    /// What of the rows is wanted, by `node-meta` and `filter`.
    pub(super) fn choice(&self, subject: Subject) -> Result<Choice, ApiError> {
        let filter = self.params.value("filter").unwrap_or_default();
        subject.check(filter).map_err(|error| ApiError::internal(format!("Failed to create boolean expression evaluator: {error}")))?;
        let mut node_meta: Vec<(String, String)> = Vec::new();
        for pair in self.params.all("node-meta") {
            let (key, value) = pair.split_once(':').unwrap_or((pair, ""));
            // Of two values for one key the later counts.
            node_meta.retain(|(earlier, _)| earlier != key);
            node_meta.push((key.to_owned(), value.to_owned()));
        }
        let datacenter = self.backend.datacenter().as_str().to_owned();
        Ok(Choice { node_meta, filter: filter.to_owned(), datacenter, ..Choice::default() })
    }

    /// The same, by `tag` too.
    pub(super) fn tagged_choice(&self, subject: Subject) -> Result<Choice, ApiError> {
        Ok(Choice { tags: self.params.all("tag").map(str::to_owned).collect(), ..self.choice(subject)? })
    }

    /// The same, by `passing` too.
    pub(super) fn healthy_choice(&self) -> Result<Choice, ApiError> {
        let health = if crate::api::health::passing(self.params)? { Health::Passing } else { Health::Any };
        Ok(Choice { health, ..self.tagged_choice(Subject::Instances)? })
    }

    /// Puts the nearest rows first, if `near` names a node (`_agent` this one): as far as any server knows where they lie.
    pub(super) async fn nearest_first<T>(&self, rows: &mut [T], node: impl Fn(&T) -> &NodeName + Sync) -> Result<(), ApiError>
    where
        T: Sync + Send,
    {
        let Some(near) = self.params.value("near").filter(|_| rows.len() > 1 && self.settings.coordinates) else { return Ok(()) };
        let from = if near == "_agent" { self.backend.node_name().as_str() } else { near };
        let names: BTreeSet<&str> = rows.iter().map(|row| node(row).as_str()).chain([from]).collect();
        let nodes = Some(names.into_iter().map(str::to_owned).collect());
        let options = ReadOptions { mode: ReadMode::Stale { max_age: None }, dc: self.dc(), ..ReadOptions::default() };
        let answered = self.backend.read(Query::Coordinates { nodes }, options).await?;
        let Rows::Located(located) = &answered.answer.rows else { return Err(strange()) };
        sort_by_distance(rows, from, located, |row| node(row).as_str());
        Ok(())
    }

    /// Asks, and takes the rows out of the answer.
    pub(super) async fn ask(&self, query: Query, options: ReadOptions) -> Result<(Rows, Told), ApiError> {
        let mut answered = self.read(query, options).await?;
        let rows = std::mem::replace(&mut answered.answer.rows, Rows::Keys(Vec::new()));
        Ok((rows, Told { answered }))
    }
}

/// The server that answered is of another mind about what was asked.
pub(super) fn strange() -> ApiError {
    ApiError::internal("rpc error making call: answer of another kind")
}
