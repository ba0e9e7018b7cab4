//! The bodies of `/v1/catalog/register` and `/v1/catalog/deregister`: Go's field names without regard to case, unknown ones refused by name,
//! rules told in Consul's order and words.

mod definition;

use super::ApiError;
use super::limit::BodyLimit;
use crate::config::definition::{self as bodies, DefinitionError, Dialect, Field, Fields, Shape, Value, field};
use crate::model::{CatalogStatus, Mesh, NodeId, NodeName, ServiceAddress, ServiceSpec, TagAuthority, Weights, quote};
use crate::state::checks::CheckSpec;
use crate::state::nodes::NodeSpec;
use crate::state::{CatalogCommand, NodeUpdate};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The longest body of a registration. Consul has no bound; a registration is one entry of the Raft log, and this is what it suggests
/// for those.
pub const LONGEST: BodyLimit = BodyLimit::fixed(512 * 1_024);

/// What a body asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogWrite {
    /// What is done.
    pub command: CatalogCommand,
    /// The datacenter it is done in; `None` is the agent's own.
    pub datacenter: Option<String>,
}

/// What newer clients and Enterprise send as well.
const OTHERS: &[Field] = &[
    field("Namespace", ""),
    field("Partition", ""),
    field("PeerName", ""),
    field("Locality", ""),
    field("CreateIndex", ""),
    field("ModifyIndex", ""),
];

static REGISTRATION: Shape = Shape {
    name: "RegisterRequest",
    fields: &[
        &[
            field("Datacenter", ""),
            field("ID", ""),
            field("Node", ""),
            field("Address", ""),
            field("TaggedAddresses", ""),
            field("NodeMeta", ""),
            field("Service", ""),
            field("Check", ""),
            field("Checks", ""),
            field("SkipNodeUpdate", ""),
            field("Token", ""),
        ],
        OTHERS,
    ],
};

static SERVICE: Shape = Shape {
    name: "NodeService",
    fields: &[
        &[
            field("Kind", ""),
            field("ID", ""),
            field("Service", ""),
            field("Tags", ""),
            field("Address", ""),
            field("TaggedAddresses", ""),
            field("Meta", ""),
            field("Port", ""),
            field("SocketPath", ""),
            field("Weights", ""),
            field("EnableTagOverride", ""),
            field("Proxy", ""),
            field("Connect", ""),
            field("Ports", ""),
        ],
        OTHERS,
    ],
};

static CHECK: Shape = Shape {
    name: "HealthCheck",
    fields: &[
        &[
            field("Node", ""),
            field("CheckID", ""),
            field("Name", ""),
            field("Status", ""),
            field("Notes", ""),
            field("Output", ""),
            field("ServiceID", ""),
            field("ServiceName", ""),
            field("ServiceTags", ""),
            field("Type", ""),
            field("Interval", ""),
            field("Timeout", ""),
            field("ExposedPort", ""),
            field("Definition", ""),
        ],
        OTHERS,
    ],
};

static ADDRESS: Shape = Shape { name: "ServiceAddress", fields: &[&[field("Address", ""), field("Port", "")]] };
static WEIGHTS: Shape = Shape { name: "Weights", fields: &[&[field("Passing", ""), field("Warning", "")]] };
static CONNECT: Shape = Shape { name: "ServiceConnect", fields: &[&[field("Native", ""), field("SidecarService", "")]] };

static DEREGISTRATION: Shape = Shape {
    name: "DeregisterRequest",
    fields: &[
        &[
            field("Datacenter", ""),
            field("Node", ""),
            field("Address", ""),
            field("ServiceID", ""),
            field("CheckID", ""),
            field("Token", ""),
        ],
        OTHERS,
    ],
};

fn unread(error: DefinitionError) -> ApiError {
    ApiError::bad_request(format!("Request decode failed: {}", error.text))
}

/// The `ModifyIndex` in a row, by which a conditional change goes.
pub(super) fn modify_index(value: &Value, kind: RowKind) -> Result<u64, ApiError> {
    let shape = match kind {
        RowKind::Service => &SERVICE,
        RowKind::Check => &CHECK,
    };
    Ok(open(value, shape)?.unsigned("ModifyIndex").map_err(unread)?.unwrap_or(0))
}

/// What a row of the catalog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKind {
    /// An instance.
    Service,
    /// A check.
    Check,
}

fn open<'a>(value: &'a Value, shape: &'static Shape) -> Result<Fields<'a>, ApiError> {
    Fields::open(value, shape, Dialect::Http, String::new()).map_err(unread)
}

/// The same for an object that has [`OTHERS`]: no namespace but the one there is.
fn open_row<'a>(value: &'a Value, shape: &'static Shape) -> Result<Fields<'a>, ApiError> {
    let fields = open(value, shape)?;
    bodies::refuse_enterprise(&fields).map_err(unread)?;
    Ok(fields)
}

/// Reads the body of a registration.
///
/// # Errors
/// 400 for what cannot be read, 500 for what breaks a rule.
pub fn parse_registration(body: &[u8]) -> Result<CatalogWrite, ApiError> {
    let value = bodies::parse(body).map_err(unread)?;
    let fields = open_row(&value, &REGISTRATION)?;
    let text = |name| fields.text(name).map_err(unread);
    // Everything is read before anything is judged.
    let (name, id, address, datacenter) = (text("Node")?, text("ID")?, text("Address")?, text("Datacenter")?);
    let tagged_addresses = fields.text_map("TaggedAddresses").map_err(unread)?;
    let meta = fields.text_map("NodeMeta").map_err(unread)?;
    let skip = fields.switch("SkipNodeUpdate").map_err(unread)? == Some(true);
    let service = fields.given("Service").map(service).transpose()?;
    let mut checks = Vec::new();
    for (value, _) in fields.objects("Checks").map_err(unread)? {
        checks.push(check(value)?);
    }
    if let Some(value) = fields.given("Check") {
        checks.push(check(value)?);
    }
    let name = node_name(&name)?;
    if address.is_empty() && !skip {
        return Err(ApiError::internal("Must provide address if SkipNodeUpdate is not set"));
    }
    let id = node_id(&id)?;
    let service = service.map(with_id).transpose()?;
    let checks = checks.into_iter().map(|check| check.of(&name)).collect::<Result<Vec<CheckSpec>, ApiError>>()?;
    let node = NodeSpec { id, name, address, tagged_addresses, meta };
    let update = if skip { NodeUpdate::Skip } else { NodeUpdate::Apply };
    let command = CatalogCommand::Register { node, update, service, checks };
    Ok(CatalogWrite { command, datacenter: Some(datacenter).filter(|name| !name.is_empty()) })
}

pub(super) fn node_name(name: &str) -> Result<NodeName, ApiError> {
    if name.is_empty() {
        return Err(ApiError::internal("Must provide node"));
    }
    NodeName::parse(name).map_err(|error| ApiError::internal(error.to_string()))
}

pub(super) fn node_id(id: &str) -> Result<Option<NodeId>, ApiError> {
    match id {
        "" => Ok(None),
        id if id.len() != 36 => Err(ApiError::internal("Bad node ID: uuid string is wrong length")),
        id => NodeId::parse(id).map(Some).map_err(|_| ApiError::internal("Bad node ID: uuid is improperly formatted")),
    }
}

pub(super) fn service(value: &Value) -> Result<ServiceSpec, ApiError> {
    let fields = open_row(value, &SERVICE)?;
    let text = |name| fields.text(name).map_err(unread);
    Ok(ServiceSpec {
        tags: fields.texts("Tags").map_err(unread)?,
        address: text("Address")?,
        port: fields.int("Port").map_err(unread)?.unwrap_or(0),
        socket_path: text("SocketPath")?,
        tagged_addresses: addresses(&fields)?,
        meta: fields.text_map("Meta").map_err(unread)?,
        weights: weights(&fields)?,
        tag_authority: match fields.switch("EnableTagOverride").map_err(unread)? {
            Some(true) => TagAuthority::Catalog,
            Some(false) | None => TagAuthority::Agent,
        },
        mesh: mesh(&fields)?,
        ..ServiceSpec::new(text("ID")?, text("Service")?)
    })
}

/// A service whose name is its id if it has no other, as long as it may be registered.
pub(super) fn with_id(service: ServiceSpec) -> Result<ServiceSpec, ApiError> {
    if service.name.is_empty() {
        return Err(ApiError::internal("Must provide service name with ID"));
    }
    if service.address.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified()) || service.address == "[::]" {
        return Err(ApiError::internal("Invalid service address"));
    }
    let id = if service.id.is_empty() { service.name.clone() } else { service.id };
    Ok(ServiceSpec { id, ..service })
}

fn addresses(fields: &Fields<'_>) -> Result<BTreeMap<String, ServiceAddress>, ApiError> {
    let mut addresses = BTreeMap::new();
    for (tag, value) in fields.pairs("TaggedAddresses").map_err(unread)? {
        let at = open(value, &ADDRESS)?;
        let (address, port) = (at.text("Address").map_err(unread)?, at.int("Port").map_err(unread)?.unwrap_or(0));
        addresses.insert(tag.clone(), ServiceAddress { address, port });
    }
    Ok(addresses)
}

/// Weights that cannot be are those of a service that has none, as in Consul's catalog: its Go client sends zeros where none are given.
fn weights(fields: &Fields<'_>) -> Result<Weights, ApiError> {
    let Some(value) = fields.given("Weights") else { return Ok(Weights::default()) };
    let given = open(value, &WEIGHTS)?;
    let weight = |name| given.int(name).map_err(unread).map(Option::unwrap_or_default);
    let weights = Weights { passing: weight("Passing")?, warning: weight("Warning")? };
    Ok(if weights.broken_rule().is_none() { weights } else { Weights::default() })
}

fn mesh(fields: &Fields<'_>) -> Result<Option<Box<Mesh>>, ApiError> {
    let kind = fields.text("Kind").map_err(unread)?;
    let proxy = match fields.given("Proxy") {
        None => String::new(),
        Some(value) if value.is_blank() => String::new(),
        Some(Value::Object(given)) => proxy(given),
        Some(other) => {
            let text = format!(
                "json: cannot unmarshal {} into Go struct field NodeService.Proxy of type structs.ConnectProxyConfig",
                other.json_kind()
            );
            return Err(ApiError::bad_request(format!("Request decode failed: {text}")));
        }
    };
    let native = match fields.given("Connect") {
        None => false,
        Some(value) => open(value, &CONNECT)?.switch("Native").map_err(unread)? == Some(true),
    };
    let mesh = Mesh { kind, proxy, native };
    Ok(Some(Box::new(mesh)).filter(|mesh| **mesh != Mesh::default()))
}

/// A `Proxy` object as text, with the fields that are always shown.
fn proxy(given: &[(String, Value)]) -> String {
    let mut fields = given.to_vec();
    for (name, empty) in
        [("Mode", Value::Text(String::new())), ("MeshGateway", Value::Object(Vec::new())), ("Expose", Value::Object(Vec::new()))]
    {
        if !fields.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            fields.push((name.to_owned(), empty));
        }
    }
    serde_json::to_string(&Value::Object(fields)).expect("a value without a schema has text for keys")
}

/// A check as it was sent.
pub(super) struct SentCheck {
    pub(super) node: String,
    pub(super) spec: CheckSpec,
}

impl SentCheck {
    /// The check as one of `node`.
    pub(super) fn of(self, node: &NodeName) -> Result<CheckSpec, ApiError> {
        let SentCheck { node: named, mut spec } = self;
        if !named.is_empty() && named.to_lowercase() != node.as_str().to_lowercase() {
            return Err(ApiError::internal(format!("check node {} does not match node {}", quote(&named), quote(node.as_str()))));
        }
        if spec.id.is_empty() {
            spec.id.clone_from(&spec.name);
        }
        if spec.id.is_empty() {
            return Err(ApiError::internal("Must provide check ID or name"));
        }
        Ok(spec)
    }
}

pub(super) fn check(value: &Value) -> Result<SentCheck, ApiError> {
    let fields = open_row(value, &CHECK)?;
    let text = |name| fields.text(name).map_err(unread);
    let run = fields.given("Definition").map(definition::read).transpose()?.unwrap_or_default();
    let kind = text("Type")?;
    let spec = CheckSpec {
        id: text("CheckID")?,
        name: text("Name")?,
        status: CatalogStatus::parse(&text("Status")?),
        notes: text("Notes")?,
        output: text("Output")?,
        service_id: text("ServiceID")?,
        kind: if kind.is_empty() { run.kind.to_owned() } else { kind },
        interval: text("Interval")?,
        timeout: text("Timeout")?,
        definition: run.json,
    };
    Ok(SentCheck { node: text("Node")?, spec })
}

/// Reads the body of a deregistration: of a service, else of a check, else of the whole node.
///
/// # Errors
/// As [`parse_registration`].
pub fn parse_deregistration(body: &[u8]) -> Result<CatalogWrite, ApiError> {
    let value = bodies::parse(body).map_err(unread)?;
    let fields = open_row(&value, &DEREGISTRATION)?;
    let text = |name| fields.text(name).map_err(unread);
    let (service, check, datacenter) = (text("ServiceID")?, text("CheckID")?, text("Datacenter")?);
    let node = node_name(&text("Node")?)?;
    let command = match (service.as_str(), check.as_str()) {
        ("", "") => CatalogCommand::DeregisterNode { node, only_id: None },
        ("", _) => CatalogCommand::DeregisterCheck { node, check },
        _ => CatalogCommand::DeregisterService { node, service },
    };
    Ok(CatalogWrite { command, datacenter: Some(datacenter).filter(|name| !name.is_empty()) })
}

#[cfg(test)]
mod tests;
