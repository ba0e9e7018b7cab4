use super::wire::{Reply, Served, serve, settings};
use crate::server::http::Settings;
use serde_json::{Value, json};

fn document(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{error}: {}", reply.text()))
}

fn place(node: &str, x: f64) -> Value {
    json!({"Node": node, "Segment": "", "Coord": {"Vec": [x, 0.5, 0, 0, 0, 0, 0, 0], "Error": 1.5, "Adjustment": 0, "Height": 0.0001}})
}

async fn update(served: &Served, body: &Value) -> Reply {
    served.put("/v1/coordinate/update", &serde_json::to_vec(body).unwrap()).await
}

/// Registers nodes in the catalog.
async fn register(served: &Served, nodes: &[&str]) {
    for node in nodes {
        served.put("/v1/catalog/register", &serde_json::to_vec(&json!({"Node": node, "Address": "10.0.0.1"})).unwrap()).await;
    }
}

#[test]
fn what_was_said_of_a_node_is_shown_by_name_and_in_the_list() {
    serve(settings(), async |served| {
        let none = served.get("/v1/coordinate/nodes").await;
        assert_eq!((none.status, none.text()), (200, "[]"));
        register(&served, &["b", "a"]).await;
        for (node, x) in [("b", 0.25), ("a", 0.125), ("B", 0.75)] {
            let said = update(&served, &place(node, x)).await;
            assert_eq!((said.status, said.text()), (200, ""));
        }
        let all = served.get("/v1/coordinate/nodes").await;
        assert_eq!(document(&all), json!([place("a", 0.125), place("b", 0.75)]), "by name, which has no case");
        assert_eq!((all.header("X-Consul-Knownleader"), all.header("X-Consul-Effective-Consistency")), (Some("true"), None));
        assert_eq!(document(&served.get("/v1/coordinate/node/A").await), json!([place("a", 0.125)]));
        assert_eq!(served.get("/v1/coordinate/nodes?stale").await.status, 200);
    });
}

#[test]
fn a_node_that_is_unknown_lies_nowhere() {
    serve(settings(), async |served| {
        assert_eq!(update(&served, &place("stranger", 0.5)).await.status, 200, "nobody waits for what is gathered");
        let unknown = served.get("/v1/coordinate/node/stranger").await;
        assert_eq!((unknown.status, unknown.text()), (404, ""));
        register(&served, &["silent"]).await;
        assert_eq!(served.get("/v1/coordinate/node/silent").await.status, 404);
        let missing = served.get("/v1/coordinate/node/").await;
        assert_eq!((missing.status, missing.text()), (400, "Missing node name"));
    });
}

#[test]
fn a_list_of_places_waits_for_a_move() {
    serve(settings(), async |served| {
        register(&served, &["a"]).await;
        update(&served, &place("a", 0.25)).await;
        let before = served.get("/v1/coordinate/nodes").await.index();
        let mut client = served.connect().await;
        client.send(format!("GET /v1/coordinate/nodes?index={before}&wait=5m HTTP/1.1\r\nHost: l\r\n\r\n").as_bytes()).await;
        served.backend.until_waiting(1).await;
        update(&served, &place("a", 0.25)).await;
        served.backend.until_waiting(1).await;
        update(&served, &place("a", 0.5)).await;
        let moved = client.reply("GET").await;
        assert_eq!(document(&moved), json!([place("a", 0.5)]));
        assert!(moved.index() > before, "what said nothing new woke nobody");
    });
}

#[test]
fn what_is_no_place_is_refused_and_changes_nothing() {
    let with = |part: &str, value: Value| {
        let mut body = place("a", 0.25);
        body["Coord"][part] = value;
        body.to_string()
    };
    let bodies = [
        (String::new(), 400, "Request decode failed: EOF"),
        ("{bad".to_owned(), 400, "Request decode failed: "),
        ("[]".to_owned(), 400, "Request decode failed: "),
        (with("Vec", json!("far")), 400, "Request decode failed: "),
        (r#"{"Node":"a","Coord":{"Vec":[0,0,0,0,0,0,0,1e999]}}"#.to_owned(), 400, "Request decode failed: "),
        (with("Vec", json!([0.1])), 500, "incompatible coordinate"),
        (with("Vec", json!([0, 0, 0, 0, 0, 0, 0, 0, 0])), 500, "incompatible coordinate"),
        (with("Vec", json!([0, 0, 0, 0, 0, 0, 0, 1_000_001])), 500, "invalid coordinate: Vec is 1000001"),
        (with("Error", json!(1e7)), 500, "invalid coordinate: Error"),
        (with("Adjustment", json!(-1e7)), 500, "invalid coordinate: Adjustment"),
        (with("Height", json!(1e300)), 500, "invalid coordinate: Height"),
    ];
    serve(settings(), async |served| {
        register(&served, &["a"]).await;
        for (body, status, text) in bodies {
            let reply = served.put("/v1/coordinate/update", body.as_bytes()).await;
            assert!(reply.status == status && reply.text().starts_with(text), "{body}: {} {}", reply.status, reply.text());
        }
        assert_eq!(served.put("/v1/coordinate/update", &vec![b' '; 65 * 1024]).await.status, 413);
        assert_eq!(
            served.put("/v1/coordinate/update?dc=nowhere", place("a", 1.0).to_string().as_bytes()).await.text(),
            "No path to datacenter"
        );
        assert_eq!(served.get("/v1/coordinate/nodes").await.text(), "[]");
        let largest = with("Vec", json!([0, 0, 0, 0, 0, 0, 0, -1_000_000]));
        assert_eq!(served.put("/v1/coordinate/update", largest.as_bytes()).await.status, 200, "the bound itself is a place");
        assert_eq!(served.get("/v1/coordinate/node/a").await.status, 200);
    });
}

#[test]
fn coordinates_that_are_turned_off_are_refused_everywhere() {
    serve(Settings { coordinates: false, ..settings() }, async |served| {
        for (method, target) in [
            ("GET", "/v1/coordinate/nodes"),
            ("GET", "/v1/coordinate/node/a"),
            ("GET", "/v1/coordinate/datacenters"),
            ("PUT", "/v1/coordinate/update"),
        ] {
            let reply = served.ask(method, target, b"{bad").await;
            assert_eq!((reply.status, reply.text()), (401, "Coordinate support disabled"), "{method} {target}");
        }
    });
}

#[test]
fn only_their_verbs_are_taken() {
    serve(settings(), async |served| {
        for (method, target, allow) in [
            ("PUT", "/v1/coordinate/nodes", "GET"),
            ("PUT", "/v1/coordinate/node/a", "GET"),
            ("GET", "/v1/coordinate/update", "PUT"),
            ("DELETE", "/v1/coordinate/datacenters", "GET"),
        ] {
            let reply = served.ask(method, target, b"").await;
            assert_eq!((reply.status, reply.header("Allow")), (405, Some(format!("OPTIONS,{allow}").as_str())), "{method} {target}");
        }
        assert_eq!(served.get("/v1/coordinate/datacenters").await.text(), "[]");
    });
}
