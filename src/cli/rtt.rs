//! `rtt`: the round trip between two nodes, by their coordinates.

use super::args::{FlagSpec, switch};
use super::client::{Client, Query};
use super::command::Call;
use super::report::{Outcome, Report};
use crate::model::Coordinate;
use serde::Deserialize;

pub(super) const FLAGS: &[FlagSpec] = &[switch("wan", "Between servers of the WAN, each named NODE.DATACENTER.")];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Located {
    node: String,
    coord: Shape,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Shape {
    vec: Vec<f64>,
    error: f64,
    adjustment: f64,
    height: f64,
}

impl Shape {
    fn coordinate(&self) -> Result<Coordinate, String> {
        Coordinate::parse(&self.vec, self.error, self.adjustment, self.height).map_err(|error| error.to_string())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datacenter {
    datacenter: String,
    coordinates: Vec<Located>,
}

#[derive(Deserialize)]
struct Itself {
    #[serde(rename = "Config")]
    config: Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    node_name: String,
    datacenter: String,
}

pub(super) fn run(call: &Call<'_>) -> Outcome {
    let wan = call.args.is_on("wan");
    let client = call.client()?;
    let (one, other) = match call.args.words.as_slice() {
        [one] => (one.clone(), own_name(&client, wan)?),
        [one, other] => (one.clone(), other.clone()),
        _ => return Err("One or two node names must be specified".to_owned()),
    };
    let (located, pool) = if wan { (in_wan(&client, &[&one, &other])?, "WAN") } else { (in_lan(&client)?, "LAN") };
    let find = |name: &str| {
        let found = located.iter().find(|(node, _)| node.eq_ignore_ascii_case(name)).map(|(_, shape)| shape);
        found.ok_or_else(|| format!("Could not find a coordinate for node {name:?}"))?.coordinate()
    };
    let rtt = find(&one)?.seconds(&find(&other)?);
    Ok(Report::line(format!("Estimated {one} <-> {other} rtt: {:.3} ms (using {pool} coordinates)", rtt * 1000.0)))
}

fn own_name(client: &Client<'_>, wan: bool) -> Result<String, String> {
    let itself: Itself = client.json("/v1/agent/self", Query::default()).map_err(|e| format!("Unable to look up agent info: {e}"))?;
    let Config { node_name, datacenter } = itself.config;
    Ok(if wan { format!("{node_name}.{datacenter}") } else { node_name })
}

fn in_lan(client: &Client<'_>) -> Result<Vec<(String, Shape)>, String> {
    let located: Vec<Located> =
        client.json("/v1/coordinate/nodes", Query::default()).map_err(|e| format!("Error getting coordinates: {e}"))?;
    Ok(located.into_iter().map(|one| (one.node, one.coord)).collect())
}

fn in_wan(client: &Client<'_>, names: &[&str]) -> Result<Vec<(String, Shape)>, String> {
    if names.iter().any(|name| !name.contains('.')) {
        return Err("Node names must be specified as <node name>.<datacenter> with -wan".to_owned());
    }
    let datacenters: Vec<Datacenter> =
        client.json("/v1/coordinate/datacenters", Query::default()).map_err(|e| format!("Error getting coordinates: {e}"))?;
    let full = |datacenter: Datacenter| {
        let Datacenter { datacenter, coordinates } = datacenter;
        coordinates.into_iter().map(move |one| (format!("{}.{datacenter}", one.node), one.coord))
    };
    Ok(datacenters.into_iter().flat_map(full).collect())
}
