//! `/v1/kv/`.

use super::rows::write;
use super::{Call, history};
use crate::agent::query::{Query, ReadOptions, Rows};
use crate::api::ApiError;
use crate::api::history::Asked;
use crate::api::json::{Layout, to_vec};
use crate::api::kv::{self, Delete, EntryShape, Form, KeyShape, Lookup, Put};
use crate::model::Key;
use crate::runtime::Runtime;
use crate::server::http::backend::{Answered, Backend};
use crate::server::http::reply::{self, Effective, Reply};
use crate::server::http::routes::Verb;
use crate::state::kv::Entry;
use crate::state::{Command, KvCommand, Reply as Outcome};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use std::sync::Arc;

pub(super) async fn answer<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    match call.verb {
        Verb::Get => lookup::<R, B>(call).await,
        Verb::Put => put::<R, B>(call, body).await,
        Verb::Delete | Verb::Post => delete(call).await,
    }
}

async fn lookup<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let last_event = call.headers.get("last-event-id").and_then(|value| value.to_str().ok());
    if let Some(asked) = Asked::parse(call.params, last_event)? {
        return Box::pin(history::answer::<R, B>(call, asked)).await;
    }
    let options = call.read_options()?;
    match kv::lookup(call.segment, call.params)? {
        Lookup::Entry { form } => {
            let answered = read(call, Query::KvGet { key: Key::new(call.segment) }, options).await?;
            Ok(reply::mark(one(call.layout, form, &answered), &answered, Effective::Untold))
        }
        Lookup::Entries => {
            let answered = read(call, Query::KvList { prefix: Key::new(call.segment) }, options).await?;
            let reply = list::<R>(call.layout, &answered).await?;
            Ok(reply::mark(reply, &answered, Effective::Untold))
        }
        Lookup::Keys { separator } => {
            let answered = read(call, Query::KvKeys { prefix: Key::new(call.segment), separator }, options).await?;
            let reply = keys::<R>(call.layout, call.segment, &answered).await?;
            Ok(reply::mark(reply, &answered, Effective::Untold))
        }
    }
}

async fn read<B: Backend>(call: &Call<'_, B>, query: Query, options: ReadOptions) -> Result<Answered, ApiError> {
    call.read(query, options).await.map_err(ApiError::from)
}

pub(super) fn one(layout: Layout, form: Form, answered: &Answered) -> Reply {
    let Rows::Entry(Some(entry)) = &answered.answer.rows else { return reply::empty(StatusCode::NOT_FOUND) };
    match form {
        Form::Json => reply::json(layout, &[EntryShape::from(&**entry)]),
        Form::Raw => raw(entry.clone()),
    }
}

/// The value alone, shared with the state, with what keeps a browser from running it.
fn raw(entry: Arc<Entry>) -> Reply {
    struct Value(Arc<Entry>);
    impl AsRef<[u8]> for Value {
        fn as_ref(&self) -> &[u8] {
            &self.0.value
        }
    }
    let mut reply = reply::of_type("text/plain", Bytes::from_owner(Value(entry)));
    reply.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    reply
}

pub(super) async fn list<R: Runtime>(layout: Layout, answered: &Answered) -> Result<Reply, ApiError> {
    let entries = match &answered.answer.rows {
        Rows::Entries(entries) if !entries.is_empty() => entries.clone(),
        _ => return Ok(reply::empty(StatusCode::NOT_FOUND)),
    };
    write::<R>(entries.len(), move || {
        let shapes: Vec<EntryShape<'_>> = entries.iter().map(|entry| EntryShape::from(&**entry)).collect();
        to_vec(layout, &shapes)
    })
    .await
}

async fn keys<R: Runtime>(layout: Layout, prefix: &[u8], answered: &Answered) -> Result<Reply, ApiError> {
    let keys = match &answered.answer.rows {
        // At the root an empty list is a list.
        Rows::Keys(keys) if !keys.is_empty() || prefix.is_empty() => keys.clone(),
        _ => return Ok(reply::empty(StatusCode::NOT_FOUND)),
    };
    write::<R>(keys.len(), move || {
        let shapes: Vec<KeyShape<'_>> = keys.iter().map(|key| KeyShape(key)).collect();
        to_vec(layout, &shapes)
    })
    .await
}

async fn put<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    call.check_namespace()?;
    let put = kv::put(call.segment, call.params)?;
    let value = call.body::<R>(body, call.settings.kv_max_value_size).await?;
    let key = Key::new(call.segment);
    match put {
        Put::Write { flags, condition } => write_back(call, KvCommand::Put { key, value: value.into(), flags, condition }).await,
        // There are no sessions yet, so no lock can be taken and none is held.
        Put::Acquire { session } => Err(ApiError::internal(kv::no_such_session(&session))),
        Put::Release { session } if session.is_empty() => Err(ApiError::internal(kv::no_such_session(&session))),
        Put::Release { .. } => Ok(reply::json(call.layout, &false)),
    }
}

async fn delete<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    call.check_namespace()?;
    let key = Key::new(call.segment);
    let command = match kv::delete(call.segment, call.params)? {
        Delete::Key { condition } => KvCommand::Delete { key, condition },
        Delete::Tree => KvCommand::DeleteTree { prefix: key },
    };
    write_back(call, command).await
}

async fn write_back<B: Backend>(call: &Call<'_, B>, command: KvCommand) -> Result<Reply, ApiError> {
    match call.backend.write(Command::Kv(command), call.dc()).await? {
        (_, Outcome::LockLost(text)) => Err(ApiError::new(409, text)),
        (_, outcome) => Ok(reply::json(call.layout, &outcome.settled().map_err(ApiError::internal)?)),
    }
}
