use super::wire::{Reply, Served, serve, settings};
use crate::agent::events::index_of;
use crate::model::NodeId;
use serde_json::{Value, json};

fn document(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{error}: {}", reply.text()))
}

/// Fires an event; returns its id.
async fn fire(served: &Served, target: &str, payload: &[u8]) -> String {
    let reply = served.put(&format!("/v1/event/fire/{target}"), payload).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    document(&reply)["ID"].as_str().unwrap().to_owned()
}

fn index(id: &str) -> u64 {
    index_of(NodeId::parse(id).unwrap().as_u128())
}

#[test]
fn firing_shows_the_event_and_the_list_shows_it_with_its_time() {
    serve(settings(), async |served| {
        let fired = served.put("/v1/event/fire/deploy%20it?node=%5Eweb&service=api&tag=v1", b"v42").await;
        let mut event = document(&fired);
        let id = event["ID"].as_str().unwrap().to_owned();
        assert!(NodeId::parse(&id).is_ok(), "{id}");
        let shown = json!({"ID": id, "Name": "deploy it", "Payload": "djQy", "NodeFilter": "^web", "ServiceFilter": "api", "TagFilter": "v1",
            "Version": 1, "LTime": 0});
        assert_eq!((fired.status, &event), (200, &shown));
        event["LTime"] = json!(7);
        let list = served.get("/v1/event/list").await;
        assert_eq!((document(&list), list.index()), (json!([event]), index(&id)));
        let bare = served.put("/v1/event/fire/bare", b"").await;
        assert_eq!((&document(&bare)["Payload"], bare.header("X-Consul-Index")), (&Value::Null, None));
    });
}

#[test]
fn a_list_is_narrowed_by_the_exact_name_and_has_the_index_of_its_newest() {
    serve(settings(), async |served| {
        let none = served.get("/v1/event/list").await;
        assert_eq!((none.text(), none.index()), ("[]", 1));
        let (first, second) = (fire(&served, "a", b"1").await, fire(&served, "ab", b"2").await);
        let third = fire(&served, "a", b"3").await;
        for (target, ids, newest) in [
            ("/v1/event/list", vec![&first, &second, &third], index(&third)),
            ("/v1/event/list?name=", vec![&first, &second, &third], index(&third)),
            ("/v1/event/list?name=a", vec![&first, &third], index(&third)),
            ("/v1/event/list?name=ab", vec![&second], index(&second)),
            ("/v1/event/list?name=A", vec![], 1),
        ] {
            let list = served.get(target).await;
            let listed: Vec<String> =
                document(&list).as_array().unwrap().iter().map(|event| event["ID"].as_str().unwrap().to_owned()).collect();
            assert_eq!((listed.iter().collect::<Vec<_>>(), list.index()), (ids, newest), "{target}");
        }
        let pretty = served.get("/v1/event/list?name=ab&pretty").await;
        assert!(pretty.text().starts_with("[\n    {\n        \"ID\": "), "{}", pretty.text());
    });
}

#[test]
fn a_list_waits_until_its_newest_event_is_another() {
    serve(settings(), async |served| {
        let first = fire(&served, "deploy", b"1").await;
        // Whatever is not the newest's index is no wait: it does not rise.
        assert_eq!(served.get(&format!("/v1/event/list?index={}&wait=5m", index(&first) ^ 1)).await.index(), index(&first));
        let mut client = served.connect().await;
        client.send(format!("GET /v1/event/list?name=deploy&index={}&wait=5m HTTP/1.1\r\nHost: l\r\n\r\n", index(&first)).as_bytes()).await;
        served.backend.until_events_watched(1).await;
        fire(&served, "other", b"").await;
        let second = fire(&served, "deploy", b"2").await;
        let reply = client.reply("GET").await;
        assert_eq!((reply.index(), document(&reply).as_array().unwrap().len()), (index(&second), 2), "the other woke nobody");
        let over = served.get(&format!("/v1/event/list?name=deploy&index={}&wait=1ms", index(&second))).await;
        assert_eq!((over.status, over.index()), (200, index(&second)), "a wait ends with what there is");
        let empty = served.get("/v1/event/list?name=none&index=1&wait=1ms").await;
        assert_eq!((empty.text(), empty.index()), ("[]", 1));
    });
}

#[test]
fn what_is_no_event_is_refused_with_consuls_status_and_text() {
    let limit = "user event exceeds configured limit of 512 bytes before encoding";
    let (long, longer) = (vec![b'x'; 600], vec![b'x'; 65 * 1024]);
    let long_name = format!("/v1/event/fire/{}", "n".repeat(260));
    let long_filter = format!("/v1/event/fire/e?node={}", "n".repeat(460));
    serve(settings(), async |served| {
        for (method, target, body, status, text) in [
            ("PUT", "/v1/event/fire/", &b""[..], 400, "Missing name"),
            ("PUT", "/v1/event/fire/?node=(", b"", 400, "Missing name"),
            ("PUT", "/v1/event/fire/e", &long, 500, limit),
            ("PUT", &long_name, b"", 500, limit),
            ("PUT", &long_filter, b"", 500, limit),
            ("PUT", "/v1/event/fire/e?tag=v1", b"", 500, "Cannot provide tag filter without service filter"),
            ("PUT", "/v1/event/fire/e?dc=nowhere", b"", 500, "No path to datacenter"),
            ("GET", "/v1/event/fire/e", b"", 405, "method GET not allowed"),
            ("PUT", "/v1/event/list", b"", 405, "method PUT not allowed"),
            ("GET", "/v1/event/list?wait=soon", b"", 400, "Invalid wait time"),
            ("GET", "/v1/event/list?index=x", b"", 400, "Invalid index"),
            ("PUT", "/v1/event/query/", b"", 400, "Missing name"),
        ] {
            let reply = served.ask(method, target, body).await;
            assert_eq!((reply.status, reply.text()), (status, text), "{method} {target}");
        }
        for (filter, which) in [("node=(", "node"), ("service=(", "service"), ("service=a&tag=[", "tag")] {
            let reply = served.put(&format!("/v1/event/fire/e?{filter}"), b"").await;
            let starts = format!("Invalid {which} filter: error parsing regexp: ");
            assert!(reply.status == 500 && reply.text().starts_with(&starts), "{filter}: {}", reply.text());
        }
        assert_eq!(served.put("/v1/event/fire/e", &longer).await.status, 413, "so much is not even read");
        assert_eq!(served.get("/v1/event/list").await.text(), "[]", "nothing of it was fired");
        assert_eq!(served.ask("OPTIONS", "/v1/event/fire/e", b"").await.header("Allow"), Some("OPTIONS,PUT"));
    });
}

#[test]
fn the_limit_of_an_event_is_to_the_byte() {
    serve(settings(), async |served| {
        // 512 less what Consul adds to an event of a short name and a payload.
        let fits = 512 - 13 - 1 - 1 - (1 + 2 + 39) - (2 + 2) - 3 - (2 + 3);
        assert_eq!(served.put("/v1/event/fire/e", &vec![b'x'; fits]).await.status, 200);
        assert_eq!(served.put("/v1/event/fire/e", &vec![b'x'; fits + 1]).await.status, 500);
    });
}

#[test]
fn a_question_is_asked_of_everybody_and_its_answers_are_told() {
    serve(settings(), async |served| {
        let reply = served.put("/v1/event/query/load?until=90%25&timeout=2s", b"?").await;
        let silent = json!({"Members": 1, "Acks": [], "Silent": ["n1"], "Answers": []});
        assert_eq!((reply.status, document(&reply)), (200, silent));
        assert_eq!(served.backend.calls(), ["ask load until 90"]);
        for (query, named) in [("timeout=soon", "timeout"), ("relay-factor=9", "relay-factor"), ("until=101", "until")] {
            let refused = served.put(&format!("/v1/event/query/load?{query}"), b"").await;
            assert!(refused.status == 400 && refused.text().contains(named), "{query}: {}", refused.text());
        }
        assert_eq!(served.put("/v1/event/query/load", &[b'x'; 1025]).await.status, 500, "more than fits a datagram");
    });
}
