//! A program that writes some keys in one transaction, always the same value into all of them, and reads them in one.
//!
//! Since nobody writes one without the others, they are one register with one version, and the history of transactions is judged as that register's,
//! whichever of the keys a condition names.

use super::book::{Book, now};
use super::plan::LocksPlan;
use crate::checker::{Action, Found, Headers, Mode, Operation, Outcome};
use crate::draws::Draws;
use crate::invariants::locks::observed::Tuple;
use crate::runtime::Sim;
use crate::workload::Connection;
use crate::workload::txn::{self, Came};
use muster::model::Index;
use muster::runtime::sleep;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

const PREFIX: &str = "tuple/";
const KEYS: [&str; 4] = ["tuple/a", "tuple/b", "tuple/c", "tuple/d"];
const PATIENCE: Duration = Duration::from_secs(9);

/// The life of program `number`.
pub async fn tuple(number: u64, plan: Arc<LocksPlan>, book: Book) {
    let mut draws = Draws::new(plan.base.seed, "tuple", number);
    let agents = plan.base.agents();
    let mut connection = Connection::new(*draws.pick(&agents));
    let (mut version, mut written) = (0, 0);
    while book.passed() < plan.until {
        sleep::<Sim>(Duration::from_millis(draws.within(20..600))).await;
        written += 1;
        let action = draw(&mut draws, format!("{number}-{written}").into(), version);
        let invoked = now();
        let operations = operations(&action, &mut draws);
        // One that names no key reads all of them.
        let asked = if operations.len() == 1 { KEYS.len() } else { operations.len() };
        let came = txn::ask(&mut connection, operations, PATIENCE).await;
        let outcome = outcome(&action, came, asked, &book);
        if let Outcome::Read { found, .. } = &outcome {
            version = found.as_ref().map_or(0, |found| found.modify);
        }
        if matches!(outcome, Outcome::Unknown | Outcome::Failed) {
            connection = Connection::new(*draws.pick(&agents));
        }
        let asked = connection.to().to_string().into();
        book.operation(Operation { client: number as u32 + 1, asked, key: PREFIX.into(), action, invoked, outcome });
    }
}

fn draw(draws: &mut Draws, value: Arc<str>, version: Index) -> Action {
    match draws.below(20) {
        0..5 => Action::Put { value },
        5..10 => Action::Cas { value, expect: version },
        10 => Action::Delete,
        11 => Action::DeleteCas { expect: version.max(1) },
        _ => Action::Get { mode: Mode::Default },
    }
}

/// The transaction, with its condition on any of the keys, in any of the ways to say it.
fn operations(action: &Action, draws: &mut Draws) -> Vec<Value> {
    let chosen = draws.below(KEYS.len() as u64) as usize;
    let others = || KEYS.iter().enumerate().filter(move |(place, _)| *place != chosen).map(|(_, key)| *key);
    let all = |first: Option<Value>, each: &dyn Fn(&str) -> Value| first.into_iter().chain(KEYS.iter().map(|key| each(key))).collect();
    match action {
        Action::Put { value } => all(None, &|key| txn::set(key, value)),
        Action::Cas { value, expect } if draws.chance(500_000) => all(Some(txn::check(KEYS[chosen], *expect)), &|key| txn::set(key, value)),
        Action::Cas { value, expect } => {
            [txn::cas(KEYS[chosen], value, *expect)].into_iter().chain(others().map(|key| txn::set(key, value))).collect()
        }
        Action::Delete => all(None, &txn::delete),
        Action::DeleteCas { expect } => [txn::delete_cas(KEYS[chosen], *expect)].into_iter().chain(others().map(txn::delete)).collect(),
        Action::Get { .. } if draws.chance(300_000) => vec![txn::show_tree(PREFIX)],
        // Some of them are enough: they are all alike.
        Action::Get { .. } => KEYS[chosen.min(KEYS.len() - 2)..].iter().map(|key| txn::show(key)).collect(),
    }
}

fn outcome(action: &Action, came: Came, asked: usize, book: &Book) -> Outcome {
    match (came, action.writes()) {
        (Came::NotSent, _) => Outcome::Failed,
        (Came::Unknown, _) => Outcome::Unknown,
        (Came::Garbled(says), _) => {
            book.malformed(says);
            Outcome::Unknown
        }
        (Came::Done(_), true) => Outcome::Wrote { at: now(), took: true },
        (Came::Refused, true) => Outcome::Wrote { at: now(), took: false },
        (Came::Refused, false) => {
            book.malformed("a transaction that only reads was refused".to_owned());
            Outcome::Unknown
        }
        (Came::Done(rows), false) => read(rows, asked, book),
    }
}

fn read(rows: Vec<(String, Option<Found>)>, asked: usize, book: &Book) -> Outcome {
    let found = rows.first().and_then(|(_, found)| found.clone());
    let rows = rows.into_iter().map(|(_, found)| found.map(|found| (found.value.to_string(), found.modify))).collect();
    book.tuple(Tuple { at: now(), asked, rows });
    Outcome::Read { at: now(), found, headers: Headers::default() }
}
