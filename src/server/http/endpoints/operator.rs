//! `/v1/operator/`.

use super::rows::strange;
use super::{Call, MOST_JSON};
use crate::agent::query::{Query, ReadMode, ReadOptions, Rows};
use crate::api::json::to_vec;
use crate::api::operator::{AutopilotShape, Peer, TransferLeader, parse_autopilot};
use crate::api::{ApiError, number};
use crate::runtime::Runtime;
use crate::server::http::backend::{Backend, Source};
use crate::server::http::reply::{self, Reply};
use crate::state::{Command, Condition};
use hyper::StatusCode;
use hyper::body::Incoming;

pub(super) async fn raft_configuration<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let source = if call.params.has("stale") { Source::Any } else { Source::Leader };
    Ok(reply::json(call.layout, &call.backend.raft_configuration(source, call.dc()).await?))
}

pub(super) async fn remove_peer<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    call.backend.remove_peer(Peer::parse(call.params)?, call.dc()).await?;
    Ok(reply::empty(StatusCode::OK))
}

pub(super) async fn transfer_leader<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    call.backend.transfer_leader(call.params.value("id").map(str::to_owned), call.dc()).await?;
    Ok(reply::json(call.layout, &TransferLeader { success: true }))
}

pub(super) async fn autopilot_configuration<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let mode = if call.params.has("stale") { ReadMode::Stale { max_age: None } } else { ReadMode::Default };
    let options = ReadOptions { mode, dc: call.dc(), ..ReadOptions::default() };
    let answered = call.read(Query::AutopilotConfiguration, options).await?;
    match &answered.answer.rows {
        Rows::Autopilot(Some(row)) => Ok(reply::json(call.layout, &AutopilotShape::from(row))),
        // The first leader is about to write it.
        Rows::Autopilot(None) => Err(ApiError::internal("autopilot config has not been initialized")),
        _ => Err(strange()),
    }
}

pub(super) async fn set_autopilot<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    let condition = match call.params.given("cas").map(number::parse_u64) {
        None => Condition::Always,
        Some(Ok(index)) => Condition::At(index),
        Some(Err(why)) => return Err(ApiError::bad_request(format!("Bad request: Error parsing cas value: {why}"))),
    };
    let settings = parse_autopilot(&call.body::<R>(body, MOST_JSON).await?)?;
    let (_, outcome) = call.backend.write(Command::Autopilot { settings, condition }, call.dc()).await?;
    Ok(reply::json(call.layout, &outcome.settled().map_err(ApiError::internal)?))
}

pub(super) async fn autopilot_health<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let health = call.backend.autopilot_health(call.dc()).await?;
    let status = if health.healthy { StatusCode::OK } else { StatusCode::TOO_MANY_REQUESTS };
    Ok(reply::document(status, to_vec(call.layout, &health)))
}

pub(super) async fn autopilot_state<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    Ok(reply::json(call.layout, &call.backend.autopilot_state(call.dc()).await?))
}
