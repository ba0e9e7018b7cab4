//! One service with its checks.

use super::check::{self, Seat};
use super::error::DefinitionError;
use super::fields::{Dialect, Fields};
use super::meta;
use super::probe::Position;
use super::shapes;
use super::value::Value;
use crate::model::{CheckDefinition, Mesh, ServiceAddress, ServiceDefinition, ServiceSpec, TagAuthority, Weights};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Addresses that stand for every address of a host, where a service cannot be reached.
const NOWHERE: [&str; 3] = ["0.0.0.0", "::", "[::]"];

/// Reads a service.
pub(super) fn read(value: &Value, dialect: Dialect) -> Result<ServiceDefinition, DefinitionError> {
    let fields = Fields::open(value, &shapes::SERVICE, dialect, String::new())?;
    super::refuse_enterprise(&fields)?;
    let spec = spec(&fields)?;
    let checks = checks(&fields, &spec)?;
    let token = fields.text("Token")?;
    Ok(ServiceDefinition { spec, checks, token: if dialect == Dialect::File { token } else { String::new() } })
}

/// Whether `Ports` says anything.
pub(super) fn names_ports(value: &Value) -> bool {
    let fields = Fields::open(value, &shapes::SERVICE, Dialect::Http, String::new());
    fields.is_ok_and(|fields| fields.given("Ports").is_some_and(|ports| !ports.is_blank()))
}

/// The service itself; its rules are told in Consul's order.
fn spec(fields: &Fields<'_>) -> Result<ServiceSpec, DefinitionError> {
    let (id, name) = (fields.text("ID")?, fields.text("Name")?);
    let mut spec = ServiceSpec {
        id: if id.is_empty() { name.clone() } else { id },
        tags: fields.texts("Tags")?,
        address: fields.text("Address")?,
        port: fields.int("Port")?.unwrap_or(0),
        socket_path: fields.text("SocketPath")?,
        tagged_addresses: tagged_addresses(fields)?,
        meta: fields.text_map("Meta")?,
        weights: weights(fields)?,
        tag_authority: if fields.switch("EnableTagOverride")? == Some(true) { TagAuthority::Catalog } else { TagAuthority::Agent },
        mesh: mesh(fields)?,
        name,
    };
    if spec.name.is_empty() {
        return Err(fields.broken("Name", "Missing service name"));
    }
    if NOWHERE.contains(&spec.address.as_str()) {
        return Err(fields.broken("Address", "Invalid service address"));
    }
    if let Some(rule) = spec.weights.broken_rule() {
        return Err(fields.broken("Weights", format!("Invalid Weights: {rule}")));
    }
    if let Some(rule) = meta::broken_rules(&spec.meta).first() {
        return Err(fields.broken("Meta", format!("Invalid Service Meta: {rule}")));
    }
    add_address_by_family(&mut spec);
    Ok(spec)
}

fn tagged_addresses(fields: &Fields<'_>) -> Result<BTreeMap<String, ServiceAddress>, DefinitionError> {
    let path = fields.path_of("TaggedAddresses");
    let mut tagged = BTreeMap::new();
    for (tag, value) in fields.pairs("TaggedAddresses")? {
        let address = Fields::open(value, &shapes::ADDRESS, fields.dialect, format!("{path}.{tag}"))?;
        tagged.insert(tag.clone(), ServiceAddress { address: address.text("Address")?, port: address.int("Port")?.unwrap_or(0) });
    }
    Ok(tagged)
}

/// In a request a weight that is left out of `Weights` is zero, in a file it is one.
fn weights(fields: &Fields<'_>) -> Result<Weights, DefinitionError> {
    let Some(value) = fields.given("Weights") else { return Ok(Weights::default()) };
    let given = Fields::open(value, &shapes::WEIGHTS, fields.dialect, fields.path_of("Weights"))?;
    let left_out = match fields.dialect {
        Dialect::Http => 0,
        Dialect::File => 1,
    };
    Ok(Weights { passing: given.int("Passing")?.unwrap_or(left_out), warning: given.int("Warning")?.unwrap_or(left_out) })
}

fn mesh(fields: &Fields<'_>) -> Result<Option<Box<Mesh>>, DefinitionError> {
    let kind = fields.text("Kind")?;
    let proxy = match fields.given("Proxy") {
        None => String::new(),
        Some(Value::Object(_)) => serde_json::to_string(&fields.given("Proxy")).expect("a value without a schema has text for keys"),
        Some(other) => {
            return Err(DefinitionError::unreadable(fields.path_of("Proxy"), format!("Proxy must be an object, not {}", other.kind())));
        }
    };
    let mut native = false;
    if let Some(value) = fields.given("Connect") {
        let connect = Fields::open(value, &shapes::CONNECT, fields.dialect, fields.path_of("Connect"))?;
        native = connect.switch("Native")? == Some(true);
        if connect.given("SidecarService").is_some() {
            let text = "a sidecar proxy belongs to a service mesh, which this agent does not have: register the service without it";
            return Err(connect.broken("SidecarService", text));
        }
    }
    let mesh = Mesh { kind, proxy, native };
    Ok(if mesh == Mesh::default() { None } else { Some(Box::new(mesh)) })
}

/// As Consul's agent does when it registers a service whose address is a literal one.
fn add_address_by_family(spec: &mut ServiceSpec) {
    let tags = match spec.address.parse() {
        Ok(IpAddr::V4(_)) => ["lan_ipv4", "wan_ipv4"],
        Ok(IpAddr::V6(_)) => ["lan_ipv6", "wan_ipv6"],
        Err(_) => return,
    };
    for tag in tags {
        let own = ServiceAddress { address: spec.address.clone(), port: spec.port };
        spec.tagged_addresses.entry(tag.to_owned()).or_insert(own);
    }
}

/// The checks of `Check` and `Checks`, numbered in this order where they have no id of their own.
fn checks(fields: &Fields<'_>, spec: &ServiceSpec) -> Result<Vec<CheckDefinition>, DefinitionError> {
    let mut given = Vec::new();
    match fields.given("Check") {
        Some(Value::List(_)) if fields.dialect == Dialect::File => given.extend(fields.objects("Check")?),
        Some(one) if !one.is_blank() => given.push((one, fields.path_of("Check"))),
        Some(_) | None => {}
    }
    given.extend(fields.objects("Checks")?);
    let count = given.len();
    let mut checks: Vec<CheckDefinition> = Vec::with_capacity(count);
    for (at, (value, path)) in given.into_iter().enumerate() {
        let fields = Fields::open(value, check::shape_in_service(fields.dialect), fields.dialect, path)?;
        let number = if count > 1 { format!(":{}", at + 1) } else { String::new() };
        let check = one_check(&fields, spec, number)?;
        // Of two with one id the later one counts, as it would if they were registered one by one.
        checks.retain(|earlier| earlier.id != check.id);
        checks.push(check);
    }
    Ok(checks)
}

fn one_check(fields: &Fields<'_>, spec: &ServiceSpec, number: String) -> Result<CheckDefinition, DefinitionError> {
    let unless_empty = |given: String, default: String| if given.is_empty() { default } else { given };
    let seat = Seat {
        id: unless_empty(fields.text("CheckID")?, format!("service:{}{number}", spec.id)),
        name: unless_empty(fields.text("Name")?, format!("Service '{}' check", spec.name)),
        service_id: spec.id.clone(),
        position: Position::Whole,
        interval: Duration::ZERO,
        timeout: None,
    };
    let check = check::read(fields, seat, None).map_err(check::as_invalid_check)?;
    let initial = check::status(fields, "Status for checks must 'passing', 'warning', 'critical'")?;
    Ok(CheckDefinition { initial, ..check })
}
