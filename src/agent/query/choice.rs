//! Which rows of an answer a client wants.

use super::Instance;
use super::fields;
use super::records::{FlatRecord, HealthRecord, NodeRecord};
use crate::filter::{Field, Filter, FilterError, Record};
use crate::state::checks::Check;
use crate::state::nodes::Node;
use crate::state::services::Service;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a client asks of the rows beside the query's own subject. The default takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Choice {
    /// How instances must stand (`passing`).
    pub health: Health,
    /// Tags that instances must all have, compared without case (`tag`, repeated).
    pub tags: Vec<String>,
    /// Pairs that the node's meta must all have (`node-meta=key:value`, repeated).
    pub node_meta: Vec<(String, String)>,
    /// A `filter=` expression; empty takes all. It is known to parse and to fit the rows ([`Subject::check`]).
    pub filter: String,
    /// The datacenter of the rows, which they do not say themselves and a filter may ask for. May be empty without a filter.
    pub datacenter: String,
}

/// How an instance must stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// `catalog/service`, `catalog/services`: flat, with `Service` before the names of the service's fields.
    CatalogServices,
    /// `catalog/node`, `catalog/node-services`, `agent/services`.
    Services,
    /// `health/service`: `Node.`, `Service.` and `Checks.`.
    Instances,
    /// `health/node`, `health/checks`, `health/state`, `agent/checks`.
    Checks,
}

impl Subject {
    const fn fields(self) -> &'static [Field] {
        match self {
            Subject::Nodes => fields::NODE,
            Subject::CatalogServices => fields::CATALOG_SERVICE,
            Subject::Services => fields::SERVICE,
            Subject::Instances => fields::INSTANCE,
            Subject::Checks => fields::CHECK,
        }
    }

    /// Whether an expression fits these rows; an empty one does.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(self, filter: &str) -> Result<(), FilterError> {
        if filter.is_empty() { Ok(()) } else { Filter::parse(filter, self.fields()).map(drop) }
    }
}

/// A choice made ready to be applied to many rows.
#[derive(Debug)]
pub struct Chooser<'a> {
    choice: &'a Choice,
    subject: Subject,
    /// The tags in lower case.
    tags: Vec<String>,
    expression: Wanted,
}

/// What of the rows an expression leaves.
#[derive(Debug)]
enum Wanted {
    All,
    /// What a peer sent is no expression: it is told that there are no such rows.
    None,
    Some(Filter),
}

impl Choice {
    /// Makes it ready. An expression that does not fit takes no rows: whoever took it from a client has tried it ([`Subject::check`]).
    pub fn ready(&self, subject: Subject) -> Chooser<'_> {
        let expression = match self.filter.as_str() {
            "" => Wanted::All,
            filter => Filter::parse(filter, subject.fields()).map_or(Wanted::None, Wanted::Some),
        };
        Chooser { choice: self, subject, tags: self.tags.iter().map(|tag| tag.to_lowercase()).collect(), expression }
    }

    /// Whether it takes everything, so that no row need be looked at.
    pub fn takes_all(&self) -> bool {
        self.health == Health::Any && self.tags.is_empty() && self.node_meta.is_empty() && self.filter.is_empty()
    }
}

impl Chooser<'_> {
    /// Whether a node is wanted.
    pub fn takes_node(&self, node: &Node) -> bool {
        self.has_meta(node) && self.takes_record(&NodeRecord { node, datacenter: &self.choice.datacenter })
    }

    /// Whether an instance is wanted. Its checks are those of its node and its own, all of them.
    pub fn takes_instance(&self, instance: &Instance) -> bool {
        let datacenter = self.choice.datacenter.as_str();
        self.has_meta(&instance.node)
            && self.has_tags(&instance.service)
            && self.has_health(&instance.checks)
            && match self.subject {
                Subject::Instances => self.takes_record(&HealthRecord { instance, datacenter }),
                Subject::CatalogServices => self.takes_record(&FlatRecord { node: &instance.node, service: &instance.service, datacenter }),
                Subject::Services => self.takes_record(&*instance.service),
                Subject::Nodes => self.takes_record(&NodeRecord { node: &instance.node, datacenter }),
                // A check's fields are not an instance's.
                Subject::Checks => matches!(self.expression, Wanted::All),
            }
    }

    /// Whether an instance in the list of its node is wanted.
    pub fn takes_service(&self, service: &Service) -> bool {
        self.has_tags(service) && self.takes_record(service)
    }

    /// Whether a check is wanted; `node` is its node where node-meta can be asked for.
    pub fn takes_check(&self, node: Option<&Node>, check: &Check) -> bool {
        node.is_none_or(|node| self.has_meta(node)) && self.takes_record(check)
    }

    /// Whether the expression takes a record: for rows that are not in the catalog, an agent's [`crate::model::ServiceSpec`] or a
    /// [`super::CheckRecord`].
    pub fn takes_record(&self, record: &dyn Record) -> bool {
        match &self.expression {
            Wanted::All => true,
            Wanted::None => false,
            Wanted::Some(filter) => filter.takes(record),
        }
    }

    fn has_meta(&self, node: &Node) -> bool {
        self.choice.node_meta.iter().all(|(key, value)| node.spec.meta.get(key) == Some(value))
    }

    fn has_tags(&self, service: &Service) -> bool {
        self.tags.iter().all(|wanted| service.tags().iter().any(|tag| folds_to(tag, wanted)))
    }

    fn has_health(&self, checks: &[Arc<Check>]) -> bool {
        match self.choice.health {
            Health::Any => true,
            Health::Passing => checks.iter().all(|check| check.status().is_passing()),
        }
    }
}

fn folds_to(tag: &str, lower: &str) -> bool {
    if tag.is_ascii() { tag.eq_ignore_ascii_case(lower) } else { tag.to_lowercase() == lower }
}

#[cfg(test)]
mod tests;
