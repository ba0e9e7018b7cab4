//! `/v1/lock/verify` (ours): whether the lock that a token was given for is held still.

use super::ApiError;
use crate::model::LockToken;
use serde::Serialize;

/// The header with a lock's token, on the answer that gives the lock.
pub const TOKEN_HEADER: &str = "x-muster-lock-token";

/// Reads a token out of a parameter.
///
/// # Errors
/// 400, with what a token looks like.
pub fn parse_token(text: &str) -> Result<LockToken, ApiError> {
    LockToken::parse(text).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// The answer: 200 if the lock is held, 409 if it is not, so that who looks at the status alone is not misled.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Verified {
    /// Whether it is held.
    pub valid: bool,
    /// Why not; empty if it is.
    pub reason: String,
    /// The locked key, each byte that is not UTF-8 as U+FFFD.
    pub key: String,
    /// Whose lock the token is.
    pub session: String,
    /// Which of the locks on that key.
    pub lock_index: u64,
}
