use super::wire::{Client, Reply, Served, serve, settings};
use crate::api::metrics::Reading;
use crate::model::Key;
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use crate::server::connections::Phase;
use crate::state::{Command, Condition, KvCommand};

const BLOCKING: &str = "GET /v1/kv/a?index=10&wait=5m HTTP/1.1\r\nHost: l\r\n\r\n";

fn change(value: &str) -> Command {
    Command::Kv(KvCommand::Put { key: Key::from("a"), value: value.to_owned().into(), flags: 0, condition: Condition::Always })
}

/// The head without what differs from answer to answer, and the body.
fn likeness(reply: &Reply) -> (Vec<&str>, &[u8]) {
    (reply.head.lines().filter(|line| !line.starts_with("Date: ")).collect(), &reply.body)
}

/// How many reads of keys were answered, by the meters.
fn answered(served: &Served) -> u64 {
    let metrics = served.http.shared.telemetry.metrics(Tokio::now());
    let reads = metrics.iter().find(|metric| metric.labels["method"] == "GET" && metric.labels["path"] == "v1_kv_");
    reads.map_or(0, |metric| match &metric.reading {
        Reading::Sample(totals) => totals.count,
        other => panic!("{other:?}"),
    })
}

async fn parked(served: &Served, request: &str) -> Client {
    let mut client = served.connect().await;
    client.send(request.as_bytes()).await;
    served.until_parked(1).await;
    client
}

#[test]
fn a_connection_is_parked_for_each_of_its_waits_and_each_request_is_answered_once() {
    serve(settings(), async |served| {
        served.put("/v1/kv/a", b"1").await;
        let mut client = served.connect().await;
        for index in 10..20 {
            client.send(format!("GET /v1/kv/a?raw&index={index}&wait=5m HTTP/1.1\r\nHost: l\r\n\r\n").as_bytes()).await;
            served.until_parked(1).await;
            served.backend.until_waiting(1).await;
            served.backend.apply(change(&format!("news {index}")));
            let reply = client.reply("GET").await;
            assert_eq!((reply.text(), reply.index()), (format!("news {index}").as_str(), index + 1));
            served.until_parked(0).await;
            assert_eq!(client.ask("GET", "/v1/kv/a?raw", b"").await.text(), format!("news {index}"));
        }
        assert_eq!(answered(&served), 20);
    });
}

#[test]
fn a_parked_request_is_answered_like_one_that_did_not_wait_whatever_its_connection_header_and_version() {
    serve(settings(), async |served| {
        served.put("/v1/kv/a", b"1").await;
        for (version, headers, is_kept) in [
            ("1.1", "", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "connection: Keep-Alive\r\n", true),
            ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
            ("1.1", "Connection: foo, close\r\n", false),
            ("1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true),
            ("1.1", "Content-Length: 0\r\n", true),
            ("1.0", "", false),
            ("1.0", "Connection: keep-alive\r\n", true),
            ("1.0", "Connection: close\r\n", false),
        ] {
            let request = |target: &str| format!("GET {target} HTTP/{version}\r\nHost: l\r\n{headers}\r\n");
            let mut direct = served.connect().await;
            direct.send(request("/v1/kv/a").as_bytes()).await;
            let expected = direct.reply("GET").await;
            let mut client = parked(&served, &request("/v1/kv/a?index=10&wait=50ms")).await;
            let reply = client.reply("GET").await;
            assert_eq!(likeness(&reply), likeness(&expected), "{version} {headers:?}");
            if is_kept {
                for client in [&mut direct, &mut client] {
                    assert_eq!(client.ask("GET", "/v1/kv/a?raw", b"").await.text(), "1", "{version} {headers:?}");
                }
            } else {
                assert!(direct.is_closed().await && client.is_closed().await, "{version} {headers:?}");
            }
        }
    });
}

#[test]
fn what_is_sent_ahead_of_a_parked_answer_is_answered_after_it_in_order() {
    serve(settings(), async |served| {
        served.put("/v1/kv/a", b"1").await;
        // Much more than is read ahead, in one piece with the request that waits and in pieces after it.
        let ahead: String = (0..500).map(|number| format!("GET /v1/kv/a?raw HTTP/1.1\r\nHost: l\r\nX-Number: {number}\r\n\r\n")).collect();
        let (all, mut index) = (ahead.len(), 10);
        for (with_it, after_it) in [(0, 0), (0, 1), (0, all), (1, all), (9_000, all), (all, all)] {
            let waits = format!("GET /v1/kv/a?index={index}&wait=5m HTTP/1.1\r\nHost: l\r\n\r\n");
            let mut client = parked(&served, &(waits + &ahead[..with_it])).await;
            client.send(&ahead.as_bytes()[with_it..after_it]).await;
            served.backend.until_waiting(1).await;
            let value = format!("after {index}");
            (index, _) = served.backend.apply(change(&value));
            assert_eq!(client.reply("GET").await.index(), index);
            client.send(&ahead.as_bytes()[after_it..]).await;
            for _ in 0..500 {
                assert_eq!(client.reply("GET").await.text(), value);
            }
        }
    });
}

#[test]
fn a_client_that_closes_its_side_ends_its_parked_wait_and_is_closed() {
    serve(settings(), async |served| {
        served.put("/v1/kv/a", b"1").await;
        let mut client = parked(&served, BLOCKING).await;
        served.backend.until_waiting(1).await;
        client.end().await;
        served.backend.until_waiting(0).await;
        assert!(client.is_closed().await);
        served.until_parked(0).await;
    });
}

#[test]
fn only_a_get_without_a_body_is_parked() {
    serve(settings(), async |served| {
        served.put("/v1/kv/a", b"1").await;
        let mut client = served.connect().await;
        client.send(b"GET /v1/kv/a?index=10&wait=5m HTTP/1.1\r\nHost: l\r\nContent-Length: 2\r\n\r\n{}").await;
        served.backend.until_waiting(1).await;
        for _ in 0..50 {
            served.get("/v1/status/leader").await;
            assert_eq!(served.http.shared.connections.count_in(Phase::Parked), 0);
        }
        served.backend.apply(change("2"));
        assert_eq!(client.reply("GET").await.index(), 11);
    });
}
