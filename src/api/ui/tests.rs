use super::{Overview, write_whole_node};
use crate::api::document::Document;
use crate::api::json::Layout;
use crate::model::{CatalogStatus, CheckStatus, Datacenter, NodeName, ServiceSpec};
use crate::state::checks::{Check, CheckSpec};
use crate::state::nodes::{Node, NodeSpec};
use crate::state::services::Service;
use std::collections::BTreeMap;
use std::sync::Arc;

fn node(name: &str) -> Node {
    let name = NodeName::parse(name).unwrap();
    let spec = NodeSpec { id: None, name, address: "10.0.0.1".to_owned(), tagged_addresses: BTreeMap::new(), meta: BTreeMap::new() };
    Node { spec, create_index: 1, modify_index: 1 }
}

fn service(node: &Node, id: &str, name: &str, tags: &[&str]) -> Arc<Service> {
    let meta = [("external-source".to_owned(), "nomad".to_owned())].into();
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    Arc::new(Service::new(&node.spec.name, &ServiceSpec { tags, meta, ..ServiceSpec::new(id, name) }, 1, 1))
}

fn check(node: &Node, id: &str, status: &str, service: Option<&Service>) -> Arc<Check> {
    let spec = CheckSpec {
        service_id: service.map_or("", Service::id).to_owned(),
        status: CatalogStatus::parse(status),
        ..CheckSpec::of_node(id, id, CheckStatus::Passing, "")
    };
    Arc::new(Check::new(&node.spec.name, &spec, service, 1, 1))
}

#[test]
fn a_service_sums_up_its_instances_and_a_nodes_check_counts_once_for_it() {
    let (one, other) = (node("n1"), node("n2"));
    let services = [service(&one, "a", "web", &["x"]), service(&one, "b", "web", &["y", "x"]), service(&one, "db", "db", &[])];
    let checks = [
        check(&one, "n", "passing", None),
        check(&one, "a", "warning", Some(&services[0])),
        check(&one, "b", "critical", Some(&services[1])),
        check(&one, "w", "weird", Some(&services[1])),
    ];
    let others = [service(&other, "a", "web", &[])];
    let mut overview = Overview::default();
    overview.add(&one, &services, &checks);
    overview.add(&other, &others, &[]);
    let mut to = Document::default();
    overview.write(&mut to, &Datacenter::parse("dc1").unwrap());
    let rest = r#""GatewayConfig":{},"TransparentProxy":false,"ConnectedWithProxy":false,"ConnectedWithGateway":false}"#;
    let db = r#"{"Name":"db","Datacenter":"dc1","Tags":null,"Nodes":["n1"],"ExternalSources":["nomad"],"InstanceCount":1,"ChecksPassing":1,"ChecksWarning":0,"ChecksCritical":0,"#;
    let web = r#"{"Name":"web","Datacenter":"dc1","Tags":["x","y"],"Nodes":["n1","n1","n2"],"ExternalSources":["nomad"],"InstanceCount":3,"ChecksPassing":1,"ChecksWarning":1,"ChecksCritical":1,"#;
    assert_eq!(String::from_utf8(to.finish(Layout::Compact)).unwrap(), format!("[{db}{rest},{web}{rest}]"));
}

#[test]
fn a_node_is_shown_with_all_that_belongs_to_it() {
    let one = node("n1");
    let mut to = Document::default();
    write_whole_node(&mut to, &one, &[service(&one, "a", "web", &[])], &[check(&one, "n", "passing", None)]);
    let text = String::from_utf8(to.finish(Layout::Compact)).unwrap();
    let begin =
        r#"{"ID":"","Node":"n1","Address":"10.0.0.1","TaggedAddresses":null,"Meta":null,"Services":[{"ID":"a","Service":"web","Tags":null"#;
    assert!(text.starts_with(begin), "{text}");
    assert!(text.contains(r#""Checks":[{"Node":"n1","CheckID":"n""#) && text.contains(r#""ServiceTags":null"#), "{text}");
}
