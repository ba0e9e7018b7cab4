//! A refused request.

use std::borrow::Cow;

/// A status and the text that tells why, as clients of Consul match it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The whole body, without a newline.
    pub text: Cow<'static, str>,
}

impl ApiError {
    /// A refusal with any status.
    pub fn new(status: u16, text: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError { status, text: text.into() }
    }

    /// 400: a parameter or body is malformed.
    pub fn bad_request(text: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(400, text)
    }

    /// 500: what Consul says of everything it has no better status for.
    pub fn internal(text: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(500, text)
    }
}
