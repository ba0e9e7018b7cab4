//! The session that a lock is held with.

use super::hold::Terms;
use crate::cli::client::{Query, decoded, path, unexpected};
use crate::cli::remote::{Remote, Trouble};
use crate::cli::supervise::now;
use crate::model::{Instant, duration};
use serde::Deserialize;
use serde_json::json;
use std::cell::Cell;

/// What becomes of a session's keys when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behavior {
    /// They are free.
    Release,
    /// They are deleted.
    Delete,
}

/// A session of ours.
pub(super) struct Session {
    agent: Remote,
    terms: Terms,
    /// Its id.
    pub(super) id: String,
    asked: Cell<Instant>,
}

impl Session {
    /// Has one made.
    pub(super) async fn create(agent: Remote, name: &str, behavior: Behavior, terms: Terms) -> Result<Session, Trouble> {
        #[derive(Deserialize)]
        struct Created {
            #[serde(rename = "ID")]
            id: String,
        }
        let behavior = match behavior {
            Behavior::Release => "release",
            Behavior::Delete => "delete",
        };
        let (ttl, delay) = (duration::format(terms.ttl), duration::format(terms.lock_delay));
        let mut body = json!({"Name": name, "TTL": ttl, "LockDelay": delay, "Behavior": behavior});
        if !terms.is_bound_to_node() {
            body["NodeChecks"] = json!([]);
        }
        let asked = now();
        let response = agent.ask("PUT", "/v1/session/create", Query::default(), body.to_string().into_bytes()).await?;
        if response.status == 404 {
            return Err(Trouble::Lasting(unexpected(&response)));
        }
        let created: Created = decoded(&response.body).map_err(Trouble::Lasting)?;
        Ok(Session { agent, terms, id: created.id, asked: Cell::new(asked) })
    }

    /// When the last renewal that was granted was asked for.
    pub(super) fn asked(&self) -> Instant {
        self.asked.get()
    }

    /// Renews it once: when that was asked for.
    pub(super) async fn renew(&self) -> Result<Instant, Trouble> {
        let asked = now();
        let response = self.agent.ask("PUT", &self.path("renew"), Query::default(), Vec::new()).await?;
        if response.status == 404 {
            return Err(Trouble::SessionGone);
        }
        self.asked.set(self.asked.get().max(asked));
        Ok(asked)
    }

    /// When it is to be renewed next, before anything is known of how that went.
    pub(super) fn due(&self) -> Instant {
        self.asked() + self.terms.renewal()
    }

    /// Ends it. What is not heard of is over with the TTL.
    pub(super) async fn destroy(&self) {
        let _ = self.agent.ask("PUT", &self.path("destroy"), Query::default(), Vec::new()).await;
    }

    fn path(&self, what: &str) -> String {
        format!("/v1/session/{what}/{}", path(&self.id))
    }
}
