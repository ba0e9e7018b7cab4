//! A program that changes keys in every way there is: alone, under a condition, several in a transaction, all at once, and for a time.

use super::book::{Book, now};
use super::plan::{BRIEF, ChangesPlan, PREFIX, RARE};
use crate::checker::{Action, Found, Mode, Nanos, Operation, Outcome};
use crate::draws::Draws;
use crate::invariants::changes::observed::Looked;
use crate::invariants::observation::Malformed;
use crate::runtime::Sim;
use crate::workload::txn::{self, Came};
use crate::workload::{Asking, Connection, Recorder, Went};
use bytes::Bytes;
use hyper::Method;
use muster::model::Index;
use muster::runtime::sleep;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer is waited for: a write waits for a leader for 7 s.
const PATIENCE: Duration = Duration::from_secs(9);

struct Writer {
    draws: Draws,
    plan: Arc<ChangesPlan>,
    book: Book,
    asking: Asking,
    /// The last `ModifyIndex` seen of each key, 0 for one that was absent.
    versions: BTreeMap<Arc<str>, Index>,
    written: u64,
}

/// What a writer does.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Put,
    Cas,
    Get,
    Delete,
    DeleteCas,
    /// Writes some keys in a transaction, the first of them perhaps only if it is of a version.
    Together,
    /// Reads some keys in a transaction.
    Look,
    /// Deletes all keys of the clients' at once.
    Clear,
    /// Writes a key for a time.
    Brief,
    /// Writes a key that is seldom written.
    Rare,
}

const MIX: [(Deed, u64); 10] = [
    (Deed::Put, 22),
    (Deed::Cas, 12),
    (Deed::Get, 14),
    (Deed::Delete, 5),
    (Deed::DeleteCas, 4),
    (Deed::Together, 20),
    (Deed::Look, 8),
    (Deed::Clear, 1),
    (Deed::Brief, 8),
    (Deed::Rare, 1),
];

/// The life of writer `number`.
pub async fn write(number: u64, plan: Arc<ChangesPlan>, book: Book, recorder: Recorder) {
    let mut draws = Draws::new(plan.base.seed, "writer", number);
    let connection = Connection::new(*draws.pick(&plan.base.agents()));
    let asking = Asking { client: number as u32 + 1, connection, recorder, patience: PATIENCE };
    let mut writer = Writer { draws, plan, book, asking, versions: BTreeMap::new(), written: 0 };
    loop {
        let pause = Duration::from_millis(writer.draws.within(10..500));
        sleep::<Sim>(pause).await;
        if writer.book.passed() >= writer.plan.until {
            return;
        }
        if !writer.act().await {
            writer.asking.connection = Connection::new(*writer.draws.pick(&writer.plan.base.agents()));
        }
    }
}

impl Writer {
    /// Whether it was answered well.
    async fn act(&mut self) -> bool {
        let key = self.draws.pick(&self.plan.keys).clone();
        let version = self.versions.get(&key).copied().unwrap_or(0);
        match self.pick() {
            Deed::Put => {
                let value = self.next_value();
                self.single(key, Action::Put { value }).await
            }
            Deed::Cas => {
                let value = self.next_value();
                self.single(key, Action::Cas { value, expect: version }).await
            }
            Deed::Get => self.single(key, Action::Get { mode: Mode::Default }).await,
            Deed::Delete => self.single(key, Action::Delete).await,
            Deed::DeleteCas => self.single(key, Action::DeleteCas { expect: version.max(1) }).await,
            Deed::Together => self.together().await,
            Deed::Look => self.look().await,
            Deed::Clear => self.clear().await,
            Deed::Brief => self.brief().await,
            Deed::Rare => self.unrecorded(format!("{RARE}0")).await,
        }
    }

    fn pick(&mut self) -> Deed {
        let mut left = self.draws.below(MIX.iter().map(|(_, weight)| weight).sum());
        for (deed, weight) in MIX {
            if left < weight {
                return deed;
            }
            left -= weight;
        }
        Deed::Get
    }

    /// Never written before and never again.
    fn next_value(&mut self) -> Arc<str> {
        self.written += 1;
        format!("{}-{}", self.asking.client, self.written).into()
    }

    async fn single(&mut self, key: Arc<str>, action: Action) -> bool {
        match self.asking.single(&key, action).await {
            Went::Answered(found, headers) => {
                if headers.index > 0 {
                    self.versions.insert(key, found.map_or(0, |found| found.modify));
                }
                true
            }
            Went::Badly => false,
        }
    }

    /// Some of the keys, each once.
    fn some(&mut self) -> Vec<Arc<str>> {
        let most = self.plan.keys.len() as u64;
        let (first, count) = (self.draws.below(most), self.draws.within(2..most.min(4) + 1));
        (0..count).map(|n| self.plan.keys[((first + n) % most) as usize].clone()).collect()
    }

    async fn together(&mut self) -> bool {
        let keys = self.some();
        let condition = self.draws.chance(400_000);
        let actions: Vec<(Arc<str>, Action)> = keys
            .into_iter()
            .enumerate()
            .map(|(place, key)| {
                let value = self.next_value();
                let expect = self.versions.get(&key).copied().unwrap_or(0);
                let action = match place {
                    0 if condition => Action::Cas { value, expect },
                    1 if self.draws.chance(200_000) => Action::Delete,
                    _ => Action::Put { value },
                };
                (key, action)
            })
            .collect();
        let operations = actions.iter().filter_map(|(key, action)| match action {
            Action::Put { value } => Some(txn::set(key, value)),
            Action::Cas { value, expect } => Some(txn::cas(key, value, *expect)),
            Action::Delete => Some(txn::delete(key)),
            Action::Get { .. } | Action::DeleteCas { .. } => None,
        });
        let (invoked, operations) = (now(), operations.collect());
        let came = txn::ask(&mut self.asking.connection, operations, PATIENCE).await;
        for (key, action) in actions {
            let refused = Outcome::Wrote { at: now(), took: false };
            let outcome = match &came {
                Came::Done(_) => Outcome::Wrote { at: now(), took: true },
                // The one condition did not hold, and nothing else was done.
                Came::Refused if matches!(action, Action::Cas { .. }) => refused,
                Came::Refused | Came::NotSent => Outcome::Failed,
                Came::Unknown | Came::Garbled(_) => Outcome::Unknown,
            };
            self.record(invoked, key, action, outcome);
        }
        self.answered(&came)
    }

    async fn look(&mut self) -> bool {
        let keys = self.some();
        let (invoked, operations) = (now(), keys.iter().map(|key| txn::show(key)).collect());
        let came = txn::ask(&mut self.asking.connection, operations, PATIENCE).await;
        if let Came::Done(rows) = &came {
            let row = |(key, found): &(String, Option<Found>)| (key.clone(), found.as_ref().map(|f| (f.value.to_string(), f.modify)));
            self.book.looked(Looked { invoked, returned: now(), rows: rows.iter().map(row).collect() });
            for (key, (named, found)) in keys.into_iter().zip(rows) {
                if *named != *key {
                    self.garbled(format!("a transaction shows {named} in place of {key}"));
                }
                self.versions.insert(key.clone(), found.as_ref().map_or(0, |found| found.modify));
                let outcome = Outcome::Read { at: now(), found: found.clone(), headers: Default::default() };
                self.record(invoked, key, Action::Get { mode: Mode::Default }, outcome);
            }
        }
        self.answered(&came)
    }

    /// Whether there was an answer; one that makes no sense is written down.
    fn answered(&mut self, came: &Came) -> bool {
        match came {
            Came::Done(_) | Came::Refused => true,
            Came::NotSent | Came::Unknown => false,
            Came::Garbled(says) => {
                self.garbled(says.clone());
                false
            }
        }
    }

    async fn clear(&mut self) -> bool {
        let invoked = now();
        let path = format!("/v1/kv/{PREFIX}?recurse");
        let replied = self.asking.connection.ask(Method::DELETE, &path, Bytes::new(), PATIENCE).await;
        let done = replied.is_ok_and(|reply| reply.status == 200);
        for key in self.plan.keys.clone() {
            let outcome = if done { Outcome::Wrote { at: now(), took: true } } else { Outcome::Unknown };
            self.record(invoked, key, Action::Delete, outcome);
        }
        done
    }

    async fn brief(&mut self) -> bool {
        let (key, ttl) = (self.draws.below(4), self.draws.within(1..8));
        self.unrecorded(format!("{BRIEF}{key}?ttl={ttl}s")).await
    }

    /// Writes a key that no account is kept of.
    async fn unrecorded(&mut self, to: String) -> bool {
        let (value, path) = (self.next_value(), format!("/v1/kv/{to}"));
        let replied = self.asking.connection.ask(Method::PUT, &path, Bytes::copy_from_slice(value.as_bytes()), PATIENCE).await;
        replied.is_ok_and(|reply| reply.status == 200)
    }

    fn record(&self, invoked: Nanos, key: Arc<str>, action: Action, outcome: Outcome) {
        let asked = self.asking.connection.to().to_string().into();
        self.asking.recorder.operation(Operation { client: self.asking.client, asked, key, action, invoked, outcome });
    }

    fn garbled(&self, says: String) {
        self.asking.recorder.malformed(Malformed { at: now(), says });
    }
}
