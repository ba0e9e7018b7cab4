//! The agent's node as the catalog should have it.

use crate::config::Config;
use crate::model::NodeId;
use crate::state::nodes::NodeSpec;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The node's row: where the agent is reached from its own and from other datacenters, and `node_meta`.
pub fn node_spec(config: &Config, id: NodeId) -> NodeSpec {
    let mut tagged_addresses = BTreeMap::new();
    for (way, ip) in [("lan", config.advertise_addr), ("wan", config.advertise_addr_wan)] {
        let family = match ip {
            IpAddr::V4(_) => "ipv4",
            IpAddr::V6(_) => "ipv6",
        };
        tagged_addresses.insert(way.to_owned(), ip.to_string());
        tagged_addresses.insert(format!("{way}_{family}"), ip.to_string());
    }
    let mut meta = config.node_meta.clone();
    // There is one segment, without a name; clients look for the pair.
    meta.insert("consul-network-segment".to_owned(), String::new());
    NodeSpec { id: Some(id), name: config.node_name.clone(), address: config.advertise_addr.to_string(), tagged_addresses, meta }
}
