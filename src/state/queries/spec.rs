//! What a prepared query says.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The one type of template there is: it answers every name that begins with its own.
pub const NAME_PREFIX_MATCH: &str = "name_prefix_match";

/// A prepared query as it was asked to be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuerySpec {
    /// Its name, compared without case; a template's prefix. May be empty.
    pub name: String,
    /// The session it ends with; empty if it does not.
    pub session: String,
    /// The token it is executed with; empty is the caller's.
    pub token: String,
    /// Whether it is a template, and how.
    pub template: TemplateSpec,
    /// What it asks for.
    pub service: ServiceQuery,
    /// How long DNS answers of it may be kept, as a duration; empty is the agent's default.
    pub dns_ttl: String,
}

impl QuerySpec {
    /// Whether its fields are filled in from the name it is asked by.
    pub fn is_template(&self) -> bool {
        !self.template.kind.is_empty()
    }
}

/// What makes a query a template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateSpec {
    /// [`NAME_PREFIX_MATCH`], or empty for no template.
    pub kind: String,
    /// An expression whose groups `${match(N)}` gives. May be empty.
    pub regexp: String,
    /// Whether tags that come out empty are left out.
    pub remove_empty_tags: bool,
}

/// The instances a prepared query asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceQuery {
    /// The service's name.
    pub service: String,
    /// So many of the nearest other datacenters are asked if this one has no instance.
    pub nearest_n: u32,
    /// These are asked after those, in order.
    pub datacenters: Vec<String>,
    /// Whether instances with warnings are left out too; critical ones always are.
    pub only_passing: bool,
    /// Checks that do not count.
    pub ignore_check_ids: Vec<String>,
    /// The node that instances are sorted by their distance from; empty does not sort.
    pub near: String,
    /// Tags an instance must have, compared without case; with a `!` before it, must not have.
    pub tags: Vec<String>,
    /// Pairs the node's meta must have.
    pub node_meta: BTreeMap<String, String>,
    /// Pairs the instance's meta must have.
    pub service_meta: BTreeMap<String, String>,
    /// Kept for clients, without effect here.
    pub connect: bool,
}
