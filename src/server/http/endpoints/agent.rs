//! `/v1/agent/`.

use super::Call;
use crate::api::ApiError;
use crate::runtime::Runtime;
use crate::server::http::answer::Stream;
use crate::server::http::backend::{Backend, Pool, Trace};
use crate::server::http::reply::{self, Reply};
use hyper::StatusCode;

pub(super) async fn itself<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    Ok(reply::json(call.layout, &call.backend.agent_self().await?))
}

pub(super) async fn host<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    Ok(reply::json(call.layout, &call.backend.host().await?))
}

pub(super) async fn members<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let pool = pool_by_value(call);
    match (pool, call.params.value("segment")) {
        (Pool::Wan, Some(_)) => return Err(ApiError::bad_request("Cannot provide a segment with wan=true")),
        (Pool::Lan, Some(segment)) if segment != "_all" => {
            return Err(ApiError::internal("Network segments are not supported in this version of Consul"));
        }
        (Pool::Lan | Pool::Wan, _) => {}
    }
    Ok(reply::json(call.layout, &call.backend.members(pool).await?))
}

/// The log as it is written, until the client goes.
pub(super) fn monitor<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let mut lines = call.backend.monitor(crate::api::monitor::monitor(call.params)?)?;
    Ok(reply::stream(Stream::new(futures_util::stream::poll_fn(move |cx| lines.poll_next(cx)), call.activity, R::now)))
}

pub(super) async fn join<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    call.backend.join(call.name().into_owned(), pool_by_value(call)).await?;
    Ok(reply::empty(StatusCode::OK))
}

pub(super) async fn leave<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    call.backend.leave().await?;
    Ok(reply::empty(StatusCode::OK))
}

pub(super) async fn reload<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    call.backend.reload().await?;
    Ok(reply::empty(StatusCode::OK))
}

pub(super) async fn force_leave<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let trace = if call.params.has("prune") { Trace::Pruned } else { Trace::Kept };
    let pool = if call.params.has("wan") { Pool::Wan } else { Pool::Lan };
    call.backend.force_leave(call.name().into_owned(), pool, trace).await?;
    Ok(reply::empty(StatusCode::OK))
}

/// Any value of `wan` means the WAN pool, even `false`; none does not.
fn pool_by_value<B: Backend>(call: &Call<'_, B>) -> Pool {
    if call.params.value("wan").is_some() { Pool::Wan } else { Pool::Lan }
}
