use super::{Choice, Health, Subject};
use crate::agent::query::Instance;
use crate::agent::query::records::{FlatRecord, HealthRecord, NodeRecord};
use crate::filter::{Field, Kind, Record, Value};
use crate::model::{CatalogStatus, Mesh, NodeId, NodeName, ServiceAddress, ServiceSpec, Weights};
use crate::state::checks::{Check, CheckSpec};
use crate::state::nodes::{Node, NodeSpec};
use crate::state::services::Service;
use std::collections::BTreeMap;
use std::sync::Arc;

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn node() -> Node {
    let spec = NodeSpec {
        id: NodeId::parse("adf4238a-882b-9ddc-4a9d-5b6758e4159e").ok(),
        name: NodeName::parse("n1").unwrap(),
        address: "10.0.0.1".to_owned(),
        tagged_addresses: pairs(&[("lan", "10.0.0.1")]),
        meta: pairs(&[("rack", "7"), ("empty", "")]),
    };
    Node { spec, create_index: 1, modify_index: 1 }
}

fn spec() -> ServiceSpec {
    let lan = ServiceAddress { address: "10.0.0.5".to_owned(), port: 80 };
    let proxy = r#"{"Mode":"transparent","LocalServicePort":9,"Upstreams":[{"DestinationName":"db"}],"Expose":{"Checks":true}}"#;
    ServiceSpec {
        tags: vec!["V1".to_owned(), "prim\u{e4}r".to_owned()],
        port: 8080,
        tagged_addresses: [("lan".to_owned(), lan)].into(),
        meta: pairs(&[("ver", "4")]),
        weights: Weights { passing: 10, warning: 2 },
        mesh: Some(Box::new(Mesh { kind: "connect-proxy".to_owned(), proxy: proxy.to_owned(), native: true })),
        ..ServiceSpec::new("web-1", "web")
    }
}

fn check(id: &str, status: &str) -> Arc<Check> {
    let spec = CheckSpec { status: CatalogStatus::parse(status), ..CheckSpec::of_node(id, id, crate::model::CheckStatus::Passing, "fine") };
    Arc::new(Check::new(&NodeName::parse("n1").unwrap(), &spec, None, 1, 1))
}

fn instance(statuses: &[&str]) -> Instance {
    let node = Arc::new(node());
    let service = Arc::new(Service::new(&node.spec.name, &spec(), 2, 2));
    let checks = statuses.iter().enumerate().map(|(at, status)| check(&format!("c{at}"), status)).collect();
    Instance { node, service, checks }
}

fn takes(choice: &Choice, subject: Subject) -> bool {
    choice.ready(subject).takes_instance(&instance(&["passing", "warning"]))
}

fn filter(filter: &str) -> Choice {
    Choice { filter: filter.to_owned(), datacenter: "dc1".to_owned(), ..Choice::default() }
}

#[test]
fn passing_takes_only_what_has_no_other_check() {
    let choice = Choice { health: Health::Passing, ..Choice::default() };
    let chooser = choice.ready(Subject::Instances);
    assert!(chooser.takes_instance(&instance(&[])) && chooser.takes_instance(&instance(&["passing", "passing"])));
    for worse in ["warning", "critical", "weird"] {
        assert!(!chooser.takes_instance(&instance(&["passing", worse])), "{worse}");
    }
    assert!(Choice::default().ready(Subject::Instances).takes_instance(&instance(&["critical"])));
}

#[test]
fn all_tags_must_be_there_in_any_case() {
    let of = |tags: &[&str]| {
        takes(&Choice { tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..Choice::default() }, Subject::Instances)
    };
    assert!(of(&["v1"]) && of(&["V1", "PRIM\u{c4}R"]));
    assert!(!of(&["v1", "v2"]) && !of(&["v"]) && !of(&[""]));
}

#[test]
fn all_pairs_must_be_in_the_nodes_meta() {
    let of =
        |meta: &[(&str, &str)]| takes(&Choice { node_meta: pairs(meta).into_iter().collect(), ..Choice::default() }, Subject::Instances);
    assert!(of(&[("rack", "7")]) && of(&[("rack", "7"), ("empty", "")]));
    assert!(!of(&[("rack", "8")]) && !of(&[("rack", "7"), ("none", "")]) && !of(&[("rack", "")]));
    let choice = Choice { node_meta: vec![("rack".to_owned(), "8".to_owned())], ..Choice::default() };
    assert!(
        !choice.ready(Subject::Nodes).takes_node(&node())
            && !choice.ready(Subject::Checks).takes_check(Some(&node()), &check("c", "passing"))
    );
    assert!(choice.ready(Subject::Checks).takes_check(None, &check("c", "passing")));
}

#[test]
fn a_filter_speaks_of_the_rows_own_shape() {
    for (expression, subject) in [
        ("Node.ID == \"adf4238a-882b-9ddc-4a9d-5b6758e4159e\"", Subject::Instances),
        ("Node.Datacenter == dc1 and Service.Weights.Passing == 10", Subject::Instances),
        ("Checks.Status == warning and Checks.Status != warning", Subject::Instances),
        ("Service.Meta.ver == 4 and Service.TaggedAddresses.lan.Port == 80", Subject::Instances),
        ("Service.Proxy.Mode == transparent and Service.Proxy.Upstreams.DestinationName == db", Subject::Instances),
        ("ServiceName == web and Node == n1 and NodeMeta.rack == 7", Subject::CatalogServices),
        ("ServicePort == 8080 and ServiceKind contains proxy and ServiceConnect.Native == true", Subject::CatalogServices),
        ("ServiceProxy.Expose.Checks == true and ServiceEnableTagOverride != true", Subject::CatalogServices),
        ("Service == web and V1 in Tags and Address == \"\"", Subject::Services),
    ] {
        assert_eq!(subject.check(expression), Ok(()), "{expression}");
        assert!(takes(&filter(expression), subject), "{expression}");
        assert!(!takes(&filter(&format!("not ({expression})")), subject), "{expression}");
    }
    let choice = filter("Service == web and Tags is not empty");
    assert!(choice.ready(Subject::Services).takes_record(&spec()));
    assert!(choice.ready(Subject::Services).takes_service(&instance(&[]).service));
    assert!(filter("Status == passing and ServiceTags is empty").ready(Subject::Checks).takes_check(None, &check("c", "passing")));
    assert!(filter("Meta.rack == 7 and TaggedAddresses.lan == \"10.0.0.1\"").ready(Subject::Nodes).takes_node(&node()));
    for (expression, subject) in
        [("CreateIndex == 1", Subject::Nodes), ("ServiceName == web", Subject::Services), ("Definition.TCP == a", Subject::Checks)]
    {
        assert!(subject.check(expression).is_err(), "{expression}");
    }
}

#[test]
fn an_expression_of_a_peer_that_does_not_parse_takes_nothing() {
    assert!(!takes(&filter("Bogus == 1"), Subject::Instances) && !takes(&filter("("), Subject::Instances));
}

/// Whether every field a filter may name is there with the kind it is said to have.
fn honours(record: &dyn Record, fields: &'static [Field]) {
    for field in fields {
        let kept = record.field(field.name, &mut |value| match (field.kind, value) {
            (Kind::Text, Value::Text(_))
            | (Kind::Integer, Value::Integer(_))
            | (Kind::Boolean, Value::Boolean(_))
            | (Kind::Texts, Value::Texts(_))
            | (Kind::TextMap, Value::TextMap(_)) => true,
            (Kind::Record(fields), Value::Record(inner)) => {
                honours(inner, fields);
                true
            }
            (Kind::Records(fields), Value::Records(list)) => {
                list.any(&mut |inner| {
                    honours(inner, fields);
                    false
                });
                true
            }
            (Kind::RecordMap(fields), Value::RecordMap(map)) => {
                honours(map.get("lan").expect("the samples have it"), fields);
                true
            }
            _ => false,
        });
        assert!(kept, "{}", field.name);
    }
}

#[test]
fn every_row_has_every_field_that_can_be_asked_for() {
    let instance = instance(&["passing"]);
    honours(&NodeRecord { node: &instance.node, datacenter: "dc1" }, Subject::Nodes.fields());
    honours(&FlatRecord { node: &instance.node, service: &instance.service, datacenter: "dc1" }, Subject::CatalogServices.fields());
    honours(&*instance.service, Subject::Services.fields());
    honours(&spec(), Subject::Services.fields());
    honours(&HealthRecord { instance: &instance, datacenter: "dc1" }, Subject::Instances.fields());
    honours(&*instance.checks[0], Subject::Checks.fields());
}
