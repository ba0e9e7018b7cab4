//! A lock for one holder: a key that a session acquires. Laid out as Consul's clients do, so that theirs and ours exclude each other.

use super::place::{Attempt, Held, Seen, conflict, rows, wait_query};
use crate::cli::client::{Query, path};
use crate::cli::http::Response;
use crate::cli::remote::{Remote, Trouble, took_effect};
use std::time::Duration;

/// What tells a lock from other keys.
pub(super) const FLAGS: u64 = 0x2ddc_cbc0_58a5_0c18;

/// The lock as one session sees it.
pub(super) struct Mutex {
    pub(super) agent: Remote,
    pub(super) key: String,
    /// Who we are, for whoever reads the key's value.
    pub(super) name: String,
    pub(super) session: String,
}

impl Mutex {
    /// Takes the lock if nobody has it; with an index only after the key has changed since, or `wait` has passed.
    pub(super) async fn attempt(&self, index: Option<u64>, wait: Duration) -> Result<Attempt, Trouble> {
        if let Seen { holder: Some(other), index, .. } = self.look(index, wait).await?
            && other != self.session
        {
            return Ok(Attempt::Full(index));
        }
        // Also if it is ours already: the answer to that request was lost, and the token with it.
        let response = self.put("acquire").await?;
        if took_effect(&response) {
            return Ok(Attempt::Ours(Held { key: self.key.clone(), token: response.lock_token }));
        }
        match self.look(None, Duration::ZERO).await? {
            Seen { holder: Some(other), index, .. } if other != self.session => Ok(Attempt::Full(index)),
            Seen { .. } => Ok(Attempt::Delayed),
        }
    }

    /// Whose the lock is.
    pub(super) async fn look(&self, index: Option<u64>, wait: Duration) -> Result<Seen, Trouble> {
        let response = self.agent.wait("GET", &self.path(), wait_query(index, wait), Vec::new(), wait).await?;
        let index = response.index.unwrap_or(0);
        let row = rows(&response)?.into_iter().next();
        match row {
            Some(row) if row.flags != FLAGS => Err(conflict(&self.key, "a lock")),
            Some(row) => Ok(Seen { ours: row.session.as_deref() == Some(&self.session), holder: row.session, index }),
            None => Ok(Seen { ours: false, holder: None, index }),
        }
    }

    /// Gives the lock back. The key stays, where Consul's takes it away, so that its `LockIndex` goes on counting holders: whoever compares it need
    /// not fear that it begins anew.
    pub(super) async fn release(&self) -> Result<(), Trouble> {
        self.put("release").await.map(drop)
    }

    async fn put(&self, verb: &str) -> Result<Response, Trouble> {
        let query = Query::default().with(verb, &self.session).with("flags", FLAGS);
        self.agent.ask("PUT", &self.path(), query, self.name.clone().into_bytes()).await
    }

    fn path(&self) -> String {
        format!("/v1/kv/{}", path(&self.key))
    }
}
