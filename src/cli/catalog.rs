//! `catalog`: datacenters, nodes and services, as the servers know them.

use super::args::{Args, FlagSpec, switch, value};
use super::client::{Query, path};
use super::command::Call;
use super::report::{FORMAT, Format, Outcome, Report};
use super::table::{header, table};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const NODE_FLAGS: &[FlagSpec] = &[
    switch("detailed", "Show whole ids, further addresses and metadata."),
    value("filter", "Show only nodes for which this expression is true."),
    FORMAT,
    value("near", "Sort by distance from this node; _agent is the agent's own."),
    NODE_META,
    value("service", "Show only nodes with an instance of this service."),
];

pub(super) const SERVICE_FLAGS: &[FlagSpec] =
    &[FORMAT, value("node", "Show only services of this node."), NODE_META, switch("tags", "Show each service's tags too.")];

const NODE_META: FlagSpec = value("node-meta", "Only nodes with this metadata, key=value; may be repeated.");

/// `catalog datacenters`.
pub(super) fn datacenters(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let names: Vec<String> =
        call.client()?.json("/v1/catalog/datacenters", Query::default()).map_err(|e| format!("Error listing datacenters: {e}"))?;
    match Format::of(&call.args)? {
        Format::Json => Ok(Report::json(&names)),
        Format::Pretty => Ok(Report::text(lines(&names))),
    }
}

fn lines<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| format!("{item}\n")).collect()
}

/// A node, of which the list of a service's instances tells the metadata under another name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    #[serde(default, rename = "ID")]
    id: String,
    node: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    datacenter: String,
    #[serde(default)]
    tagged_addresses: Option<BTreeMap<String, String>>,
    #[serde(default, alias = "NodeMeta")]
    meta: Option<BTreeMap<String, String>>,
}

/// `catalog nodes`.
pub(super) fn nodes(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let args = &call.args;
    let query = with_node_meta(Query::default(), args)?.with_some("near", args.value("near")).with_some("filter", args.value("filter"));
    let query = query.with_server_flags(args);
    let target = match args.value("service") {
        None => "/v1/catalog/nodes".to_owned(),
        Some(service) => format!("/v1/catalog/service/{}", path(service)),
    };
    let mut found: Vec<Node> = call.client()?.json(&target, query).map_err(|e| format!("Error listing nodes: {e}"))?;
    let mut seen = BTreeSet::new();
    found.retain(|node| seen.insert(node.node.clone()));
    match Format::of(args)? {
        Format::Json => Ok(Report::json(&found)),
        Format::Pretty if found.is_empty() => Ok(Report::nothing("No nodes match: see what there is without flags")),
        Format::Pretty => Ok(Report::text(if args.is_on("detailed") { detailed(&found) } else { standard(&found) })),
    }
}

fn standard(nodes: &[Node]) -> String {
    let short = |id: &str| id.chars().take(8).collect::<String>();
    let row = |node: &Node| [node.node.clone(), short(&node.id), node.address.clone(), node.datacenter.clone()];
    let rows: Vec<_> = [header(["Node", "ID", "Address", "DC"])].into_iter().chain(nodes.iter().map(row)).collect();
    table(&rows)
}

fn detailed(nodes: &[Node]) -> String {
    let pairs = |map: &Option<BTreeMap<String, String>>| {
        let pairs: Vec<String> = map.iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join(", ")
    };
    let row = |node: &Node| {
        let Node { id, node: name, address, datacenter, tagged_addresses, meta } = node;
        [name.clone(), id.clone(), address.clone(), datacenter.clone(), pairs(tagged_addresses), pairs(meta)]
    };
    let titles = header(["Node", "ID", "Address", "DC", "TaggedAddresses", "Meta"]);
    let rows: Vec<_> = [titles].into_iter().chain(nodes.iter().map(row)).collect();
    table(&rows)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NodeServices {
    services: BTreeMap<String, Instance>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Instance {
    service: String,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// `catalog services`.
pub(super) fn services(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let args = &call.args;
    let query = with_node_meta(Query::default(), args)?.with_server_flags(args);
    let failed = |e| format!("Error listing services: {e}");
    let client = call.client()?;
    let found: BTreeMap<String, BTreeSet<String>> = match args.value("node") {
        None => client.json("/v1/catalog/services", query).map_err(failed)?,
        Some(node) => {
            let of_node: Option<NodeServices> = client.json(&format!("/v1/catalog/node/{}", path(node)), query).map_err(failed)?;
            let mut tags: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for instance in of_node.into_iter().flat_map(|of_node| of_node.services.into_values()) {
                tags.entry(instance.service).or_default().extend(instance.tags.into_iter().flatten());
            }
            tags
        }
    };
    match Format::of(args)? {
        Format::Json => Ok(Report::json(&found)),
        Format::Pretty if found.is_empty() => Ok(Report::nothing("No services match: see what there is without flags")),
        Format::Pretty if args.is_on("tags") => {
            let row = |(name, tags): (&String, &BTreeSet<String>)| [name.clone(), tags.iter().cloned().collect::<Vec<_>>().join(",")];
            Ok(Report::text(table(&found.iter().map(row).collect::<Vec<_>>())))
        }
        Format::Pretty => Ok(Report::text(lines(found.keys()))),
    }
}

/// Consul's flag is `key=value` and its parameter `key:value`.
fn with_node_meta(query: Query, args: &Args) -> Result<Query, String> {
    args.values("node-meta").try_fold(query, |query, pair| {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("invalid value {pair:?} for flag -node-meta: must be key=value"))?;
        Ok(query.with("node-meta", format!("{key}:{value}")))
    })
}
