//! What is registered about an instance of a service, on an agent or in the catalog.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An instance of a service. Its id is unique on its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Unique on the node; the name if nobody chose one.
    pub id: String,
    /// What it is an instance of.
    pub name: String,
    /// Labels, in the order given, repeats kept.
    pub tags: Vec<String>,
    /// Where it is; empty means at its node's address.
    pub address: String,
    /// Its port. Consul takes any number, so it may be outside 0..=65535.
    pub port: i64,
    /// A Unix socket instead of address and port; empty if there is none.
    pub socket_path: String,
    /// Further addresses by their use (`lan`, `wan`, ..).
    pub tagged_addresses: BTreeMap<String, ServiceAddress>,
    /// Free pairs.
    pub meta: BTreeMap<String, String>,
    /// Its share of DNS answers.
    pub weights: Weights,
    /// Who decides about its tags.
    pub tag_authority: TagAuthority,
    /// What only a service mesh uses; kept and shown, without effect.
    pub mesh: Option<Box<Mesh>>,
}

impl ServiceSpec {
    /// An instance with an id and a name and nothing else.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> ServiceSpec {
        ServiceSpec {
            id: id.into(),
            name: name.into(),
            tags: Vec::new(),
            address: String::new(),
            port: 0,
            socket_path: String::new(),
            tagged_addresses: BTreeMap::new(),
            meta: BTreeMap::new(),
            weights: Weights::default(),
            tag_authority: TagAuthority::Agent,
            mesh: None,
        }
    }
}

/// One of an instance's further addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAddress {
    /// An address or host name.
    pub address: String,
    /// Its port.
    pub port: i64,
}

/// How often DNS answers with an instance, against the others, while it passes and while it warns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Weights {
    /// While all its checks pass.
    pub passing: i64,
    /// While one of them warns.
    pub warning: i64,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights { passing: 1, warning: 1 }
    }
}

impl Weights {
    /// The rule that these weights break, in Consul's words; `None` if they may be.
    pub fn broken_rule(self) -> Option<&'static str> {
        const MOST: i64 = 65_535;
        match self {
            Weights { passing, .. } if passing < 1 => Some("Passing must be greater than 0"),
            Weights { warning, .. } if warning < 0 => Some("Warning must be greater or equal than 0"),
            Weights { passing, warning } if passing > MOST || warning > MOST => Some("DNS Weight must be between 0 and 65535"),
            Weights { .. } => None,
        }
    }
}

/// Who decides about an instance's tags (`EnableTagOverride`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TagAuthority {
    /// Its agent: other tags in the catalog are put right again.
    Agent,
    /// Whoever writes to the catalog: the agent takes the tags from there.
    Catalog,
}

/// What only a service mesh uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mesh {
    /// `connect-proxy`, `mesh-gateway`, ..; empty for a plain service.
    pub kind: String,
    /// The `Proxy` object as JSON text; empty if there is none.
    pub proxy: String,
    /// `Connect.Native`.
    pub native: bool,
}
