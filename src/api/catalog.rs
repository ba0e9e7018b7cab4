//! Nodes and instances as clients see them.

use super::document::Document;
use crate::model::{Datacenter, Mesh, TagAuthority};
use crate::state::nodes::Node;
use crate::state::services::{Service, TaggedAddress};
use std::sync::Arc;

/// Writes a node, as `/v1/catalog/nodes` lists it. Maps nobody filled are `null`, as for nodes registered from outside.
pub fn write_node(to: &mut Document, node: &Node, datacenter: &Datacenter) {
    write_node_fields(to, node, datacenter);
    to.raw(",\"Meta\":");
    to.map_or_null(&node.spec.meta);
    write_indexes(to, node.create_index, node.modify_index);
}

/// The fields both shapes of a node begin with.
fn write_node_fields(to: &mut Document, node: &Node, datacenter: &Datacenter) {
    to.raw("{\"ID\":");
    to.id(node.spec.id);
    to.raw(",\"Node\":");
    to.text(node.spec.name.as_str());
    to.raw(",\"Address\":");
    to.text(&node.spec.address);
    to.raw(",\"Datacenter\":");
    to.text(datacenter.as_str());
    to.raw(",\"TaggedAddresses\":");
    to.map_or_null(&node.spec.tagged_addresses);
}

/// The fields every row ends with.
pub(super) fn write_indexes(to: &mut Document, create_index: u64, modify_index: u64) {
    to.raw(",\"CreateIndex\":");
    to.index(create_index);
    to.raw(",\"ModifyIndex\":");
    to.index(modify_index);
    to.raw("}");
}

/// How a list without items is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blank {
    /// `[]`: catalog, health and agent.
    List,
    /// `null`, as Go has it: the UI's own endpoints, transactions, results of prepared queries.
    Null,
}

/// Writes tags.
pub(super) fn write_tags(to: &mut Document, tags: &[Arc<str>], blank: Blank) {
    match blank {
        Blank::Null if tags.is_empty() => to.raw("null"),
        Blank::List | Blank::Null => to.texts(tags.iter().map(|tag| &**tag)),
    }
}

/// Writes an instance, as its node's list and `/v1/health/service/` have it.
pub fn write_service(to: &mut Document, service: &Service, blank: Blank) {
    to.raw("{");
    if let Some(mesh) = service.mesh().filter(|mesh| !mesh.kind.is_empty()) {
        to.raw("\"Kind\":");
        to.text(&mesh.kind);
        to.raw(",");
    }
    to.raw("\"ID\":");
    to.text(service.id());
    to.raw(",\"Service\":");
    to.text(service.name());
    to.raw(",\"Tags\":");
    write_tags(to, service.tags(), blank);
    to.raw(",\"Address\":");
    to.text(service.address());
    write_tagged_addresses(to, ",\"TaggedAddresses\":", service.tagged_addresses());
    to.raw(",\"Meta\":");
    match service.meta().is_empty() {
        true => to.raw("null"),
        false => to.pairs(service.meta()),
    }
    if service.port() != 0 {
        to.raw(",\"Port\":");
        to.number(service.port());
    }
    if !service.socket_path().is_empty() {
        to.raw(",\"SocketPath\":");
        to.text(service.socket_path());
    }
    to.raw(",\"Weights\":");
    write_weights(to, service);
    to.raw(",\"EnableTagOverride\":");
    to.truth(service.tag_authority() == TagAuthority::Catalog);
    to.raw(",\"Proxy\":");
    write_proxy(to, service.mesh());
    to.raw(",\"Connect\":");
    write_connect(to, service.mesh());
    write_indexes(to, service.create_index(), service.modify_index());
}

/// Left out if there are none.
fn write_tagged_addresses(to: &mut Document, name: &str, addresses: &[TaggedAddress]) {
    if addresses.is_empty() {
        return;
    }
    to.raw(name);
    to.object(addresses.iter().map(|tagged| (&*tagged.tag, tagged)), |to, tagged| {
        to.raw("{\"Address\":");
        to.text(&tagged.address);
        to.raw(",\"Port\":");
        to.number(tagged.port);
        to.raw("}");
    });
}

fn write_weights(to: &mut Document, service: &Service) {
    let weights = service.weights();
    to.raw("{\"Passing\":");
    to.number(weights.passing);
    to.raw(",\"Warning\":");
    to.number(weights.warning);
    to.raw("}");
}

fn write_proxy(to: &mut Document, mesh: Option<&Mesh>) {
    match mesh.map_or("", |mesh| &mesh.proxy) {
        "" => to.raw("{\"Mode\":\"\",\"MeshGateway\":{},\"Expose\":{}}"),
        proxy => to.raw(proxy),
    }
}

fn write_connect(to: &mut Document, mesh: Option<&Mesh>) {
    to.raw(if mesh.is_some_and(|mesh| mesh.native) { "{\"Native\":true}" } else { "{}" });
}

/// Writes an instance with its node, flat, as `/v1/catalog/service/` lists it.
pub fn write_catalog_service(to: &mut Document, node: &Node, service: &Service, datacenter: &Datacenter) {
    write_node_fields(to, node, datacenter);
    to.raw(",\"NodeMeta\":");
    to.map_or_null(&node.spec.meta);
    to.raw(",\"ServiceKind\":");
    to.text(service.mesh().map_or("", |mesh| &mesh.kind));
    to.raw(",\"ServiceID\":");
    to.text(service.id());
    to.raw(",\"ServiceName\":");
    to.text(service.name());
    to.raw(",\"ServiceTags\":");
    write_tags(to, service.tags(), Blank::List);
    to.raw(",\"ServiceAddress\":");
    to.text(service.address());
    write_tagged_addresses(to, ",\"ServiceTaggedAddresses\":", service.tagged_addresses());
    to.raw(",\"ServiceWeights\":");
    write_weights(to, service);
    to.raw(",\"ServiceMeta\":");
    to.pairs(service.meta());
    to.raw(",\"ServicePort\":");
    to.number(service.port());
    to.raw(",\"ServiceSocketPath\":");
    to.text(service.socket_path());
    to.raw(",\"ServiceEnableTagOverride\":");
    to.truth(service.tag_authority() == TagAuthority::Catalog);
    to.raw(",\"ServiceProxy\":");
    write_proxy(to, service.mesh());
    to.raw(",\"ServiceConnect\":");
    write_connect(to, service.mesh());
    write_indexes(to, service.create_index(), service.modify_index());
}

#[cfg(test)]
mod tests;
