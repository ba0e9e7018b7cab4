//! `/v1/catalog/` and `/v1/health/`.

use super::Call;
use crate::agent::query::{Choice, Query, Rows};
use crate::api::ApiError;
use crate::api::catalog::{CheckShape, NodeShape};
use crate::server::http::backend::Backend;
use crate::server::http::reply::{self, Effective, Reply};

pub(super) async fn datacenters<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    Ok(reply::json(call.layout, &call.backend.datacenters().await?))
}

pub(super) async fn nodes<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = call.read_options()?;
    let mode = options.mode;
    let answered = call.read(Query::CatalogNodes { choice: Choice::default() }, options).await?;
    let Rows::Nodes(nodes) = &answered.answer.rows else { return Err(strange()) };
    let datacenter = call.backend.datacenter();
    let shapes: Vec<NodeShape<'_>> = nodes.iter().map(|node| NodeShape::new(node, datacenter)).collect();
    Ok(reply::mark(reply::json(call.layout, &shapes), &answered, Effective::Told(mode)))
}

pub(super) async fn health_of_node<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = call.read_options()?;
    let mode = options.mode;
    if call.segment.is_empty() {
        return Err(ApiError::bad_request("Missing node name"));
    }
    let answered = call.read(Query::HealthNode { node: call.name().into_owned(), choice: Choice::default() }, options).await?;
    let Rows::Checks(checks) = &answered.answer.rows else { return Err(strange()) };
    let shapes: Vec<CheckShape<'_>> = checks.iter().map(|check| CheckShape::from(&**check)).collect();
    Ok(reply::mark(reply::json(call.layout, &shapes), &answered, Effective::Told(mode)))
}

/// The server that answered is of another mind about what was asked.
pub(super) fn strange() -> ApiError {
    ApiError::internal("rpc error making call: answer of another kind")
}
