use super::{Blank, write_catalog_service, write_node, write_service};
use crate::api::document::Document;
use crate::api::health::{write_check, write_instance};
use crate::api::json::Layout;
use crate::model::{CheckStatus, Datacenter, Mesh, NodeId, NodeName, ServiceAddress, ServiceSpec, TagAuthority};
use crate::state::checks::{Check, CheckSpec};
use crate::state::nodes::{Node, NodeSpec};
use crate::state::services::Service;
use std::collections::BTreeMap;
use std::sync::Arc;

const ID: &str = "adf4238a-882b-9ddc-4a9d-5b6758e4159e";
const NODE: &str = r#"{"ID":"adf4238a-882b-9ddc-4a9d-5b6758e4159e","Node":"n1","Address":"127.0.0.1","Datacenter":"dc1","TaggedAddresses":{"lan":"127.0.0.1"},"Meta":{"rack":"r1"},"CreateIndex":5,"ModifyIndex":7}"#;
const SERVICE: &str = r#"{"ID":"web-1","Service":"web","Tags":["v1"],"Address":"10.0.0.5","TaggedAddresses":{"lan_ipv4":{"Address":"10.0.0.5","Port":80},"wan_ipv4":{"Address":"10.0.0.5","Port":80}},"Meta":{"a":"b"},"Port":80,"Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"Proxy":{"Mode":"","MeshGateway":{},"Expose":{}},"Connect":{},"CreateIndex":8,"ModifyIndex":8}"#;
const SERF: &str = r#"{"Node":"n1","CheckID":"serfHealth","Name":"Serf Health Status","Status":"passing","Notes":"","Output":"Agent alive and reachable","ServiceID":"","ServiceName":"","ServiceTags":[],"Type":"","Interval":"","Timeout":"","ExposedPort":0,"Definition":{},"CreateIndex":5,"ModifyIndex":5}"#;
const TTL: &str = r#"{"Node":"n1","CheckID":"service:web-1","Name":"Service 'web' check","Status":"critical","Notes":"","Output":"","ServiceID":"web-1","ServiceName":"web","ServiceTags":["v1"],"Type":"ttl","Interval":"","Timeout":"","ExposedPort":0,"Definition":{},"CreateIndex":8,"ModifyIndex":8}"#;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn node(id: Option<NodeId>, tagged: &[(&str, &str)], meta: &[(&str, &str)]) -> Node {
    let name = NodeName::parse("n1").unwrap();
    let spec = NodeSpec { id, name, address: "127.0.0.1".to_owned(), tagged_addresses: map(tagged), meta: map(meta) };
    Node { spec, create_index: 5, modify_index: 7 }
}

fn agents_node() -> Node {
    node(NodeId::parse(ID).ok(), &[("lan", "127.0.0.1")], &[("rack", "r1")])
}

fn web() -> Service {
    let own = || ServiceAddress { address: "10.0.0.5".to_owned(), port: 80 };
    let spec = ServiceSpec {
        tags: vec!["v1".to_owned()],
        address: "10.0.0.5".to_owned(),
        port: 80,
        tagged_addresses: [("lan_ipv4".to_owned(), own()), ("wan_ipv4".to_owned(), own())].into(),
        meta: map(&[("a", "b")]),
        ..ServiceSpec::new("web-1", "web")
    };
    Service::new(&NodeName::parse("n1").unwrap(), &spec, 8, 8)
}

fn serf() -> Check {
    Check::new(&NodeName::parse("n1").unwrap(), &CheckSpec::serf_alive(), None, 5, 5)
}

fn ttl(service: &Service) -> Check {
    let spec = CheckSpec {
        service_id: "web-1".to_owned(),
        kind: "ttl".to_owned(),
        ..CheckSpec::of_node("service:web-1", "Service 'web' check", CheckStatus::Critical, "")
    };
    Check::new(&NodeName::parse("n1").unwrap(), &spec, Some(service), 8, 8)
}

fn written(write: impl FnOnce(&mut Document, &Datacenter)) -> String {
    let mut to = Document::default();
    write(&mut to, &Datacenter::parse("dc1").unwrap());
    String::from_utf8(to.finish(Layout::Compact)).unwrap()
}

#[test]
fn a_node_has_consuls_fields_in_consuls_order() {
    assert_eq!(written(|to, dc| write_node(to, &agents_node(), dc)), NODE);
}

#[test]
fn a_node_from_outside_has_no_id_and_no_maps() {
    let want = r#"{"ID":"","Node":"n1","Address":"127.0.0.1","Datacenter":"dc1","TaggedAddresses":null,"Meta":null,"CreateIndex":5,"ModifyIndex":7}"#;
    assert_eq!(written(|to, dc| write_node(to, &node(None, &[], &[]), dc)), want);
}

#[test]
fn an_instance_has_consuls_fields_in_consuls_order() {
    assert_eq!(written(|to, _| write_service(to, &web(), Blank::List)), SERVICE);
}

#[test]
fn a_bare_instance_leaves_out_what_consul_leaves_out() {
    let bare = Service::new(&NodeName::parse("n1").unwrap(), &ServiceSpec::new("s", "s"), 1, 2);
    let want = r#"{"ID":"s","Service":"s","Tags":[],"Address":"","Meta":null,"Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"Proxy":{"Mode":"","MeshGateway":{},"Expose":{}},"Connect":{},"CreateIndex":1,"ModifyIndex":2}"#;
    assert_eq!(written(|to, _| write_service(to, &bare, Blank::List)), want);
    assert!(written(|to, _| write_service(to, &bare, Blank::Null)).contains(r#""Tags":null"#));
}

#[test]
fn a_proxys_fields_are_shown_as_they_were_registered() {
    let mesh = Mesh { kind: "connect-proxy".to_owned(), proxy: r#"{"Mode":"direct"}"#.to_owned(), native: true };
    let spec = ServiceSpec {
        mesh: Some(Box::new(mesh)),
        socket_path: "/run/s".to_owned(),
        tag_authority: TagAuthority::Catalog,
        ..ServiceSpec::new("s", "s")
    };
    let proxy = Service::new(&NodeName::parse("n1").unwrap(), &spec, 1, 2);
    let want = r#"{"Kind":"connect-proxy","ID":"s","Service":"s","Tags":[],"Address":"","Meta":null,"SocketPath":"/run/s","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":true,"Proxy":{"Mode":"direct"},"Connect":{"Native":true},"CreateIndex":1,"ModifyIndex":2}"#;
    assert_eq!(written(|to, _| write_service(to, &proxy, Blank::List)), want);
}

#[test]
fn a_flat_instance_has_consuls_fields_in_consuls_order() {
    let want = r#"{"ID":"adf4238a-882b-9ddc-4a9d-5b6758e4159e","Node":"n1","Address":"127.0.0.1","Datacenter":"dc1","TaggedAddresses":{"lan":"127.0.0.1"},"NodeMeta":{"rack":"r1"},"ServiceKind":"","ServiceID":"web-1","ServiceName":"web","ServiceTags":["v1"],"ServiceAddress":"10.0.0.5","ServiceTaggedAddresses":{"lan_ipv4":{"Address":"10.0.0.5","Port":80},"wan_ipv4":{"Address":"10.0.0.5","Port":80}},"ServiceWeights":{"Passing":1,"Warning":1},"ServiceMeta":{"a":"b"},"ServicePort":80,"ServiceSocketPath":"","ServiceEnableTagOverride":false,"ServiceProxy":{"Mode":"","MeshGateway":{},"Expose":{}},"ServiceConnect":{},"CreateIndex":8,"ModifyIndex":8}"#;
    assert_eq!(written(|to, dc| write_catalog_service(to, &agents_node(), &web(), dc)), want);
    let bare = Service::new(&NodeName::parse("n1").unwrap(), &ServiceSpec::new("s", "s"), 1, 2);
    let bare = written(|to, dc| write_catalog_service(to, &node(None, &[], &[]), &bare, dc));
    assert!(bare.contains(r#""NodeMeta":null"#) && bare.contains(r#""ServiceMeta":{},"ServicePort":0"#), "{bare}");
}

#[test]
fn checks_have_consuls_fields_in_consuls_order() {
    assert_eq!(written(|to, _| write_check(to, &serf(), Blank::List)), SERF);
    assert_eq!(written(|to, _| write_check(to, &ttl(&web()), Blank::List)), TTL);
}

#[test]
fn an_instance_is_shown_with_its_node_and_checks() {
    let service = web();
    let checks = [Arc::new(serf()), Arc::new(ttl(&service))];
    let want = format!(r#"{{"Node":{NODE},"Service":{SERVICE},"Checks":[{SERF},{TTL}]}}"#);
    assert_eq!(written(|to, dc| write_instance(to, &agents_node(), &service, &checks, dc, Blank::List)), want);
    let want = format!(r#"{{"Node":{NODE},"Service":{SERVICE},"Checks":[]}}"#);
    assert_eq!(written(|to, dc| write_instance(to, &agents_node(), &service, &[], dc, Blank::List)), want);
}
