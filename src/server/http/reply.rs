//! Answers: bodies, the headers that tell how current a read is, and the headers every answer has.

use super::answer::{AnswerBody, Stream};
use super::backend::{Answered, Means, Origin};
use crate::api::ApiError;
use crate::api::json::{Layout, to_vec};
use crate::api::read::ReadMode;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// An answer.
pub(super) type Reply = Response<AnswerBody>;

/// Room for the headers of any answer, so that the map never grows.
const HEADERS: usize = 16;

pub(super) const INDEX: HeaderName = HeaderName::from_static("x-consul-index");
const KNOWN_LEADER: HeaderName = HeaderName::from_static("x-consul-knownleader");
const LAST_CONTACT: HeaderName = HeaderName::from_static("x-consul-lastcontact");
const QUERY_BACKEND: HeaderName = HeaderName::from_static("x-consul-query-backend");
const EFFECTIVE_CONSISTENCY: HeaderName = HeaderName::from_static("x-consul-effective-consistency");
const CACHE: HeaderName = HeaderName::from_static("x-cache");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn with_body(status: StatusCode, content_type: Option<HeaderValue>, body: Bytes) -> Reply {
    let mut reply = Response::new(AnswerBody::Whole(Full::new(body)));
    *reply.status_mut() = status;
    *reply.headers_mut() = HeaderMap::with_capacity(HEADERS);
    if let Some(content_type) = content_type {
        reply.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    reply
}

/// No body.
pub(super) fn empty(status: StatusCode) -> Reply {
    with_body(status, None, Bytes::new())
}

/// A line for people.
pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    with_body(status, Some(TEXT), text.into())
}

/// Bytes of another kind.
pub(super) fn of_type(content_type: &'static str, body: Bytes) -> Reply {
    with_body(StatusCode::OK, Some(HeaderValue::from_static(content_type)), body)
}

/// A JSON document that is written already.
pub(super) fn document(status: StatusCode, document: Vec<u8>) -> Reply {
    with_body(status, Some(JSON), document.into())
}

/// Lines that are sent as they come, of no kind that is told.
pub(super) fn stream(stream: Stream) -> Reply {
    let mut reply = empty(StatusCode::OK);
    *reply.body_mut() = AnswerBody::Stream(Box::new(stream));
    reply
}

/// A value as a JSON document.
pub(super) fn json<T: Serialize + ?Sized>(layout: Layout, value: &T) -> Reply {
    document(StatusCode::OK, to_vec(layout, value))
}

/// A refusal.
pub(super) fn refusal(error: ApiError) -> Reply {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    text(status, error.text.into_owned())
}

/// Whether an endpoint tells how the consistency asked for was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effective {
    /// Catalog and health do.
    Told,
    /// The KV store does not.
    Untold,
}

/// Consul's word for how current an answer is.
pub(super) fn word_of(mode: ReadMode) -> &'static str {
    match mode {
        ReadMode::Default => "leader",
        ReadMode::Consistent => "consistent",
        ReadMode::Stale { .. } => "stale",
    }
}

/// Adds what a read tells of its currency.
pub(super) fn mark(mut reply: Reply, answered: &Answered, effective: Effective) -> Reply {
    let headers = reply.headers_mut();
    match effective {
        Effective::Told => {
            headers.insert(EFFECTIVE_CONSISTENCY, HeaderValue::from_static(word_of(answered.mode)));
        }
        Effective::Untold => {}
    }
    headers.insert(INDEX, HeaderValue::from(answered.answer.marks.index.max(1)));
    insert_contact(headers, answered);
    let backend = match answered.means {
        Means::BlockingQuery => "blocking-query",
        Means::Streaming => "streaming",
    };
    headers.insert(QUERY_BACKEND, HeaderValue::from_static(backend));
    mark_origin(headers, answered.origin);
    reply
}

/// Adds what a transaction tells of its currency: it has no index of its own.
pub(super) fn mark_contact(mut reply: Reply, answered: &Answered) -> Reply {
    insert_contact(reply.headers_mut(), answered);
    reply
}

fn insert_contact(headers: &mut HeaderMap, answered: &Answered) {
    headers.insert(KNOWN_LEADER, HeaderValue::from_static(if answered.known_leader { "true" } else { "false" }));
    let millis = u64::try_from(answered.last_contact.as_millis()).unwrap_or(u64::MAX);
    headers.insert(LAST_CONTACT, HeaderValue::from(millis));
}

/// Says whether the agent had the answer already, and how old it was then.
pub(super) fn mark_origin(headers: &mut HeaderMap, origin: Origin) {
    match origin {
        Origin::Servers => {}
        Origin::Fetched => {
            headers.insert(CACHE, HeaderValue::from_static("MISS"));
        }
        Origin::Held { age } => {
            headers.insert(CACHE, HeaderValue::from_static("HIT"));
            headers.insert(AGE, HeaderValue::from(age.as_secs()));
        }
    }
}
