//! `services`: what is registered on the agent.

pub(super) mod deregister;
pub(super) mod lint;
pub(super) mod register;

use super::agent::read_path;
use crate::model::ServiceDefinition;
use std::path::Path;

/// The services that files or folders define, in their order.
fn defined_in(paths: &[String]) -> Result<Vec<ServiceDefinition>, String> {
    let mut services = Vec::new();
    for path in paths {
        for source in read_path(Path::new(path), None)? {
            services.extend(source.services().map_err(|e| e.to_string())?);
        }
    }
    if services.is_empty() { Err(format!("no service is defined in {}", paths.join(", "))) } else { Ok(services) }
}
