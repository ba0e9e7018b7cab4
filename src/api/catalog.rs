//! Nodes and checks as clients see them.

use crate::model::Datacenter;
use crate::state::checks::Check;
use crate::state::nodes::Node;
use serde::Serialize;
use std::collections::BTreeMap;

/// A node, as `/v1/catalog/nodes` lists it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodeShape<'a> {
    #[serde(rename = "ID")]
    id: String,
    node: &'a str,
    address: &'a str,
    datacenter: &'a str,
    tagged_addresses: Option<&'a BTreeMap<String, String>>,
    meta: Option<&'a BTreeMap<String, String>>,
    create_index: u64,
    modify_index: u64,
}

impl<'a> NodeShape<'a> {
    /// The shape of a node of `datacenter`. Maps nobody filled are `null`, as for nodes registered from outside.
    pub fn new(node: &'a Node, datacenter: &'a Datacenter) -> NodeShape<'a> {
        NodeShape {
            id: node.spec.id.map_or_else(String::new, |id| id.to_string()),
            node: node.spec.name.as_str(),
            address: &node.spec.address,
            datacenter: datacenter.as_str(),
            tagged_addresses: Some(&node.spec.tagged_addresses).filter(|map| !map.is_empty()),
            meta: Some(&node.spec.meta).filter(|map| !map.is_empty()),
            create_index: node.create_index,
            modify_index: node.modify_index,
        }
    }
}

/// A check, as every endpoint under `/v1/health/` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CheckShape<'a> {
    node: &'a str,
    #[serde(rename = "CheckID")]
    check_id: &'a str,
    name: &'a str,
    status: &'a str,
    notes: &'a str,
    output: &'a str,
    #[serde(rename = "ServiceID")]
    service_id: &'a str,
    service_name: &'a str,
    service_tags: &'a [std::sync::Arc<str>],
    r#type: &'a str,
    interval: &'a str,
    timeout: &'a str,
    exposed_port: u16,
    definition: Definition,
    create_index: u64,
    modify_index: u64,
}

/// How a check is run; the agent knows, the catalog need not.
#[derive(Debug, Serialize)]
struct Definition {}

impl<'a> From<&'a Check> for CheckShape<'a> {
    fn from(check: &'a Check) -> CheckShape<'a> {
        CheckShape {
            node: check.node().as_str(),
            check_id: check.id(),
            name: check.name(),
            status: check.status().as_str(),
            notes: check.notes(),
            output: check.output(),
            service_id: check.service_id(),
            service_name: check.service_name(),
            service_tags: check.service_tags(),
            r#type: check.kind(),
            interval: check.interval(),
            timeout: check.timeout(),
            exposed_port: 0,
            definition: Definition {},
            create_index: check.create_index(),
            modify_index: check.modify_index(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CheckShape, NodeShape};
    use crate::api::json::{Layout, to_vec};
    use crate::model::{Datacenter, NodeId, NodeName};
    use crate::state::checks::{Check, CheckSpec};
    use crate::state::nodes::{Node, NodeSpec};
    use std::collections::BTreeMap;

    fn node(id: Option<NodeId>, pairs: &[(&str, &str)]) -> Node {
        let map: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let spec = NodeSpec {
            id,
            name: NodeName::parse("n1").unwrap(),
            address: "127.0.0.1".to_owned(),
            tagged_addresses: map.clone(),
            meta: map,
        };
        Node { spec, create_index: 5, modify_index: 7 }
    }

    fn json(node: &Node) -> String {
        let datacenter = Datacenter::parse("dc1").unwrap();
        String::from_utf8(to_vec(Layout::Compact, &NodeShape::new(node, &datacenter))).unwrap()
    }

    #[test]
    fn a_node_has_consuls_fields_in_consuls_order() {
        let id = NodeId::parse("adf4238a-882b-9ddc-4a9d-5b6758e4159e").unwrap();
        let want = r#"{"ID":"adf4238a-882b-9ddc-4a9d-5b6758e4159e","Node":"n1","Address":"127.0.0.1","Datacenter":"dc1","TaggedAddresses":{"lan":"x"},"Meta":{"lan":"x"},"CreateIndex":5,"ModifyIndex":7}"#;
        assert_eq!(json(&node(Some(id), &[("lan", "x")])), want);
    }

    #[test]
    fn a_node_from_outside_has_no_id_and_no_maps() {
        assert!(json(&node(None, &[])).starts_with(r#"{"ID":"","Node":"n1""#));
        assert!(json(&node(None, &[])).contains(r#""TaggedAddresses":null,"Meta":null"#));
    }

    #[test]
    fn a_check_has_consuls_fields_in_consuls_order() {
        let check = Check::new(&NodeName::parse("n1").unwrap(), &CheckSpec::serf_alive(), None, 5, 5);
        let want = r#"{"Node":"n1","CheckID":"serfHealth","Name":"Serf Health Status","Status":"passing","Notes":"","Output":"Agent alive and reachable","ServiceID":"","ServiceName":"","ServiceTags":[],"Type":"","Interval":"","Timeout":"","ExposedPort":0,"Definition":{},"CreateIndex":5,"ModifyIndex":5}"#;
        assert_eq!(String::from_utf8(to_vec(Layout::Compact, &CheckShape::from(&check))).unwrap(), want);
    }
}
