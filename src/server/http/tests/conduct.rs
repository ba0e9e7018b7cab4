use super::wire::{serve, settings};
use crate::model::Key;
use crate::runtime::{timeout, tokio::Tokio};
use crate::server::http::Settings;
use crate::state::{Command, Condition, KvCommand};
use std::time::Duration;
use tokio::net::TcpStream;

fn put(key: &str) -> Command {
    Command::Kv(KvCommand::Put { key: Key::from(key), value: "2".into(), flags: 0, condition: Condition::Always })
}

const BLOCKING: &[u8] = b"GET /v1/kv/a?index=10&wait=5m HTTP/1.1\r\nHost: l\r\n\r\n";

#[test]
fn a_blocking_query_returns_when_its_key_changes_and_not_before() {
    serve(settings(), async |served| {
        served.put("/v1/kv/a", b"1").await;
        let mut client = served.connect().await;
        client.send(BLOCKING).await;
        served.backend.until_waiting(1).await;
        served.backend.apply(put("other"));
        served.backend.until_waiting(1).await;
        served.backend.apply(put("a"));
        let reply = client.reply("GET").await;
        assert_eq!((reply.index(), reply.text().contains(r#""Value":"Mg==""#)), (12, true));
    });
}

#[test]
fn a_blocking_query_without_a_change_ends_with_what_there_is() {
    serve(settings(), async |served| {
        served.put("/v1/kv/a", b"1").await;
        for (target, status, index) in [
            ("/v1/kv/a?index=10&wait=20ms", 200, 10),
            ("/v1/kv/a?index=999999&wait=20ms", 200, 10),
            ("/v1/kv/b?index=10&wait=20ms", 404, 10),
        ] {
            let reply = served.get(target).await;
            assert_eq!((reply.status, reply.index()), (status, index), "{target}");
        }
    });
}

#[test]
fn a_client_that_goes_away_ends_its_blocking_query() {
    serve(settings(), async |served| {
        served.put("/v1/kv/a", b"1").await;
        let mut client = served.connect().await;
        client.send(BLOCKING).await;
        served.backend.until_waiting(1).await;
        drop(client);
        served.backend.until_waiting(0).await;
    });
}

#[test]
fn draining_ends_blocking_queries_with_what_there_is_and_closes() {
    serve(settings(), async |served| {
        served.put("/v1/kv/a", b"1").await;
        let (mut waiting, mut idle) = (served.connect().await, served.connect().await);
        idle.ask("GET", "/v1/kv/a", b"").await;
        waiting.send(BLOCKING).await;
        served.backend.until_waiting(1).await;
        served.http.drain(Duration::from_secs(60)).await;
        let reply = waiting.reply("GET").await;
        assert_eq!((reply.status, reply.index(), reply.header("Connection")), (200, 10, Some("close")));
        assert!(waiting.is_closed().await && idle.is_closed().await);
        // A program that another test of this process starts holds a copy of the listener until it is executed.
        let refused = async { while TcpStream::connect(served.addr).await.is_ok() {} };
        timeout::<Tokio, _>(Duration::from_secs(10), refused).await.expect("nobody listens any more");
    });
}

#[test]
fn a_request_that_does_not_finish_in_time_is_cut_off() {
    serve(settings(), async |served| {
        let mut client = served.connect().await;
        client.send(b"PUT /v1/kv/a HTTP/1.1\r\nHost: l\r\nContent-Length: 10\r\n\r\nhalf").await;
        // Answered on another connection, so the first one has been accepted too.
        served.get("/v1/status/leader").await;
        served.http.drain(Duration::from_millis(20)).await;
        assert!(client.is_closed().await);
    });
}

#[test]
fn one_connection_more_than_allowed_is_told_429_and_closed() {
    serve(Settings { max_connections_per_client: 2, ..settings() }, async |served| {
        let (mut one, mut other) = (served.connect().await, served.connect().await);
        one.ask("GET", "/v1/status/leader", b"").await;
        other.ask("GET", "/v1/status/leader", b"").await;
        let mut third = served.connect().await;
        third.send(b"GET /v1/status/leader HTTP/1.1\r\nHost: l\r\n\r\n").await;
        let reply = third.reply("GET").await;
        assert_eq!((reply.status, reply.text()), (429, "Too many connections from your address, please close some of them"));
        assert!(third.is_closed().await);
        assert_eq!(one.ask("GET", "/v1/status/leader", b"").await.status, 200);
    });
}

#[test]
fn requests_sent_ahead_are_answered_in_order() {
    serve(settings(), async |served| {
        let mut client = served.connect().await;
        client.send(b"PUT /v1/kv/a HTTP/1.1\r\nHost: l\r\nContent-Length: 1\r\n\r\n1GET /v1/kv/a?raw HTTP/1.1\r\nHost: l\r\n\r\nGET /v1/nope HTTP/1.1\r\nHost: l\r\n\r\n").await;
        assert_eq!(client.reply("PUT").await.text(), "true");
        assert_eq!(client.reply("GET").await.text(), "1");
        assert_eq!(client.reply("GET").await.status, 404);
    });
}

#[test]
fn what_is_no_request_is_refused_and_the_server_goes_on() {
    serve(Settings { max_header_bytes: 16 * 1_024, ..settings() }, async |served| {
        let garbage: [&[u8]; 5] = [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET /v1/kv/a HTTP/9.9\r\n\r\n",
            b"PUT /v1/kv/a HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            b"PUT /v1/kv/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ];
        for bytes in garbage {
            let mut client = served.connect().await;
            client.send(bytes).await;
            assert_eq!(client.reply("GET").await.status, 400, "{:?}", String::from_utf8_lossy(bytes));
        }
        let mut client = served.connect().await;
        let long = "x".repeat(20_000);
        let refused = client.ask_with("GET", "/v1/kv/a", &format!("X-Long: {long}\r\n"), b"").await;
        assert_eq!(refused.status, 431);
        assert_eq!(served.get("/v1/status/leader").await.status, 200);
    });
}

#[test]
fn a_connection_serves_many_requests_and_both_old_versions_of_http() {
    serve(settings(), async |served| {
        let mut client = served.connect().await;
        for _ in 0..100 {
            assert_eq!(client.ask("PUT", "/v1/kv/a", b"1").await.text(), "true");
        }
        client.send(b"GET /v1/status/leader HTTP/1.0\r\n\r\n").await;
        assert_eq!(client.reply("GET").await.text(), "\"127.0.0.1:8300\"");
        assert!(client.is_closed().await);
    });
}

#[test]
fn every_waiter_on_a_key_is_answered_by_one_write() {
    serve(Settings { max_connections_per_client: 2_000, ..settings() }, async |served| {
        served.put("/v1/kv/a", b"1").await;
        let mut clients = Vec::new();
        for _ in 0..200 {
            let mut client = served.connect().await;
            client.send(BLOCKING).await;
            clients.push(client);
        }
        served.backend.until_waiting(200).await;
        served.backend.apply(put("a"));
        for mut client in clients {
            assert_eq!(client.reply("GET").await.index(), 11);
        }
    });
}
