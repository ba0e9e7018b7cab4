//! The agent's registrations as rows of the catalog.

use super::{LocalCheck, LocalService, LocalView};
use crate::model::NodeName;
use crate::state::checks::Check;
use crate::state::services::Service;

/// A service as a row of `node`'s. Local rows have no indexes.
pub fn service_row(node: &NodeName, service: &LocalService) -> Service {
    Service::new(node, &service.spec, 0, 0)
}

/// A check as a row of `node`'s, with what `view` has of its service.
pub fn check_row(node: &NodeName, view: &LocalView, check: &LocalCheck) -> Check {
    let service = view.services.get(check.definition.service_id.as_str()).map(|service| service_row(node, service));
    Check::new(node, &check.catalog_spec(), service.as_ref(), 0, 0)
}
