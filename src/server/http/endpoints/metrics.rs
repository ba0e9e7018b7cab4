//! `/v1/agent/metrics`.

use super::Call;
use crate::api::ApiError;
use crate::api::metrics::{Metric, Names, Reading, to_json, to_prometheus};
use crate::config::TelemetryTuning;
use crate::runtime::Runtime;
use crate::server::http::backend::Backend;
use crate::server::http::reply::{self, Reply};
use hyper::header::ACCEPT;
use hyper::{HeaderMap, StatusCode};
use std::collections::BTreeMap;

pub(super) fn answer<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let prometheus = call.params.value("format") == Some("prometheus") || accepts_prometheus(call.headers);
    if prometheus && !call.settings.telemetry.prometheus {
        return Err(ApiError::new(415, "Prometheus is not enabled since its retention time is not positive"));
    }
    let connections = Reading::Gauge(call.connections.count() as f64);
    let mut metrics = call.backend.metrics();
    metrics.push(Metric { name: "http.connections".to_owned(), labels: BTreeMap::new(), reading: connections });
    metrics.extend(call.telemetry.metrics(R::now()));
    let TelemetryTuning { prefix, hostname, .. } = &call.settings.telemetry;
    let names = Names { prefix, hostname: hostname.as_deref() };
    if prometheus {
        return Ok(reply::of_type("text/plain; version=0.0.4; charset=utf-8", to_prometheus(&names, &metrics).into()));
    }
    Ok(reply::document(StatusCode::OK, to_json(call.layout, R::wall(), &names, &metrics)))
}

fn accepts_prometheus(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|kind| kind.trim().starts_with("application/openmetrics-text") || kind.contains("version=0.0.4"))
}
