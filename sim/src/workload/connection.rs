//! One program's HTTP connection, kept open while it works.

use crate::runtime::Sim;
use crate::trace::Entry;
use crate::world::{self, Who};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use muster::runtime::{Runtime, timeout};
use std::time::Duration;

/// The port agents answer HTTP on.
pub const HTTP_PORT: u16 = 8500;

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// There was no connection, so the request never left.
    NotSent,
    /// It may have arrived.
    Unknown,
}

/// A connection to an agent, made when it is needed.
pub struct Connection {
    to: Who,
    open: Option<SendRequest<Full<Bytes>>>,
}

/// An answer that is being read.
pub struct Feed {
    to: Who,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    /// Whose end would end the answer.
    _connection: Connection,
}

/// What came of waiting for more of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum More {
    /// These bytes.
    Bytes(Bytes),
    /// Nothing in time.
    Nothing,
    /// It is over: its end, or that of the connection.
    Over,
}

impl Feed {
    /// The next bytes, waited for for at most `patience`.
    pub async fn more(&mut self, patience: Duration) -> More {
        let Ok(frame) = timeout::<Sim, _>(patience, self.body.frame()).await else { return More::Nothing };
        let bytes = frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok());
        world::record(Entry::with("http.part", u64::from(self.to.0), 0, bytes.as_deref().unwrap_or_default()));
        bytes.map_or(More::Over, More::Bytes)
    }
}

impl Connection {
    /// A connection to be made to `to`.
    pub fn new(to: Who) -> Connection {
        Connection { to, open: None }
    }

    /// The agent it goes to.
    pub fn to(&self) -> Who {
        self.to
    }

    /// Sends a request and waits for its answer for at most `patience`. After a silence the connection is closed.
    pub async fn ask(&mut self, method: Method, path: &str, body: Bytes, patience: Duration) -> Result<Reply, Silence> {
        timeout::<Sim, _>(patience, self.connect()).await.map_err(|_| Silence::NotSent)??;
        let text = format!("{method} {path}");
        world::record(Entry::with("http.request", u64::from(self.to.0), body.len() as u64, text.as_bytes()));
        let answered = timeout::<Sim, _>(patience, self.exchange(method, path, body)).await.ok().flatten();
        match &answered {
            Some(reply) => {
                let content = [format!("{:?}", reply.headers).as_bytes(), &reply.body].concat();
                world::record(Entry::with("http.reply", u64::from(self.to.0), u64::from(reply.status), &content));
            }
            None => {
                world::record(Entry::plain("http.silence", u64::from(self.to.0), 0));
                self.open = None;
            }
        }
        answered.ok_or(Silence::Unknown)
    }

    /// Asks for an answer that comes while it is read, over a connection of its own; its head is waited for for at most `patience`.
    pub async fn follow(to: Who, path: &str, headers: &[(&'static str, String)], patience: Duration) -> Result<Feed, Silence> {
        let mut connection = Connection::new(to);
        timeout::<Sim, _>(patience, connection.connect()).await.map_err(|_| Silence::NotSent)??;
        world::record(Entry::with("http.request", u64::from(to.0), 0, format!("GET {path} {headers:?}").as_bytes()));
        let mut request = Request::builder().uri(path).header("host", to.addr(HTTP_PORT).to_string());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::default()).map_err(|_| Silence::NotSent)?;
        let http = connection.open.as_mut().ok_or(Silence::NotSent)?;
        let answered = timeout::<Sim, _>(patience, http.send_request(request)).await;
        let (head, body) = answered.map_err(|_| Silence::Unknown)?.map_err(|_| Silence::Unknown)?.into_parts();
        world::record(Entry::plain("http.reply", u64::from(to.0), u64::from(head.status.as_u16())));
        Ok(Feed { to, status: head.status.as_u16(), headers: head.headers, body, _connection: connection })
    }

    async fn connect(&mut self) -> Result<(), Silence> {
        if self.open.as_ref().is_some_and(|http| !http.is_closed()) {
            return Ok(());
        }
        self.open = None;
        let stream = Sim::tcp_connect(self.to.addr(HTTP_PORT)).await.map_err(|_| Silence::NotSent)?;
        let (http, connection) = handshake(TokioIo::new(stream)).await.map_err(|_| Silence::NotSent)?;
        drop(Sim::spawn(async move { drop(connection.await) }));
        self.open = Some(http);
        Ok(())
    }

    async fn exchange(&mut self, method: Method, path: &str, body: Bytes) -> Option<Reply> {
        let http = self.open.as_mut()?;
        http.ready().await.ok()?;
        let host = self.to.addr(HTTP_PORT).to_string();
        let request = Request::builder().method(method).uri(path).header("host", host).body(Full::new(body)).ok()?;
        let answer = http.send_request(request).await.ok()?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        Some(Reply { status, headers, body })
    }
}
