//! `/v1/status/`.

use super::Call;
use crate::api::ApiError;
use crate::server::http::backend::Backend;
use crate::server::http::reply::{self, Reply};

pub(super) async fn leader<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let leader = call.backend.leader(call.dc()).await?;
    Ok(reply::json(call.layout, &leader.map_or_else(String::new, |leader| leader.to_string())))
}

pub(super) async fn peers<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let peers = call.backend.peers(call.dc()).await?;
    let peers: Vec<String> = peers.iter().map(ToString::to_string).collect();
    Ok(reply::json(call.layout, &peers))
}
