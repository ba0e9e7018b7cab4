//! The body of a registration from anyone: read as a service and as a check. What is taken is written again and reads as the same.

use muster::api::ApiError;
use muster::api::definition::{check_from_json, service_from_json, service_to_json};
use muster::model::{CheckDefinition, Probe, ServiceDefinition, Tree};

/// Reads `input` as both.
pub fn run(input: &[u8]) {
    match service_from_json(input) {
        Ok(service) => holds(&service),
        Err(refused) => says_why(&refused),
    }
    match check_from_json(input) {
        Ok(check) => holds_of(&check),
        Err(refused) => says_why(&refused),
    }
}

fn says_why(refused: &ApiError) {
    assert_eq!(refused.status, 400);
    assert!(!refused.text.is_empty(), "refused without a word");
}

fn holds(service: &ServiceDefinition) {
    assert!(!service.spec.name.is_empty() && !service.spec.id.is_empty(), "a service without a name");
    for (at, check) in service.checks.iter().enumerate() {
        holds_of(check);
        assert_eq!(check.service_id, service.spec.id);
        assert!(service.checks[..at].iter().all(|other| other.id != check.id), "two checks of one id");
    }
    let written = service_to_json(service).to_string();
    assert_eq!(service_from_json(written.as_bytes()).as_ref(), Ok(service), "{written}");
}

fn holds_of(check: &CheckDefinition) {
    assert!(!check.id.is_empty() && !check.name.is_empty(), "a check without a name");
    match &check.probe {
        Probe::Ttl { ttl } => assert!(!ttl.is_zero() && check.interval.is_zero(), "a heartbeat is waited for, not run"),
        Probe::Alias { .. } => assert!(check.interval.is_zero(), "an alias is not run"),
        Probe::Tree(tree) => {
            assert!(!check.interval.is_zero(), "a tree without an interval");
            holds_of_tree(tree);
        }
        Probe::Maintenance => panic!("maintenance is the agent's own"),
        _ => assert!(!check.interval.is_zero(), "a check without an interval"),
    }
}

fn holds_of_tree(tree: &Tree) {
    match tree {
        Tree::All(branches) | Tree::Any(branches) => {
            assert!(!branches.is_empty(), "a tree without a leaf");
            branches.iter().for_each(holds_of_tree);
        }
        Tree::Leaf(check) => {
            assert!(!matches!(check.probe, Probe::Ttl { .. } | Probe::Alias { .. }), "a leaf nobody can feed");
            holds_of(check);
        }
    }
}

/// Bodies that clients send, and some that nobody should.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    [
        (
            "full",
            r#"{"ID":"w1","Name":"web","Tags":["b","a"],"Port":80,"Address":"10.0.0.1","Meta":{"k":"v"},"Weights":{"Passing":5,"Warning":2},"EnableTagOverride":true,"TaggedAddresses":{"wan":{"Address":"1.1.1.1","Port":80}}}"#,
        ),
        ("checks", r#"{"name":"web","check":{"ttl":"30s"},"checks":[{"CheckID":"mine","TCP":"x:1","Interval":1000000000}]}"#),
        (
            "http",
            r#"{"Name":"w","Check":{"HTTP":"http://x","Method":"PUT","Header":{"a":["b"]},"HTTPBody":"^ok$","HTTPStatus":200,"Interval":"5s","Timeout":"1s","tls_skip_verify":true}}"#,
        ),
        ("tree", r#"{"Name":"w","Check":{"Interval":"1s","All":[{"Postgres":"db:5432"},{"Any":[{"Redis":{"Address":"r","Role":"master"}},{"DNS":"d"}]}]}}"#),
        ("standalone", r#"{"ID":"mem","Name":"Memory","Args":["/bin/mem","-l"],"Interval":"10s","ServiceID":"web","Status":"passing"}"#),
        ("alias", r#"{"Name":"a","AliasNode":"n","AliasService":"s"}"#),
        ("mesh", r#"{"Name":"p","Kind":"connect-proxy","Proxy":{"DestinationServiceName":"web","Upstreams":[{"a":1.5}]},"Connect":{"Native":true}}"#),
        ("twice", r#"{"Name":"a","NAME":"b","Check":{"TTL":"1s"},"check":{"TTL":"2s"}}"#),
        ("deep", r#"{"Name":"w","Proxy":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":[[[[[[[[1]]]]]]]]}}}}}}}}}"#),
        ("wrong", r#"{"Name":7,"Port":"80","Tags":{},"Check":[{"TTL":1e999}]}"#),
    ]
    .map(|(name, body)| (name, body.as_bytes().to_vec()))
    .to_vec()
}
