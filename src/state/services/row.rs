//! One instance of a service, as the catalog keeps it: what many instances have in common is kept once.

use crate::model::{Index, Mesh, NodeName, Pairs, ServiceAddress, ServiceSpec, TagAuthority, Weights};
use crate::state::home::{Home, folded_shared};
use crate::state::pool::Pools;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A row of the catalog. Cloning shares everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    pub(in crate::state) home: Arc<Home>,
    pub(in crate::state) id: Arc<str>,
    pub(in crate::state) shape: Arc<ServiceShape>,
    address: Arc<str>,
    tagged_addresses: Box<[TaggedAddress]>,
    port: i64,
    create_index: Index,
    modify_index: Index,
}

/// What an instance is called and labelled: its checks show it as well.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Written")]
pub(crate) struct Label {
    pub(in crate::state) name: Arc<str>,
    pub(in crate::state) tags: Box<[Arc<str>]>,
    /// The name in the form it is compared in.
    #[serde(skip_serializing)]
    pub(in crate::state) folded: Arc<str>,
}

/// A label as it is encoded.
#[derive(Deserialize)]
struct Written {
    name: Arc<str>,
    tags: Box<[Arc<str>]>,
}

impl From<Written> for Label {
    fn from(Written { name, tags }: Written) -> Label {
        Label { folded: folded_shared(&name), name, tags }
    }
}

/// What the instances of a service have in common, as a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ServiceShape {
    pub(in crate::state) label: Arc<Label>,
    meta: Pairs,
    weights: Weights,
    tag_authority: TagAuthority,
    socket_path: Box<str>,
    mesh: Option<Box<Mesh>>,
}

/// One of an instance's further addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaggedAddress {
    /// What it is for (`lan`, `wan`, ..).
    pub tag: Arc<str>,
    /// An address or host name.
    pub address: Arc<str>,
    /// Its port.
    pub port: i64,
}

impl Service {
    /// A row that shares nothing with others: for what is not in a catalog.
    pub fn new(node: &NodeName, spec: &ServiceSpec, create_index: Index, modify_index: Index) -> Service {
        let home = Arc::new(Home::from(node.clone()));
        Service::pooled(&mut Pools::default(), home, spec, create_index, modify_index)
    }

    pub(in crate::state) fn pooled(
        pools: &mut Pools,
        home: Arc<Home>,
        spec: &ServiceSpec,
        create_index: Index,
        modify_index: Index,
    ) -> Service {
        let tags = spec.tags.iter().map(|tag| tag.as_str().into()).collect();
        let label = pools.label(Label::from(Written { name: spec.name.as_str().into(), tags }));
        let id = if spec.id == spec.name { label.name.clone() } else { spec.id.as_str().into() };
        let shape = pools.service(ServiceShape {
            label,
            meta: Pairs::from(&spec.meta),
            weights: spec.weights,
            tag_authority: spec.tag_authority,
            socket_path: spec.socket_path.as_str().into(),
            mesh: spec.mesh.clone(),
        });
        let tagged = spec.tagged_addresses.iter().map(|(tag, at)| TaggedAddress {
            tag: pools.text(tag),
            address: pools.text(&at.address),
            port: at.port,
        });
        let tagged_addresses = tagged.collect();
        let address = pools.text(&spec.address);
        Service { home, id, shape, address, tagged_addresses, port: spec.port, create_index, modify_index }
    }

    /// The same row under another name of its node.
    pub(in crate::state) fn moved(&self, home: Arc<Home>, index: Index) -> Service {
        Service { home, modify_index: index, ..self.clone() }
    }

    /// Gives back what [`Service::pooled`] took.
    pub(in crate::state) fn release(&self, pools: &mut Pools) {
        pools.release_label(&self.shape.label);
        pools.release_service(&self.shape);
        for tagged in &self.tagged_addresses {
            pools.release_text(&tagged.tag);
            pools.release_text(&tagged.address);
        }
        pools.release_text(&self.address);
    }

    /// Its node.
    pub fn node(&self) -> &NodeName {
        &self.home.name
    }

    /// Its node's name in lower case.
    pub fn folded_node(&self) -> &str {
        &self.home.folded
    }

    /// Unique on the node.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is an instance of.
    pub fn name(&self) -> &Arc<str> {
        &self.shape.label.name
    }

    /// The same in the form names of services are compared in.
    pub fn folded_name(&self) -> &Arc<str> {
        &self.shape.label.folded
    }

    /// Labels, in the order given, repeats kept.
    pub fn tags(&self) -> &[Arc<str>] {
        &self.shape.label.tags
    }

    /// Where it is; empty means at its node's address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its port, which may be outside 0..=65535.
    pub fn port(&self) -> i64 {
        self.port
    }

    /// A Unix socket instead of address and port; empty if there is none.
    pub fn socket_path(&self) -> &str {
        &self.shape.socket_path
    }

    /// Further addresses, by their tags.
    pub fn tagged_addresses(&self) -> &[TaggedAddress] {
        &self.tagged_addresses
    }

    /// Free pairs.
    pub fn meta(&self) -> &Pairs {
        &self.shape.meta
    }

    /// Its share of DNS answers.
    pub fn weights(&self) -> Weights {
        self.shape.weights
    }

    /// Who decides about its tags.
    pub fn tag_authority(&self) -> TagAuthority {
        self.shape.tag_authority
    }

    /// What only a service mesh uses.
    pub fn mesh(&self) -> Option<&Mesh> {
        self.shape.mesh.as_deref()
    }

    /// When it came to be.
    pub fn create_index(&self) -> Index {
        self.create_index
    }

    /// When it last changed.
    pub fn modify_index(&self) -> Index {
        self.modify_index
    }

    /// What was registered, as a copy.
    pub fn spec(&self) -> ServiceSpec {
        let tagged = self.tagged_addresses.iter().map(|tagged| {
            let at = ServiceAddress { address: tagged.address.as_ref().to_owned(), port: tagged.port };
            (tagged.tag.as_ref().to_owned(), at)
        });
        ServiceSpec {
            id: self.id.as_ref().to_owned(),
            name: self.name().as_ref().to_owned(),
            tags: self.tags().iter().map(|tag| tag.as_ref().to_owned()).collect(),
            address: self.address.as_ref().to_owned(),
            port: self.port,
            socket_path: self.shape.socket_path.as_ref().to_owned(),
            tagged_addresses: tagged.collect(),
            meta: self.shape.meta.to_map(),
            weights: self.shape.weights,
            tag_authority: self.shape.tag_authority,
            mesh: self.shape.mesh.clone(),
        }
    }

    /// Whether `spec` is what was registered.
    pub fn is_as(&self, spec: &ServiceSpec) -> bool {
        let shape = &*self.shape;
        *self.id == *spec.id
            && *shape.label.name == *spec.name
            && self.tags().iter().map(|tag| &**tag).eq(spec.tags.iter().map(String::as_str))
            && *self.address == *spec.address
            && self.port == spec.port
            && *shape.socket_path == *spec.socket_path
            && shape.meta == spec.meta
            && shape.weights == spec.weights
            && shape.tag_authority == spec.tag_authority
            && shape.mesh == spec.mesh
            && self.tagged_addresses.len() == spec.tagged_addresses.len()
            && self
                .tagged_addresses
                .iter()
                .zip(&spec.tagged_addresses)
                .all(|(have, (tag, at))| *have.tag == **tag && *have.address == *at.address && have.port == at.port)
    }
}
