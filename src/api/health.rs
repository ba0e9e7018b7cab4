//! Checks, and instances with their checks, as clients see them.

use super::ApiError;
use super::catalog::{Blank, write_indexes, write_node, write_service, write_tags};
use super::document::Document;
use super::params::Params;
use crate::model::Datacenter;
use crate::state::checks::Check;
use crate::state::nodes::Node;
use crate::state::services::Service;
use std::sync::Arc;

/// Writes a check, as every endpoint under `/v1/health/` shows it.
pub fn write_check(to: &mut Document, check: &Check, blank: Blank) {
    to.raw("{\"Node\":");
    to.text(check.node().as_str());
    to.raw(",\"CheckID\":");
    to.text(check.id());
    to.raw(",\"Name\":");
    to.text(check.name());
    to.raw(",\"Status\":");
    to.text(check.status().as_str());
    to.raw(",\"Notes\":");
    to.text(check.notes());
    to.raw(",\"Output\":");
    to.text(check.output());
    to.raw(",\"ServiceID\":");
    to.text(check.service_id());
    to.raw(",\"ServiceName\":");
    to.text(check.service_name());
    to.raw(",\"ServiceTags\":");
    write_tags(to, check.service_tags(), blank);
    to.raw(",\"Type\":");
    to.text(check.kind());
    to.raw(",\"Interval\":");
    to.text(check.interval());
    to.raw(",\"Timeout\":");
    to.text(check.timeout());
    to.raw(",\"ExposedPort\":0,\"Definition\":");
    to.raw(if check.definition().is_empty() { "{}" } else { check.definition() });
    write_indexes(to, check.create_index(), check.modify_index());
}

/// Writes an instance with its node and checks, as `/v1/health/service/` (with [`Blank::List`]) and prepared queries list it.
pub fn write_instance(to: &mut Document, node: &Node, service: &Service, checks: &[Arc<Check>], datacenter: &Datacenter, blank: Blank) {
    to.raw("{\"Node\":");
    write_node(to, node, datacenter);
    to.raw(",\"Service\":");
    write_service(to, service, blank);
    to.raw(",\"Checks\":");
    to.list(checks, |to, check| write_check(to, check, blank));
    to.raw("}");
}

/// Whether only instances are wanted all of whose checks pass: `passing`, alone or with a truth value of Go's.
///
/// # Errors
/// 400 for another value.
pub fn passing(params: &Params<'_>) -> Result<bool, ApiError> {
    match params.given("passing") {
        None => Ok(false),
        Some("" | "1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(_) => Err(ApiError::bad_request("Invalid value for ?passing")),
    }
}
