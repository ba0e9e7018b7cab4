use super::wire::{serve, settings};
use crate::agent::local::{Embedding, LocalCheck, LocalError, LocalService, LocalView, Origin};
use crate::model::{CheckDefinition, CheckStatus, Probe, ServiceSpec, Thresholds};
use std::sync::Arc;
use std::time::Duration;

fn check(id: &str, service: &str, status: CheckStatus, output: &str) -> (Arc<str>, Arc<LocalCheck>) {
    let definition = CheckDefinition {
        id: id.to_owned(),
        name: id.to_uppercase(),
        notes: String::new(),
        service_id: service.to_owned(),
        initial: None,
        probe: Probe::Ttl { ttl: Duration::from_secs(10) },
        interval: Duration::ZERO,
        timeout: None,
        thresholds: Thresholds::default(),
        deregister_after: None,
        output_limit: None,
        token: String::new(),
    };
    let check = LocalCheck {
        definition: Arc::new(definition),
        status,
        output: output.to_owned(),
        origin: Origin::Api,
        embedding: Embedding::InService,
    };
    (id.into(), Arc::new(check))
}

fn service(id: &str, name: &str, port: i64) -> (Arc<str>, Arc<LocalService>) {
    let spec = ServiceSpec { port, ..ServiceSpec::new(id, name) };
    (id.into(), Arc::new(LocalService { spec, origin: Origin::Api, token: String::new() }))
}

/// Two instances of `web`, the second with a check that warns; one check of the node.
fn view() -> LocalView {
    LocalView {
        services: [service("w1", "web", 80), service("w2", "web", 81)].into_iter().collect(),
        checks: [check("c2", "w2", CheckStatus::Warning, "hm"), check("node", "", CheckStatus::Passing, "ok")].into_iter().collect(),
    }
}

#[test]
fn services_and_checks_are_listed_by_id_without_an_index() {
    serve(settings(), async |served| {
        let empty = served.get("/v1/agent/services").await;
        assert_eq!((empty.text(), empty.header("Content-Type")), ("{}", Some("application/json")));
        served.backend.register(view());
        let services = served.get("/v1/agent/services").await;
        assert!(services.text().starts_with(r#"{"w1":{"ID":"w1","Service":"web","Tags":[],"Meta":{},"Port":80"#), "{}", services.text());
        assert_eq!(services.header("X-Consul-Index"), None);
        let checks = served.get("/v1/agent/checks").await;
        let first = r#"{"c2":{"Node":"n1","CheckID":"c2","Name":"C2","Status":"warning","Notes":"","Output":"hm","#;
        assert!(checks.text().starts_with(first), "{}", checks.text());
        assert_eq!(checks.header("X-Consul-Index"), None);
    });
}

#[test]
fn one_service_is_told_with_its_hash_and_an_unknown_one_is_404() {
    serve(settings(), async |served| {
        served.backend.register(view());
        let reply = served.get("/v1/agent/service/w1").await;
        let hash = reply.header("X-Consul-Contenthash").unwrap();
        assert!(hash.len() == 16 && reply.text().contains(&format!(r#""ContentHash":"{hash}""#)), "{}", reply.text());
        let unknown = served.get("/v1/agent/service/nope").await;
        assert_eq!((unknown.status, unknown.text()), (404, "unknown service ID: nope"));
        assert_eq!(served.get("/v1/agent/service/w1?wait=5").await.text(), "Invalid wait time");
    });
}

#[test]
fn a_client_that_knows_the_hash_waits_for_another() {
    serve(settings(), async |served| {
        served.backend.register(view());
        let known = served.get("/v1/agent/service/w1").await;
        let target = format!("/v1/agent/service/w1?hash={}", known.header("X-Consul-Contenthash").unwrap());
        let over = served.get(&format!("{target}&wait=20ms")).await;
        assert_eq!((over.status, over.body.as_slice()), (200, known.body.as_slice()));
        let mut client = served.connect().await;
        client.send(format!("GET {target}&wait=5m HTTP/1.1\r\nHost: l\r\n\r\n").as_bytes()).await;
        served.backend.until_watched(1).await;
        // Another service's change is not news.
        let mut later = view();
        later.services.insert("w2".into(), service("w2", "web", 8).1);
        served.backend.register(later.clone());
        served.backend.until_watched(1).await;
        later.services.insert("w1".into(), service("w1", "web", 8).1);
        served.backend.register(later);
        let news = client.reply("GET").await;
        assert!(news.status == 200 && news.text().contains(r#""Port":8,"#), "{}", news.text());
        client.send(format!("GET {target}x&wait=5m HTTP/1.1\r\nHost: l\r\n\r\n").as_bytes()).await;
        assert_eq!(client.reply("GET").await.status, 200, "another hash is answered at once");
    });
}

#[test]
fn a_service_that_goes_while_it_is_waited_for_is_404() {
    serve(settings(), async |served| {
        served.backend.register(view());
        let known = served.get("/v1/agent/service/w1").await;
        let hash = known.header("X-Consul-Contenthash").unwrap();
        let mut client = served.connect().await;
        client.send(format!("GET /v1/agent/service/w1?hash={hash} HTTP/1.1\r\nHost: l\r\n\r\n").as_bytes()).await;
        served.backend.until_watched(1).await;
        served.backend.register(LocalView::default());
        assert_eq!(client.reply("GET").await.status, 404);
    });
}

#[test]
fn health_by_id_and_name_is_a_status_code_and_a_word() {
    serve(settings(), async |served| {
        let mut view = view();
        served.backend.register(view.clone());
        let one = served.get("/v1/agent/health/service/id/w1").await;
        assert_eq!((one.status, one.header("X-Consul-Reason")), (200, Some("passing")));
        assert!(one.text().starts_with(r#"{"AggregatedStatus":"passing","Service":{"ID":"w1""#), "{}", one.text());
        assert!(one.text().contains(r#""CheckID":"node""#) && !one.text().contains(r#""CheckID":"c2""#), "{}", one.text());
        assert_eq!(served.get("/v1/agent/health/service/id/w2").await.status, 429);
        let text = served.get("/v1/agent/health/service/name/web?format=text").await;
        assert_eq!((text.status, text.text(), text.header("Content-Type")), (429, "warning", Some("text/plain")));
        view.checks.insert("_node_maintenance".into(), check("_node_maintenance", "", CheckStatus::Critical, "").1);
        served.backend.register(view);
        let text = served.get("/v1/agent/health/service/id/w1?format=text").await;
        assert_eq!((text.status, text.text()), (503, "maintenance"));
    });
}

#[test]
fn the_health_of_nobody_in_particular_is_not_told() {
    serve(settings(), async |served| {
        for (target, text) in [("id/", "Missing service ID"), ("name/", "Missing service name")] {
            let reply = served.get(&format!("/v1/agent/health/service/{target}")).await;
            assert_eq!((reply.status, reply.text()), (400, text));
        }
    });
}

#[test]
fn the_health_of_what_is_unknown_is_404_in_four_ways() {
    serve(settings(), async |served| {
        for (target, body, kind) in [
            ("id/no", r#"{"AggregatedStatus":"critical","Service":null,"Checks":null}"#, "application/json"),
            ("id/no?format=text", r#""ServiceId no not found""#, "application/json"),
            ("name/no", "[]", "application/json"),
            ("name/no?format=text", "ServiceName no Not Found", "text/plain"),
        ] {
            let reply = served.get(&format!("/v1/agent/health/service/{target}")).await;
            assert_eq!((reply.status, reply.text(), reply.header("Content-Type")), (404, body, Some(kind)), "{target}");
        }
    });
}

#[test]
fn changes_reach_the_agent_as_they_were_asked_for() {
    serve(settings(), async |served| {
        for target in [
            "/v1/agent/service/deregister/w%2F1",
            "/v1/agent/check/deregister/c",
            "/v1/agent/check/warn/c?note=hm",
            "/v1/agent/service/maintenance/w?enable=true&reason=why",
            "/v1/agent/maintenance?enable=0",
            "/v1/agent/reload",
        ] {
            let reply = served.put(target, b"").await;
            assert_eq!((reply.status, reply.text()), (200, ""), "{target}");
        }
        served.put("/v1/agent/check/update/c", br#"{"Status":"passing","Output":"o"}"#).await;
        let calls = [
            r#"DeregisterService { id: "w/1" }"#,
            r#"DeregisterCheck { id: "c" }"#,
            r#"Heartbeat { id: "c", status: Warning, output: "hm" }"#,
            r#"ServiceMaintenance { id: "w", maintenance: On { reason: "why" } }"#,
            "NodeMaintenance(Off)",
            "reload",
            r#"Heartbeat { id: "c", status: Passing, output: "o" }"#,
        ];
        assert_eq!(served.backend.calls(), calls);
    });
}

#[test]
fn a_registration_carries_the_token_of_its_request_and_says_what_becomes_of_other_checks() {
    serve(settings(), async |served| {
        let body = br#"{"Name":"web","Check":{"TTL":"10s"}}"#;
        let mut client = served.connect().await;
        let target = "/v1/agent/service/register?replace-existing-checks";
        assert_eq!(client.ask_with("PUT", target, "X-Consul-Token: secret\r\n", body).await.status, 200);
        assert_eq!(served.put("/v1/agent/service/register?replace-existing-checks=no", body).await.status, 200);
        let calls = served.backend.calls();
        assert_eq!(calls[0].matches(r#"token: "secret""#).count(), 2, "{}", calls[0]);
        assert!(calls[0].ends_with("others: Drop }") && calls[1].ends_with("others: Keep }"), "{calls:?}");
    });
}

#[test]
fn what_is_missing_or_wrong_in_a_change_is_said() {
    serve(settings(), async |served| {
        for (target, status, text) in [
            ("/v1/agent/service/deregister/", 500, "ServiceID missing"),
            ("/v1/agent/check/deregister/", 500, "CheckID missing"),
            ("/v1/agent/service/maintenance/?enable=true", 400, "Missing service ID"),
            ("/v1/agent/service/maintenance/w", 400, "Missing value for enable"),
            ("/v1/agent/maintenance?enable=maybe", 400, "Invalid value for enable: \"maybe\""),
            ("/v1/agent/check/update/c", 400, "Request decode failed: EOF"),
        ] {
            let reply = served.put(target, b"").await;
            assert_eq!((reply.status, reply.text()), (status, text), "{target}");
        }
        assert_eq!(served.put("/v1/agent/service/register", &[b' '; 600_000]).await.status, 413);
        assert_eq!(served.backend.calls(), [""; 0]);
    });
}

#[test]
fn an_agent_s_refusal_has_the_status_clients_of_consul_know() {
    serve(settings(), async |served| {
        served.backend.refuse_changes(LocalError::UnknownService("w".to_owned()));
        assert_eq!(served.put("/v1/agent/service/deregister/w", b"").await.status, 200);
        let reply = served.put("/v1/agent/service/maintenance/w?enable=true", b"").await;
        assert_eq!((reply.status, reply.text()), (404, "No service registered with ID \"w\""));
        served.backend.refuse_changes(LocalError::UnknownCheck("c".to_owned()));
        assert_eq!(served.put("/v1/agent/check/deregister/c", b"").await.status, 200);
        let reply = served.put("/v1/agent/check/pass/c", b"").await;
        assert_eq!((reply.status, reply.text()), (500, "CheckID \"c\" does not have associated TTL"));
        served.backend.refuse_changes(LocalError::ScriptsDisabled);
        let reply = served.put("/v1/agent/service/register", br#"{"Name":"web"}"#).await;
        assert!(reply.status == 500 && reply.text().starts_with("Scripts are disabled on this agent"), "{}", reply.text());
    });
}
