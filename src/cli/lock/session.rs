//! The session that a lock is held with, and what an agent's answers mean to its holder.

use super::hold::Terms;
use crate::cli::client::{Query, Remote, decoded, path, unexpected};
use crate::cli::http::Response;
use crate::cli::supervise::now;
use crate::model::{Instant, duration};
use serde::Deserialize;
use serde_json::json;
use std::cell::Cell;
use std::time::Duration;

/// Patience with an answer that the agent need not wait for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why something did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may work the next time: no answer, or no leader.
    Passing(String),
    /// There is no such session any more.
    SessionGone,
    /// It will not work the next time either.
    Lasting(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Passing(why) | Trouble::Lasting(why) => f.write_str(why),
            Trouble::SessionGone => f.write_str("the session has expired or was destroyed"),
        }
    }
}

/// An agent, and the datacenter to ask.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) remote: Remote,
    pub(super) datacenter: Option<String>,
}

impl Agent {
    /// Asks with the usual patience.
    pub(super) async fn ask(&self, method: &'static str, path: &str, query: Query, body: Vec<u8>) -> Result<Response, Trouble> {
        self.wait(method, path, query, body, Duration::ZERO).await
    }

    /// Asks for something that the agent may keep open for `wait`.
    pub(super) async fn wait(
        &self,
        method: &'static str,
        path: &str,
        query: Query,
        body: Vec<u8>,
        wait: Duration,
    ) -> Result<Response, Trouble> {
        let query = query.with_some("dc", self.datacenter.as_deref());
        // An agent spreads waits by up to a sixteenth.
        let patience = PATIENCE + wait + wait / 16;
        let sent = self.remote.send(method, path, query, body, patience).await;
        judged(sent.map_err(|e| Trouble::Passing(format!("no answer from {}: {e}", self.remote)))?)
    }
}

/// An answer that is of use: 200, or 404 for what is not there.
fn judged(response: Response) -> Result<Response, Trouble> {
    match response.status {
        200 | 404 => Ok(response),
        500.. if String::from_utf8_lossy(&response.body).contains("invalid session") => Err(Trouble::SessionGone),
        429 | 500.. => Err(Trouble::Passing(unexpected(&response))),
        _ => Err(Trouble::Lasting(unexpected(&response))),
    }
}

/// Whether a write's answer says that it took effect.
pub(super) fn took_effect(response: &Response) -> bool {
    response.body.trim_ascii() == b"true"
}

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
    agent: Agent,
    terms: Terms,
    /// Its id.
    pub(super) id: String,
    asked: Cell<Instant>,
}

impl Session {
    /// Has one made.
    pub(super) async fn create(agent: Agent, name: &str, behavior: Behavior, terms: Terms) -> Result<Session, Trouble> {
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
        let body = json!({"Name": name, "TTL": ttl, "LockDelay": delay, "Behavior": behavior}).to_string();
        let asked = now();
        let response = agent.ask("PUT", "/v1/session/create", Query::default(), body.into_bytes()).await?;
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

#[cfg(test)]
mod tests {
    use super::{Trouble, judged};
    use crate::cli::http::Response;

    #[test]
    fn what_an_answer_means_depends_on_its_status_and_on_lost_sessions() {
        let answer =
            |status, body: &str| judged(Response { status, body: body.as_bytes().to_vec(), ..Response::default() }).map(|r| r.status);
        assert_eq!((answer(200, "true"), answer(404, "")), (Ok(200), Ok(404)));
        assert_eq!(answer(500, "raft apply failed: invalid session \"x\""), Err(Trouble::SessionGone));
        assert!(matches!(answer(500, "No cluster leader"), Err(Trouble::Passing(_))));
        assert!(matches!(answer(429, ""), Err(Trouble::Passing(_))));
        assert!(matches!(answer(403, "Permission denied"), Err(Trouble::Lasting(_))));
    }
}
