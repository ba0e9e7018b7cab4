use super::wire::{serve, settings};

/// The id in the answer to a creation.
fn id(text: &str) -> String {
    text.trim_start_matches("{\"ID\":\"").trim_end_matches("\"}").to_owned()
}

#[test]
fn a_query_is_kept_replaced_and_removed() {
    serve(settings(), async |served| {
        let created = served.ask("POST", "/v1/query", br#"{"Name":"q","Service":{"Service":"web"}}"#).await;
        let id = id(created.text());
        assert_eq!((created.status, id.len()), (200, 36), "{}", created.text());
        let shown = served.get(&format!("/v1/query/{id}")).await;
        assert!(shown.text().starts_with(&format!("[{{\"ID\":\"{id}\",\"Name\":\"q\"")) && shown.index() > 1, "{}", shown.text());
        assert_eq!(served.get("/v1/query").await.text(), shown.text());
        let put = served.put(&format!("/v1/query/{}", id.to_uppercase()), br#"{"Name":"r","Service":{"Service":"db"}}"#).await;
        assert_eq!((put.status, put.text()), (200, ""));
        assert!(served.get("/v1/query").await.text().contains("\"Name\":\"r\""));
        assert_eq!(served.ask("DELETE", &format!("/v1/query/{id}"), b"").await.status, 200);
        let gone = served.get(&format!("/v1/query/{id}")).await;
        assert_eq!((gone.status, gone.text()), (404, "Query not found"));
    });
}

#[test]
fn refusals_have_consuls_status_and_text() {
    let body: &[u8] = br#"{"Name":"q","Service":{"Service":"web"}}"#;
    let with_id: &[u8] = br#"{"ID":"x"}"#;
    let unknown = "/v1/query/11111111-2222-3333-4444-555555555555";
    serve(settings(), async |served| {
        served.ask("POST", "/v1/query", body).await;
        for (method, target, sent, status, text) in [
            ("POST", "/v1/query", with_id, 500, "ID must be empty when creating a new prepared query"),
            ("POST", "/v1/query", body, 500, "raft apply failed: name 'q' aliases an existing query name"),
            ("PUT", unknown, body, 500, "Cannot modify non-existent prepared query: '11111111-2222-3333-4444-555555555555'"),
            ("GET", "/v1/query/zzz", b"", 500, "failed prepared query lookup: index error: UUID must be 36 characters"),
            ("GET", "/v1/query/none/execute", b"", 404, "Query not found"),
            ("GET", "/v1/query/none/explain", b"", 404, "Query not found"),
            ("GET", "/v1/query/q/execute?limit=x", b"", 500, "Bad limit: strconv.ParseUint: parsing \"x\": invalid syntax"),
            ("PUT", "/v1/query/q/execute", b"", 405, "method PUT not allowed"),
        ] {
            let reply = served.ask(method, target, sent).await;
            assert_eq!((reply.status, reply.text()), (status, text), "{method} {target}");
        }
        assert_eq!(served.ask("OPTIONS", "/v1/query/x", b"").await.header("Allow"), Some("GET,PUT,DELETE"));
    });
}

#[test]
fn an_execution_tells_what_it_found_and_where() {
    let node: &[u8] = br#"{"Node":"n2","Address":"10.0.0.2","Service":{"Service":"web","Port":80}}"#;
    serve(settings(), async |served| {
        served.put("/v1/catalog/register", node).await;
        let query: &[u8] =
            br#"{"Name":"q","Service":{"Service":"web","Failover":{"NearestN":2,"Datacenters":["nowhere"]}},"DNS":{"TTL":"5s"}}"#;
        served.ask("POST", "/v1/query", query).await;
        let found = served.get("/v1/query/q/execute?limit=-1&stale").await;
        assert!(found.text().starts_with("{\"Service\":\"web\",\"Nodes\":[{\"Node\":{\"ID\":"), "{}", found.text());
        assert!(found.text().contains("\"Tags\":null"), "{}", found.text());
        let end = "\"DNS\":{\"TTL\":\"5s\"},\"Datacenter\":\"dc1\",\"Failovers\":0,\"Index\":1,\"LastContact\":12000000,\"KnownLeader\":true,\
                   \"ConsistencyLevel\":\"stale\",\"NotModified\":false,\"Backend\":0}";
        assert!(found.text().ends_with(end), "{}", found.text());
        assert_eq!((found.index(), found.header("X-Consul-Effective-Consistency")), (1, Some("stale")));
        served.put("/v1/catalog/deregister", br#"{"Node":"n2"}"#).await;
        assert!(served.get("/v1/query/q/execute").await.text().starts_with("{\"Service\":\"web\",\"Nodes\":[],"));
        let explained = served.get("/v1/query/q/explain").await;
        assert!(explained.text().starts_with("{\"Query\":{\"ID\":\"") && explained.text().ends_with("\"Backend\":0}"));
    });
}
