//! A program that keeps a key with a TTL alive: it writes it, has its time begin anew while it likes to, stalls now and then until it must be gone, and
//! at times writes it for good and deletes it.

use super::book::{Book, now};
use super::plan::LocksPlan;
use crate::draws::Draws;
use crate::invariants::locks::observed::{Sign, Told};
use crate::runtime::Sim;
use crate::workload::Connection;
use bytes::Bytes;
use hyper::Method;
use muster::model::Key;
use muster::runtime::sleep;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer is waited for: a write waits for a leader for 7 s.
const PATIENCE: Duration = Duration::from_secs(9);

struct Beacon {
    key: String,
    /// The same in all of its lives, so that a late write takes no promise back.
    ttl: Duration,
    draws: Draws,
    connection: Connection,
    plan: Arc<LocksPlan>,
    book: Book,
    written: u64,
}

/// The life of beacon `number`.
pub async fn shine(number: u64, plan: Arc<LocksPlan>, book: Book) {
    let mut draws = Draws::new(plan.base.seed, "beacon", number);
    let connection = Connection::new(*draws.pick(&plan.base.agents()));
    let ttl = Duration::from_secs(draws.within(1..7));
    let mut beacon = Beacon { key: format!("beacon/{number}"), ttl, draws, connection, plan, book, written: 0 };
    while beacon.works() {
        if beacon.write().await == Told::Done {
            beacon.keep().await;
        }
        beacon.pause(100, 900).await;
    }
}

impl Beacon {
    fn works(&self) -> bool {
        self.book.passed() < self.plan.until
    }

    async fn pause(&mut self, from: u64, to: u64) {
        let pause = Duration::from_millis(self.draws.within(from..to));
        sleep::<Sim>(pause).await;
    }

    async fn write(&mut self) -> Told {
        self.written += 1;
        let value = self.value();
        let query = format!("ttl={}s", self.ttl.as_secs());
        self.sign(&query, Some(value)).await
    }

    /// What was written last.
    fn value(&self) -> String {
        format!("{}-{}", self.key, self.written)
    }

    async fn keep(&mut self) {
        let ttl = self.ttl.as_millis() as u64;
        for _ in 0..self.draws.within(1..15) {
            match self.draws.below(12) {
                // Stands still for so long that the key is gone, or about to go.
                0 => self.pause(ttl * 8 / 10, ttl * 2 + 2_000).await,
                1 => return self.write_for_good().await,
                _ => self.pause(ttl / 4, ttl * 7 / 10).await,
            }
            if !self.works() || self.sign("ttl-refresh", None).await == Told::Lost {
                return;
            }
        }
    }

    /// Makes the key stay, as it is or with another value; writes it on the condition that it is gone once its time would be long over, which is refused;
    /// and deletes it.
    async fn write_for_good(&mut self) {
        let path = format!("/v1/kv/{}", self.key);
        let value = if self.draws.chance(500_000) { self.value() } else { "for good".to_owned() };
        if self.connection.ask(Method::PUT, &path, value.into(), PATIENCE).await.is_ok() {
            sleep::<Sim>(self.ttl + Duration::from_secs(2)).await;
            let anew = Bytes::from_static(b"anew");
            drop(self.connection.ask(Method::PUT, &format!("{path}?cas=0"), anew, PATIENCE).await);
        }
        drop(self.connection.ask(Method::DELETE, &path, Bytes::new(), PATIENCE).await);
    }

    async fn sign(&mut self, query: &str, value: Option<String>) -> Told {
        let invoked = now();
        let (path, body) = (format!("/v1/kv/{}?{query}", self.key), value.clone().unwrap_or_default());
        let answered = self.connection.ask(Method::PUT, &path, body.into(), PATIENCE).await;
        let told = match answered.as_ref().map(|reply| (reply.status, reply.body.trim_ascii())) {
            Ok((200, b"true")) => Told::Done,
            Ok((200, b"false")) => Told::Lost,
            Ok((500, _)) | Err(_) => Told::Unknown,
            Ok((status, body)) => {
                self.book.malformed(format!("a key with a TTL was answered {status} {}", body.escape_ascii()));
                Told::Unknown
            }
        };
        if told == Told::Unknown {
            self.connection = Connection::new(*self.draws.pick(&self.plan.base.agents()));
        }
        self.book.sign(Sign { key: Key::from(self.key.as_str()), ttl: self.ttl, value, invoked, over: now(), told });
        told
    }
}
