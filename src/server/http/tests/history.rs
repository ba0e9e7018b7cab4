use super::local::Local;
use super::wire::{serve, settings};
use crate::model::Key;
use crate::state::{Command, Condition, KvCommand};

/// Writes a key; returns the index.
fn put(backend: &Local, key: &str, value: &str) -> u64 {
    let value = value.as_bytes().to_vec().into();
    backend.apply(Command::Kv(KvCommand::Put { key: Key::from(key), value, flags: 0, condition: Condition::Always })).0
}

fn delete(backend: &Local, prefix: &str) -> u64 {
    backend.apply(Command::Kv(KvCommand::DeleteTree { prefix: Key::from(prefix) })).0
}

#[test]
fn the_past_is_told_as_of_an_index() {
    serve(settings(), async |served| {
        let first = put(&served.backend, "a/x", "1");
        put(&served.backend, "a/x", "2");
        put(&served.backend, "a/y", "3");
        let gone = delete(&served.backend, "a/");
        let raw = |at: u64| format!("/v1/kv/a/x?raw&at={at}");
        assert_eq!(served.get(&raw(first)).await.text(), "1");
        assert_eq!(served.get(&raw(first + 1)).await.text(), "2");
        assert_eq!(served.get(&raw(first - 1)).await.status, 404);
        assert_eq!(served.get(&raw(gone)).await.status, 404);
        let list = served.get(&format!("/v1/kv/a/?recurse&at={}", gone - 1)).await;
        assert!(list.text().contains("\"Value\":\"Mg==\"") && list.text().contains("\"Value\":\"Mw==\""), "{}", list.text());
        let future = served.get(&raw(gone + 1)).await;
        assert_eq!(
            (future.status, future.text()),
            (400, format!("index {} has not been reached: the newest is {gone}", gone + 1).as_str())
        );
        let history = served.get("/v1/kv/a/x?history").await;
        assert_eq!(history.text().matches("\"Index\":").count(), 3, "{}", history.text());
        assert_eq!(served.get("/v1/kv/a/x?at=1&stream").await.status, 400);
    });
}

#[test]
fn a_stream_tells_every_change_once_in_order_and_goes_on_where_it_was_left() {
    serve(settings(), async |served| {
        let before = put(&served.backend, "a/0", "0");
        let ahead = served.get(&format!("/v1/kv/a/?stream&index={}", before + 1)).await;
        let said = format!("index {} has not been reached: the newest is {before}", before + 1);
        assert_eq!((ahead.status, ahead.text()), (400, said.as_str()), "a client of another cluster would wait in vain");
        let mut client = served.connect().await;
        client.send(b"GET /v1/kv/a/?stream HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let head = client.reply("GET").await.head;
        assert!(head.contains("Content-Type: text/event-stream") && head.contains(&format!("X-Consul-Index: {before}")), "{head}");
        served.backend.until_waiting(1).await;
        let one = put(&served.backend, "a/1", "x");
        let event = client.chunk().await.unwrap();
        assert!(event.starts_with(&format!("event: change\nid: {one}\ndata: {{\"Index\":{one},\"Changes\":[{{\"Key\":\"a/1\"")), "{event}");
        served.backend.until_waiting(1).await;
        put(&served.backend, "b", "nobody asked");
        let two = delete(&served.backend, "a/");
        let event = client.chunk().await.unwrap();
        assert!(event.starts_with(&format!("event: change\nid: {two}\n")) && event.contains("a/0") && event.contains("a/1"), "{event}");
        drop(client);
        let mut resumed = served.connect().await;
        let request = format!("GET /v1/kv/a/?stream&index=1 HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {one}\r\n\r\n");
        resumed.send(request.as_bytes()).await;
        resumed.reply("GET").await;
        assert_eq!(resumed.chunk().await.unwrap(), event);
    });
}

#[test]
fn a_stream_that_missed_something_ends_with_the_index_to_go_on_from() {
    serve(settings(), async |served| {
        for round in 0..crate::state::kv::HISTORY_CHANGES as u64 + 3 {
            put(&served.backend, "a", if round % 2 == 0 { "x" } else { "y" });
        }
        let newest = put(&served.backend, "a", "z");
        let mut client = served.connect().await;
        client.send(b"GET /v1/kv/a?stream&index=5 HTTP/1.1\r\nHost: x\r\n\r\n").await;
        client.reply("GET").await;
        let event = client.chunk().await.unwrap();
        assert!(event.starts_with(&format!("event: gap\nid: {newest}\n")) && event.contains(&format!("\"Resume\":{newest}")), "{event}");
        assert_eq!(client.chunk().await, None, "it ends");
        assert_eq!(served.get("/v1/kv/a?at=5").await.status, 410);
    });
}
