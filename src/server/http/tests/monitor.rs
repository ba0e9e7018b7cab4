use super::wire::{Client, serve, settings};
use crate::api::monitor::{Level, LogLine};
use crate::model::Timestamp;
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use std::time::Duration;

fn line(level: Level, message: &str) -> LogLine {
    LogLine { time: Timestamp::from_unix_nanos(0), level, module: "agent".to_owned(), message: message.to_owned(), fields: vec![] }
}

/// Asks for the log, has `Accept-Encoding` say that compression is welcome, and reads the answer's head, which comes at once.
async fn watching(client: &mut Client, target: &str) {
    client.send(format!("GET {target} HTTP/1.1\r\nHost: l\r\nAccept-Encoding: gzip\r\n\r\n").as_bytes()).await;
    let reply = client.reply("HEAD").await;
    assert_eq!((reply.status, reply.header("Transfer-Encoding"), reply.header("Content-Type")), (200, Some("chunked"), None), "{reply:?}");
    assert_eq!(reply.header("Content-Encoding"), None);
}

#[test]
fn the_log_comes_line_by_line_while_others_are_served() {
    serve(settings(), async |served| {
        let mut client = served.connect().await;
        watching(&mut client, "/v1/agent/monitor?loglevel=warn").await;
        served.backend.journal().write(&line(Level::Info, "not asked for"));
        served.backend.journal().write(&line(Level::Warn, "one"));
        assert_eq!(client.chunk().await.as_deref(), Some("1970-01-01T00:00:00.000Z [WARN]  agent: one\n"));
        assert_eq!(served.put("/v1/kv/a", b"1").await.status, 200);
        served.backend.journal().write(&line(Level::Error, "two"));
        assert_eq!(client.chunk().await.as_deref(), Some("1970-01-01T00:00:00.000Z [ERROR] agent: two\n"));
    });
}

#[test]
fn draining_ends_a_monitor_in_good_order_and_a_client_that_goes_frees_its_place() {
    serve(settings(), async |served| {
        let mut client = served.connect().await;
        watching(&mut client, "/v1/agent/monitor?logjson").await;
        let places = 64;
        let mut others = Vec::new();
        for _ in 1..places {
            let mut other = served.connect().await;
            watching(&mut other, "/v1/agent/monitor").await;
            others.push(other);
        }
        let refused = served.get("/v1/agent/monitor").await;
        assert_eq!((refused.status, refused.text().contains("64 readers")), (500, true));
        others.clear();
        // The places are free as soon as the server has heard that the clients went.
        while served.get("/v1/agent/monitor?loglevel=zz").await.status == 400 && served.backend.journal().readers() > 1 {
            tokio::task::yield_now().await;
        }
        let http = served.http.clone();
        let drained = Tokio::spawn(async move { http.drain(Duration::from_secs(60)).await });
        assert_eq!(client.chunk().await, None, "the last chunk");
        assert!(client.is_closed().await);
        drained.await.unwrap();
    });
}

#[test]
fn a_client_that_does_not_read_keeps_nobody_waiting() {
    serve(settings(), async |served| {
        let mut client = served.connect().await;
        watching(&mut client, "/v1/agent/monitor").await;
        let long = line(Level::Info, &"x".repeat(15_000));
        // Far more than sockets and queue hold.
        for _ in 0..2_000 {
            served.backend.journal().write(&long);
            tokio::task::yield_now().await;
        }
        let mut left_out = 0;
        for _ in 0..2_000 {
            served.backend.journal().write(&line(Level::Info, "go on"));
            let Some(chunk) = client.chunk().await else { panic!("the stream goes on") };
            if let Some((_, notice)) = chunk.split_once("monitor: ") {
                left_out = notice.split(' ').next().unwrap().parse().unwrap();
                break;
            }
        }
        assert!(left_out > 0);
    });
}
