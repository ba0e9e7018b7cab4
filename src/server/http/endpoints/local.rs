//! What an agent tells of its own services and checks: reads below `/v1/agent/`.

use super::Call;
use super::health::CHECK;
use super::rows::Sheet;
use crate::agent::local::{LocalCheck, LocalService, LocalView, Standing, check_row, content_hash, service_row};
use crate::agent::query::{Choice, Subject, patience};
use crate::api::ApiError;
use crate::api::catalog::Blank;
use crate::api::health::write_check;
use crate::api::json::to_vec;
use crate::api::local::{HealthCheckShape, ServiceHealthShape, ServiceShape};
use crate::api::read::ReadOptions;
use crate::runtime::{Runtime, sleep, watch};
use crate::server::connections::Order;
use crate::server::http::backend::Backend;
use crate::server::http::reply::{self, Reply};
use crate::state::checks::Check;
use hyper::StatusCode;
use hyper::header::{ACCEPT, HeaderName, HeaderValue};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

const CONTENT_HASH: HeaderName = HeaderName::from_static("x-consul-contenthash");
const REASON: HeaderName = HeaderName::from_static("x-consul-reason");

/// How long a wait lasts that says nothing, and the most it may last.
const DEFAULT_WAIT: Duration = Duration::from_secs(300);
const LONGEST_WAIT: Duration = Duration::from_secs(600);

pub(super) fn services<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let choice = choice(call, Subject::Services, "Failed to create boolean expression evaluator: ")?;
    let chooser = choice.ready(Subject::Services);
    let (view, datacenter) = (call.backend.local(), call.backend.datacenter());
    let wanted = view.services.values().filter(|service| chooser.takes_service(&service_row(call.backend.node_name(), service)));
    let shapes: BTreeMap<&str, ServiceShape<'_>> =
        wanted.map(|service| (service.spec.id.as_str(), ServiceShape::new(&service.spec, datacenter))).collect();
    Ok(reply::json(call.layout, &shapes))
}

pub(super) fn checks<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let choice = choice(call, Subject::Checks, "")?;
    let chooser = choice.ready(Subject::Checks);
    let view = call.backend.local();
    let rows: Vec<Check> = view.checks.values().map(|check| check_row(call.backend.node_name(), &view, check)).collect();
    let wanted = rows.iter().filter(|row| chooser.takes_check(None, row));
    let document = Sheet::of(call).document(rows.len() * CHECK, |to| {
        to.object(wanted.map(|row| (row.id(), row)), |to, row| write_check(to, row, Blank::List));
    });
    Ok(reply::document(StatusCode::OK, document))
}

/// The rows a client wants. Consul says which step failed for services, and not for checks.
fn choice<B: Backend>(call: &Call<'_, B>, subject: Subject, step: &str) -> Result<Choice, ApiError> {
    let filter = call.params.value("filter").unwrap_or_default();
    subject.check(filter).map_err(|error| ApiError::internal(format!("{step}{error}")))?;
    let datacenter = call.backend.datacenter().to_string();
    Ok(Choice { filter: filter.to_owned(), datacenter, ..Choice::default() })
}

/// `/v1/agent/service/:id`: at once, or with `hash` when the definition is another than the client knows.
pub(super) async fn service<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let wait = ReadOptions::parse(call.params)?.wait;
    let known = call.params.value("hash").unwrap_or_default();
    let id = call.name();
    let mut views = call.backend.watch_local();
    let mut over = pin!(sleep::<R>(patience(wait, DEFAULT_WAIT, LONGEST_WAIT, R::random())));
    loop {
        let view = views.borrow_and_update().clone();
        let found = view.services.get(&*id).ok_or_else(|| ApiError::new(404, format!("unknown service ID: {id}")))?;
        let hash = content_hash(&found.spec);
        if hash != known || !changed(call, &mut views, over.as_mut()).await {
            let shape = ServiceShape::new(&found.spec, call.backend.datacenter()).with_hash(&hash);
            let mut reply = reply::json(call.layout, &shape);
            reply.headers_mut().insert(CONTENT_HASH, HeaderValue::from_str(&hash).expect("hex digits"));
            return Ok(reply);
        }
    }
}

/// Waits for another view; `false` if the patience ends before, or the server does.
async fn changed<B: Backend>(
    call: &Call<'_, B>,
    views: &mut watch::Receiver<Arc<LocalView>>,
    over: std::pin::Pin<&mut impl Future<Output = ()>>,
) -> bool {
    tokio::select! {
        biased;
        changed = views.changed() => changed.is_ok(),
        () = over => false,
        () = call.activity.ordered(Order::Finish) => false,
    }
}

/// `/v1/agent/health/service/id/:id`.
pub(super) fn health_by_id<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let (view, id) = (call.backend.local(), call.needed("Missing service ID")?);
    let Some(service) = view.services.get(&*id) else {
        let reason = format!("ServiceId {id} not found");
        let unknown = ServiceHealthShape { aggregated_status: Standing::Critical.as_str(), service: None, checks: None };
        // Consul says it in quotes, as JSON.
        let body = if wants_text(call) { to_vec(call.layout, &reason) } else { to_vec(call.layout, &unknown) };
        return Ok(with_reason(reply::document(StatusCode::NOT_FOUND, body), &reason));
    };
    let (standing, rows) = health(call, &view, service);
    if wants_text(call) {
        return Ok(as_text(standing));
    }
    let body = to_vec(call.layout, &shape(call, standing, service, &rows));
    Ok(with_reason(reply::document(code(standing), body), standing.as_str()))
}

/// `/v1/agent/health/service/name/:name`.
pub(super) fn health_by_name<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let (view, name) = (call.backend.local(), call.needed("Missing service name")?);
    let named = view.services.values().filter(|service| service.spec.name == *name);
    let healths: Vec<_> = named.map(|service| (service, health(call, &view, service))).collect();
    let Some(worst) = healths.iter().map(|(_, (standing, _))| *standing).max() else {
        let reason = format!("ServiceName {name} Not Found");
        let reply = match wants_text(call) {
            true => plain(StatusCode::NOT_FOUND, reason.clone()),
            false => reply::document(StatusCode::NOT_FOUND, to_vec(call.layout, &[(); 0])),
        };
        return Ok(with_reason(reply, &reason));
    };
    if wants_text(call) {
        return Ok(as_text(worst));
    }
    let shapes: Vec<_> = healths.iter().map(|(service, (standing, rows))| shape(call, *standing, service, rows)).collect();
    Ok(with_reason(reply::document(code(worst), to_vec(call.layout, &shapes)), worst.as_str()))
}

/// How a service stands with its node, and the checks that say so: its own and its node's.
fn health<B: Backend>(call: &Call<'_, B>, view: &LocalView, service: &LocalService) -> (Standing, Vec<Check>) {
    let concern = |id: &str| id.is_empty() || id == service.spec.id;
    let checks: Vec<&LocalCheck> =
        view.checks.values().map(|check| &**check).filter(|check| concern(&check.definition.service_id)).collect();
    let rows = checks.iter().map(|check| check_row(call.backend.node_name(), view, check)).collect();
    (Standing::of(checks.into_iter()), rows)
}

fn shape<'a, B: Backend>(
    call: &'a Call<'_, B>,
    standing: Standing,
    service: &'a LocalService,
    rows: &'a [Check],
) -> ServiceHealthShape<'a> {
    ServiceHealthShape {
        aggregated_status: standing.as_str(),
        service: Some(ServiceShape::new(&service.spec, call.backend.datacenter())),
        checks: Some(rows.iter().map(HealthCheckShape::from).collect()),
    }
}

fn code(standing: Standing) -> StatusCode {
    match standing {
        Standing::Passing => StatusCode::OK,
        Standing::Warning => StatusCode::TOO_MANY_REQUESTS,
        Standing::Critical | Standing::Maintenance => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn as_text(standing: Standing) -> Reply {
    with_reason(plain(code(standing), standing.as_str().to_owned()), standing.as_str())
}

fn plain(status: StatusCode, text: String) -> Reply {
    let mut reply = reply::of_type("text/plain", text.into());
    *reply.status_mut() = status;
    reply
}

/// Names may hold what a header may not; then there is none.
fn with_reason(mut reply: Reply, reason: &str) -> Reply {
    if let Ok(value) = HeaderValue::from_str(reason) {
        reply.headers_mut().insert(REASON, value);
    }
    reply
}

fn wants_text<B: Backend>(call: &Call<'_, B>) -> bool {
    let accepted = call.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    call.params.value("format") == Some("text") || accepted.is_some_and(|kinds| kinds.starts_with("text/plain"))
}
