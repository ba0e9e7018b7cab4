//! `/v1/coordinate/`.

use super::Call;
use super::rows::strange;
use crate::agent::query::{Query, Rows};
use crate::api::ApiError;
use crate::api::coordinate::{self, LocatedShape};
use crate::runtime::Runtime;
use crate::server::http::backend::Backend;
use crate::server::http::reply::{self, Effective, Reply};
use crate::server::http::routes::Coordinate;
use hyper::StatusCode;
use hyper::body::Incoming;

/// Answers a request below `/v1/coordinate/`.
pub(super) async fn answer<R: Runtime, B: Backend>(endpoint: Coordinate, call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    if !call.settings.coordinates {
        return Err(ApiError::new(401, coordinate::DISABLED));
    }
    match endpoint {
        Coordinate::Datacenters => Ok(reply::json(call.layout, &call.backend.servers_in_wan().await?)),
        Coordinate::Nodes => located(call, None).await,
        Coordinate::Node => located(call, Some(vec![call.needed("Missing node name")?])).await,
        Coordinate::Update => {
            let body = call.body::<R>(body, coordinate::LONGEST).await?;
            call.backend.locate(coordinate::parse_update(&body)?, call.dc()).await?;
            Ok(reply::empty(StatusCode::OK))
        }
    }
}

async fn located<B: Backend>(call: &Call<'_, B>, nodes: Option<Vec<String>>) -> Result<Reply, ApiError> {
    let one = nodes.is_some();
    let answered = call.read(Query::Coordinates { nodes }, call.read_options()?).await?;
    let Rows::Located(rows) = &answered.answer.rows else { return Err(strange()) };
    // There are no named segments: every node is in the one without a name.
    let rows = if call.params.value("segment").is_some() { &[] } else { rows.as_slice() };
    let shapes: Vec<LocatedShape> = rows.iter().map(|row| LocatedShape::from(&**row)).collect();
    let reply = if one && shapes.is_empty() { reply::empty(StatusCode::NOT_FOUND) } else { reply::json(call.layout, &shapes) };
    Ok(reply::mark(reply, &answered, Effective::Untold))
}
