//! Rows as `filter=` sees them. Fields are borrowed from the rows; only a node's id has to be written down first, on the stack.

use super::Instance;
use super::fields::PROXY;
use crate::filter::{Field, Kind, Record, RecordMap, Texts, Value};
use crate::model::{Mesh, NodeId, ServiceAddress, ServiceSpec, TagAuthority, Weights};
use crate::state::checks::Check;
use crate::state::nodes::Node;
use crate::state::services::{Service, TaggedAddress};
use serde_json::Value as Json;

type Judge<'j> = &'j mut dyn FnMut(Value<'_>) -> bool;

/// A node of a datacenter, which its row does not say.
pub(super) struct NodeRecord<'a> {
    pub(super) node: &'a Node,
    pub(super) datacenter: &'a str,
}

impl Record for NodeRecord<'_> {
    fn field(&self, name: &str, judge: Judge<'_>) -> bool {
        let spec = &self.node.spec;
        judge(match name {
            "ID" => return judge_id(spec.id, judge),
            "Node" => Value::Text(spec.name.as_str()),
            "Address" => Value::Text(&spec.address),
            "Datacenter" => Value::Text(self.datacenter),
            "TaggedAddresses" => Value::TextMap(&spec.tagged_addresses),
            "Meta" => Value::TextMap(&spec.meta),
            _ => Value::Nothing,
        })
    }
}

fn judge_id(id: Option<NodeId>, judge: Judge<'_>) -> bool {
    let mut buffer = uuid::Uuid::encode_buffer();
    judge(Value::Text(match id {
        Some(id) => uuid::Uuid::from_u128(id.as_u128()).hyphenated().encode_lower(&mut buffer),
        None => "",
    }))
}

impl Record for Service {
    fn field(&self, name: &str, judge: Judge<'_>) -> bool {
        judge(match name {
            "Kind" => Value::Text(self.mesh().map_or("", |mesh| &mesh.kind)),
            "ID" => Value::Text(self.id()),
            "Service" => Value::Text(self.name()),
            "Tags" => Value::Texts(Texts::Shared(self.tags())),
            "Address" => Value::Text(self.address()),
            "TaggedAddresses" => return judge(Value::RecordMap(&Tagged(self.tagged_addresses()))),
            "Meta" => Value::TextMap(self.meta()),
            "Port" => Value::Integer(self.port()),
            "SocketPath" => Value::Text(self.socket_path()),
            "Weights" => return judge(Value::Record(&self.weights())),
            "EnableTagOverride" => Value::Boolean(self.tag_authority() == TagAuthority::Catalog),
            "Proxy" => return judge_proxy(self.mesh(), judge),
            "Connect" => return judge(Value::Record(&Connect(self.mesh()))),
            _ => Value::Nothing,
        })
    }
}

/// A registration of an agent.
impl Record for ServiceSpec {
    fn field(&self, name: &str, judge: Judge<'_>) -> bool {
        let mesh = self.mesh.as_deref();
        judge(match name {
            "Kind" => Value::Text(mesh.map_or("", |mesh| &mesh.kind)),
            "ID" => Value::Text(&self.id),
            "Service" => Value::Text(&self.name),
            "Tags" => Value::Texts(Texts::Owned(&self.tags)),
            "Address" => Value::Text(&self.address),
            "TaggedAddresses" => Value::RecordMap(&self.tagged_addresses),
            "Meta" => Value::TextMap(&self.meta),
            "Port" => Value::Integer(self.port),
            "SocketPath" => Value::Text(&self.socket_path),
            "Weights" => Value::Record(&self.weights),
            "EnableTagOverride" => Value::Boolean(self.tag_authority == TagAuthority::Catalog),
            "Proxy" => return judge_proxy(mesh, judge),
            "Connect" => return judge(Value::Record(&Connect(mesh))),
            _ => Value::Nothing,
        })
    }
}

impl Record for ServiceAddress {
    fn field(&self, name: &str, judge: Judge<'_>) -> bool {
        judge(match name {
            "Address" => Value::Text(&self.address),
            "Port" => Value::Integer(self.port),
            _ => Value::Nothing,
        })
    }
}

impl Record for TaggedAddress {
    fn field(&self, name: &str, judge: Judge<'_>) -> bool {
        judge(match name {
            "Address" => Value::Text(&self.address),
            "Port" => Value::Integer(self.port),
            _ => Value::Nothing,
        })
    }
}

struct Tagged<'a>(&'a [TaggedAddress]);

impl RecordMap for Tagged<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, key: &str) -> Option<&dyn Record> {
        self.0.iter().find(|tagged| *tagged.tag == *key).map(|tagged| tagged as &dyn Record)
    }
}

impl Record for Weights {
    fn field(&self, name: &str, judge: Judge<'_>) -> bool {
        judge(match name {
            "Passing" => Value::Integer(self.passing),
            "Warning" => Value::Integer(self.warning),
            _ => Value::Nothing,
        })
    }
}

struct Connect<'a>(Option<&'a Mesh>);

impl Record for Connect<'_> {
    fn field(&self, name: &str, judge: Judge<'_>) -> bool {
        judge(match name {
            "Native" => Value::Boolean(self.0.is_some_and(|mesh| mesh.native)),
            _ => Value::Nothing,
        })
    }
}

fn judge_proxy(mesh: Option<&Mesh>, judge: Judge<'_>) -> bool {
    let json = mesh.and_then(|mesh| serde_json::from_str::<Json>(&mesh.proxy).ok());
    judge(Value::Record(&JsonRecord { fields: PROXY, json: json.as_ref() }))
}

/// A JSON object read by a list of fields. What it does not have is empty, zero or false, as in Go.
struct JsonRecord<'a> {
    fields: &'static [Field],
    json: Option<&'a Json>,
}

impl Record for JsonRecord<'_> {
    fn field(&self, name: &str, judge: Judge<'_>) -> bool {
        let Some(field) = self.fields.iter().find(|field| field.name == name) else { return judge(Value::Nothing) };
        let json = self.json.and_then(|json| json.get(name));
        match field.kind {
            Kind::Text => judge(Value::Text(json.and_then(Json::as_str).unwrap_or_default())),
            Kind::Integer => judge(Value::Integer(json.and_then(Json::as_i64).unwrap_or_default())),
            Kind::Boolean => judge(Value::Boolean(json.and_then(Json::as_bool).unwrap_or_default())),
            Kind::Record(fields) => judge(Value::Record(&JsonRecord { fields, json })),
            Kind::Records(fields) => {
                let items = json.and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
                let records: Vec<JsonRecord<'_>> = items.iter().map(|item| JsonRecord { fields, json: Some(item) }).collect();
                judge(Value::Records(&records))
            }
            // No JSON object of ours has such fields.
            Kind::Texts | Kind::TextMap | Kind::RecordMap(_) => judge(Value::Nothing),
        }
    }
}

impl Record for Check {
    fn field(&self, name: &str, judge: Judge<'_>) -> bool {
        let tags = Texts::Shared(self.service_tags());
        let record = CheckRecord {
            node: self.node().as_str(),
            id: self.id(),
            name: self.name(),
            status: self.status().as_str(),
            notes: self.notes(),
            output: self.output(),
            service_id: self.service_id(),
            service_name: self.service_name(),
            service_tags: tags,
            kind: self.kind(),
            interval: self.interval(),
            timeout: self.timeout(),
        };
        record.field(name, judge)
    }
}

/// A check's fields from wherever they are: an agent's own checks are not rows of the catalog.
#[derive(Debug, Clone, Copy)]
pub struct CheckRecord<'a> {
    /// Its node.
    pub node: &'a str,
    /// Unique on its node.
    pub id: &'a str,
    /// For people.
    pub name: &'a str,
    /// How it stands, as clients see it.
    pub status: &'a str,
    /// What it is about.
    pub notes: &'a str,
    /// What it said last.
    pub output: &'a str,
    /// The instance it belongs to; empty for a check of the node.
    pub service_id: &'a str,
    /// The service it belongs to.
    pub service_name: &'a str,
    /// The tags of its instance.
    pub service_tags: Texts<'a>,
    /// What it does (`http`, `ttl`, ..).
    pub kind: &'a str,
    /// Time between runs as clients see it.
    pub interval: &'a str,
    /// How long a run may take, as clients see it.
    pub timeout: &'a str,
}

impl Record for CheckRecord<'_> {
    fn field(&self, name: &str, judge: Judge<'_>) -> bool {
        judge(match name {
            "Node" => Value::Text(self.node),
            "CheckID" => Value::Text(self.id),
            "Name" => Value::Text(self.name),
            "Status" => Value::Text(self.status),
            "Notes" => Value::Text(self.notes),
            "Output" => Value::Text(self.output),
            "ServiceID" => Value::Text(self.service_id),
            "ServiceName" => Value::Text(self.service_name),
            "ServiceTags" => Value::Texts(self.service_tags),
            "Type" => Value::Text(self.kind),
            "Interval" => Value::Text(self.interval),
            "Timeout" => Value::Text(self.timeout),
            "ExposedPort" => Value::Integer(0),
            _ => Value::Nothing,
        })
    }
}

/// An instance as `health/service` shows it.
pub(super) struct HealthRecord<'a> {
    pub(super) instance: &'a Instance,
    pub(super) datacenter: &'a str,
}

impl Record for HealthRecord<'_> {
    fn field(&self, name: &str, judge: Judge<'_>) -> bool {
        judge(match name {
            "Node" => return judge(Value::Record(&NodeRecord { node: &self.instance.node, datacenter: self.datacenter })),
            "Service" => Value::Record(&*self.instance.service),
            "Checks" => Value::Records(&self.instance.checks),
            _ => Value::Nothing,
        })
    }
}

/// An instance as `catalog/service` shows it: the node's fields, and the service's behind the word `Service`.
pub(super) struct FlatRecord<'a> {
    pub(super) node: &'a Node,
    pub(super) service: &'a Service,
    pub(super) datacenter: &'a str,
}

impl Record for FlatRecord<'_> {
    fn field(&self, name: &str, judge: Judge<'_>) -> bool {
        match name {
            "ServiceName" => judge(Value::Text(self.service.name())),
            "NodeMeta" => judge(Value::TextMap(&self.node.spec.meta)),
            name => match name.strip_prefix("Service") {
                Some(of_service) => self.service.field(of_service, judge),
                None => NodeRecord { node: self.node, datacenter: self.datacenter }.field(name, judge),
            },
        }
    }
}
