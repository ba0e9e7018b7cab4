//! What a mutex and a semaphore have in common: a place that a session may hold.

use super::mutex::Mutex;
use super::semaphore::Semaphore;
use crate::cli::client::{Query, decoded};
use crate::cli::http::Response;
use crate::cli::remote::{Remote, Trouble};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::cell::RefCell;
use std::time::Duration;

/// A key as the store has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Row {
    pub(super) key: String,
    pub(super) flags: u64,
    #[serde(default)]
    pub(super) session: Option<String>,
    pub(super) value: Option<String>,
    pub(super) modify_index: u64,
}

impl Row {
    /// Its value.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Trouble> {
        let decoded = STANDARD.decode(self.value.as_deref().unwrap_or(""));
        decoded.map_err(|e| Trouble::Lasting(format!("the value of {} is not base64: {e}", self.key)))
    }
}

/// The keys of an answer; none if there is nothing there.
pub(super) fn rows(response: &Response) -> Result<Vec<Row>, Trouble> {
    if response.status == 404 { Ok(Vec::new()) } else { decoded(&response.body).map_err(Trouble::Lasting) }
}

/// A linearizable read, kept open until what is read has changed since `index`.
pub(super) fn wait_query(index: Option<u64>, wait: Duration) -> Query {
    let wait = index.map(|_| format!("{}ms", wait.as_millis()));
    Query::default().with("consistent", "true").with_some("index", index).with_some("wait", wait)
}

/// Somebody else's key where ours would be.
pub(super) fn conflict(key: &str, what: &str) -> Trouble {
    Trouble::Lasting(format!("the key {key} exists and is not {what}: choose another prefix, or delete it if nobody uses it"))
}

/// A place that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// The key that our session holds.
    pub(super) key: String,
    /// The fencing token, where the agent gives one.
    pub(super) token: Option<String>,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The place is ours.
    Ours(Held),
    /// Others have all there is; the index to wait past.
    Full(u64),
    /// Nobody has it and nobody may, yet: its last holder was lost, and the lock-delay runs.
    Delayed,
}

/// A look at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Whether it is ours.
    pub(super) ours: bool,
    /// Whose it is, where one alone can have it.
    pub(super) holder: Option<String>,
    /// The index to wait past.
    pub(super) index: u64,
}

/// A place to hold, as one session sees it.
pub(super) enum Place {
    /// For one.
    Mutex(Mutex),
    /// For several.
    Semaphore(Semaphore),
}

impl Place {
    /// The place below `prefix` for `limit` holders.
    pub(super) fn new(agent: Remote, prefix: &str, limit: u64, name: &str, session: &str) -> Place {
        let (prefix, name, session) = (prefix.to_owned(), name.to_owned(), session.to_owned());
        match limit {
            1 => Place::Mutex(Mutex { agent, key: format!("{prefix}/.lock"), name, session }),
            limit => Place::Semaphore(Semaphore { agent, prefix, limit, name, session, contender: RefCell::new(None) }),
        }
    }

    /// Tries to take it, see [`Mutex::attempt`] and [`Semaphore::attempt`].
    pub(super) async fn attempt(&self, index: Option<u64>, wait: Duration) -> Result<Attempt, Trouble> {
        match self {
            Place::Mutex(mutex) => mutex.attempt(index, wait).await,
            Place::Semaphore(semaphore) => semaphore.attempt(index, wait).await,
        }
    }

    /// Looks whose it is.
    pub(super) async fn look(&self, index: Option<u64>, wait: Duration) -> Result<Seen, Trouble> {
        match self {
            Place::Mutex(mutex) => mutex.look(index, wait).await,
            Place::Semaphore(semaphore) => semaphore.look(index, wait).await,
        }
    }

    /// Gives it back, if it is ours.
    pub(super) async fn release(&self) -> Result<(), Trouble> {
        match self {
            Place::Mutex(mutex) => mutex.release().await,
            Place::Semaphore(semaphore) => semaphore.release().await,
        }
    }
}
