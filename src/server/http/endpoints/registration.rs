//! What an agent is told of its own services and checks: changes below `/v1/agent/`.

use super::Call;
use crate::agent::local::{LocalChange, LocalError, Maintenance, OtherChecks};
use crate::api::ApiError;
use crate::api::definition::{check_from_json, service_from_json};
use crate::api::limit::BodyLimit;
use crate::api::local::{HeartbeatBody, parse_heartbeat};
use crate::config::definition::names_ports;
use crate::model::{CheckStatus, quote};
use crate::runtime::Runtime;
use crate::server::http::authorize::token;
use crate::server::http::backend::Backend;
use crate::server::http::reply::{self, Reply};
use hyper::StatusCode;
use hyper::body::Incoming;

/// The longest body, in bytes. Consul takes any.
const MOST_BODY: BodyLimit = BodyLimit::fixed(512 * 1_024);

pub(super) async fn register_service<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    call.check_namespace()?;
    let body = call.body::<R>(body, MOST_BODY).await?;
    let mut definition = service_from_json(&body)?;
    if names_ports(&body) {
        tracing::warn!(
            service = definition.spec.id,
            "Ports has no effect: the service is found at its Port; register one service for each port"
        );
    }
    definition.token = own_token(call);
    for check in &mut definition.checks {
        check.token.clone_from(&definition.token);
    }
    let others = match call.params.given("replace-existing-checks") {
        Some("" | "1" | "true") => OtherChecks::Drop,
        Some(_) | None => OtherChecks::Keep,
    };
    change(call, LocalChange::RegisterService { definition: Box::new(definition), others }).await
}

pub(super) async fn register_check<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    call.check_namespace()?;
    let mut definition = check_from_json(&call.body::<R>(body, MOST_BODY).await?)?;
    definition.token = own_token(call);
    change(call, LocalChange::RegisterCheck { definition: Box::new(definition) }).await
}

fn own_token<B: Backend>(call: &Call<'_, B>) -> String {
    token(call.params, call.headers).unwrap_or_default().to_owned()
}

pub(super) async fn deregister_service<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    if call.segment.is_empty() {
        return Err(ApiError::internal("ServiceID missing"));
    }
    unless_gone(call, LocalChange::DeregisterService { id: call.name().into_owned() }).await
}

pub(super) async fn deregister_check<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    if call.segment.is_empty() {
        return Err(ApiError::internal("CheckID missing"));
    }
    unless_gone(call, LocalChange::DeregisterCheck { id: call.name().into_owned() }).await
}

pub(super) async fn service_maintenance<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    if call.segment.is_empty() {
        return Err(ApiError::bad_request("Missing service ID"));
    }
    let maintenance = maintenance(call)?;
    let id = call.name().into_owned();
    match call.backend.change_local(LocalChange::ServiceMaintenance { id, maintenance }).await {
        Err(LocalError::UnknownService(id)) => Err(ApiError::new(404, format!("No service registered with ID {}", quote(&id)))),
        done => finish(done),
    }
}

pub(super) async fn node_maintenance<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    change(call, LocalChange::NodeMaintenance(maintenance(call)?)).await
}

fn maintenance<B: Backend>(call: &Call<'_, B>) -> Result<Maintenance, ApiError> {
    let Some(enable) = call.params.given("enable") else { return Err(ApiError::bad_request("Missing value for enable")) };
    match enable {
        // What Go takes for a boolean.
        "1" | "t" | "T" | "true" | "TRUE" | "True" => {
            Ok(Maintenance::On { reason: call.params.value("reason").unwrap_or_default().to_owned() })
        }
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Maintenance::Off),
        other => Err(ApiError::bad_request(format!("Invalid value for enable: {}", quote(other)))),
    }
}

/// `/v1/agent/check/{pass,warn,fail}/:id`.
pub(super) async fn told<B: Backend>(call: &Call<'_, B>, status: CheckStatus) -> Result<Reply, ApiError> {
    let output = call.params.value("note").unwrap_or_default().to_owned();
    change(call, LocalChange::Heartbeat { id: call.name().into_owned(), status, output }).await
}

/// `/v1/agent/check/update/:id`.
pub(super) async fn update<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    let HeartbeatBody { status, output } = parse_heartbeat(&call.body::<R>(body, MOST_BODY).await?)?;
    change(call, LocalChange::Heartbeat { id: call.name().into_owned(), status, output }).await
}

async fn change<B: Backend>(call: &Call<'_, B>, change: LocalChange) -> Result<Reply, ApiError> {
    finish(call.backend.change_local(change).await)
}

/// Whoever wants something gone has it if it was never there.
async fn unless_gone<B: Backend>(call: &Call<'_, B>, change: LocalChange) -> Result<Reply, ApiError> {
    match call.backend.change_local(change).await {
        Err(LocalError::UnknownService(_) | LocalError::UnknownCheck(_)) => finish(Ok(())),
        done => finish(done),
    }
}

fn finish(done: Result<(), LocalError>) -> Result<Reply, ApiError> {
    match done {
        Ok(()) => Ok(reply::empty(StatusCode::OK)),
        // Consul looks for the timer and not for the check.
        Err(LocalError::UnknownCheck(id)) => Err(ApiError::internal(LocalError::NoTtl(id).to_string())),
        Err(error) => Err(ApiError::internal(error.to_string())),
    }
}
