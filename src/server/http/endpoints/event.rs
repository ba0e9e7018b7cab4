//! `/v1/event/`.

use super::Call;
use crate::agent::events::{Concern, EventRing};
use crate::agent::query::patience;
use crate::api::ApiError;
use crate::api::event::{self, AnswersShape, EventShape};
use crate::api::read::ReadOptions;
use crate::gossip::Scope;
use crate::model::NodeId;
use crate::runtime::{Runtime, sleep};
use crate::server::connections::Order;
use crate::server::http::backend::Backend;
use crate::server::http::reply::{self, Reply};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// How long a wait lasts that says nothing, and the most it may last.
const DEFAULT_WAIT: Duration = Duration::from_secs(300);
const LONGEST_WAIT: Duration = Duration::from_secs(600);

fn check(scope: &Scope) -> Result<(), ApiError> {
    Concern::of(scope).map(drop).map_err(|error| ApiError::internal(error.to_string()))
}

/// `PUT /v1/event/fire/:name`.
pub(super) async fn fire<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&R::random().to_le_bytes());
    bytes[8..].copy_from_slice(&R::random().to_le_bytes());
    let (name, id) = (call.needed("Missing name")?, NodeId::from_random(bytes));
    let body = call.body::<R>(body, event::LONGEST).await?;
    check(&event::scope(call.params))?;
    let event = event::event(&name, call.params, body, id)?;
    call.backend.fire(event.clone(), call.dc()).await?;
    Ok(reply::json(call.layout, &EventShape::from(&event)))
}

/// `GET /v1/event/list`: at once, or when the newest event is another than the one whose index the client names.
pub(super) async fn list<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = ReadOptions::parse(call.params)?;
    // An empty name narrows nothing.
    let name = call.params.value("name").filter(|name| !name.is_empty());
    let mut rings = call.backend.events();
    let mut over = pin!(sleep::<R>(patience(options.wait, DEFAULT_WAIT, LONGEST_WAIT, R::random())));
    loop {
        let ring = rings.borrow_and_update().clone();
        if options.min_index == 0 || ring.index(name) != options.min_index {
            return Ok(listed(call, &ring, name));
        }
        let ended = tokio::select! {
            biased;
            changed = rings.changed() => changed.is_err(),
            () = over.as_mut() => true,
            () = call.activity.ordered(Order::Finish) => true,
        };
        if ended {
            return Ok(listed(call, &ring, name));
        }
    }
}

fn listed<B: Backend>(call: &Call<'_, B>, ring: &Arc<EventRing>, name: Option<&str>) -> Reply {
    let shapes: Vec<EventShape<'_>> = ring.of(name).map(|event| EventShape::from(&**event)).collect();
    let mut reply = reply::json(call.layout, &shapes);
    reply.headers_mut().insert(reply::INDEX, HeaderValue::from(ring.index(name)));
    reply
}

/// `PUT /v1/event/query/:name` (ours): asks every agent and answers when enough of them have.
pub(super) async fn query<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    let name = call.needed("Missing name")?;
    let body = call.body::<R>(body, event::LONGEST).await?;
    check(&event::scope(call.params))?;
    let ask = event::question(&name, call.params, body)?;
    let answers = call.backend.ask_everybody(ask, call.dc()).await?;
    Ok(reply::json(call.layout, &AnswersShape::from(&answers)))
}
