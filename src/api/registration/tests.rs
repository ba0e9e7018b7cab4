use super::{CatalogWrite, parse_deregistration, parse_registration};
use crate::model::{CheckStatus, ServiceSpec, TagAuthority, Weights};
use crate::state::checks::CheckSpec;
use crate::state::nodes::NodeSpec;
use crate::state::{CatalogCommand, NodeUpdate};

fn registered(body: &str) -> (NodeSpec, NodeUpdate, Option<ServiceSpec>, Vec<CheckSpec>) {
    match parse_registration(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}")).command {
        CatalogCommand::Register { node, update, service, checks } => (node, update, service, checks),
        other => panic!("{other:?}"),
    }
}

fn refusal(body: &str) -> (u16, String) {
    let error = parse_registration(body.as_bytes()).unwrap_err();
    (error.status, error.text.into_owned())
}

fn check(definition: &str) -> CheckSpec {
    registered(&format!(r#"{{"Node":"n","Address":"a","Check":{{"Name":"c","Definition":{definition}}}}}"#)).3.remove(0)
}

#[test]
fn names_are_matched_without_regard_to_case() {
    let body = r#"{"node":"N1","ADDRESS":"10.0.0.1","NodeMeta":{"rack":"7"},"taggedaddresses":{"lan":"10.0.0.1"},"skipNodeUpdate":true,
        "service":{"service":"web","tags":["a","a"],"port":80,"WEIGHTS":{"passing":10},"enableTagOverride":true,"meta":null,
        "TaggedAddresses":{"wan":{"address":"1.2.3.4","port":1}}},"Datacenter":"dc2","Token":"t","CreateIndex":3}"#;
    let (node, update, service, checks) = registered(body);
    assert_eq!((node.name.as_str(), node.address.as_str(), update), ("N1", "10.0.0.1", NodeUpdate::Skip));
    assert_eq!((node.meta["rack"].as_str(), node.tagged_addresses["lan"].as_str(), node.id), ("7", "10.0.0.1", None));
    let service = service.unwrap();
    assert_eq!((service.id.as_str(), service.name.as_str(), service.port), ("web", "web", 80));
    assert_eq!((service.tags.len(), service.weights), (2, Weights { passing: 10, warning: 0 }));
    assert_eq!((service.tag_authority, service.tagged_addresses["wan"].port), (TagAuthority::Catalog, 1));
    assert!(checks.is_empty() && service.mesh.is_none());
    assert_eq!(parse_registration(body.as_bytes()).unwrap().datacenter.as_deref(), Some("dc2"));
}

#[test]
fn weights_that_cannot_be_are_those_of_a_service_without() {
    for (given, kept) in [("0,0", (1, 1)), ("-1,1", (1, 1)), ("65536,1", (1, 1)), ("3,0", (3, 0)), ("65535,65535", (65_535, 65_535))] {
        let (passing, warning) = given.split_once(',').unwrap();
        let weights = format!(r#"{{"Passing":{passing},"Warning":{warning}}}"#);
        let service = registered(&format!(r#"{{"Node":"n","Address":"a","Service":{{"Service":"web","Weights":{weights}}}}}"#)).2.unwrap();
        assert_eq!((service.weights.passing, service.weights.warning), kept, "{given}");
    }
}

#[test]
fn checks_come_in_a_list_and_alone_and_are_called_by_their_name() {
    let body = r#"{"Node":"n","Address":"a","Checks":[{"CheckID":"x","Name":"y","Status":"weird","ServiceID":"s"},null],
        "Check":{"Node":"N","Name":"mem","Notes":"note","Output":"out","Interval":"10s","Timeout":"1s"}}"#;
    let checks = registered(body).3;
    assert_eq!(checks.iter().map(|check| check.id.as_str()).collect::<Vec<_>>(), ["x", "mem"]);
    assert_eq!((checks[0].status.as_str(), checks[0].service_id.as_str()), ("weird", "s"));
    assert_eq!(checks[1].status, CheckStatus::Critical);
    assert_eq!((checks[1].interval.as_str(), checks[1].output.as_str(), checks[1].definition.as_str()), ("10s", "out", ""));
}

#[test]
fn how_a_check_is_run_is_kept_in_consuls_form_whatever_way_durations_are_given() {
    for given in [
        r#"{"TCP":"a:1","Interval":"90s","Timeout":1000000000,"Unknown":{"a":1}}"#,
        r#"{"tcp":"a:1","IntervalDuration":90000000000,"TimeoutDuration":"1s"}"#,
        r#"{"TCP":"a:1","Interval":"1s","IntervalDuration":"1m30s","Timeout":"1s","HTTP":"","Header":{}}"#,
    ] {
        let check = check(given);
        assert_eq!(
            (check.kind.as_str(), check.definition.as_str()),
            ("tcp", r#"{"Interval":"1m30s","Timeout":"1s","TCP":"a:1"}"#),
            "{given}"
        );
    }
    let full = r#"{"DeregisterCriticalServiceAfter":"1h0m0s","HTTP":"http://a/\u003cb","TLSSkipVerify":true,"Header":{"A":["b","c"]},"Method":"PUT","ScriptArgs":["x"],"TTL":1000000000}"#;
    assert_eq!(check(full).definition, full);
    for (given, kind) in [
        (r#"{"GRPC":"a","HTTP":"b"}"#, "grpc"),
        (r#"{"HTTP":"b"}"#, "http"),
        (r#"{"TTL":"1s"}"#, "ttl"),
        (r#"{"UDP":"a:1"}"#, "udp"),
        (r#"{"AliasService":"s"}"#, "alias"),
        (r#"{"ScriptArgs":["x"]}"#, "script"),
        (r#"{"ScriptArgs":["x"],"DockerContainerID":"c"}"#, "docker"),
        (r#"{"H2PING":"a:1"}"#, "h2ping"),
        (r#"{"OSService":"a"}"#, "os_service"),
        ("{}", ""),
        ("null", ""),
    ] {
        assert_eq!(check(given).kind, kind, "{given}");
    }
}

#[test]
fn a_proxy_is_kept_with_the_fields_that_are_always_shown() {
    let service = registered(r#"{"Node":"n","Address":"a","Service":{"Service":"s","Kind":"connect-proxy","Proxy":{"Mode":"direct"},"Connect":{"Native":true}}}"#).2;
    let mesh = service.unwrap().mesh.unwrap();
    assert_eq!((mesh.kind.as_str(), mesh.native), ("connect-proxy", true));
    assert_eq!(mesh.proxy, r#"{"Mode":"direct","MeshGateway":{},"Expose":{}}"#);
    let plain = registered(r#"{"Node":"n","Address":"a","Service":{"Service":"s","Kind":"","Proxy":{},"Connect":{}}}"#).2;
    assert_eq!(plain.unwrap().mesh, None);
}

#[test]
fn what_cannot_be_read_is_400_and_what_breaks_a_rule_500() {
    for (body, status, text) in [
        ("", 400, "Request decode failed: EOF"),
        (r#"{"Node":"n","Bogus":1}"#, 400, "Request decode failed: json: unknown field \"Bogus\""),
        (r#"{"Node":"n","Service":{"Name":"x"}}"#, 400, "Request decode failed: json: unknown field \"Name\""),
        (
            r#"{"Node":"n","Namespace":"team"}"#,
            400,
            "Request decode failed: json: unknown field \"Namespace\" - Namespaces are a Consul Enterprise feature",
        ),
        (
            r#"{"Node":1}"#,
            400,
            "Request decode failed: json: cannot unmarshal number into Go struct field RegisterRequest.Node of type string",
        ),
        (
            r#"{"Node":"n","Check":{"Name":"c","Definition":{"Interval":"10"}}}"#,
            400,
            "Request decode failed: time: missing unit in duration \"10\"",
        ),
        ("{}", 500, "Must provide node"),
        (r#"{"Node":"n"}"#, 500, "Must provide address if SkipNodeUpdate is not set"),
        (r#"{"Node":"n","Address":"a","ID":"nope"}"#, 500, "Bad node ID: uuid string is wrong length"),
        (r#"{"Node":"n","Address":"a","ID":"zdf4238a-882b-9ddc-4a9d-5b6758e4159e"}"#, 500, "Bad node ID: uuid is improperly formatted"),
        (r#"{"Node":"n","Address":"a","Service":{"ID":"x"}}"#, 500, "Must provide service name with ID"),
        (r#"{"Node":"n","Address":"a","Service":{"Service":"x","Address":"0.0.0.0"}}"#, 500, "Invalid service address"),
        (r#"{"Node":"n","Address":"a","Check":{"Node":"other","Name":"c"}}"#, 500, "check node \"other\" does not match node \"n\""),
        (r#"{"Node":"n","Address":"a","Check":{}}"#, 500, "Must provide check ID or name"),
    ] {
        let (got, why) = refusal(body);
        assert_eq!((got, why.as_str()), (status, text), "{body}");
    }
    assert!(refusal("{bad").1.starts_with("Request decode failed: "));
    assert_eq!(refusal(&"[".repeat(100_000)).0, 400);
}

#[test]
fn a_deregistration_names_a_service_or_a_check_or_the_node() {
    let of = |body: &str| parse_deregistration(body.as_bytes()).unwrap();
    let CatalogWrite { command, datacenter } = of(r#"{"Node":"n","serviceid":"s","CheckID":"c","Datacenter":"dc1","Address":"a"}"#);
    assert!(matches!(command, CatalogCommand::DeregisterService { service, .. } if service == "s"));
    assert_eq!(datacenter.as_deref(), Some("dc1"));
    assert!(matches!(of(r#"{"Node":"n","CheckID":"c"}"#).command, CatalogCommand::DeregisterCheck { check, .. } if check == "c"));
    assert!(matches!(of(r#"{"Node":"n"}"#).command, CatalogCommand::DeregisterNode { only_id: None, .. }));
    assert_eq!(parse_deregistration(b"{}").unwrap_err().text, "Must provide node");
    assert_eq!(parse_deregistration(br#"{"Node":"n","X":1}"#).unwrap_err().status, 400);
}
