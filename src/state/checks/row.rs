//! One health check, as the catalog keeps it: what many checks have in common is kept once.

use super::CheckSpec;
use crate::model::{CatalogStatus, Index, NodeName};
use crate::state::home::Home;
use crate::state::pool::Pools;
use crate::state::services::{Label, Service};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A row of the catalog. Cloning shares everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub(in crate::state) home: Arc<Home>,
    pub(in crate::state) id: Arc<str>,
    shape: Arc<CheckShape>,
    status: CatalogStatus,
    output: Arc<str>,
    owner: Option<Owner>,
    create_index: Index,
    modify_index: Index,
}

/// The instance a check belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    id: Arc<str>,
    label: Arc<Label>,
}

/// What the checks of a service's instances have in common, as a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct CheckShape {
    name: Box<str>,
    notes: Box<str>,
    kind: Box<str>,
    interval: Box<str>,
    timeout: Box<str>,
    definition: Box<str>,
}

impl Check {
    /// A row that shares nothing with others but its instance: for what is not in a catalog. `service` is the instance of `spec.service_id`.
    pub fn new(node: &NodeName, spec: &CheckSpec, service: Option<&Service>, create_index: Index, modify_index: Index) -> Check {
        let home = Arc::new(Home::from(node.clone()));
        Check::pooled(&mut Pools::default(), home, spec, service, create_index, modify_index)
    }

    pub(in crate::state) fn pooled(
        pools: &mut Pools,
        home: Arc<Home>,
        spec: &CheckSpec,
        service: Option<&Service>,
        create_index: Index,
        modify_index: Index,
    ) -> Check {
        let shape = CheckShape {
            name: spec.name.as_str().into(),
            notes: spec.notes.as_str().into(),
            kind: spec.kind.as_str().into(),
            interval: spec.interval.as_str().into(),
            timeout: spec.timeout.as_str().into(),
            definition: spec.definition.as_str().into(),
        };
        let owner = service.map(|service| Owner { id: service.id.clone(), label: service.shape.label.clone() });
        Check {
            home,
            id: spec.id.as_str().into(),
            shape: pools.check(shape),
            status: spec.status.clone(),
            output: pools.text(&spec.output),
            owner,
            create_index,
            modify_index,
        }
    }

    /// The same row under another name of its node.
    pub(in crate::state) fn moved(&self, home: Arc<Home>, index: Index) -> Check {
        Check { home, modify_index: index, ..self.clone() }
    }

    /// The same row after its instance was labelled anew.
    pub(in crate::state) fn relabelled(&self, service: &Service, index: Index) -> Check {
        let owner = Owner { id: service.id.clone(), label: service.shape.label.clone() };
        Check { owner: Some(owner), modify_index: index, ..self.clone() }
    }

    /// Gives back what [`Check::pooled`] took.
    pub(in crate::state) fn release(&self, pools: &mut Pools) {
        pools.release_check(&self.shape);
        pools.release_text(&self.output);
    }

    /// Its node.
    pub fn node(&self) -> &NodeName {
        &self.home.name
    }

    /// Its node's name in lower case.
    pub fn folded_node(&self) -> &str {
        &self.home.folded
    }

    /// What the checks of several nodes are ordered by: its node's name in lower case and its id.
    pub fn place(&self) -> (&str, &str) {
        (&self.home.folded, &self.id)
    }

    /// Unique on its node.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// For people.
    pub fn name(&self) -> &str {
        &self.shape.name
    }

    /// How it stands.
    pub fn status(&self) -> &CatalogStatus {
        &self.status
    }

    /// What it is about.
    pub fn notes(&self) -> &str {
        &self.shape.notes
    }

    /// What it said last.
    pub fn output(&self) -> &str {
        &self.output
    }

    /// The instance it belongs to; empty for a check of the node.
    pub fn service_id(&self) -> &str {
        self.owner.as_ref().map_or("", |owner| &owner.id)
    }

    /// The service it belongs to; empty for a check of the node.
    pub fn service_name(&self) -> &str {
        self.owner.as_ref().map_or("", |owner| &owner.label.name)
    }

    /// The same in the form names of services are compared in.
    pub(in crate::state) fn folded_service(&self) -> Arc<str> {
        self.owner.as_ref().map_or_else(|| "".into(), |owner| owner.label.folded.clone())
    }

    /// The tags of its instance.
    pub fn service_tags(&self) -> &[Arc<str>] {
        self.owner.as_ref().map_or(&[], |owner| &owner.label.tags)
    }

    /// What it does (`http`, `ttl`, ..); may be empty.
    pub fn kind(&self) -> &str {
        &self.shape.kind
    }

    /// Time between runs as clients see it; may be empty.
    pub fn interval(&self) -> &str {
        &self.shape.interval
    }

    /// How long a run may take, as clients see it; may be empty.
    pub fn timeout(&self) -> &str {
        &self.shape.timeout
    }

    /// How it is run, as JSON text; empty if nobody said.
    pub fn definition(&self) -> &str {
        &self.shape.definition
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
    pub fn spec(&self) -> CheckSpec {
        CheckSpec {
            id: self.id().to_owned(),
            name: self.name().to_owned(),
            status: self.status.clone(),
            notes: self.notes().to_owned(),
            output: self.output().to_owned(),
            service_id: self.service_id().to_owned(),
            kind: self.kind().to_owned(),
            interval: self.interval().to_owned(),
            timeout: self.timeout().to_owned(),
            definition: self.definition().to_owned(),
        }
    }

    /// Whether `spec` is what was registered.
    pub fn is_as(&self, spec: &CheckSpec) -> bool {
        self.id() == spec.id
            && self.name() == spec.name
            && self.status == spec.status
            && self.notes() == spec.notes
            && self.output() == spec.output
            && self.service_id() == spec.service_id
            && self.kind() == spec.kind
            && self.interval() == spec.interval
            && self.timeout() == spec.timeout
            && self.definition() == spec.definition
    }
}
