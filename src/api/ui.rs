//! `/v1/internal/ui/`: what a user interface shows of the catalog at a glance.

use super::catalog::{Blank, write_service};
use super::document::Document;
use super::health::write_check;
use crate::model::{CatalogStatus, CheckStatus, Datacenter};
use crate::state::checks::Check;
use crate::state::nodes::Node;
use crate::state::services::Service;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The meta key by which tools that register services name themselves.
const EXTERNAL_SOURCE: &str = "external-source";

/// Services by name, each with what its instances have in all.
#[derive(Debug, Default)]
pub struct Overview<'a> {
    services: BTreeMap<&'a str, Summary<'a>>,
}

#[derive(Debug, Default)]
struct Summary<'a> {
    kind: &'a str,
    tags: BTreeSet<&'a str>,
    /// One for each instance.
    nodes: Vec<&'a str>,
    sources: BTreeSet<&'a str>,
    tally: Tally,
}

/// How many checks stand how.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    passing: u64,
    warning: u64,
    critical: u64,
}

impl Tally {
    fn add(&mut self, status: &CatalogStatus) {
        match status {
            CatalogStatus::Known(CheckStatus::Passing) => self.passing += 1,
            CatalogStatus::Known(CheckStatus::Warning) => self.warning += 1,
            CatalogStatus::Known(CheckStatus::Critical) => self.critical += 1,
            CatalogStatus::Word(_) => {}
        }
    }

    fn add_all(&mut self, other: Tally) {
        self.passing += other.passing;
        self.warning += other.warning;
        self.critical += other.critical;
    }
}

impl<'a> Overview<'a> {
    /// Adds a node with its instances and all checks. A check of the node counts once for each service that has an instance there.
    pub fn add(&mut self, node: &'a Node, services: &'a [Arc<Service>], checks: &'a [Arc<Check>]) {
        let mut own = Tally::default();
        checks.iter().filter(|check| check.service_id().is_empty()).for_each(|check| own.add(check.status()));
        let names: BTreeSet<&str> = services.iter().map(|service| &**service.name()).collect();
        for name in names {
            self.services.entry(name).or_default().tally.add_all(own);
        }
        for service in services {
            let summary = self.services.entry(service.name()).or_default();
            summary.kind = service.mesh().map_or("", |mesh| &mesh.kind);
            summary.tags.extend(service.tags().iter().map(|tag| &**tag));
            summary.nodes.push(node.spec.name.as_str());
            summary.sources.extend(service.meta().get(EXTERNAL_SOURCE).filter(|source| !source.is_empty()));
        }
        for check in checks.iter().filter(|check| !check.service_id().is_empty()) {
            self.services.entry(check.service_name()).or_default().tally.add(check.status());
        }
    }

    /// Writes the services, by name.
    pub fn write(&self, to: &mut Document, datacenter: &Datacenter) {
        to.list(&self.services, |to, (name, summary)| summary.write(to, name, datacenter));
    }
}

impl Summary<'_> {
    fn write(&self, to: &mut Document, name: &str, datacenter: &Datacenter) {
        to.raw("{");
        if !self.kind.is_empty() {
            to.raw("\"Kind\":");
            to.text(self.kind);
            to.raw(",");
        }
        to.raw("\"Name\":");
        to.text(name);
        to.raw(",\"Datacenter\":");
        to.text(datacenter.as_str());
        to.raw(",\"Tags\":");
        write_or_null(to, &self.tags);
        to.raw(",\"Nodes\":");
        to.texts(self.nodes.iter().copied());
        to.raw(",\"ExternalSources\":");
        write_or_null(to, &self.sources);
        to.raw(",\"InstanceCount\":");
        to.index(self.nodes.len() as u64);
        to.raw(",\"ChecksPassing\":");
        to.index(self.tally.passing);
        to.raw(",\"ChecksWarning\":");
        to.index(self.tally.warning);
        to.raw(",\"ChecksCritical\":");
        to.index(self.tally.critical);
        to.raw(",\"GatewayConfig\":{},\"TransparentProxy\":false,\"ConnectedWithProxy\":false,\"ConnectedWithGateway\":false}");
    }
}

fn write_or_null(to: &mut Document, texts: &BTreeSet<&str>) {
    if texts.is_empty() { to.raw("null") } else { to.texts(texts.iter().copied()) }
}

/// Writes a node with its instances and all checks.
pub fn write_whole_node(to: &mut Document, node: &Node, services: &[Arc<Service>], checks: &[Arc<Check>]) {
    to.raw("{\"ID\":");
    to.id(node.spec.id);
    to.raw(",\"Node\":");
    to.text(node.spec.name.as_str());
    to.raw(",\"Address\":");
    to.text(&node.spec.address);
    to.raw(",\"TaggedAddresses\":");
    to.map_or_null(&node.spec.tagged_addresses);
    to.raw(",\"Meta\":");
    to.map_or_null(&node.spec.meta);
    to.raw(",\"Services\":");
    to.list(services, |to, service| write_service(to, service, Blank::Null));
    to.raw(",\"Checks\":");
    to.list(checks, |to, check| write_check(to, check, Blank::Null));
    to.raw("}");
}

#[cfg(test)]
mod tests;
