//! What runs beside an agent: the endpoints that its HTTP checks ask, and the services that have to say that they are well.

use super::book::{Book, now};
use super::plan::{CatalogPlan, FIRST_PORT, Silence};
use crate::invariants::catalog::observed::{Manner, Probe, Told};
use crate::runtime::{Sim, tcp};
use crate::workload::{Connection, Silence as NoReply};
use crate::world::Who;
use bytes::Bytes;
use hyper::Method;
use muster::model::CheckStatus;
use muster::runtime::{Runtime, TcpListener, sleep};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long a service waits for its agent's answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest request an endpoint reads.
const LONGEST: usize = 4_096;

/// Everything beside the agent of `who`, until its machine dies.
pub async fn beside(who: Who, plan: Arc<CatalogPlan>, book: Book) {
    for (number, instance) in plan.instances.iter().enumerate().filter(|(_, instance)| instance.agent == who) {
        match instance.probe {
            Probe::Http { .. } => drop(Sim::spawn(endpoint(number, book.clone()))),
            Probe::Ttl(ttl) => drop(Sim::spawn(speak(who, number, ttl, plan.clone(), book.clone()))),
        }
    }
}

/// The port of an instance's endpoint.
pub fn port(number: usize) -> u16 {
    FIRST_PORT + number as u16
}

async fn endpoint(number: usize, book: Book) {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port(number)));
    let Ok(listener) = Sim::tcp_listen(addr).await else { return };
    while let Ok((stream, _)) = listener.accept().await {
        drop(Sim::spawn(answer(stream, number, book.clone())));
    }
}

/// One connection. Each request is answered in the manner of the moment it came.
async fn answer(mut stream: tcp::Stream, number: usize, book: Book) {
    let mut read = Vec::new();
    loop {
        let end = read.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else {
            let mut more = [0; 512];
            match stream.read(&mut more).await {
                Ok(1..) if read.len() > LONGEST => return,
                Ok(n @ 1..) => read.extend_from_slice(&more[..n]),
                Ok(0) | Err(_) => return,
            }
            continue;
        };
        read.drain(..end + 4);
        let (status, body) = match book.manner(number) {
            Manner::Well => ("200 OK", "well"),
            Manner::Busy => ("429 Too Many Requests", "busy"),
            Manner::Broken => ("500 Internal Server Error", "broken"),
            // It says nothing until whoever asked has gone.
            Manner::Mute => {
                while stream.read(&mut [0; 64]).await.is_ok_and(|n| n > 0) {}
                return;
            }
        };
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Type: text/plain\r\n\r\n{body}", body.len());
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A service that says that it is well, about four times in its TTL, but for its silences.
async fn speak(who: Who, number: usize, ttl: Duration, plan: Arc<CatalogPlan>, book: Book) {
    let path = format!("/v1/agent/check/pass/service:{}", plan.instances[number].id);
    let mut connection = Connection::new(who);
    loop {
        sleep::<Sim>(ttl / 4).await;
        let passed = book.passed();
        if passed > plan.until {
            return;
        }
        if !plan.silences[number].iter().any(|silence| covers(silence, passed)) {
            let written = book.heartbeat(number, CheckStatus::Passing, now() + PATIENCE.as_nanos() as u64);
            let told = match connection.ask(Method::PUT, &path, Bytes::new(), PATIENCE).await {
                Ok(reply) if reply.status == 200 => Told::Done,
                Ok(_) | Err(NoReply::NotSent) => Told::Refused,
                Err(NoReply::Unknown) => Told::Unknown,
            };
            book.heartbeat_told(written, told);
        }
    }
}

fn covers(silence: &Silence, passed: Duration) -> bool {
    silence.from <= passed && passed < silence.to
}
