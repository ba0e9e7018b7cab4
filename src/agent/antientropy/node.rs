//! The agent's node as the catalog should have it.

use crate::model::{NodeId, NodeName};
use crate::state::nodes::NodeSpec;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What an agent's node says of itself: the operator's pairs, and Consul's word for the part of the network it is in, which is always the whole.
pub fn node_meta(mut pairs: BTreeMap<String, String>) -> BTreeMap<String, String> {
    pairs.entry("consul-network-segment".to_owned()).or_default();
    pairs
}

/// The node of an agent that others reach at `lan`, and from other datacenters at `wan`. `meta` are the operator's pairs.
pub fn node_spec(id: NodeId, name: NodeName, lan: IpAddr, wan: IpAddr, meta: BTreeMap<String, String>) -> NodeSpec {
    let family = |ip: IpAddr| match ip {
        IpAddr::V4(_) => "ipv4",
        IpAddr::V6(_) => "ipv6",
    };
    let ways = [("lan", lan), ("wan", wan)].into_iter();
    let tagged = ways.flat_map(|(way, ip)| [(way.to_owned(), ip.to_string()), (format!("{way}_{}", family(ip)), ip.to_string())]);
    NodeSpec { id: Some(id), name, address: lan.to_string(), tagged_addresses: tagged.collect(), meta: node_meta(meta) }
}

#[cfg(test)]
mod tests {
    use super::node_spec;
    use crate::model::{NodeId, NodeName};
    use std::collections::BTreeMap;

    #[test]
    fn a_node_has_its_addresses_by_use_and_family() {
        let (lan, wan) = ("10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let meta = BTreeMap::from([("rack".to_owned(), "r7".to_owned())]);
        let spec = node_spec(NodeId::from_u128(7), NodeName::parse("n1").unwrap(), lan, wan, meta);
        let tagged: Vec<(&str, &str)> = spec.tagged_addresses.iter().map(|(tag, at)| (tag.as_str(), at.as_str())).collect();
        assert_eq!(tagged, [("lan", "10.0.0.1"), ("lan_ipv4", "10.0.0.1"), ("wan", "2001:db8::1"), ("wan_ipv6", "2001:db8::1")]);
        assert_eq!(spec.address, "10.0.0.1");
        let meta: Vec<(&str, &str)> = spec.meta.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(meta, [("consul-network-segment", ""), ("rack", "r7")]);
    }
}
