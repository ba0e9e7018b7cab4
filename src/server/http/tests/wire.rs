//! A client that speaks bytes, and a server on loopback for it.

use super::local::Local;
use crate::api::json::Layout;
use crate::config::TelemetryTuning;
use crate::runtime::tokio::Tokio;
use crate::runtime::{Runtime, TcpListener};
use crate::server::connections::Phase;
use crate::server::http::{Http, Settings};
use std::future::Future;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server on a free port of loopback.
pub(super) struct Served {
    pub(super) addr: SocketAddr,
    pub(super) backend: Local,
    pub(super) http: Http<Tokio, Local>,
}

pub(super) fn settings() -> Settings {
    Settings {
        layout: Layout::Compact,
        telemetry: TelemetryTuning { prometheus: true, prefix: "consul".to_owned(), hostname: Some("box".to_owned()) },
        kv_max_value_size: 524_288,
        txn_max_ops: 64,
        txn_max_req_len: 524_288,
        max_connections_per_client: 200,
        max_header_bytes: 1 << 20,
        blocked: vec![],
        response_headers: vec![],
        writers: vec![],
        discovery_max_stale: None,
        coordinates: true,
        allow_unprintable: false,
    }
}

/// Runs `test` against a server.
pub(super) fn serve<F: Future<Output = ()>>(settings: Settings, test: impl FnOnce(Served) -> F) {
    Tokio::block_on(async {
        let listener = Tokio::tcp_listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let backend = Local::new();
        let http = Http::new(settings, backend.clone());
        let served = Served { addr: TcpListener::local_addr(&listener).unwrap(), backend, http: http.clone() };
        let accepting = Tokio::spawn(async move { http.serve(listener).await });
        test(served).await;
        drop(accepting);
    });
}

impl Served {
    pub(super) async fn connect(&self) -> Client {
        Client { stream: TcpStream::connect(self.addr).await.unwrap(), read: vec![] }
    }

    /// Completes when so many connections are taken apart while their requests wait.
    pub(super) async fn until_parked(&self, count: usize) {
        while self.http.shared.connections.count_in(Phase::Parked) != count {
            tokio::task::yield_now().await;
        }
    }

    /// One request on a connection of its own.
    pub(super) async fn ask(&self, method: &str, target: &str, body: &[u8]) -> Reply {
        self.connect().await.ask(method, target, body).await
    }

    pub(super) async fn get(&self, target: &str) -> Reply {
        self.ask("GET", target, b"").await
    }

    pub(super) async fn put(&self, target: &str, body: &[u8]) -> Reply {
        self.ask("PUT", target, body).await
    }
}

/// A connection.
pub(super) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer as it was sent.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// The value of a header, whose name must be spelt like this.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn index(&self) -> u64 {
        self.header("X-Consul-Index").unwrap().parse().unwrap()
    }
}

impl Client {
    /// Closes the sending side.
    pub(super) async fn end(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(super) async fn ask(&mut self, method: &str, target: &str, body: &[u8]) -> Reply {
        self.ask_with(method, target, "", body).await
    }

    /// Headers end in CRLF each.
    pub(super) async fn ask_with(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> Reply {
        let length = if body.is_empty() && method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}\r\n");
        self.send(&[head.as_bytes(), body].concat()).await;
        self.reply(method).await
    }

    /// The next answer to a request of this method.
    pub(super) async fn reply(&mut self, method: &str) -> Reply {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            assert!(self.more().await, "connection closed before an answer: {:?}", String::from_utf8_lossy(&self.read));
        };
        let head = String::from_utf8(self.read[..end].to_vec()).unwrap();
        self.read.drain(..end + 4);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Reply { status, head, body: vec![] };
        let length = if method == "HEAD" { 0 } else { reply.header("Content-Length").map_or(0, |length| length.parse().unwrap()) };
        while self.read.len() < length {
            assert!(self.more().await, "connection closed within a body");
        }
        reply.body = self.read.drain(..length).collect();
        reply
    }

    /// The next chunk of a body that is sent in chunks, as text; `None` is the last one.
    pub(super) async fn chunk(&mut self) -> Option<String> {
        let (start, length) = loop {
            if let Some(at) = self.read.windows(2).position(|window| window == b"\r\n") {
                let length = std::str::from_utf8(&self.read[..at]).unwrap();
                break (at + 2, usize::from_str_radix(length, 16).unwrap());
            }
            assert!(self.more().await, "connection closed before a chunk");
        };
        while self.read.len() < start + length + 2 {
            assert!(self.more().await, "connection closed within a chunk");
        }
        let chunk: Vec<u8> = self.read.drain(..start + length + 2).skip(start).take(length).collect();
        (length > 0).then(|| String::from_utf8(chunk).unwrap())
    }

    async fn more(&mut self) -> bool {
        self.stream.read_buf(&mut self.read).await.is_ok_and(|count| count > 0)
    }

    /// Whether the server closes without another byte.
    pub(super) async fn is_closed(&mut self) -> bool {
        self.read.is_empty() && !self.more().await
    }
}
