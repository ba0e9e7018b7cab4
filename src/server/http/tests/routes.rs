use super::wire::{serve, settings};
use crate::api::json::Layout;
use crate::model::NodeName;
use crate::server::http::Settings;
use crate::state::checks::CheckSpec;
use crate::state::nodes::NodeSpec;
use crate::state::{CatalogCommand, Command, NodeUpdate};
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::io::Read;

#[test]
fn a_wrong_method_is_405_and_options_tells_the_right_ones() {
    serve(settings(), async |served| {
        let reply = served.ask("PUT", "/v1/catalog/nodes", b"").await;
        assert_eq!((reply.status, reply.header("Allow"), reply.text()), (405, Some("OPTIONS,GET"), "method PUT not allowed"));
        assert_eq!(reply.header("X-Consul-Default-Acl-Policy"), Some("allow"));
        let reply = served.ask("HEAD", "/v1/catalog/nodes", b"").await;
        assert_eq!((reply.status, reply.header("Allow")), (405, Some("OPTIONS,GET")));
        let reply = served.ask("OPTIONS", "/v1/kv/a", b"").await;
        assert_eq!((reply.status, reply.header("Allow"), reply.text()), (200, Some("OPTIONS,GET,PUT,DELETE"), ""));
        assert_eq!(served.ask("PATCH", "/v1/kv/a", b"").await.text(), "method PATCH not allowed");
    });
}

#[test]
fn paths_are_cleaned_by_redirect_and_unprintable_ones_refused() {
    serve(settings(), async |served| {
        for (target, location) in [
            ("/v1/kv/t//a", "/v1/kv/t/a"),
            ("/v1/kv", "/v1/kv/"),
            ("/v1/kv?raw", "/v1/kv/?raw"),
            ("/v1/./kv/a?x=1", "/v1/kv/a?x=1"),
            ("/v1/kv/../status/leader", "/v1/status/leader"),
        ] {
            let reply = served.put(target, b"1").await;
            assert_eq!((reply.status, reply.header("Location")), (301, Some(location)), "{target}");
        }
        for target in ["/v1/kv/a%0a", "/v1/kv/a%00", "/v1/kv/%zz", "/nope%7f"] {
            let reply = served.get(target).await;
            assert_eq!((reply.status, reply.text()), (400, ""), "{target}");
        }
        for target in ["/v1/nope", "/nope", "/v2/kv/x", "/v1/status/leader/", "/v1"] {
            let reply = served.get(target).await;
            assert_eq!((reply.status, reply.text()), (404, ""), "{target}");
        }
        assert_eq!(served.get("/").await.text(), "Consul Agent");
    });
    serve(Settings { allow_unprintable: true, ..settings() }, async |served| {
        assert_eq!(served.put("/v1/kv/a%0a", b"1").await.text(), "true");
        assert_eq!(served.get("/v1/kv/?keys").await.text(), r#"["a\n"]"#);
    });
}

#[test]
fn json_is_pretty_when_asked_and_always_in_dev() {
    serve(settings(), async |served| {
        let datacenters = served.get("/v1/catalog/datacenters").await;
        assert_eq!((datacenters.text(), datacenters.header("X-Cache")), ("[\"dc1\"]", None));
        let cached = served.get("/v1/catalog/datacenters?cached").await;
        assert_eq!((cached.text(), cached.header("X-Cache"), cached.header("Age")), ("[\"dc1\"]", Some("HIT"), Some("0")));
        assert_eq!(served.get("/v1/catalog/datacenters?pretty").await.text(), "[\n    \"dc1\"\n]\n");
        served.put("/v1/kv/a", b"1").await;
        assert!(served.get("/v1/kv/a?pretty=").await.text().starts_with("[\n    {\n        \"LockIndex\": 0,\n        \"Key\": \"a\""));
    });
    serve(Settings { layout: Layout::Pretty, ..settings() }, async |served| {
        assert_eq!(served.put("/v1/kv/a", b"1").await.text(), "true\n");
    });
}

#[test]
fn large_answers_are_compressed_for_those_who_take_it() {
    serve(settings(), async |served| {
        let mut client = served.connect().await;
        let plain = client.ask("GET", "/v1/agent/self", b"").await;
        assert!(plain.body.len() > 1_400 && plain.header("Content-Encoding").is_none());
        let packed = client.ask_with("GET", "/v1/agent/self", "Accept-Encoding: gzip\r\n", b"").await;
        assert_eq!((packed.header("Content-Encoding"), packed.header("Vary")), (Some("gzip"), Some("Accept-Encoding")));
        let mut unpacked = Vec::new();
        GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.body);
        client.ask("PUT", "/v1/kv/big", &[b'x'; 200_000]).await;
        let packed = client.ask_with("GET", "/v1/kv/big?raw", "Accept-Encoding: gzip\r\n", b"").await;
        let mut unpacked = Vec::new();
        GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, [b'x'; 200_000]);
        let small = client.ask_with("GET", "/v1/agent/version", "Accept-Encoding: gzip\r\n", b"").await;
        assert_eq!(small.header("Content-Encoding"), None);
    });
}

#[test]
fn the_operator_blocks_endpoints_restricts_writers_and_adds_headers() {
    let headers = vec![("x-golden".parse().unwrap(), "yes".parse().unwrap())];
    let blocked = vec!["/v1/agent".to_owned()];
    let writers = vec![("10.0.0.0".parse().unwrap(), 8)];
    serve(Settings { response_headers: headers, blocked, writers, ..settings() }, async |served| {
        let reply = served.get("/v1/agent/self").await;
        assert_eq!((reply.status, reply.text()), (403, "Endpoint is blocked by agent configuration"));
        let reply = served.put("/v1/kv/a", b"1").await;
        assert_eq!((reply.status, reply.text()), (403, "Access is restricted"));
        assert_eq!(served.ask("POST", "/v1/kv/a", b"").await.status, 405);
        for target in ["/v1/kv/a", "/v1/nope", "/v1/kv", "/v1/status/leader"] {
            assert_eq!(served.get(target).await.header("X-Golden"), Some("yes"), "{target}");
        }
    });
}

#[test]
fn the_cluster_tells_who_leads_and_refuses_without_a_leader() {
    serve(settings(), async |served| {
        let leader = served.get("/v1/status/leader?dc=dc1").await;
        assert_eq!((leader.text(), leader.header("X-Consul-Index")), ("\"127.0.0.1:8300\"", None));
        assert_eq!(served.get("/v1/status/peers").await.text(), "[\"127.0.0.1:8300\"]");
        assert_eq!(served.get("/v1/status/peers?dc=nowhere").await.text(), "No path to datacenter");
        served.backend.lose_the_leader();
        assert_eq!(served.get("/v1/status/leader").await.text(), "\"\"");
        assert_eq!(served.get("/v1/status/peers").await.text(), "[]");
        let reply = served.get("/v1/kv/a").await;
        assert_eq!((reply.status, reply.text()), (500, "No cluster leader"));
        assert_eq!(served.put("/v1/kv/a", b"").await.text(), "No cluster leader");
    });
}

#[test]
fn nodes_and_their_health_are_listed() {
    serve(settings(), async |served| {
        let map = BTreeMap::from([("lan".to_owned(), "10.0.0.1".to_owned())]);
        let name = NodeName::parse("n1").unwrap();
        let node = NodeSpec { id: None, name, address: "10.0.0.1".to_owned(), tagged_addresses: map, meta: BTreeMap::new() };
        served.backend.apply(Command::Catalog(CatalogCommand::Register {
            node,
            update: NodeUpdate::Apply,
            service: None,
            checks: vec![CheckSpec::serf_alive()],
        }));
        let nodes = served.get("/v1/catalog/nodes?stale").await;
        let want = r#"[{"ID":"","Node":"n1","Address":"10.0.0.1","Datacenter":"dc1","TaggedAddresses":{"lan":"10.0.0.1"},"Meta":null,"CreateIndex":10,"ModifyIndex":10}]"#;
        assert_eq!((nodes.text(), nodes.index()), (want, 10));
        assert_eq!(nodes.header("X-Consul-Effective-Consistency"), Some("stale"));
        let health = served.get("/v1/health/node/N1").await;
        assert!(health.text().contains(r#""CheckID":"serfHealth","Name":"Serf Health Status","Status":"passing""#));
        assert_eq!(served.get("/v1/health/node/nope").await.text(), "[]");
        assert_eq!(served.get("/v1/health/node/").await.text(), "Missing node name");
        assert_eq!(served.get("/v1/catalog/nodes?dc=zz").await.status, 500);
    });
}

#[test]
fn the_agent_is_asked_to_join_leave_and_let_go() {
    serve(settings(), async |served| {
        for target in
            ["/v1/agent/join/10.0.0.1:8301", "/v1/agent/join/%5B::1%5D?wan=1", "/v1/agent/leave", "/v1/agent/force-leave/n2?prune"]
        {
            let reply = served.put(target, b"").await;
            assert_eq!((reply.status, reply.text()), (200, ""), "{target}");
        }
        assert_eq!(served.backend.calls(), ["join 10.0.0.1:8301 Lan", "join [::1] Wan", "leave", "force-leave n2 Lan Pruned"]);
        assert!(served.get("/v1/agent/members?wan").await.text().starts_with(r#"[{"Name":"n1","Addr":"127.0.0.1","Port":8301"#));
        assert_eq!(served.get("/v1/agent/members?wan=false").await.text(), "null");
        assert_eq!(served.get("/v1/agent/members?wan=1&segment=a").await.status, 400);
        assert_eq!(served.get("/v1/agent/members?segment=_all").await.status, 200);
        assert_eq!(served.get("/v1/agent/members?segment=a").await.status, 500);
        assert_eq!(served.get("/v1/agent/version").await.text(), r#"{"SHA":"abc","BuildDate":"","HumanVersion":"1","FIPS":""}"#);
        assert!(served.get("/v1/agent/host").await.text().contains(r#""CollectionTime":1,"Errors":null"#));
    });
}

#[test]
fn the_operator_sees_and_changes_raft_and_autopilot() {
    serve(settings(), async |served| {
        assert_eq!(served.get("/v1/operator/raft/configuration?stale").await.text(), r#"{"Servers":[],"Index":3}"#);
        let reply = served.ask("DELETE", "/v1/operator/raft/peer?address=1.2.3.4:1", b"").await;
        assert_eq!((reply.status, reply.text()), (500, "address \"1.2.3.4:1\" was not found in the Raft configuration"));
        assert_eq!(served.ask("DELETE", "/v1/operator/raft/peer", b"").await.status, 400);
        assert_eq!(served.ask("POST", "/v1/operator/raft/transfer-leader?id=x", b"").await.text(), r#"{"Success":true}"#);
        assert_eq!(served.backend.calls(), ["configuration from Any", "transfer to Some(\"x\")"]);
        let config = "/v1/operator/autopilot/configuration";
        assert_eq!(served.get(config).await.status, 500);
        assert_eq!(served.put(config, br#"{"MinQuorum": 3}"#).await.text(), "true");
        assert_eq!(served.put(&format!("{config}?cas=9"), br#"{"MinQuorum": 4}"#).await.text(), "false");
        assert_eq!(served.put(&format!("{config}?cas=10"), br#"{"MinQuorum": 5}"#).await.text(), "true");
        let read = served.get(config).await;
        assert!(read.text().contains(r#""MinQuorum":5"#) && read.text().ends_with(r#""CreateIndex":10,"ModifyIndex":12}"#));
        assert_eq!(served.put(config, br#"{"LastContactThreshold": "zz"}"#).await.status, 400);
        assert_eq!(served.get("/v1/operator/autopilot/health").await.status, 200);
        served.backend.fall_ill();
        let ill = served.get("/v1/operator/autopilot/health").await;
        assert_eq!((ill.status, ill.text()), (429, r#"{"Healthy":false,"FailureTolerance":0,"Servers":[]}"#));
        assert!(served.get("/v1/operator/autopilot/state").await.text().contains(r#""Voters":[]"#));
    });
}

#[test]
fn metrics_count_requests_in_both_formats() {
    serve(settings(), async |served| {
        // All on one connection: when the server hears that another was closed is open.
        let mut client = served.connect().await;
        client.ask("GET", "/v1/kv/a", b"").await;
        let json = client.ask("GET", "/v1/agent/metrics", b"").await;
        assert!(json.text().contains(r#"{"Name":"consul.box.raft.peers","Value":1,"Labels":{}}"#));
        let text = client.ask("GET", "/v1/agent/metrics?format=prometheus", b"").await;
        assert_eq!(text.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        assert!(text.text().contains("consul_api_http_count{method=\"GET\",path=\"v1_kv_\"} 1\n"), "{}", text.text());
        assert!(text.text().contains("consul_http_connections 1\n"));
    });
    let mut without = settings();
    without.telemetry.prometheus = false;
    serve(without, async |served| {
        let mut client = served.connect().await;
        let refused = client.ask_with("GET", "/v1/agent/metrics", "Accept: text/plain;version=0.0.4\r\n", b"").await;
        assert_eq!((refused.status, refused.text()), (415, "Prometheus is not enabled since its retention time is not positive"));
        assert_eq!(client.ask("GET", "/v1/agent/metrics", b"").await.status, 200);
    });
}
