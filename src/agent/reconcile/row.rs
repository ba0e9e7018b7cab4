//! What an alive member's rows in the catalog are.
//!
//! The agent of a node owns its row: addresses by use and meta are put right by its own anti-entropy. The leader makes a row that is missing, so
//! that a node is there before its agent has synced, and afterwards corrects only what gossip knows better: id, name and address.

use crate::agent::antientropy::node_meta;
use crate::agent::autopilot::{Calling, Pooled};
use crate::gossip::Member;
use crate::model::{Datacenter, NodeId, ServiceSpec};
use crate::state::nodes::NodeSpec;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The gossip tag with the address a member is reached at from other datacenters, if that is not the one it gossips from.
pub const WAN_ADDR_TAG: &str = "wan_addr";

/// Id and name of the service that every server is an instance of.
pub const SERVERS: &str = "consul";

/// Lowest, highest and usual version of the protocol of Consul's gossip library, which clients read. Ours is not it, so they are constants.
pub const SERF_PROTOCOL: (u8, u8, u8) = (1, 5, 2);

/// The key of the meta by which the leader's own registration of a server is told from a service that somebody else called the same.
pub(super) const OWN_MARK: &str = "serf_protocol_current";

fn family(ip: IpAddr) -> &'static str {
    match ip {
        IpAddr::V4(_) => "ipv4",
        IpAddr::V6(_) => "ipv6",
    }
}

/// The row of a member with `id`, where `before` is what the catalog has of that id or name.
pub(super) fn node(member: &Member, id: NodeId, before: Option<&NodeSpec>) -> NodeSpec {
    let address = member.addr().ip().to_string();
    match before.filter(|spec| spec.id.is_none_or(|known| known == id)) {
        Some(spec) => NodeSpec {
            id: Some(id),
            name: member.name().clone(),
            tagged_addresses: followed(&spec.tagged_addresses, &spec.address, &address),
            address,
            meta: spec.meta.clone(),
        },
        None => NodeSpec {
            id: Some(id),
            name: member.name().clone(),
            tagged_addresses: told(member),
            address,
            meta: node_meta(BTreeMap::new()),
        },
    }
}

/// Addresses that only repeated the node's move with it; those that were set apart stay.
fn followed(tagged: &BTreeMap<String, String>, from: &str, to: &str) -> BTreeMap<String, String> {
    let moved = |set: &String| if set == from { to.to_owned() } else { set.clone() };
    tagged.iter().map(|(way, set)| (way.clone(), moved(set))).collect()
}

fn told(member: &Member) -> BTreeMap<String, String> {
    let ip = member.addr().ip();
    let wan: IpAddr = member.tag(WAN_ADDR_TAG).and_then(|text| text.parse().ok()).unwrap_or(ip);
    let both = [("lan", ip), ("wan", wan)];
    both.iter().flat_map(|(way, ip)| [((*way).to_owned(), ip.to_string()), (format!("{way}_{}", family(*ip)), ip.to_string())]).collect()
}

/// A server's instance of [`SERVERS`]; `None` if the member is no server of `datacenter`.
pub(super) fn service(member: &Member, datacenter: &Datacenter) -> Option<ServiceSpec> {
    let server = Pooled::of(member, datacenter)?;
    let replica = (server.calling == Calling::ReadReplica).to_string();
    let (lowest, highest, usual) = SERF_PROTOCOL;
    let meta = [
        ("non_voter", replica.clone()),
        ("raft_version", member.tag("raft_vsn").unwrap_or("0").to_owned()),
        ("read_replica", replica),
        (OWN_MARK, usual.to_string()),
        ("serf_protocol_max", highest.to_string()),
        ("serf_protocol_min", lowest.to_string()),
        ("version", server.version),
    ];
    let meta = meta.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Some(ServiceSpec { port: i64::from(server.addr.port()), meta, ..ServiceSpec::new(SERVERS, SERVERS) })
}
