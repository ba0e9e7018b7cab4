//! A program's HTTP connection to one agent.

use crate::runtime::{Sim, tcp};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HeaderMap;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use muster::runtime::{Runtime, timeout};
use std::net::SocketAddr;
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// No connection was made: the agent has not heard of the request.
    NotSent,
    /// The request may have been heard.
    Unknown,
}

/// A connection kept from request to request, made anew when it broke or an answer did not come in time.
#[derive(Debug)]
pub struct Session {
    addr: SocketAddr,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Session {
    /// For requests to the agent at `addr`.
    pub fn new(addr: SocketAddr) -> Session {
        Session { addr, open: None }
    }

    /// Makes a request and waits for its whole answer for at most `patience` on the asking machine's clock.
    pub async fn ask(&mut self, method: Method, path: &str, body: Bytes, patience: Duration) -> Result<Answer, NoAnswer> {
        let asked = timeout::<Sim, _>(patience, self.exchange(method, path, body)).await;
        // A late answer must not be taken for that of the next request.
        let answer = asked.unwrap_or(Err(NoAnswer::Unknown));
        if answer.is_err() {
            self.open = None;
        }
        answer
    }

    async fn exchange(&mut self, method: Method, path: &str, body: Bytes) -> Result<Answer, NoAnswer> {
        let http = self.connection().await.ok_or(NoAnswer::NotSent)?;
        let request = Request::builder().method(method).uri(path).header("host", "agent").body(Full::new(body));
        let request = request.map_err(|_| NoAnswer::NotSent)?;
        let response = http.send_request(request).await.map_err(|_| NoAnswer::Unknown)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|_| NoAnswer::Unknown)?.to_bytes();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    async fn connection(&mut self) -> Option<&mut SendRequest<Full<Bytes>>> {
        let usable = match &mut self.open {
            Some(http) => http.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let (http, connection) = handshake(TokioIo::new(tcp::connect(self.addr).await.ok()?)).await.ok()?;
            drop(Sim::spawn(async move { drop(connection.await) }));
            self.open = Some(http);
        }
        self.open.as_mut()
    }
}
