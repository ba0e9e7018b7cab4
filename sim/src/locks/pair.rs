//! A program that writes two keys in one transaction, always the same value into both, and reads them in one.
//!
//! Since nobody writes one without the other, the two are one register, and the history of transactions is judged as that register's.

use super::book::{Book, now};
use super::plan::LocksPlan;
use crate::checker::{Action, Found, Headers, Mode, Operation, Outcome};
use crate::draws::Draws;
use crate::invariants::locks::observed::Pair;
use crate::runtime::Sim;
use crate::workload::{Connection, Reply, Silence};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use muster::model::Index;
use muster::runtime::sleep;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const KEYS: [&str; 2] = ["pair/a", "pair/b"];
const PATIENCE: Duration = Duration::from_secs(9);

/// The life of pair program `number`.
pub async fn pair(number: u64, plan: Arc<LocksPlan>, book: Book) {
    let mut draws = Draws::new(plan.base.seed, "pair", number);
    let agents = plan.base.agents();
    let mut connection = Connection::new(*draws.pick(&agents));
    let (mut version, mut written) = (0, 0);
    while book.passed() < plan.until {
        sleep::<Sim>(Duration::from_millis(draws.within(20..600))).await;
        written += 1;
        let value: Arc<str> = format!("{number}-{written}").into();
        let action = match draws.below(4) {
            0 => Action::Put { value },
            1 => Action::Cas { value, expect: version },
            _ => Action::Get { mode: Mode::Default },
        };
        let invoked = now();
        let answered = connection.ask(Method::PUT, "/v1/txn", body(&action).to_string().into(), PATIENCE).await;
        let outcome = outcome(&action, answered, &book);
        if let Outcome::Read { found, .. } = &outcome {
            version = found.as_ref().map_or(0, |found| found.modify);
        }
        if matches!(outcome, Outcome::Unknown | Outcome::Failed) {
            connection = Connection::new(*draws.pick(&agents));
        }
        let asked = connection.to().to_string().into();
        book.operation(Operation { client: number as u32 + 1, asked, key: "pair".into(), action, invoked, outcome });
    }
}

fn body(action: &Action) -> Value {
    let set = |key: &str, value: &str| json!({"KV": {"Verb": "set", "Key": key, "Value": STANDARD.encode(value)}});
    let get = |key: &str| json!({"KV": {"Verb": "get-or-empty", "Key": key}});
    match action {
        Action::Put { value } => json!([set(KEYS[0], value), set(KEYS[1], value)]),
        Action::Cas { value, expect: 0 } => {
            json!([{"KV": {"Verb": "check-not-exists", "Key": KEYS[0]}}, set(KEYS[0], value), set(KEYS[1], value)])
        }
        Action::Cas { value, expect } => {
            json!([{"KV": {"Verb": "check-index", "Key": KEYS[0], "Index": expect}}, set(KEYS[0], value), set(KEYS[1], value)])
        }
        Action::Get { .. } | Action::Delete | Action::DeleteCas { .. } => json!([get(KEYS[0]), get(KEYS[1])]),
    }
}

fn outcome(action: &Action, answered: Result<Reply, Silence>, book: &Book) -> Outcome {
    let reply = match answered {
        Ok(reply) => reply,
        Err(Silence::NotSent) => return Outcome::Failed,
        Err(Silence::Unknown) => return Outcome::Unknown,
    };
    match (reply.status, action.writes()) {
        (200, true) => Outcome::Wrote { at: now(), took: true },
        (409, true) => Outcome::Wrote { at: now(), took: false },
        (200, false) => read(&reply, book),
        (500, _) => Outcome::Unknown,
        (status, _) => {
            book.malformed(format!("txn was answered {status} {}", reply.body.escape_ascii()));
            Outcome::Unknown
        }
    }
}

fn read(reply: &Reply, book: &Book) -> Outcome {
    let parsed: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let row = |n: usize| -> Option<Found> {
        let row = &parsed["Results"][n]["KV"];
        let modify: Index = row["ModifyIndex"].as_u64().filter(|index| *index > 0)?;
        let value = STANDARD.decode(row["Value"].as_str()?).ok()?;
        let value = String::from_utf8(value).ok()?;
        Some(Found { value: value.into(), modify, create: row["CreateIndex"].as_u64()? })
    };
    if parsed["Results"].as_array().map(Vec::len) != Some(2) {
        book.malformed(format!("two keys were read as {}", reply.body.escape_ascii()));
        return Outcome::Unknown;
    }
    let found = [row(0), row(1)];
    let values = found.clone().map(|found| found.map(|found| found.value.to_string()));
    book.pair(Pair { at: now(), values });
    let [found, _] = found;
    Outcome::Read { at: now(), found, headers: Headers::default() }
}
