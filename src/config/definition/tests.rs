//! Definitions in both dialects.

use super::{DefinitionError, Mistake, check_from_file, check_from_json, names_ports, service_from_file, service_from_json};
use crate::config::hcl;
use crate::config::tree::Tree;
use crate::model::{
    CheckDefinition, CheckStatus, HttpExpectation, Mesh, NativeProbe, Probe, Protocol, Redirects, ServiceAddress, ServiceDefinition,
    TagAuthority, TlsProbe, Trust, Weights,
};
use proptest::prelude::*;
use std::time::Duration;

fn service(json: &str) -> ServiceDefinition {
    service_from_json(json.as_bytes()).unwrap_or_else(|e| panic!("{json}: {e}"))
}

fn check(json: &str) -> CheckDefinition {
    check_from_json(json.as_bytes()).unwrap_or_else(|e| panic!("{json}: {e}"))
}

/// The one check of a service called web.
fn check_of_web(fields: &str) -> CheckDefinition {
    service(&format!(r#"{{"Name":"web","Check":{{{fields}}}}}"#)).checks.remove(0)
}

fn refused(json: &str) -> DefinitionError {
    service_from_json(json.as_bytes()).expect_err(json)
}

fn refused_check(fields: &str) -> String {
    refused(&format!(r#"{{"Name":"web","Check":{{{fields}}}}}"#)).text
}

fn in_file(text: &str) -> Result<ServiceDefinition, DefinitionError> {
    service_from_file(&Tree::Object(hcl::parse(text).unwrap()))
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_service_needs_no_more_than_a_name() {
    let web = service(r#"{"Name":"web"}"#);
    assert_eq!(web, ServiceDefinition { spec: crate::model::ServiceSpec::new("web", "web"), checks: Vec::new(), token: String::new() });
}

#[test]
fn every_field_of_a_service_is_taken_over() {
    let web = service(
        r#"{"ID":"w1","Name":"web","Tags":["b","a","b"],"Port":70000,"Address":"web.example","SocketPath":"/s","Meta":{"k":"v"},
        "Weights":{"Passing":5,"Warning":0},"EnableTagOverride":true,"TaggedAddresses":{"wan":{"Address":"x","Port":-1}},"Token":"secret",
        "Kind":"connect-proxy","Proxy":{"DestinationServiceName":"db","B":[1]},"Connect":{"Native":true},"Locality":{"Region":"r"}}"#,
    );
    let spec = web.spec;
    assert_eq!((spec.id.as_str(), spec.tags.join(""), spec.port), ("w1", "bab".to_owned(), 70_000));
    assert_eq!(spec.tagged_addresses["wan"], ServiceAddress { address: "x".to_owned(), port: -1 });
    assert_eq!(spec.tagged_addresses.len(), 1, "a name has no family");
    assert_eq!((spec.weights, spec.tag_authority), (Weights { passing: 5, warning: 0 }, TagAuthority::Catalog));
    let proxy = r#"{"DestinationServiceName":"db","B":[1]}"#.to_owned();
    assert_eq!(spec.mesh, Some(Box::new(Mesh { kind: "connect-proxy".to_owned(), proxy, native: true })));
    assert_eq!((spec.socket_path.as_str(), spec.meta["k"].as_str(), web.token.as_str()), ("/s", "v", ""));
}

#[test]
fn a_literal_address_is_known_by_its_family_too() {
    let tags = |json: &str| service(json).spec.tagged_addresses.into_iter().map(|(tag, at)| format!("{tag} {}:{}", at.address, at.port));
    let v4: Vec<_> =
        tags(r#"{"Name":"w","Address":"10.0.0.1","Port":8,"TaggedAddresses":{"wan_ipv4":{"Address":"1.1.1.1","Port":9}}}"#).collect();
    assert_eq!(v4, ["lan_ipv4 10.0.0.1:8", "wan_ipv4 1.1.1.1:9"]);
    let v6: Vec<_> = tags(r#"{"Name":"w","Address":"2001:db8::1"}"#).collect();
    assert_eq!(v6, ["lan_ipv6 2001:db8::1:0", "wan_ipv6 2001:db8::1:0"]);
}

#[test]
fn names_of_fields_have_no_case_and_of_two_spellings_the_last_counts() {
    assert_eq!(service(r#"{"NAME":"a","pOrT":7,"name":"b"}"#).spec.name, "b");
    assert_eq!(service(r#"{"name":"b","NAME":"a"}"#).spec.name, "a");
    assert_eq!(service(r#"{"Name":"b","NAME":null}"#).spec.name, "b");
    assert_eq!(service(r#"{"name":"a","enable_tag_override":true}"#).spec.tag_authority, TagAuthority::Catalog);
}

#[test]
fn unknown_fields_are_named_wherever_they_stand() {
    for (json, field) in [
        (r#"{"Name":"w","Nonsense":{"x":1}}"#, "Nonsense"),
        (r#"{"Name":"w","socket_path":"/x"}"#, "socket_path"),
        (r#"{"Name":"w","Check":{"TTL":"1s","ID":"c"}}"#, "ID"),
        (r#"{"Name":"w","Checks":[{"TTL":"1s","success_before_passing":1}]}"#, "success_before_passing"),
        (r#"{"Name":"w","Weights":{"Passing":1,"W\"arn":1}}"#, "W\\\"arn"),
        (r#"{"Name":"w","TaggedAddresses":{"lan":{"addr":"x"}}}"#, "addr"),
    ] {
        let error = refused(json);
        assert_eq!((error.mistake, error.text), (Mistake::Unreadable, format!("json: unknown field \"{field}\"")));
    }
    assert_eq!(check_from_json(br#"{"CheckID":"c","Name":"c","TTL":"1s"}"#).unwrap_err().text, "json: unknown field \"CheckID\"");
}

#[test]
fn values_of_the_wrong_type_are_told_as_go_tells_them() {
    for (json, text) in [
        (r#"{"Name":7}"#, "json: cannot unmarshal number into Go struct field .Name of type string"),
        (r#"{"Name":"w","Port":"80"}"#, "json: cannot unmarshal string into Go struct field .Port of type int"),
        (r#"{"Name":"w","Port":1.5}"#, "json: cannot unmarshal number 1.5 into Go struct field .Port of type int"),
        (r#"{"Name":"w","Tags":"a"}"#, "json: cannot unmarshal string into Go struct field .Tags of type []string"),
        (r#"{"Name":"w","Meta":{"a":1}}"#, "json: cannot unmarshal number into Go struct field .Meta of type string"),
        (r#"{"Name":"w","Check":{"TTL":true}}"#, "json: cannot unmarshal bool into Go struct field .TTL of type time.Duration"),
        (r#"{"Name":"w","Check":[]}"#, ""),
        (r#"[]"#, "json: cannot unmarshal array into Go value of type structs.ServiceDefinition"),
        (r#"{"Name":"w","Check":{"TTL":"x"}}"#, "time: invalid duration \"x\""),
        (r#"{"Name":"w","Check":{"TTL":"1s","DeregisterCriticalServiceAfter":"5"}}"#, "time: missing unit in duration \"5\""),
        ("", "EOF"),
    ] {
        if text.is_empty() {
            assert!(service(json).checks.is_empty(), "an empty check is none");
            continue;
        }
        let error = refused(json);
        assert_eq!((error.mistake, error.text.as_str()), (Mistake::Unreadable, text), "{json}");
    }
    assert!(refused("{bad").text.contains("key must be a string"));
    assert!(refused(&"[".repeat(100_000)).text.contains("recursion limit exceeded"));
    assert!(refused(&format!(r#"{{"Name":"w","Proxy":{}1{}}}"#, "{\"a\":".repeat(200), "}".repeat(200))).text.contains("recursion limit"));
}

#[test]
fn rules_of_services_are_told_in_consuls_words() {
    let pair = |key: &str, value: &str| format!(r#"{{"Name":"w","Meta":{{"{key}":"{value}"}}}}"#);
    let many: Vec<String> = (0..65).map(|n| format!("\"k{n}\":\"\"")).collect();
    for (json, text) in [
        (r#"{}"#.to_owned(), "Missing service name".to_owned()),
        (r#"{"Port":1}"#.to_owned(), "Missing service name".to_owned()),
        (r#"null"#.to_owned(), "Missing service name".to_owned()),
        (r#"{"Name":"w","Address":"0.0.0.0"}"#.to_owned(), "Invalid service address".to_owned()),
        (r#"{"Name":"w","Address":"::"}"#.to_owned(), "Invalid service address".to_owned()),
        (r#"{"Name":"w","Weights":{}}"#.to_owned(), "Invalid Weights: Passing must be greater than 0".to_owned()),
        (
            r#"{"Name":"w","Weights":{"Passing":1,"Warning":-1}}"#.to_owned(),
            "Invalid Weights: Warning must be greater or equal than 0".to_owned(),
        ),
        (r#"{"Name":"w","Weights":{"Passing":65536}}"#.to_owned(), "Invalid Weights: DNS Weight must be between 0 and 65535".to_owned()),
        (
            pair("bad key!", "x"),
            "Invalid Service Meta: Couldn't load metadata pair ('bad key!', 'x'): Key contains invalid characters".to_owned(),
        ),
        (pair("", "x"), "Invalid Service Meta: Couldn't load metadata pair ('', 'x'): Key cannot be blank".to_owned()),
        (
            format!(r#"{{"Name":"w","Meta":{{{}}}}}"#, many.join(",")),
            "Invalid Service Meta: Node metadata cannot contain more than 64 key/value pairs".to_owned(),
        ),
    ] {
        let error = refused(&json);
        assert_eq!((error.mistake, error.text), (Mistake::Rule, text), "{json}");
    }
    assert!(refused(&pair(&"k".repeat(129), "x")).text.ends_with("Key is too long (limit: 128 characters)"));
    assert!(refused(&pair("k", &"v".repeat(513))).text.ends_with("Value is too long (limit: 512 characters)"));
    assert!(refused(&pair("consul-x", "v")).text.ends_with("Key prefix 'consul-' is reserved for internal use"));
    assert!(service(&pair("consul-version", &"v".repeat(512))).spec.meta.contains_key("consul-version"));
}

#[test]
fn rules_of_checks_are_told_in_consuls_words() {
    for (fields, text) in [
        (r#""HTTP":"http://x","Interval":"1s","TTL":"1s""#, "Interval and TTL cannot both be specified"),
        (r#""HTTP":"http://x""#, "Interval must be > 0 for Script, HTTP, H2PING, or TCP checks"),
        (r#""Args":["true"],"Interval":"-1s""#, "Interval must be > 0 for Script, HTTP, H2PING, or TCP checks"),
        (r#""TCP":"x:1","Interval":0"#, "Interval must be > 0 for Script, HTTP, H2PING, or TCP checks"),
        (r#""TCP":"x:1","Interval":"1s","AliasNode":"n""#, "Interval cannot be set for Alias checks"),
        (r#""AliasService":"s","TTL":"1s""#, "TTL must be not be set for Alias checks"),
        (r#""Name":"n""#, "TTL must be > 0 for TTL checks"),
        (r#""Interval":"1s""#, "TTL must be > 0 for TTL checks"),
        (r#""TTL":"1s","OutputMaxSize":-1"#, "MaxOutputMaxSize must be positive"),
        (
            r#""TTL":"1s","FailuresBeforeWarning":3,"FailuresBeforeCritical":2"#,
            "FailuresBeforeWarning can't be higher than FailuresBeforeCritical",
        ),
    ] {
        assert_eq!(refused_check(fields), format!("Invalid check: {text}"), "{fields}");
    }
    assert_eq!(refused_check(r#""TTL":"1s","Status":"bad""#), "Status for checks must 'passing', 'warning', 'critical'");
    let refused = |json: &str| check_from_json(json.as_bytes()).unwrap_err().text;
    assert_eq!(refused(r#"{"ID":"c","TTL":"1s"}"#), "Missing check name");
    assert_eq!(refused(r#"{"Name":"c","TTL":"1s","Status":"bad"}"#), "Bad check status");
    assert_eq!(refused(r#"{"Name":"c"}"#), "Invalid check: TTL must be > 0 for TTL checks");
}

#[test]
fn checks_of_a_service_are_numbered_over_check_and_checks() {
    let ids = |json: &str| service(json).checks.into_iter().map(|check| format!("{} {}", check.id, check.name)).collect::<Vec<_>>();
    assert_eq!(ids(r#"{"ID":"w1","Name":"web","Check":{"TTL":"1s"}}"#), ["service:w1 Service 'web' check"]);
    assert_eq!(
        ids(r#"{"Name":"web","Check":{"TTL":"1s"},"Checks":[{"CheckID":"mine","Name":"Mine","TTL":"1s"},null,{"TTL":"1s"}]}"#),
        ["service:web:1 Service 'web' check", "mine Mine", "service:web:3 Service 'web' check"]
    );
    assert_eq!(ids(r#"{"Name":"web","Checks":[{"CheckID":"a","TTL":"1s"},{"CheckID":"a","Name":"later","TTL":"1s"}]}"#), ["a later"]);
    assert!(ids(r#"{"Name":"web","Check":{"Name":"","TTL":0},"Checks":null}"#).is_empty());
}

#[test]
fn a_check_of_its_own_is_called_by_its_id_or_name() {
    let mem = check(r#"{"Name":"Memory","Notes":"n","TTL":"30s","Status":"warning","service_id":"web","Token":"t"}"#);
    assert_eq!((mem.id.as_str(), mem.name.as_str(), mem.service_id.as_str(), mem.token.as_str()), ("Memory", "Memory", "web", ""));
    assert_eq!((mem.probe, mem.initial), (Probe::Ttl { ttl: SECOND * 30 }, Some(CheckStatus::Warning)));
    assert_eq!(check(r#"{"ID":"mem","Name":"Memory","TTL":"30s"}"#).id, "mem");
}

#[test]
fn durations_are_text_or_nanoseconds() {
    let probe = |ttl: &str| check_of_web(&format!("\"TTL\":{ttl}")).probe;
    for ttl in ["\"1s\"", "1000000000", "1e9", "1000000000.9"] {
        assert_eq!(probe(ttl), Probe::Ttl { ttl: SECOND }, "{ttl}");
    }
    assert_eq!(check_of_web(r#""TTL":"1s","Timeout":"-5s""#).timeout, None);
}

#[test]
fn what_newer_clients_send_is_taken_and_has_no_effect() {
    let newer =
        service(r#"{"Name":"w","Port":1,"Ports":[{"Name":"a","Port":2,"Default":true}],"Locality":{"Region":"r"},"Partition":"default"}"#);
    assert_eq!(newer, service(r#"{"Name":"w","Port":1}"#));
    let told = |json: &str| names_ports(json.as_bytes());
    assert!(told(r#"{"Name":"w","ports":[{"Port":2}]}"#));
    assert!(!told(r#"{"Name":"w","Ports":[]}"#) && !told(r#"{"Name":"w","Meta":{"Ports":"2"}}"#));
}

#[test]
fn of_several_probes_consuls_first_is_taken() {
    let given = [
        ("HTTP", r#""HTTP":"http://x""#),
        ("TCP", r#""TCP":"t:1""#),
        ("UDP", r#""UDP":"u:1""#),
        ("GRPC", r#""GRPC":"g:1/s""#),
        ("Args", r#""Args":["a"]"#),
        ("H2PING", r#""H2PING":"h:1""#),
    ];
    for first in 0..given.len() {
        let fields: Vec<&str> = given[first..].iter().rev().map(|(_, field)| *field).collect();
        let found = match check_of_web(&format!("{},\"Interval\":\"1s\"", fields.join(","))).probe {
            Probe::Http(_) => "HTTP",
            Probe::Tcp { .. } => "TCP",
            Probe::Udp { .. } => "UDP",
            Probe::Grpc { .. } => "GRPC",
            Probe::Script { .. } => "Args",
            Probe::H2Ping { .. } => "H2PING",
            other => panic!("{other:?}"),
        };
        assert_eq!(found, given[first].0);
    }
}

#[test]
fn probes_have_their_parameters() {
    let http = check_of_web(
        r#""HTTP":"https://x","Method":"POST","Header":{"X":["a","b"]},"Body":"b","tls_skip_verify":true,"TLSServerName":"n",
        "DisableRedirects":true,"HTTPBody":"^ok","HTTPStatus":204,"Interval":"5s","Timeout":"2s","OutputMaxSize":20,
        "SuccessBeforePassing":2,"FailuresBeforeCritical":3,"FailuresBeforeWarning":1,"deregister_critical_service_after":"90m""#,
    );
    let Probe::Http(probe) = http.probe else { panic!("{:?}", http.probe) };
    assert_eq!((probe.method.as_str(), probe.headers["X"].join(""), probe.redirects), ("POST", "ab".to_owned(), Redirects::Refuse));
    assert_eq!(probe.tls, TlsProbe { trust: Trust::Any, server_name: "n".to_owned() });
    assert_eq!(probe.expect, Some(HttpExpectation { status: Some(204), body: "^ok".to_owned() }));
    assert_eq!((http.interval, http.timeout, http.output_limit), (SECOND * 5, Some(SECOND * 2), Some(20)));
    assert_eq!((http.thresholds.success_before_passing, http.thresholds.failures_before_warning), (2, Some(1)));
    assert_eq!(http.deregister_after, Some(SECOND * 5400));
    let docker = check_of_web(r#""DockerContainerID":"c","ScriptArgs":["a","b"],"Shell":"/bin/sh","Interval":"1s""#).probe;
    assert_eq!(
        docker,
        Probe::Docker { container: "c".to_owned(), shell: "/bin/sh".to_owned(), args: vec!["a".to_owned(), "b".to_owned()] }
    );
    let tls = |fields: &str| match check_of_web(&format!("{fields},\"Interval\":\"1s\"")).probe {
        Probe::Tcp { tls, .. } | Probe::Grpc { tls, .. } | Probe::H2Ping { tls, .. } => tls.is_some(),
        other => panic!("{other:?}"),
    };
    assert!(tls(r#""H2PING":"x:1""#) && tls(r#""TCP":"x:1","TCPUseTLS":true"#) && tls(r#""GRPC":"x:1","GRPCUseTLS":true"#));
    assert!(!tls(r#""H2PING":"x:1","H2PingUseTLS":false"#) && !tls(r#""TCP":"x:1""#) && !tls(r#""GRPC":"x:1""#));
    let alias = check_of_web(r#""AliasNode":"n","alias_service":"s""#);
    assert_eq!((alias.probe, alias.interval), (Probe::Alias { node: "n".to_owned(), service: "s".to_owned() }, Duration::ZERO));
}

#[test]
fn a_protocol_is_one_word_or_a_block() {
    let one = check_of_web(r#""Postgres":"127.0.0.1:5432","Interval":"5s""#).probe;
    assert_eq!(
        one,
        Probe::Native(NativeProbe { protocol: Protocol::Postgres, addr: "127.0.0.1:5432".to_owned(), params: Default::default() })
    );
    let Probe::Native(block) = check_of_web(r#""redis":{"address":"r","Role":"master","Password":""},"Interval":"5s""#).probe else {
        panic!()
    };
    assert_eq!(
        (block.protocol, block.addr.as_str(), block.params["role"].as_str(), block.params.len()),
        (Protocol::Redis, "r", "master", 1)
    );
    for (fields, text) in [
        (r#""MySQL":"mysql://x","Interval":"1s""#, "MySQL must be an address, host or host:port, not \"mysql://x\""),
        (r#""DNS":"x""#, "Interval must be > 0 for Script, HTTP, H2PING, or TCP checks"),
        (r#""SMTP":"x","TCP":"x:1","Interval":"1s""#, "SMTP and TCP are two checks: give each its own, or join them with All or Any"),
        (r#""TCP":"x:1","HTTPBody":"y","Interval":"1s""#, "HTTPBody says what the answer to HTTP must be: give HTTP too"),
        (r#""HTTP":"x","HTTPStatus":7,"Interval":"1s""#, "HTTPStatus must be a status: 100 to 999"),
        (r#""OSService":"x","Interval":"1s""#, "OSService checks ask Windows for a service, and this agent does not run there"),
    ] {
        assert_eq!(refused_check(fields), format!("Invalid check: {text}"));
    }
    assert!(refused_check(r#""HTTP":"x","HTTPBody":"(","Interval":"1s""#).contains("HTTPBody must be a regular expression"));
    assert!(refused_check(r#""HTTP":"x","HTTPBody":"(a{500}){500}","Interval":"1s""#).contains("size limit"));
    assert_eq!(refused_check(r#""Redis":{"Rol":"x"},"Interval":"1s""#), "json: unknown field \"Rol\"");
}

#[test]
fn a_tree_joins_checks_that_have_its_timing_unless_their_own() {
    use crate::model::Tree;
    let check = check_of_web(
        r#""Interval":"5s","Timeout":"2s","All":[{"TCP":"x:1"},{"Any":[{"Redis":"a"},{"Name":"b","Redis":"b","Interval":"1s","Timeout":"1s"}]}]"#,
    );
    let Probe::Tree(Tree::All(branches)) = check.probe else { panic!("{:?}", check.probe) };
    let [Tree::Leaf(tcp), Tree::Any(redises)] = branches.as_slice() else { panic!("{branches:?}") };
    let [Tree::Leaf(first), Tree::Leaf(second)] = redises.as_slice() else { panic!("{redises:?}") };
    let told = |leaf: &CheckDefinition| (leaf.id.clone(), leaf.name.clone(), leaf.interval, leaf.timeout);
    let id = |text: &str| format!("service:web/{text}");
    assert_eq!(told(tcp), (id("1"), id("1"), SECOND * 5, Some(SECOND * 2)));
    assert_eq!(told(first), (id("2/1"), id("2/1"), SECOND * 5, Some(SECOND * 2)));
    assert_eq!(told(second), (id("2/2"), "b".to_owned(), SECOND, Some(SECOND)));
    assert_eq!((check.interval, second.service_id.as_str()), (SECOND * 5, "web"));
}

#[test]
fn a_tree_has_bounds_and_only_checks_that_are_run() {
    let deep = |levels: usize| format!("{}{{\"TCP\":\"x:1\"}}{}", "{\"Any\":[".repeat(levels), "]}".repeat(levels));
    let of = |tree: &str| service_from_json(format!(r#"{{"Name":"w","Check":{{"Interval":"1s","All":[{tree}]}}}}"#).as_bytes());
    assert!(of(&deep(7)).is_ok());
    assert!(of(&deep(8)).unwrap_err().text.ends_with("a tree of checks must not nest deeper than 8 levels"));
    assert!(of(&vec!["{\"TCP\":\"x:1\"}"; 64].join(",")).is_ok());
    assert!(of(&vec!["{\"TCP\":\"x:1\"}"; 65].join(",")).unwrap_err().text.ends_with("a tree must not have more than 64 checks"));
    for leaf in [r#"{"AliasService":"x"}"#, "{}", r#"{"Any":[{"Any":[]}]}"#] {
        assert!(of(leaf).unwrap_err().text.contains("not a TTL or Alias check"), "{leaf}");
    }
    assert!(of(r#"{"TTL":"1s"}"#).is_err());
    assert!(of(r#"{"TCP":"x:1","DeregisterCriticalServiceAfter":"1m"}"#).unwrap_err().text.ends_with("belongs to the tree as a whole"));
    assert!(of(r#"{"Any":[{"TCP":"x:1"}],"HTTP":"y"}"#).unwrap_err().text.contains("Any and HTTP are two checks"));
}

#[test]
fn a_file_says_it_in_snake_case_or_camel_case() {
    let web = in_file(
        r#"
        name = "web"  port = 80  EnableTagOverride = true  weights { passing = 10 }
        tagged_addresses { lan { address = "x" port = 1 } }
        meta { k = "v" }  token = "t"
        check { id = "a" ScriptArgs = ["true"] interval = "1s" deregister_critical_service_after = "1m" success_before_passing = 2 }
        check { http = "http://x" header { X = ["y"] } interval = "5s" http_body = "ok" }
        checks = [ { postgres { address = "db" user = "probe" } interval = "5s" } ]
        "#,
    )
    .unwrap();
    let ids: Vec<&str> = web.checks.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(ids, ["a", "service:web:2", "service:web:3"]);
    assert_eq!((web.spec.weights, web.token.as_str()), (Weights { passing: 10, warning: 1 }, "t"));
    assert_eq!((web.spec.tagged_addresses["lan"].port, web.spec.tag_authority), (1, TagAuthority::Catalog));
    assert_eq!(web.checks[0].thresholds.success_before_passing, 2);
    let block = hcl::parse(r#"id = "mem" name = "Memory" ttl = "60s" token = "t" service_id = "web""#).unwrap();
    let mem = check_from_file(&Tree::Object(block)).unwrap();
    assert_eq!((mem.id.as_str(), mem.token.as_str(), mem.service_id.as_str()), ("mem", "t", "web"));
}

#[test]
fn a_mistake_in_a_file_names_the_field_from_the_definitions_root() {
    for (text, error) in [
        (r#"name = "w" prot = 80"#, "invalid config key prot; did you mean port?"),
        (r#"name = "w" port = "80""#, "port: must be a whole number, not a string"),
        (
            r#"name = "w" checks = [{ ttl = "1s" }, { http = "x" interval = 5 }]"#,
            "checks[1].interval: must be a string with a unit, like \"10s\", not a number",
        ),
        (r#"name = "w" check { http = "x" interval = "5" }"#, "check.interval: time: missing unit in duration \"5\""),
        (
            r#"name = "w" check { http = "x" }"#,
            "check.interval: Invalid check: Interval must be > 0 for Script, HTTP, H2PING, or TCP checks",
        ),
        (
            r#"name = "w" check { all = [{ tcp = "x:1" intervall = "1s" }] interval = "1s" }"#,
            "invalid config key check.all[0].intervall; did you mean interval?",
        ),
        (
            r#"name = "w" tagged_addresses { lan { adress = "x" } }"#,
            "invalid config key tagged_addresses.lan.adress; did you mean address?",
        ),
        (r#"port = 1"#, "name: Missing service name"),
        (
            r#"name = "w" connect { sidecar_service {} }"#,
            "connect.sidecar_service: a sidecar proxy belongs to a service mesh, which this agent does not have: register the service without it",
        ),
        (r#"name = "w" namespace = "x""#, "namespace: must be empty or \"default\": namespaces are not in this version"),
    ] {
        assert_eq!(in_file(text).unwrap_err().to_string(), error);
    }
}

proptest! {
    #[test]
    fn no_body_makes_reading_it_panic(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = (service_from_json(&body), check_from_json(&body));
    }

    /// Every field with every type of value, alone and under a check.
    #[test]
    fn no_field_with_any_value_makes_reading_it_panic(
        field in "(Name|ID|Port|Tags|Meta|Weights|Check|Checks|TTL|Interval|HTTP|HTTPBody|Postgres|All|Any|Header|Args|OutputMaxSize)",
        value in "(null|true|-1|1e300|\"x\"|\"1s\"|\\[\\]|\\[null\\]|\\[1\\]|\\{\\}|\\{\"a\":null\\}|\\{\"Address\":\"x\"\\}|\\[\\{\"TCP\":\"x\"\\}\\])",
    ) {
        for body in [
            format!(r#"{{"Name":"w","{field}":{value}}}"#),
            format!(r#"{{"Name":"w","Interval":"1s","{field}":{value}}}"#),
            format!(r#"{{"Name":"w","Check":{{"{field}":{value}}}}}"#),
            format!(r#"{{"Name":"w","Checks":[{{"Interval":"1s","{field}":{value}}}]}}"#),
        ] {
            let _ = (service_from_json(body.as_bytes()), check_from_json(body.as_bytes()));
        }
    }
}
