//! A program that wants a lock: it makes a session, takes the lock, works under the lock's token, stalls now and then until it must have lost it,
//! and goes on working to see that nothing of it counts.

use super::book::{Book, now};
use super::plan::LocksPlan;
use crate::draws::Draws;
use crate::invariants::locks::observed::{Created, Fenced, Renewal, Taken, Told, Verified};
use crate::runtime::Sim;
use crate::workload::{Connection, Reply, Silence};
use bytes::Bytes;
use hyper::Method;
use muster::model::{Key, LockToken, SessionId};
use muster::runtime::sleep;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long an answer is waited for: a write waits for a leader for 7 s.
const PATIENCE: Duration = Duration::from_secs(9);

struct Contender {
    number: u64,
    draws: Draws,
    connection: Connection,
    plan: Arc<LocksPlan>,
    book: Book,
    written: u64,
}

/// A session of ours.
struct Mine {
    id: SessionId,
    ttl: Duration,
    renewed: u64,
}

/// The life of contender `number`.
pub async fn contend(number: u64, plan: Arc<LocksPlan>, book: Book) {
    let mut draws = Draws::new(plan.base.seed, "contender", number);
    let connection = Connection::new(*draws.pick(&plan.base.agents()));
    let mut contender = Contender { number, draws, connection, plan, book, written: 0 };
    while contender.works() {
        if let Some(mine) = contender.create().await {
            contender.live(mine).await;
        }
        contender.pause(200, 1_500).await;
        contender.connection = Connection::new(*contender.draws.pick(&contender.plan.base.agents()));
    }
}

impl Contender {
    fn works(&self) -> bool {
        self.book.passed() < self.plan.until
    }

    async fn pause(&mut self, from: u64, to: u64) {
        let pause = Duration::from_millis(self.draws.within(from..to));
        sleep::<Sim>(pause).await;
    }

    async fn put(&mut self, path: &str, body: impl Into<Bytes>) -> Result<Reply, Silence> {
        self.connection.ask(Method::PUT, path, body.into(), PATIENCE).await
    }

    async fn create(&mut self) -> Option<Mine> {
        let ttl = Duration::from_secs(self.draws.within(2..8));
        let delay = *self.draws.pick(&["0s", "500ms", "3s"]);
        let behavior = *self.draws.pick(&["release", "release", "delete"]);
        let mut body =
            json!({"Name": format!("c{}", self.number), "TTL": format!("{}s", ttl.as_secs()), "LockDelay": delay, "Behavior": behavior});
        if self.draws.chance(500_000) {
            body["NodeChecks"] = json!([]);
        }
        let invoked = now();
        let reply = self.put("/v1/session/create", body.to_string()).await.ok()?;
        let id = match (reply.status, serde_json::from_slice::<Value>(&reply.body)) {
            (200, Ok(made)) => made["ID"].as_str().and_then(|id| SessionId::parse(id).ok()),
            // Without a leader, or before the agent's node is in the catalog.
            (500, _) => return None,
            (_, _) => None,
        };
        if id.is_none() {
            self.book.malformed(format!("session/create {body} was answered {} {}", reply.status, reply.body.escape_ascii()));
        }
        let id = id?;
        self.book.created(Created { session: id, ttl, invoked });
        Some(Mine { id, ttl, renewed: now() })
    }

    /// Tries to get a lock until the session is lost or the program has had enough.
    async fn live(&mut self, mut mine: Mine) {
        let lock = self.draws.below(self.plan.locks);
        for _ in 0..self.draws.within(5..40) {
            if !self.works() || !self.renew_if_due(&mut mine).await {
                return;
            }
            let path = format!("/v1/kv/lock/{lock}?acquire={}", mine.id);
            let body = format!("c{}", self.number);
            match self.put(&path, body).await {
                Ok(reply) if reply.status == 200 && reply.body.trim_ascii() == b"true" => {
                    if let Some(token) = self.token(lock, &mine).await {
                        self.work(lock, &mut mine, &token).await;
                        return self.let_go(lock, &mine).await;
                    }
                }
                Ok(reply) if reply.status == 200 => self.pause(100, 1_200).await,
                Ok(_) | Err(_) => self.pause(200, 1_000).await,
            }
        }
        self.let_go(lock, &mine).await;
    }

    /// The token of a lock that the key says is ours.
    async fn token(&mut self, lock: u64, mine: &Mine) -> Option<LockToken> {
        let reply = self.connection.ask(Method::GET, &format!("/v1/kv/lock/{lock}"), Bytes::new(), PATIENCE).await.ok()?;
        if reply.status != 200 {
            return None;
        }
        let rows: Value = serde_json::from_slice(&reply.body).ok()?;
        let row = &rows[0];
        if row["Session"].as_str().and_then(|session| SessionId::parse(session).ok()) != Some(mine.id) {
            return None;
        }
        let (create_index, lock_index) = (row["CreateIndex"].as_u64()?, row["LockIndex"].as_u64()?);
        let token = LockToken { session: mine.id, key: Key::new(format!("lock/{lock}").as_bytes()), create_index, lock_index };
        self.book.taken(Taken { token: token.clone(), returned: now() });
        Some(token)
    }

    async fn work(&mut self, lock: u64, mine: &mut Mine, token: &LockToken) {
        for _ in 0..self.draws.within(2..12) {
            if self.draws.chance(120_000) {
                // Stands still for so long that the session is over, and does not look before it writes.
                let stall = mine.ttl * 2 + Duration::from_millis(self.draws.within(0..8_000));
                sleep::<Sim>(stall).await;
            } else if !self.renew_if_due(mine).await && self.draws.chance(500_000) {
                return;
            }
            self.write(lock, token).await;
            if self.draws.chance(400_000) {
                self.verify(token).await;
            }
            self.pause(20, 900).await;
        }
    }

    async fn write(&mut self, lock: u64, token: &LockToken) {
        self.written += 1;
        let value = format!("{}-{}", self.number, self.written);
        let fenced = Fenced { token: token.clone(), value: value.clone(), invoked: now(), told: Told::Unknown };
        let number = self.book.fenced(fenced);
        let told = match self.put(&format!("/v1/kv/guarded/{lock}?fence={token}"), value).await {
            Ok(reply) if reply.status == 200 => Told::Done,
            Ok(reply) if reply.status == 409 => Told::Lost,
            Ok(reply) if reply.status == 500 => Told::Unknown,
            Ok(reply) => {
                self.book.malformed(format!("a fenced write was answered {} {}", reply.status, reply.body.escape_ascii()));
                Told::Unknown
            }
            Err(_) => Told::Unknown,
        };
        self.book.fenced_told(number, told);
    }

    async fn verify(&mut self, token: &LockToken) {
        let invoked = now();
        let path = format!("/v1/lock/verify?token={token}");
        let Ok(reply) = self.connection.ask(Method::GET, &path, Bytes::new(), PATIENCE).await else { return };
        let holds = match reply.status {
            200 => true,
            409 => false,
            500 => return,
            _ => return self.book.malformed(format!("lock/verify was answered {} {}", reply.status, reply.body.escape_ascii())),
        };
        self.book.verified(Verified { token: token.clone(), invoked, returned: now(), holds });
    }

    /// Whether the session may be there still.
    async fn renew_if_due(&mut self, mine: &mut Mine) -> bool {
        let due = mine.renewed + mine.ttl.as_nanos() as u64 / 2;
        if now() < due {
            return true;
        }
        let invoked = now();
        let answered = self.put(&format!("/v1/session/renew/{}", mine.id), Bytes::new()).await;
        let told = match answered.as_ref().map(|reply| reply.status) {
            Ok(200) => Told::Done,
            Ok(404) => Told::Lost,
            Ok(500) | Err(_) => Told::Unknown,
            Ok(status) => {
                self.book.malformed(format!("session/renew was answered {status}"));
                Told::Unknown
            }
        };
        self.book.renewal(Renewal { session: mine.id, invoked, over: now(), told });
        if told == Told::Done {
            mine.renewed = invoked;
        }
        told != Told::Lost
    }

    /// Gives the lock back in one of the ways there are, or in none.
    async fn let_go(&mut self, lock: u64, mine: &Mine) {
        match self.draws.below(4) {
            0 => {}
            1 => drop(self.put(&format!("/v1/session/destroy/{}", mine.id), Bytes::new()).await),
            _ => drop(self.put(&format!("/v1/kv/lock/{lock}?release={}", mine.id), Bytes::new()).await),
        }
    }
}
