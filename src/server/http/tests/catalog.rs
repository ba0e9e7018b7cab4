use super::wire::{serve, settings};
use crate::server::http::Settings;
use std::time::Duration;

const WEB: &[u8] =
    br#"{"Node":"n1","Address":"10.0.0.1","NodeMeta":{"rack":"7"},"Service":{"ID":"web-1","Service":"web","Tags":["V1"],"Port":80},
    "Checks":[{"CheckID":"c","Name":"c","Status":"passing","ServiceID":"web-1"},{"CheckID":"n","Name":"n","Status":"warning"}]}"#;

#[test]
fn what_is_registered_is_listed_until_it_is_deregistered() {
    serve(settings(), async |served| {
        let reply = served.put("/v1/catalog/register", WEB).await;
        assert_eq!((reply.status, reply.text()), (200, "true"));
        assert_eq!(served.get("/v1/catalog/services").await.text(), r#"{"web":["V1"]}"#);
        let list = served.get("/v1/catalog/service/web").await;
        assert!(list.text().starts_with(r#"[{"ID":"","Node":"n1","Address":"10.0.0.1","Datacenter":"dc1""#), "{}", list.text());
        assert_eq!((list.header("X-Consul-Effective-Consistency"), list.index()), (Some("leader"), 10));
        let node = served.get("/v1/catalog/node/N1").await;
        assert!(node.text().starts_with(r#"{"Node":{"ID":"","Node":"n1""#) && node.text().contains(r#""Services":{"web-1":{"ID":"web-1""#));
        assert!(served.get("/v1/catalog/node-services/n1").await.text().contains(r#""Services":[{"ID":"web-1""#));
        let health = served.get("/v1/health/service/web?pretty").await;
        assert!(health.text().starts_with("[\n    {\n        \"Node\": {\n            \"ID\": \"\",\n            \"Node\": \"n1\""));
        assert_eq!(health.text().matches("\"CheckID\"").count(), 2);
        assert_eq!(served.put("/v1/catalog/deregister", br#"{"Node":"n1","ServiceID":"web-1"}"#).await.text(), "true");
        assert_eq!(served.get("/v1/health/service/web").await.text(), "[]");
        assert!(served.get("/v1/health/node/n1").await.text().contains(r#""CheckID":"n""#));
    });
}

#[test]
fn what_is_sorted_by_distance_was_not_told_by_a_stream() {
    serve(settings(), async |served| {
        served.put("/v1/catalog/register", WEB).await;
        let told = async |target: &str| served.get(target).await.header("X-Consul-Query-Backend").map(str::to_owned);
        assert_eq!(told("/v1/health/service/web?cached").await.as_deref(), Some("streaming"));
        assert_eq!(told("/v1/health/service/web?cached&near=n1").await.as_deref(), Some("blocking-query"));
    });
}

#[test]
fn no_node_lies_in_a_named_segment() {
    serve(settings(), async |served| {
        let located = br#"{"Node":"n1","Coord":{"Vec":[0,0,0,0,0,0,0,0],"Error":1.5,"Adjustment":0,"Height":0.00001}}"#;
        served.put("/v1/catalog/register", WEB).await;
        assert_eq!(served.put("/v1/coordinate/update", located).await.status, 200);
        assert!(served.get("/v1/coordinate/nodes?segment=").await.text().contains("\"Node\":\"n1\""));
        assert_eq!(served.get("/v1/coordinate/node/n1").await.status, 200);
        assert_eq!(served.get("/v1/coordinate/nodes?segment=x").await.text(), "[]");
        let none = served.get("/v1/coordinate/node/n1?segment=x").await;
        assert_eq!((none.status, none.text()), (404, ""));
    });
}

#[test]
fn rows_are_chosen_by_tag_health_meta_and_filter() {
    serve(settings(), async |served| {
        served.put("/v1/catalog/register", WEB).await;
        for (target, found) in [
            ("/v1/catalog/service/web?tag=v1", true),
            ("/v1/catalog/service/web?tag=v1&tag=v2", false),
            ("/v1/catalog/service/web?filter=ServicePort==80", true),
            ("/v1/catalog/service/web?filter=ServicePort==81", false),
            ("/v1/catalog/nodes?node-meta=rack:7", true),
            ("/v1/catalog/nodes?node-meta=rack:8&node-meta=rack:7", true),
            ("/v1/catalog/nodes?node-meta=rack", false),
            ("/v1/catalog/nodes?filter=Datacenter==dc1", true),
            ("/v1/health/service/web?passing=0", true),
            ("/v1/health/service/web?passing", false),
            ("/v1/health/service/web?filter=Node.Datacenter==dc1+and+Checks.Status==warning", true),
            ("/v1/health/checks/web", true),
            ("/v1/health/checks/web?node-meta=rack:8", false),
            ("/v1/health/state/warning", true),
            ("/v1/health/state/critical", false),
            ("/v1/health/state/any?filter=CheckID==n", true),
            ("/v1/health/node/n1?filter=ServiceID!=%22%22", true),
            ("/v1/health/connect/web", false),
            ("/v1/health/ingress/web?passing", false),
            ("/v1/catalog/connect/web", false),
            ("/v1/catalog/gateway-services/web", false),
        ] {
            let reply = served.get(target).await;
            assert_eq!((reply.status, reply.text() != "[]"), (200, found), "{target}: {}", reply.text());
        }
        assert!(served.get("/v1/catalog/node/n1?filter=Port==81").await.text().ends_with(r#""Services":{}}"#));
    });
}

#[test]
fn what_is_asked_wrongly_is_refused_in_consuls_words() {
    serve(settings(), async |served| {
        for (target, status, text) in [
            ("/v1/catalog/service/", 400, "Missing service name"),
            ("/v1/catalog/connect/", 400, "Missing service name"),
            ("/v1/catalog/node/", 400, "Missing node name"),
            ("/v1/catalog/node-services/", 400, "Missing node name"),
            ("/v1/health/service/", 400, "Missing service name"),
            ("/v1/health/checks/", 400, "Missing service name"),
            ("/v1/health/state/", 400, "Missing check state"),
            ("/v1/health/node/", 400, "Missing node name"),
            ("/v1/health/service/web?passing=x", 400, "Invalid value for ?passing"),
            ("/v1/health/service/web?index=x", 400, "Invalid index"),
            ("/v1/catalog/nodes?dc=nowhere", 500, "No path to datacenter"),
            ("/v1/catalog/nodes?filter=Nope==1", 500, "Failed to create boolean expression evaluator: Selector \"Nope\" is not valid"),
            ("/v1/catalog/service/web?filter=Node==1", 200, "[]"),
            (
                "/v1/health/service/web?filter=Service.Port==abc",
                500,
                "Failed to create boolean expression evaluator: Failed to coerce value \"abc\" for selector \"Service.Port\": strconv.ParseInt: parsing \"abc\": invalid syntax",
            ),
            ("/v1/catalog/node/nope", 200, "null"),
            ("/v1/catalog/node-services/nope", 200, r#"{"Node":null,"Services":null}"#),
        ] {
            let reply = served.get(target).await;
            assert_eq!((reply.status, reply.text()), (status, text), "{target}");
        }
        let elsewhere = br#"{"Node":"n","Address":"a","Datacenter":"nowhere"}"#;
        assert_eq!(served.put("/v1/catalog/register", elsewhere).await.text(), "No path to datacenter");
        assert_eq!(served.put("/v1/catalog/register", &vec![b' '; 512 * 1024 + 1]).await.status, 413);
        let orphan = br#"{"Node":"n","Address":"a","Check":{"Name":"c","ServiceID":"none"}}"#;
        let refused = served.put("/v1/catalog/register", orphan).await;
        assert_eq!(refused.status, 500);
        assert!(refused.text().contains("Missing service registration"), "{}", refused.text());
    });
}

#[test]
fn reads_without_a_mode_may_be_older_where_the_operator_says_so() {
    serve(Settings { discovery_max_stale: Some(Duration::from_secs(5)), ..settings() }, async |served| {
        let mode = async |target: &str| served.get(target).await.header("X-Consul-Effective-Consistency").map(str::to_owned);
        assert_eq!(mode("/v1/catalog/nodes").await.as_deref(), Some("stale"));
        assert_eq!(mode("/v1/health/service/web").await.as_deref(), Some("stale"));
        assert_eq!(mode("/v1/catalog/nodes?max_stale=1s").await.as_deref(), Some("stale"));
        assert_eq!(mode("/v1/catalog/nodes?max_stale=5ms").await.as_deref(), Some("leader"), "too old, so the leader was asked");
        assert_eq!(mode("/v1/catalog/nodes?leader").await.as_deref(), Some("leader"));
        assert_eq!(mode("/v1/catalog/nodes?consistent").await.as_deref(), Some("consistent"));
        assert_eq!(mode("/v1/kv/a").await, None);
    });
}

#[test]
fn a_user_interface_sees_services_and_nodes_at_a_glance() {
    serve(settings(), async |served| {
        served.put("/v1/catalog/register", WEB).await;
        let services = served.get("/v1/internal/ui/services").await;
        assert!(services.text().contains(r#""Name":"web","Datacenter":"dc1","Tags":["V1"],"Nodes":["n1"],"ExternalSources":null,"InstanceCount":1,"ChecksPassing":1,"ChecksWarning":1"#));
        assert!(services.index() >= 10);
        assert!(served.get("/v1/internal/ui/nodes").await.text().contains(r#""Services":[{"ID":"web-1""#));
        assert!(served.get("/v1/internal/ui/node/n1").await.text().starts_with(r#"{"ID":"","Node":"n1""#));
        let unknown = served.get("/v1/internal/ui/node/nope").await;
        assert_eq!((unknown.status, unknown.text()), (404, ""));
        assert_eq!(served.get("/v1/internal/ui/node/").await.text(), "Missing node name");
    });
}

#[test]
fn what_is_off_or_not_kept_says_so() {
    serve(settings(), async |served| {
        for (method, target, status, text) in [
            ("GET", "/v1/acl/tokens", 401, "ACL support disabled"),
            ("PUT", "/v1/acl/bootstrap", 401, "ACL support disabled"),
            ("GET", "/v1/acl/token/self", 401, "ACL support disabled"),
            ("DELETE", "/v1/acl/policy/x", 401, "ACL support disabled"),
            ("POST", "/v1/internal/acl/authorize", 401, "ACL support disabled"),
            ("PUT", "/v1/agent/token/default", 401, "ACL support disabled"),
            ("GET", "/v1/connect/intentions", 500, "Connect must be enabled in order to use this endpoint"),
            ("GET", "/v1/connect/ca/roots", 500, "Connect must be enabled in order to use this endpoint"),
            ("GET", "/v1/agent/connect/ca/leaf/web", 500, "Connect must be enabled in order to use this endpoint"),
            ("GET", "/v1/discovery-chain/web", 500, "Connect must be enabled in order to use this endpoint"),
            ("GET", "/v1/config/service-defaults", 200, "[]"),
            ("GET", "/v1/config/service-defaults/web", 404, "Config entry not found for \"service-defaults\" / \"web\""),
            ("GET", "/v1/config/bogus", 500, "invalid config entry kind: bogus"),
            ("DELETE", "/v1/config/service-defaults/web", 200, "{}"),
            ("PUT", "/v1/config", 500, "Config entries belong to a service mesh, which this agent does not have"),
            ("GET", "/v1/session/list", 200, "[]"),
        ] {
            let reply = served.ask(method, target, b"").await;
            assert_eq!((reply.status, reply.text()), (status, text), "{method} {target}");
        }
        let sessions = served.get("/v1/session/list?index=1&wait=20ms").await;
        assert_eq!((sessions.text(), sessions.index()), ("[]", 1));
        assert_eq!(served.ask("OPTIONS", "/v1/query", b"").await.header("Allow"), Some("OPTIONS,GET,POST"));
    });
}
