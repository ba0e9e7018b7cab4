//! An agent's own services and their health, as clients see them.

use super::ApiError;
use crate::model::{CheckStatus, Datacenter, ServiceSpec, quote};
use crate::state::checks::Check;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A service, as every endpoint under `/v1/agent/` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceShape<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: &'a str,
    #[serde(rename = "ID")]
    id: &'a str,
    service: &'a str,
    tags: &'a [String],
    meta: &'a BTreeMap<String, String>,
    port: i64,
    address: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    socket_path: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tagged_addresses: BTreeMap<&'a str, AddressShape<'a>>,
    weights: WeightsShape,
    enable_tag_override: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_hash: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect: Option<ConnectShape>,
    datacenter: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AddressShape<'a> {
    address: &'a str,
    port: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct WeightsShape {
    passing: i64,
    warning: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConnectShape {
    native: bool,
}

impl<'a> ServiceShape<'a> {
    /// The shape of a service of an agent in `datacenter`.
    pub fn new(spec: &'a ServiceSpec, datacenter: &'a Datacenter) -> ServiceShape<'a> {
        let mesh = spec.mesh.as_deref();
        let address = |(name, at): (&'a String, &'a crate::model::ServiceAddress)| {
            (name.as_str(), AddressShape { address: &at.address, port: at.port })
        };
        ServiceShape {
            kind: mesh.map_or("", |mesh| &mesh.kind),
            id: &spec.id,
            service: &spec.name,
            tags: &spec.tags,
            meta: &spec.meta,
            port: spec.port,
            address: &spec.address,
            socket_path: &spec.socket_path,
            tagged_addresses: spec.tagged_addresses.iter().map(address).collect(),
            weights: WeightsShape { passing: spec.weights.passing, warning: spec.weights.warning },
            enable_tag_override: match spec.tag_authority {
                crate::model::TagAuthority::Agent => false,
                crate::model::TagAuthority::Catalog => true,
            },
            content_hash: None,
            proxy: mesh.filter(|mesh| !mesh.proxy.is_empty()).and_then(|mesh| serde_json::from_str(&mesh.proxy).ok()),
            connect: mesh.filter(|mesh| mesh.native).map(|_| ConnectShape { native: true }),
            datacenter: datacenter.as_str(),
        }
    }

    /// The same with `ContentHash`, as `/v1/agent/service/` shows it.
    pub fn with_hash(self, hash: &'a str) -> ServiceShape<'a> {
        ServiceShape { content_hash: Some(hash), ..self }
    }
}

/// How a service of the agent stands with its node.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceHealthShape<'a> {
    /// The word for all its checks.
    pub aggregated_status: &'static str,
    /// The service; `None` if there is none.
    pub service: Option<ServiceShape<'a>>,
    /// Its checks and its node's; `None` if there is no service.
    pub checks: Option<Vec<HealthCheckShape<'a>>>,
}

/// A check within [`ServiceHealthShape`]: Consul's client library's shape and not its server's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthCheckShape<'a> {
    node: &'a str,
    #[serde(rename = "CheckID")]
    check_id: &'a str,
    name: &'a str,
    status: &'a str,
    notes: &'a str,
    output: &'a str,
    #[serde(rename = "ServiceID")]
    service_id: &'a str,
    service_name: &'a str,
    service_tags: &'a [Arc<str>],
    r#type: &'static str,
    definition: EmptyDefinition,
    create_index: u64,
    modify_index: u64,
}

impl<'a> From<&'a Check> for HealthCheckShape<'a> {
    fn from(check: &'a Check) -> HealthCheckShape<'a> {
        HealthCheckShape {
            node: check.node().as_str(),
            check_id: check.id(),
            name: check.name(),
            status: check.status().as_str(),
            notes: check.notes(),
            output: check.output(),
            service_id: check.service_id(),
            service_name: check.service_name(),
            service_tags: check.service_tags(),
            r#type: "",
            definition: EmptyDefinition::default(),
            create_index: check.create_index(),
            modify_index: check.modify_index(),
        }
    }
}

/// Consul's agent does not say here how a check is run, but the fields are there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EmptyDefinition {
    interval: &'static str,
    timeout: &'static str,
    deregister_critical_service_after: &'static str,
    #[serde(rename = "HTTP")]
    http: &'static str,
    header: Option<()>,
    method: &'static str,
    body: &'static str,
    #[serde(rename = "TLSServerName")]
    tls_server_name: &'static str,
    #[serde(rename = "TLSSkipVerify")]
    tls_skip_verify: bool,
    #[serde(rename = "TCP")]
    tcp: &'static str,
    #[serde(rename = "GRPC")]
    grpc: &'static str,
    #[serde(rename = "GRPCUseTLS")]
    grpc_use_tls: bool,
}

impl Default for EmptyDefinition {
    fn default() -> EmptyDefinition {
        EmptyDefinition {
            interval: "0s",
            timeout: "0s",
            deregister_critical_service_after: "0s",
            http: "",
            header: None,
            method: "",
            body: "",
            tls_server_name: "",
            tls_skip_verify: false,
            tcp: "",
            grpc: "",
            grpc_use_tls: false,
        }
    }
}

/// The body of `/v1/agent/check/update/`: what a client says of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatBody {
    /// How it stands.
    pub status: CheckStatus,
    /// What it says.
    pub output: String,
}

/// Reads such a body. Names are compared without case; one that is unknown is refused, and so is a status that is none.
pub fn parse_heartbeat(body: &[u8]) -> Result<HeartbeatBody, ApiError> {
    let refused = |why: &str| ApiError::bad_request(format!("Request decode failed: {why}"));
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(refused("EOF"));
    }
    let fields: BTreeMap<String, Option<String>> = serde_json::from_slice(body).map_err(|error| refused(&error.to_string()))?;
    let (mut status, mut output) = (String::new(), String::new());
    for (name, value) in fields {
        match name.to_lowercase().as_str() {
            "status" => status = value.unwrap_or_default(),
            "output" => output = value.unwrap_or_default(),
            _ => return Err(refused(&format!("json: unknown field {}", quote(&name)))),
        }
    }
    match CheckStatus::parse(&status) {
        Some(status) => Ok(HeartbeatBody { status, output }),
        None => Err(ApiError::bad_request(format!("Invalid check status: '{status}'"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{HealthCheckShape, HeartbeatBody, ServiceShape, parse_heartbeat};
    use crate::api::json::{Layout, to_vec};
    use crate::model::{CheckStatus, Datacenter, Mesh, NodeName, ServiceAddress, ServiceSpec, TagAuthority};
    use crate::state::checks::{Check, CheckSpec};
    use crate::state::services::Service;

    fn json(spec: &ServiceSpec, hash: Option<&str>) -> String {
        let datacenter = Datacenter::parse("dc1").unwrap();
        let shape = ServiceShape::new(spec, &datacenter);
        let shape = match hash {
            Some(hash) => shape.with_hash(hash),
            None => shape,
        };
        String::from_utf8(to_vec(Layout::Compact, &shape)).unwrap()
    }

    #[test]
    fn a_bare_service_has_empty_lists_and_not_null() {
        let want = r#"{"ID":"web","Service":"web","Tags":[],"Meta":{},"Port":0,"Address":"","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"Datacenter":"dc1"}"#;
        assert_eq!(json(&ServiceSpec::new("web", "web"), None), want);
    }

    #[test]
    fn what_was_registered_beyond_that_is_shown_in_consuls_order() {
        let mut spec = ServiceSpec::new("w1", "web");
        spec.tag_authority = TagAuthority::Catalog;
        spec.socket_path = "/s".to_owned();
        spec.tagged_addresses.insert("lan".to_owned(), ServiceAddress { address: "10.0.0.1".to_owned(), port: 8 });
        spec.mesh = Some(Box::new(Mesh { kind: "connect-proxy".to_owned(), proxy: r#"{"X":1}"#.to_owned(), native: true }));
        let want = r#"{"Kind":"connect-proxy","ID":"w1","Service":"web","Tags":[],"Meta":{},"Port":0,"Address":"","SocketPath":"/s","TaggedAddresses":{"lan":{"Address":"10.0.0.1","Port":8}},"Weights":{"Passing":1,"Warning":1},"EnableTagOverride":true,"ContentHash":"abc","Proxy":{"X":1},"Connect":{"Native":true},"Datacenter":"dc1"}"#;
        assert_eq!(json(&spec, Some("abc")), want);
    }

    #[test]
    fn a_check_in_a_service_s_health_has_the_client_library_s_shape() {
        let node = NodeName::parse("n1").unwrap();
        let spec = CheckSpec { kind: "ttl".to_owned(), ..CheckSpec::of_node("c", "C", CheckStatus::Warning, "hm") };
        let service = Service::new(&node, &ServiceSpec { tags: vec!["a".to_owned()], ..ServiceSpec::new("w", "web") }, 0, 0);
        let check = Check::new(&node, &spec, Some(&service), 0, 0);
        let want = r#"{"Node":"n1","CheckID":"c","Name":"C","Status":"warning","Notes":"","Output":"hm","ServiceID":"w","ServiceName":"web","ServiceTags":["a"],"Type":"","Definition":{"Interval":"0s","Timeout":"0s","DeregisterCriticalServiceAfter":"0s","HTTP":"","Header":null,"Method":"","Body":"","TLSServerName":"","TLSSkipVerify":false,"TCP":"","GRPC":"","GRPCUseTLS":false},"CreateIndex":0,"ModifyIndex":0}"#;
        assert_eq!(String::from_utf8(to_vec(Layout::Compact, &HealthCheckShape::from(&check))).unwrap(), want);
    }

    #[test]
    fn a_heartbeat_names_a_status_and_nothing_unknown() {
        let told = parse_heartbeat(br#"{"status":"warning","Output":"x"}"#).unwrap();
        assert_eq!(told, HeartbeatBody { status: CheckStatus::Warning, output: "x".to_owned() });
        for (body, text) in [
            ("", "Request decode failed: EOF"),
            (r#"{"Status":"zz"}"#, "Invalid check status: 'zz'"),
            (r#"{"Output":"x"}"#, "Invalid check status: ''"),
            (r#"{"Status":"passing","Note":""}"#, "Request decode failed: json: unknown field \"Note\""),
        ] {
            let error = parse_heartbeat(body.as_bytes()).unwrap_err();
            assert_eq!((error.status, error.text.as_ref()), (400, text));
        }
        assert!(parse_heartbeat(br#"{"Status":7}"#).unwrap_err().text.starts_with("Request decode failed: "));
    }
}
