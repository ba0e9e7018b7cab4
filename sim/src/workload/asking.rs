//! The requests: their paths, and what their answers mean for the record.

use super::answer::{Said, of_keys, of_list, of_read, of_write};
use super::connection::{Connection, Reply, Silence};
use super::recording::Recorder;
use super::{now, work::PREFIX};
use crate::checker::{Action, Found, Headers, Mode, Nanos, Operation, Outcome};
use crate::invariants::observation::{Listed, Malformed, Watched};
use bytes::Bytes;
use hyper::Method;
use std::sync::Arc;
use std::time::Duration;

/// How one request of a user went, for what the user does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Went {
    /// It was answered, with the entry if it was a read that found one.
    Answered(Option<Found>, Headers),
    /// It was not, or not with what was asked for: try another agent.
    Badly,
}

/// One user's way to an agent, and the book it is written down in.
pub struct Asking {
    /// The user's number.
    pub client: u32,
    /// The way.
    pub connection: Connection,
    /// The book.
    pub recorder: Recorder,
    /// How long to wait for an answer.
    pub patience: Duration,
}

impl Asking {
    /// A request about one key.
    pub async fn single(&mut self, key: &Arc<str>, action: Action) -> Went {
        let (method, path, body) = request(key, &action);
        let invoked = now();
        let reply = self.connection.ask(method, &path, body, self.patience).await;
        let (outcome, went) = match &action {
            Action::Get { .. } => self.read(key, reply),
            Action::Put { .. } | Action::Cas { .. } | Action::Delete | Action::DeleteCas { .. } => self.wrote(reply),
        };
        let asked = self.connection.to().to_string().into();
        self.recorder.operation(Operation { client: self.client, asked, key: key.clone(), action, invoked, outcome });
        went
    }

    fn wrote(&self, reply: Result<Reply, Silence>) -> (Outcome, Went) {
        let reply = match reply {
            Ok(reply) => reply,
            Err(Silence::NotSent) => return (Outcome::Failed, Went::Badly),
            Err(Silence::Unknown) => return (Outcome::Unknown, Went::Badly),
        };
        match of_write(&reply) {
            Said::Yes(took) => (Outcome::Wrote { at: now(), took }, Went::Answered(None, Headers::default())),
            Said::Never => (Outcome::Failed, Went::Badly),
            Said::Refused => (Outcome::Unknown, Went::Badly),
            Said::Garbled(says) => {
                self.garbled(says);
                (Outcome::Unknown, Went::Badly)
            }
        }
    }

    fn read(&self, key: &str, reply: Result<Reply, Silence>) -> (Outcome, Went) {
        let Ok(reply) = reply else { return (Outcome::Unknown, Went::Badly) };
        match of_read(&reply, key) {
            Said::Yes((found, headers)) => (Outcome::Read { at: now(), found: found.clone(), headers }, Went::Answered(found, headers)),
            Said::Never | Said::Refused => (Outcome::Unknown, Went::Badly),
            Said::Garbled(says) => {
                self.garbled(says);
                (Outcome::Unknown, Went::Badly)
            }
        }
    }

    /// All keys, with their entries or without. Each key's part of an answer with entries is a read of its own as well.
    pub async fn list(&mut self, known: &[Arc<str>], what: Listing) -> Went {
        let path = match what {
            Listing::Entries => format!("/v1/kv/{PREFIX}?recurse"),
            Listing::Keys => format!("/v1/kv/{PREFIX}?keys"),
        };
        let invoked = now();
        let Ok(reply) = self.connection.ask(Method::GET, &path, Bytes::new(), self.patience).await else { return Went::Badly };
        let said = match what {
            Listing::Entries => of_list(&reply),
            Listing::Keys => of_keys(&reply),
        };
        match said {
            Said::Yes((keys, headers)) => {
                let returned = now();
                if what == Listing::Entries {
                    self.list_as_reads(known, &keys, invoked, returned);
                }
                self.recorder.listed(Listed { prefix: PREFIX.into(), invoked, returned, keys, headers });
                Went::Answered(None, headers)
            }
            Said::Never | Said::Refused => Went::Badly,
            Said::Garbled(says) => {
                self.garbled(says);
                Went::Badly
            }
        }
    }

    fn list_as_reads(&self, known: &[Arc<str>], keys: &[(Arc<str>, Option<Found>)], invoked: Nanos, at: Nanos) {
        for key in known {
            let found = keys.iter().find(|(name, _)| name == key).and_then(|(_, found)| found.clone());
            // The index of the list is not that of the key, so it is left out.
            let outcome = Outcome::Read { at, found, headers: Headers::default() };
            let (asked, action) = (self.connection.to().to_string().into(), Action::Get { mode: Mode::Default });
            self.recorder.operation(Operation { client: self.client, asked, key: key.clone(), action, invoked, outcome });
        }
    }

    /// Waits for a change of `key` after index `after`.
    pub async fn watch(&mut self, key: &Arc<str>, after: u64, wait: Duration) -> Went {
        let path = format!("/v1/kv/{key}?index={after}&wait={}ms", wait.as_millis());
        let invoked = now();
        let patience = self.patience + wait + wait / 16;
        let Ok(reply) = self.connection.ask(Method::GET, &path, Bytes::new(), patience).await else { return Went::Badly };
        match of_read(&reply, key) {
            Said::Yes((found, headers)) => {
                let (asked, wait) = (self.connection.to(), wait.as_millis() as u64 * 1_000_000);
                let (key, found, returned) = (key.clone(), found.clone(), now());
                self.recorder.watched(Watched { asked, key, after, wait, invoked, returned, found: found.clone(), headers });
                Went::Answered(found, headers)
            }
            Said::Never | Said::Refused => Went::Badly,
            Said::Garbled(says) => {
                self.garbled(says);
                Went::Badly
            }
        }
    }

    fn garbled(&self, says: String) {
        self.recorder.malformed(Malformed { at: now(), says: format!("{}: {says}", self.connection.to()) });
    }
}

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Keys with their entries.
    Entries,
    /// Keys alone.
    Keys,
}

fn request(key: &str, action: &Action) -> (Method, String, Bytes) {
    let path = format!("/v1/kv/{key}");
    let bytes = |value: &Arc<str>| Bytes::copy_from_slice(value.as_bytes());
    match action {
        Action::Put { value } => (Method::PUT, path, bytes(value)),
        Action::Cas { value, expect } => (Method::PUT, format!("{path}?cas={expect}"), bytes(value)),
        Action::Get { mode: Mode::Default } => (Method::GET, path, Bytes::new()),
        Action::Get { mode: Mode::Consistent } => (Method::GET, format!("{path}?consistent"), Bytes::new()),
        Action::Get { mode: Mode::Stale } => (Method::GET, format!("{path}?stale"), Bytes::new()),
        Action::Delete => (Method::DELETE, path, Bytes::new()),
        Action::DeleteCas { expect } => (Method::DELETE, format!("{path}?cas={expect}"), Bytes::new()),
    }
}
