use super::wire::{serve, settings};
use crate::server::http::Settings;
use std::fmt::Write;

#[test]
fn a_written_key_reads_back_with_consuls_headers() {
    serve(settings(), async |served| {
        let written = served.put("/v1/kv/a/b?flags=42", b"hello").await;
        assert_eq!((written.status, written.text()), (200, "true"));
        let read = served.get("/v1/kv/a/b").await;
        assert_eq!(read.status, 200);
        assert_eq!(read.text(), r#"[{"LockIndex":0,"Key":"a/b","Flags":42,"Value":"aGVsbG8=","CreateIndex":10,"ModifyIndex":10}]"#);
        let date = read.header("Date").unwrap().to_owned();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Consul-Index: 10\r\nX-Consul-Knownleader: true\r\nX-Consul-Lastcontact: 12\r\n\
             X-Consul-Query-Backend: blocking-query\r\nDate: {date}\r\nVary: Accept-Encoding\r\nX-Consul-Default-Acl-Policy: allow\r\n\
             Content-Length: {}",
            read.body.len()
        );
        assert_eq!(read.head, head);
    });
}

#[test]
fn a_missing_key_is_an_empty_404_with_an_index() {
    serve(settings(), async |served| {
        for target in ["/v1/kv/nope", "/v1/kv/nope?raw", "/v1/kv/nope/?recurse", "/v1/kv/nope/?keys"] {
            let reply = served.get(target).await;
            assert_eq!((reply.status, reply.text(), reply.index()), (404, "", 1), "{target}");
            assert_eq!(reply.header("Content-Type"), None);
        }
        let root = served.get("/v1/kv/?keys").await;
        assert_eq!((root.status, root.text()), (200, "[]"));
        assert_eq!(served.get("/v1/kv/?recurse").await.status, 404);
    });
}

#[test]
fn a_raw_value_is_its_bytes_and_nothing_a_browser_would_run() {
    serve(settings(), async |served| {
        served.put("/v1/kv/bin", b"\x00\x01\xff\x80\r\n\x00\xfe").await;
        let raw = served.get("/v1/kv/bin?raw").await;
        assert_eq!(raw.body, b"\x00\x01\xff\x80\r\n\x00\xfe");
        assert_eq!(raw.header("Content-Type"), Some("text/plain"));
        assert_eq!((raw.header("X-Content-Type-Options"), raw.header("Content-Security-Policy")), (Some("nosniff"), Some("sandbox")));
        assert_eq!(raw.index(), 10);
        served.put("/v1/kv/empty", b"").await;
        assert_eq!(served.get("/v1/kv/empty?raw").await.text(), "");
        assert!(served.get("/v1/kv/empty").await.text().contains(r#""Value":null"#));
    });
}

#[test]
fn keys_are_unescaped_once_and_a_plus_is_a_plus() {
    serve(settings(), async |served| {
        for target in
            ["/v1/kv/with%20space/and%2Fslash/pct%2525", "/v1/kv/a+b", "/v1/kv/gr%C3%BC%C3%9F", "/v1/kv/folder/", "/v1/kv/x%2F%2Fy"]
        {
            assert_eq!(served.put(target, b"1").await.text(), "true", "{target}");
        }
        let names = served.get("/v1/kv/?keys").await;
        assert_eq!(names.text(), r#"["a+b","folder/","grüß","with space/and/slash/pct%25","x//y"]"#);
        assert_eq!(served.get("/v1/kv/with%20space/and/slash/pct%2525?raw").await.text(), "1");
        assert_eq!(served.get("/v1/kv/folder").await.status, 404);
    });
}

#[test]
fn lists_fold_and_deletions_take_a_prefix() {
    serve(settings(), async |served| {
        for key in ["t/b", "t/a", "t/dir/x", "t/dir/y"] {
            served.put(&format!("/v1/kv/{key}"), b"1").await;
        }
        assert_eq!(served.get("/v1/kv/t/?keys&separator=/").await.text(), r#"["t/a","t/b","t/dir/"]"#);
        assert_eq!(served.get("/v1/kv/t/dir/?recurse").await.index(), 13);
        assert_eq!(served.ask("DELETE", "/v1/kv/t/dir/?recurse", b"").await.text(), "true");
        let rest = served.get("/v1/kv/t?recurse").await;
        assert_eq!(rest.text().matches("\"Key\"").count(), 2);
        assert_eq!(rest.index(), 14);
        assert_eq!(served.ask("DELETE", "/v1/kv/t/a?cas=11", b"").await.text(), "true");
        assert_eq!(served.ask("DELETE", "/v1/kv/t/b?cas=11", b"").await.text(), "false");
    });
}

#[test]
fn bad_parameters_are_refused_in_consuls_words() {
    serve(settings(), async |served| {
        for (method, target, status, text) in [
            ("PUT", "/v1/kv/a?flags=abc", 500, "strconv.ParseUint: parsing \"abc\": invalid syntax"),
            ("PUT", "/v1/kv/a?cas=-1", 500, "strconv.ParseUint: parsing \"-1\": invalid syntax"),
            ("PUT", "/v1/kv/a?cas=0&acquire=zz", 400, "Conflicting flags: acquire=zz&cas=0"),
            ("DELETE", "/v1/kv/a?recurse&cas=3", 400, "Conflicting flags: cas=3&recurse="),
            ("PUT", "/v1/kv/", 400, "Missing key name"),
            ("GET", "/v1/kv/", 400, "Missing key name"),
            ("GET", "/v1/kv/a?index=x", 400, "Invalid index"),
            ("GET", "/v1/kv/a?wait=10", 400, "Invalid wait time"),
            ("GET", "/v1/kv/a?stale&consistent", 400, "Cannot specify ?stale with ?consistent, conflicting semantics."),
            ("GET", "/v1/kv/a?dc=nowhere", 500, "No path to datacenter"),
            ("PUT", "/v1/kv/a?dc=nowhere", 500, "No path to datacenter"),
            (
                "PUT",
                "/v1/kv/a?acquire=11111111-2222-3333-4444-555555555555",
                500,
                "raft apply failed: invalid session \"11111111-2222-3333-4444-555555555555\"",
            ),
        ] {
            let reply = served.ask(method, target, b"").await;
            assert_eq!((reply.status, reply.text()), (status, text), "{method} {target}");
            assert_eq!(reply.header("Content-Type"), Some("text/plain; charset=utf-8"));
        }
        assert_eq!(served.get("/v1/kv/a").await.status, 404);
    });
}

#[test]
fn a_value_is_bounded_by_the_bytes_that_come_however_they_come() {
    serve(Settings { kv_max_value_size: 100, ..settings() }, async |served| {
        assert_eq!(served.put("/v1/kv/a", &[b'x'; 100]).await.text(), "true");
        let announced = served.put("/v1/kv/b", &[b'x'; 101]).await;
        assert_eq!(announced.status, 413);
        assert!(announced.text().starts_with("Request body(101 bytes) too large, max size: 100 bytes."));
        let mut client = served.connect().await;
        let chunk = "x".repeat(60);
        let chunked = format!("3c\r\n{chunk}\r\n3c\r\n{chunk}\r\n0\r\n\r\n");
        client.send(format!("PUT /v1/kv/b HTTP/1.1\r\nHost: l\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}").as_bytes()).await;
        let refused = client.reply("PUT").await;
        assert_eq!(refused.status, 413);
        assert!(refused.text().starts_with("Request body(120 bytes) too large"));
        assert_eq!(client.ask("GET", "/v1/kv/b", b"").await.status, 404);
    });
}

#[test]
fn a_client_that_announces_too_much_and_sends_nothing_hears_so() {
    serve(Settings { kv_max_value_size: 100, ..settings() }, async |served| {
        let mut client = served.connect().await;
        client.send(b"PUT /v1/kv/b HTTP/1.1\r\nHost: l\r\nContent-Length: 101\r\n\r\n").await;
        assert_eq!(client.reply("PUT").await.status, 413);
    });
}

#[test]
fn a_client_that_asks_before_it_sends_is_refused_before_it_sends() {
    serve(Settings { kv_max_value_size: 100, ..settings() }, async |served| {
        let mut client = served.connect().await;
        client.send(b"PUT /v1/kv/b HTTP/1.1\r\nHost: l\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n").await;
        assert_eq!(client.reply("PUT").await.status, 413);
        let mut client = served.connect().await;
        client.send(b"PUT /v1/kv/b HTTP/1.1\r\nHost: l\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").await;
        assert_eq!(client.reply("HEAD").await.status, 100);
        client.send(b"abc").await;
        assert_eq!(client.reply("PUT").await.text(), "true");
    });
}

#[test]
fn a_long_list_is_the_same_as_a_short_one_but_longer() {
    serve(settings(), async |served| {
        let mut want = String::new();
        let mut client = served.connect().await;
        for index in 0..1_000 {
            client.ask("PUT", &format!("/v1/kv/k{index:04}"), b"").await;
            _ = write!(want, "{}\"k{index:04}\"", if index == 0 { "" } else { "," });
        }
        assert_eq!(client.ask("GET", "/v1/kv/k?keys", b"").await.text(), format!("[{want}]"));
        assert_eq!(client.ask("GET", "/v1/kv/k?recurse", b"").await.text().matches("\"Key\":\"k0").count(), 1_000);
    });
}
