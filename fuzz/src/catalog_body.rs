//! The body of a catalog registration or deregistration from anyone.

use muster::api::ApiError;
use muster::api::registration::{parse_deregistration, parse_registration};
use muster::state::CatalogCommand;

/// Reads `input` as both.
pub fn run(input: &[u8]) {
    match parse_registration(input).map(|asked| asked.command) {
        Ok(CatalogCommand::Register { service, checks, .. }) => {
            for text in checks
                .iter()
                .map(|check| check.definition.as_str())
                .chain(service.iter().filter_map(|s| Some(s.mesh.as_ref()?.proxy.as_str())))
            {
                assert!(text.is_empty() || serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text} is shown as JSON");
            }
            assert!(service.is_none_or(|service| !service.id.is_empty() && !service.name.is_empty()), "a service without a name");
            assert!(checks.iter().all(|check| !check.id.is_empty()), "a check without an id");
        }
        Ok(other) => panic!("a registration asks for {other:?}"),
        Err(refused) => says_why(&refused),
    }
    match parse_deregistration(input) {
        Ok(asked) => assert!(!matches!(asked.command, CatalogCommand::Register { .. }), "a deregistration registers"),
        Err(refused) => says_why(&refused),
    }
}

/// A refusal has a status of its kind and says why.
fn says_why(refused: &ApiError) {
    assert!(matches!(refused.status, 400 | 500), "refused with {}", refused.status);
    assert!(!refused.text.is_empty(), "refused without a word");
}

/// Bodies that clients send, and some that nobody should.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    [
        ("node", r#"{"Node":"n","Address":"10.0.0.1","ID":"adf4238a-882b-9ddc-4a9d-5b6758e4159e","NodeMeta":{"a":"b"},"TaggedAddresses":{"lan":"x"}}"#),
        (
            "service",
            r#"{"Node":"n","Address":"a","Service":{"ID":"s","Service":"web","Tags":["a",null],"Port":80,"Weights":{"Passing":2},"Meta":{"k":"v"},"Proxy":{"Mode":"x"},"TaggedAddresses":{"lan":{"Address":"b","Port":1}}}}"#,
        ),
        (
            "checks",
            r#"{"node":"n","address":"a","Checks":[{"Name":"c","Status":"passing","Definition":{"TCP":"a:1","Interval":"10s","Timeout":1000000000,"Header":{"A":["b"]},"X":[1]}},null],"Check":{"CheckID":"d","Node":"N"}}"#,
        ),
        ("skip", r#"{"Node":"n","SkipNodeUpdate":true,"Datacenter":"dc1","Token":"t"}"#),
        ("deregister", r#"{"Node":"n","ServiceID":"s","CheckID":"c","Namespace":"default"}"#),
        ("wrong", r#"{"Node":1,"Address":[],"Service":7}"#),
        ("deep", r#"{"Node":"n","Address":"a","Service":{"Service":"s","Proxy":{"Config":[[[[[[{"a":1e999}]]]]]]}}}"#),
        ("cut", r#"{"Node":"n","Address":"\ud800"#),
    ]
    .map(|(name, text)| (name, text.as_bytes().to_vec()))
    .to_vec()
}
