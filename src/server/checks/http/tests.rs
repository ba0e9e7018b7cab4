//! HTTP checks against servers that say what a test has written down.

use super::LONGEST_BODY;
use crate::health::Verdict;
use crate::model::{CheckStatus, HttpExpectation, HttpProbe, Probe, Redirects, TlsProbe};
use crate::runtime::{Runtime, tokio::Tokio};
use crate::server::checks::{ProbeSetting, run};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A check of `url` and nothing else.
pub fn probe(url: &str) -> HttpProbe {
    HttpProbe {
        url: url.to_owned(),
        method: String::new(),
        headers: BTreeMap::new(),
        body: String::new(),
        tls: TlsProbe::default(),
        redirects: Redirects::Follow,
        expect: None,
    }
}

/// Runs a check of `path` on a server that gives these answers to connections in turn and then closes them.
fn against(answers: &[&[u8]], change: impl FnOnce(HttpProbe) -> HttpProbe, path: &str) -> Verdict {
    let answers: Vec<Vec<u8>> = answers.iter().map(|answer| answer.to_vec()).collect();
    Tokio::block_on(async {
        let listener = Tokio::tcp_listen(([127, 0, 0, 1], 0).into()).await.expect("listens");
        let at = listener.local_addr().expect("bound");
        drop(Tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("accepts");
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(&answer).await;
            }
        }));
        let probe = Probe::Http(change(probe(&format!("http://{at}{path}"))));
        let mut verdict = run::<Tokio>(&probe, Duration::from_millis(2000), 4096, &ProbeSetting::default()).await;
        verdict.output = verdict.output.replace(&at.to_string(), "SERVER");
        verdict
    })
}

fn answered(answer: &str) -> (CheckStatus, String) {
    let verdict = against(&[answer.as_bytes()], |probe| probe, "/p");
    (verdict.status, verdict.output)
}

#[test]
fn the_status_decides_and_the_body_is_the_output() {
    for (line, status) in [
        ("200 OK", CheckStatus::Passing),
        ("299 Odd", CheckStatus::Passing),
        ("429 Too Many Requests", CheckStatus::Warning),
        ("404 Not Found", CheckStatus::Critical),
        ("302 Found", CheckStatus::Critical),
        ("500 Internal Server Error", CheckStatus::Critical),
    ] {
        let answer = format!("HTTP/1.1 {line}\r\nContent-Length: 8\r\n\r\nall fine");
        assert_eq!(answered(&answer), (status, format!("HTTP GET http://SERVER/p: {line} Output: all fine")));
    }
}

#[test]
fn a_redirect_is_followed_or_taken_for_the_answer() {
    let away: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 4\r\n\r\naway";
    let there: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere";
    assert_eq!(against(&[away, there], |probe| probe, "/").output, "HTTP GET http://SERVER/: 200 OK Output: there");
    let refused = against(&[away, there], |probe| HttpProbe { redirects: Redirects::Refuse, ..probe }, "/");
    assert_eq!((refused.status, refused.output.as_str()), (CheckStatus::Critical, "HTTP GET http://SERVER/: 302 Found Output: away"));
    let endless = against(&[away; 20], |probe| probe, "/");
    assert_eq!((endless.status, endless.output.as_str()), (CheckStatus::Critical, "Get \"http://SERVER/\": stopped after 10 redirects"));
}

#[test]
fn no_answer_is_told_in_gos_words() {
    assert_eq!(answered("").1, "Get \"http://SERVER/p\": EOF");
    assert!(answered("garbage").1.ends_with("malformed HTTP response \"garbage\""));
    let unsupported =
        |url: &str| Tokio::block_on(run::<Tokio>(&Probe::Http(probe(url)), Duration::from_secs(5), 4096, &ProbeSetting::default())).output;
    assert_eq!(unsupported("ftp://web/"), "Get \"ftp://web/\": unsupported protocol scheme \"ftp\"");
    assert_eq!(unsupported("http://127.0.0.1:1/"), "Get \"http://127.0.0.1:1/\": dial tcp 127.0.0.1:1: connect: connection refused");
}

#[test]
fn a_silent_server_is_given_up_at_the_timeout() {
    let (status, output) = Tokio::block_on(async {
        let listener = Tokio::tcp_listen(([127, 0, 0, 1], 0).into()).await.expect("listens");
        let at = listener.local_addr().expect("bound");
        let check = Probe::Http(HttpProbe { method: "POST".into(), ..probe(&format!("http://{at}/")) });
        let verdict = run::<Tokio>(&check, Duration::from_millis(100), 4096, &ProbeSetting::default()).await;
        (verdict.status, verdict.output.replace(&at.to_string(), "SERVER"))
    });
    let said = "Post \"http://SERVER/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    assert_eq!((status, output.as_str()), (CheckStatus::Critical, said));
}

#[test]
fn the_end_of_a_long_body_is_kept_and_an_endless_one_is_cut() {
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 6006\r\n\r\n{}ending", "x".repeat(6000));
    let (status, output) = answered(&long);
    let said = format!("HTTP GET http://SERVER/p: 200 OK Output: Captured 4096 of 6006 bytes\n...\n{}ending", "x".repeat(4090));
    assert_eq!((status, output), (CheckStatus::Passing, said));
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(4 << 20));
    let (status, output) = answered(&endless);
    assert_eq!(status, CheckStatus::Passing);
    assert!(output.starts_with("HTTP GET http://SERVER/p: 200 OK Output: Captured 4096 of 1"), "{output}");
    assert!(output.ends_with(&format!("xxx\n... (the body is longer than {LONGEST_BODY} bytes and was not read further)")));
}

#[test]
fn a_body_that_breaks_off_leaves_the_status_in_force_and_is_told() {
    let (status, output) = answered("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    assert_eq!((status, output.as_str()), (CheckStatus::Passing, "HTTP GET http://SERVER/p: 200 OK Output: half\n... (unexpected EOF)"));
}

#[test]
fn a_body_in_tls_that_ends_without_a_farewell_is_told_in_gos_words() {
    use crate::server::checks::tests::servers::{SERVER, acceptor, found, verified};
    let acceptor = acceptor(SERVER, &[b"http/1.1"]);
    let serve = move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").await;
            let _ = stream.flush().await;
        }
    };
    let tls = verified("web.test");
    let probe = |at: std::net::SocketAddr| Probe::Http(HttpProbe { tls, ..probe(&format!("https://{at}/")) });
    let verdict = found(serve, probe, Duration::from_secs(10));
    assert_eq!(verdict.output, "HTTP GET https://SERVER/: 200 OK Output: half\n... (unexpected EOF)");
}

fn expecting(status: Option<u16>, body: &str, answer: &str) -> (CheckStatus, String) {
    let expect = Some(HttpExpectation { status, body: body.to_owned() });
    let verdict = against(&[answer.as_bytes()], |probe| HttpProbe { expect, ..probe }, "/p");
    (verdict.status, verdict.output)
}

#[test]
fn an_answer_must_be_as_expected() {
    let healthy = "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{\"db\": \"ok\", \"n\": 12345}";
    assert_eq!(expecting(None, r#""db":\s*"ok""#, healthy).0, CheckStatus::Passing);
    let (status, output) = expecting(None, r#""db":\s*"down""#, healthy);
    assert_eq!(status, CheckStatus::Critical);
    assert!(output.starts_with("HTTP GET http://SERVER/p: 200 OK (nothing in the body matches "), "{output}");
    let moved = "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(expecting(Some(418), "", moved).0, CheckStatus::Passing);
    let (status, output) = expecting(Some(200), "", moved);
    assert_eq!(
        (status, output.as_str()),
        (CheckStatus::Critical, "HTTP GET http://SERVER/p: 418 Teapot (the status is 418, not 200) Output: ")
    );
    assert_eq!(expecting(None, "", moved).0, CheckStatus::Critical);
    assert_eq!(expecting(None, "(", healthy).0, CheckStatus::Critical);
    let early = format!("HTTP/1.1 200 OK\r\nContent-Length: 9003\r\n\r\nyes{}", "x".repeat(9000));
    assert_eq!(expecting(None, "^yes", &early).0, CheckStatus::Passing, "what is looked for may lie before the part that is kept");
}

#[test]
fn https_is_spoken_with_a_server_that_can_be_trusted() {
    use crate::server::checks::tests::servers::{SERVER, acceptor, found, unverified, verified};
    for (tls, status) in [
        (verified("web.test"), CheckStatus::Passing),
        (verified("other.test"), CheckStatus::Critical),
        (unverified(), CheckStatus::Passing),
    ] {
        let acceptor = acceptor(SERVER, &[b"http/1.1"]);
        let serve = move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret").await;
                let _ = stream.flush().await;
            }
        };
        let probe = |at: std::net::SocketAddr| Probe::Http(HttpProbe { tls, ..probe(&format!("https://{at}/")) });
        let verdict = found(serve, probe, Duration::from_secs(10));
        assert_eq!(verdict.status, status, "{}", verdict.output);
        if status == CheckStatus::Passing {
            assert_eq!(verdict.output, "HTTP GET https://SERVER/: 200 OK Output: secret");
        }
    }
}
