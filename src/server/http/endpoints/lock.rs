//! `/v1/lock/`.

use super::Call;
use super::rows::strange;
use crate::agent::query::{Query, ReadMode, ReadOptions, Rows};
use crate::api::ApiError;
use crate::api::json::to_vec;
use crate::api::lock::{Verified, parse_token};
use crate::server::http::backend::Backend;
use crate::server::http::reply::{self, Effective, Reply};
use crate::state::kv::token_holds;
use hyper::StatusCode;

/// Whether a token's lock is held still. Linearizable whatever mode is asked for; with `index` it waits until the locked key changes, so a holder
/// that waits here hears of its loss at once.
pub(super) async fn verify<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = call.read_options()?;
    let mode = match options.mode {
        ReadMode::Consistent => ReadMode::Consistent,
        ReadMode::Default | ReadMode::Stale { .. } => ReadMode::Default,
    };
    let token = parse_token(call.params.value("token").ok_or_else(|| ApiError::bad_request("Missing token"))?)?;
    let answered = call.read(Query::KvGet { key: token.key.clone() }, ReadOptions { mode, cached: None, ..options }).await?;
    let Rows::Entry(entry) = &answered.answer.rows else { return Err(strange()) };
    let held = token_holds(entry.as_deref(), &token);
    let status = if held.is_ok() { StatusCode::OK } else { StatusCode::CONFLICT };
    let verified = Verified {
        valid: held.is_ok(),
        reason: held.err().map_or_else(String::new, |lost| lost.to_string()),
        key: String::from_utf8_lossy(&token.key).into_owned(),
        session: token.session.to_string(),
        lock_index: token.lock_index,
    };
    Ok(reply::mark(reply::document(status, to_vec(call.layout, &verified)), &answered, Effective::Untold))
}
