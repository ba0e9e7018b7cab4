//! What `filter=` can ask of each shape of row. Indexes, definitions, hashes and tokens cannot be asked for.

use crate::filter::{Field, Kind};

const fn text(name: &'static str) -> Field {
    Field::new(name, Kind::Text)
}

const fn integer(name: &'static str) -> Field {
    Field::new(name, Kind::Integer)
}

const ADDRESS: &[Field] = &[text("Address"), integer("Port")];
const WEIGHTS: &[Field] = &[integer("Passing"), integer("Warning")];
const CONNECT: &[Field] = &[Field::new("Native", Kind::Boolean)];
const MESH_GATEWAY: &[Field] = &[text("Mode")];

const UPSTREAM: &[Field] = &[
    text("DestinationType"),
    text("DestinationNamespace"),
    text("DestinationName"),
    text("Datacenter"),
    text("LocalBindAddress"),
    integer("LocalBindPort"),
    text("LocalBindSocketPath"),
    text("LocalBindSocketMode"),
    Field::new("MeshGateway", Kind::Record(MESH_GATEWAY)),
];

const EXPOSED_PATH: &[Field] =
    &[integer("ListenerPort"), text("Path"), integer("LocalPathPort"), text("Protocol"), Field::new("ParsedFromCheck", Kind::Boolean)];

/// The `Proxy` object of an instance.
pub(super) const PROXY: &[Field] = &[
    text("DestinationServiceName"),
    text("DestinationServiceID"),
    text("LocalServiceAddress"),
    integer("LocalServicePort"),
    text("LocalServiceSocketPath"),
    text("Mode"),
    Field::new("Upstreams", Kind::Records(UPSTREAM)),
    Field::new("MeshGateway", Kind::Record(MESH_GATEWAY)),
    Field::new("Expose", Kind::Record(&[Field::new("Checks", Kind::Boolean), Field::new("Paths", Kind::Records(EXPOSED_PATH))])),
    Field::new("TransparentProxy", Kind::Record(&[integer("OutboundListenerPort"), Field::new("DialedDirectly", Kind::Boolean)])),
];

/// A node.
pub(super) const NODE: &[Field] = &[
    text("ID"),
    text("Node"),
    text("Address"),
    text("Datacenter"),
    Field::new("TaggedAddresses", Kind::TextMap),
    Field::new("Meta", Kind::TextMap),
];

/// An instance as its node's list has it.
pub(super) const SERVICE: &[Field] = &[
    text("Kind"),
    text("ID"),
    text("Service"),
    Field::new("Tags", Kind::Texts),
    text("Address"),
    Field::new("TaggedAddresses", Kind::RecordMap(ADDRESS)),
    Field::new("Meta", Kind::TextMap),
    integer("Port"),
    text("SocketPath"),
    Field::new("Weights", Kind::Record(WEIGHTS)),
    Field::new("EnableTagOverride", Kind::Boolean),
    Field::new("Proxy", Kind::Record(PROXY)),
    Field::new("Connect", Kind::Record(CONNECT)),
];

/// A check.
pub(super) const CHECK: &[Field] = &[
    text("Node"),
    text("CheckID"),
    text("Name"),
    text("Status"),
    text("Notes"),
    text("Output"),
    text("ServiceID"),
    text("ServiceName"),
    Field::new("ServiceTags", Kind::Texts),
    text("Type"),
    text("Interval"),
    text("Timeout"),
    integer("ExposedPort"),
];

/// An instance with its node and checks.
pub(super) const INSTANCE: &[Field] =
    &[Field::new("Node", Kind::Record(NODE)), Field::new("Service", Kind::Record(SERVICE)), Field::new("Checks", Kind::Records(CHECK))];

/// An instance with its node, flat.
pub(super) const CATALOG_SERVICE: &[Field] = &[
    text("ID"),
    text("Node"),
    text("Address"),
    text("Datacenter"),
    Field::new("TaggedAddresses", Kind::TextMap),
    Field::new("NodeMeta", Kind::TextMap),
    text("ServiceKind"),
    text("ServiceID"),
    text("ServiceName"),
    Field::new("ServiceTags", Kind::Texts),
    text("ServiceAddress"),
    Field::new("ServiceTaggedAddresses", Kind::RecordMap(ADDRESS)),
    Field::new("ServiceWeights", Kind::Record(WEIGHTS)),
    Field::new("ServiceMeta", Kind::TextMap),
    integer("ServicePort"),
    text("ServiceSocketPath"),
    Field::new("ServiceEnableTagOverride", Kind::Boolean),
    Field::new("ServiceProxy", Kind::Record(PROXY)),
    Field::new("ServiceConnect", Kind::Record(CONNECT)),
];
