//! `/v1/kv/`'s past: `?at=`, `?history` and `?stream`.

use super::Call;
use super::kv::{list, one};
use super::rows::strange;
use crate::agent::query::{Query, ReadMode, ReadOptions, Rows};
use crate::api::ApiError;
use crate::api::history::{self, Asked};
use crate::api::kv::{self, Lookup};
use crate::model::{Index, Key};
use crate::runtime::{Runtime, sleep};
use crate::server::http::answer::Stream;
use crate::server::http::backend::Backend;
use crate::server::http::reply::{self, Effective, Reply};
use crate::state::kv::Window;
use bytes::Bytes;
use futures_util::stream;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use std::time::Duration;

/// How often a stream shows that it is alive when nothing changes.
const ALIVE: Duration = Duration::from_secs(15);
/// Pause before what cannot be read is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) async fn answer<R: Runtime, B: Backend>(call: &Call<'_, B>, asked: Asked) -> Result<Reply, ApiError> {
    // Nothing of the past changes.
    let options = ReadOptions { min_index: 0, ..call.read_options()? };
    match asked {
        Asked::At(at) => entries::<R, B>(call, at, options).await,
        Asked::Changes => changes(call, options).await,
        Asked::Stream(after) => follow::<R, B>(call, after, options).await,
    }
}

async fn entries<R: Runtime, B: Backend>(call: &Call<'_, B>, at: Index, options: ReadOptions) -> Result<Reply, ApiError> {
    let key = Key::new(call.segment);
    let lookup = kv::lookup(call.segment, call.params)?;
    let query = match &lookup {
        Lookup::Entry { .. } => Query::KvAt { key, at },
        Lookup::Entries => Query::KvListAt { prefix: key, at },
        Lookup::Keys { .. } => return Err(ApiError::bad_request("at= tells what keys held: give recurse instead of keys")),
    };
    let answered = call.read(query, options).await?;
    if let Rows::OutsideWindow(window) = &answered.answer.rows {
        return Err(history::outside(at, window));
    }
    let reply = match lookup {
        Lookup::Entry { form } => one(call.layout, form, &answered),
        Lookup::Entries | Lookup::Keys { .. } => list::<R>(call.layout, &answered).await?,
    };
    Ok(reply::mark(reply, &answered, Effective::Untold))
}

async fn changes<B: Backend>(call: &Call<'_, B>, options: ReadOptions) -> Result<Reply, ApiError> {
    if call.segment.is_empty() {
        return Err(ApiError::bad_request("Missing key name"));
    }
    let answered = call.read(Query::KvHistory { key: Key::new(call.segment) }, options).await?;
    let Rows::Changes { window, changes, .. } = &answered.answer.rows else { return Err(strange()) };
    let document = history::document(call.layout, window, changes);
    Ok(reply::mark(reply::document(StatusCode::OK, document), &answered, Effective::Untold))
}

/// Who follows the changes of keys.
struct Follower<B> {
    backend: B,
    prefix: Key,
    /// Everything up to this index has been sent.
    cursor: Index,
    options: ReadOptions,
    ended: bool,
}

async fn follow<R: Runtime, B: Backend>(call: &Call<'_, B>, after: Option<Index>, options: ReadOptions) -> Result<Reply, ApiError> {
    // Should nobody be able to answer, that is better said now.
    let mut answered = call.read(Query::LastChange, options.clone()).await?;
    let newest = answered.answer.marks.index;
    // Only a server that may lag can know less than a client of its cluster has seen.
    if let (Some(after), ReadMode::Default | ReadMode::Consistent) = (after.filter(|after| *after > newest), &options.mode) {
        return Err(history::outside(after, &Window { oldest: newest, newest }));
    }
    let cursor = after.unwrap_or(newest);
    answered.answer.marks.index = cursor;
    let options = ReadOptions { wait: Some(ALIVE), cached: None, ..options };
    let follower = Follower { backend: call.backend.clone(), prefix: Key::new(call.segment), cursor, options, ended: false };
    let parts = stream::unfold(follower, |follower| async move { follower.next::<R>().await });
    let mut reply = reply::stream(Stream::new(parts, call.activity, R::now));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(reply::mark(reply, &answered, Effective::Untold))
}

impl<B: Backend> Follower<B> {
    /// What is sent next. It is asked for only when the client has taken what came before: nothing gathers for a slow one, which falls behind the
    /// window at last and is told so.
    async fn next<R: Runtime>(mut self) -> Option<(Bytes, Follower<B>)> {
        if self.ended {
            return None;
        }
        let query = Query::KvChanges { prefix: self.prefix.clone(), after: self.cursor };
        let options = ReadOptions { min_index: self.cursor.max(1), ..self.options.clone() };
        let part = match self.backend.read(query, options).await.map(|answered| answered.answer.rows) {
            Ok(Rows::Changes { changes, through, .. }) => {
                self.cursor = self.cursor.max(through);
                if changes.is_empty() { history::alive(self.cursor) } else { history::events(&changes) }
            }
            Ok(Rows::OutsideWindow(window)) if window.oldest > self.cursor => {
                self.ended = true;
                history::gap(self.cursor, &window)
            }
            // A server that lags: it has not seen what this client has.
            Ok(_) => {
                sleep::<R>(AGAIN).await;
                history::waiting("a server that lags behind")
            }
            Err(e) => {
                sleep::<R>(AGAIN).await;
                history::waiting(&e.to_string())
            }
        };
        Some((part.into(), self))
    }
}
