//! What answers as Consul does with ACLs and the service mesh off.

use super::Call;
use crate::agent::query::Query;
use crate::api::ApiError;
use crate::model::quote;
use crate::server::http::backend::Backend;
use crate::server::http::reply::{self, Effective, Reply};
use crate::server::http::routes::Verb;
use std::collections::BTreeMap;

/// The kinds of configuration entries Consul knows.
const KINDS: [&str; 9] = [
    "ingress-gateway",
    "mesh",
    "proxy-defaults",
    "service-defaults",
    "service-intentions",
    "service-resolver",
    "service-router",
    "service-splitter",
    "terminating-gateway",
];

pub(super) fn acl() -> Result<Reply, ApiError> {
    Err(ApiError::new(401, "ACL support disabled"))
}

pub(super) fn mesh() -> Result<Reply, ApiError> {
    Err(ApiError::internal("Connect must be enabled in order to use this endpoint"))
}

/// The list of sessions: there are none, and none can be made. A query that waits for one waits as long as it may.
pub(super) async fn none<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let answered = call.read(Query::Absent, call.read_options()?).await?;
    Ok(reply::mark(reply::json(call.layout, &[(); 0]), &answered, Effective::Untold))
}

/// `/v1/config/:kind[/:name]`: there are no entries, and none can be made.
pub(super) fn config_entries<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let name = call.name();
    let (kind, name) = name.split_once('/').unwrap_or((&name, ""));
    match (call.verb, name) {
        (Verb::Put | Verb::Post, _) => Err(ApiError::internal("Config entries belong to a service mesh, which this agent does not have")),
        _ if kind.is_empty() => Err(ApiError::new(404, "Must provide a kind")),
        _ if !KINDS.contains(&kind) => Err(ApiError::internal(format!("invalid config entry kind: {kind}"))),
        (Verb::Delete, "") => Err(ApiError::new(404, "Must provide both a kind and name to delete")),
        (Verb::Delete, _) => Ok(reply::json(call.layout, &BTreeMap::<&str, ()>::new())),
        (Verb::Get, "") => Ok(reply::json(call.layout, &[(); 0])),
        (Verb::Get, name) => Err(ApiError::new(404, format!("Config entry not found for {} / {}", quote(kind), quote(name)))),
    }
}
