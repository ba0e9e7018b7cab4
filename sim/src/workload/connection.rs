//! One program's HTTP connection, kept open while it works.

use crate::runtime::Sim;
use crate::trace::Entry;
use crate::world::{self, Who};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
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
