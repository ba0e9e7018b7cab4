//! Stands in for `api::definition` until that is there.

use crate::api::ApiError;
use crate::model::{CheckDefinition, HttpProbe, Probe, Redirects, ServiceDefinition, ServiceSpec, Thresholds, TlsProbe};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn span(value: &Value, name: &str) -> Duration {
    value[name].as_str().and_then(|text| crate::model::duration::parse(text).ok()).unwrap_or_default()
}

fn check(value: &Value, id: String, name: String, service: &str) -> CheckDefinition {
    let probe = if value["TTL"].is_string() {
        Probe::Ttl { ttl: span(value, "TTL") }
    } else if value["TCP"].is_string() {
        Probe::Tcp { addr: text(value, "TCP"), tls: None }
    } else if value["AliasService"].is_string() || value["AliasNode"].is_string() {
        Probe::Alias { node: text(value, "AliasNode"), service: text(value, "AliasService") }
    } else {
        Probe::Http(HttpProbe {
            url: text(value, "HTTP"),
            method: String::new(),
            headers: BTreeMap::new(),
            body: String::new(),
            tls: TlsProbe::default(),
            redirects: Redirects::Follow,
            expect: None,
        })
    };
    CheckDefinition {
        id,
        name,
        notes: text(value, "Notes"),
        service_id: service.to_owned(),
        initial: crate::model::CheckStatus::parse(&text(value, "Status")),
        probe,
        interval: span(value, "Interval"),
        timeout: None,
        thresholds: Thresholds::default(),
        deregister_after: None,
        output_limit: None,
        token: String::new(),
    }
}

pub(super) fn service_from_json(body: &[u8]) -> Result<ServiceDefinition, ApiError> {
    let value: Value = serde_json::from_slice(body).map_err(|e| ApiError::bad_request(format!("Request decode failed: {e}")))?;
    let name = text(&value, "Name");
    if name.is_empty() {
        return Err(ApiError::bad_request("Missing service name"));
    }
    let id = Some(text(&value, "ID")).filter(|id| !id.is_empty()).unwrap_or_else(|| name.clone());
    let mut spec = ServiceSpec::new(id.clone(), name.clone());
    spec.port = value["Port"].as_i64().unwrap_or(0);
    let own = &value["Check"];
    let checks = own.is_object().then(|| {
        let check_id = Some(text(own, "CheckID")).filter(|id| !id.is_empty()).unwrap_or_else(|| format!("service:{id}"));
        check(own, check_id, format!("Service '{name}' check"), &id)
    });
    Ok(ServiceDefinition { spec, checks: checks.into_iter().collect(), token: String::new() })
}

pub(super) fn check_from_json(body: &[u8]) -> Result<CheckDefinition, ApiError> {
    let value: Value = serde_json::from_slice(body).map_err(|e| ApiError::bad_request(format!("Request decode failed: {e}")))?;
    let name = text(&value, "Name");
    if name.is_empty() {
        return Err(ApiError::bad_request("Missing check name"));
    }
    let id = Some(text(&value, "ID")).filter(|id| !id.is_empty()).unwrap_or_else(|| name.clone());
    Ok(check(&value, id, name, &text(&value, "ServiceID")))
}
