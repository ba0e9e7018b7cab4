//! `/v1/snapshot`.

use super::Call;
use crate::agent::query::{Answer, Rows};
use crate::api::ApiError;
use crate::runtime::Runtime;
use crate::server::http::answer::Stream;
use crate::server::http::backend::{Answered, Backend, Means, Origin};
use crate::server::http::connections::Phase;
use crate::server::http::reply::{self, Effective, Reply};
use crate::server::http::routes::Verb;
use crate::state::Marks;
use futures_util::StreamExt;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};

pub(super) async fn answer<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    match call.verb {
        Verb::Get => save::<R, B>(call).await,
        Verb::Put | Verb::Post | Verb::Delete => restore::<R, B>(call, body).await,
    }
}

async fn save<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = call.read_options()?;
    let saved = call.backend.save_snapshot(options.mode, options.dc).await?;
    let (answer, bytes) = (Answer { marks: Marks::at(saved.index), rows: Rows::Absent }, saved.bytes);
    let (known_leader, last_contact) = (saved.known_leader, saved.last_contact);
    let answered = Answered { answer, known_leader, last_contact, origin: Origin::Servers, means: Means::BlockingQuery };
    let mut reply = reply::stream(Stream::new(saved.parts, call.activity, R::now));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-gzip"));
    // If it ends before that, the client knows that it does not have all of it.
    reply.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    Ok(reply::mark(reply, &answered, Effective::Untold))
}

async fn restore<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    let activity = call.activity.clone();
    let parts = body.into_data_stream().map(move |part| {
        // It may take as long as it likes in all, but not between two parts.
        activity.enter(Phase::Arriving, R::now());
        part.map_err(|e| e.to_string())
    });
    let activity = call.activity.clone();
    let arrived = futures_util::stream::poll_fn(move |_| {
        activity.enter(Phase::Answering, R::now());
        std::task::Poll::Ready(None)
    });
    let restored = call.backend.restore_snapshot(parts.chain(arrived), call.dc()).await;
    call.activity.enter(Phase::Answering, R::now());
    restored?;
    Ok(reply::empty(StatusCode::OK))
}
