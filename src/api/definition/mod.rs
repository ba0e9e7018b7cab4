//! The bodies of `/v1/agent/service/register` and `/v1/agent/check/register`. Fields, rules and defaults stand in [`crate::config`], which
//! reads the same definitions from files.

mod write;

pub use write::service_to_json;

use super::ApiError;
use crate::config::definition::{self, DefinitionError, Mistake};
use crate::model::{CheckDefinition, ServiceDefinition};

/// Reads the body of a service's registration. `Token` in it is ignored, as in Consul: the request's own counts.
///
/// # Errors
/// 400 in Consul's words.
pub fn service_from_json(body: &[u8]) -> Result<ServiceDefinition, ApiError> {
    definition::service_from_json(body).map_err(refused)
}

/// Reads the body of a check's registration; its `Token` is ignored.
///
/// # Errors
/// 400 in Consul's words.
pub fn check_from_json(body: &[u8]) -> Result<CheckDefinition, ApiError> {
    definition::check_from_json(body).map_err(refused)
}

fn refused(error: DefinitionError) -> ApiError {
    match error.mistake {
        Mistake::Unreadable | Mistake::UnknownKey => ApiError::bad_request(format!("Request decode failed: {}", error.text)),
        Mistake::Rule => ApiError::bad_request(error.text),
    }
}
