use super::wire::{serve, settings};

#[test]
fn a_snapshot_is_sent_with_its_length_and_what_it_is_current_to() {
    serve(settings(), async |served| {
        let reply = served.get("/v1/snapshot?stale").await;
        assert_eq!((reply.status, reply.text()), (200, "archive"));
        let headers = ["Content-Type", "Content-Length", "X-Consul-Index", "X-Consul-Knownleader"].map(|name| reply.header(name));
        assert_eq!(headers, [Some("application/x-gzip"), Some("7"), Some("5"), Some("true")]);
        assert_eq!(served.get("/v1/snapshot").await.text(), "archive");
        assert_eq!(served.backend.calls(), ["save Stale { max_age: None }", "save Default"]);
        assert_eq!(served.ask("DELETE", "/v1/snapshot", b"").await.header("Allow"), Some("OPTIONS,GET,PUT"));
    });
}

#[test]
fn what_is_put_is_restored_whatever_its_length() {
    serve(settings(), async |served| {
        let body = vec![b'x'; 300_000];
        let reply = served.put("/v1/snapshot", &body).await;
        assert_eq!((reply.status, reply.text()), (200, ""));
        assert_eq!(served.backend.calls(), [format!("restore {}", "x".repeat(300_000))]);
    });
}
