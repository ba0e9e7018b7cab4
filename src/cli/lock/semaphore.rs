//! A lock for several holders: a document that names them, changed by compare-and-set, and a key of each contender that lives as long as its session.
//! Laid out as Consul's clients do, so that theirs and ours exclude each other.

use super::mutex;
use super::place::{Attempt, Held, Row, Seen, conflict, rows, wait_query};
use crate::cli::client::{Query, path};
use crate::cli::http::Response;
use crate::cli::remote::{Remote, Trouble, took_effect};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What tells a semaphore's keys from others.
pub(super) const FLAGS: u64 = 0xe0f6_9a2b_aa41_4de0;

/// How often a release is tried anew because somebody else changed the document meanwhile.
const TRIES: usize = 64;

/// Who holds the semaphore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    limit: u64,
    holders: BTreeMap<String, bool>,
}

/// The document, without the holders whose sessions are over, and the index it was last changed at; 0 if there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    document: Document,
    modified: u64,
}

impl Standing {
    /// What the keys below the prefix say.
    fn of(rows: &[Row], key: &str, limit: u64) -> Result<Standing, Trouble> {
        let alive: BTreeSet<&str> = rows.iter().filter(|row| row.key != key).filter_map(|row| row.session.as_deref()).collect();
        let Some(row) = rows.iter().find(|row| row.key == key) else {
            return Ok(Standing { document: Document { limit, holders: BTreeMap::new() }, modified: 0 });
        };
        // A lock leaves its key when it is given back: nobody has it, so it may become a semaphore.
        if row.flags == mutex::FLAGS && row.session.is_none() {
            return Ok(Standing { document: Document { limit, holders: BTreeMap::new() }, modified: row.modify_index });
        }
        if row.flags != FLAGS {
            return Err(conflict(key, "a semaphore"));
        }
        let mut document: Document = serde_json::from_slice(&row.bytes()?)
            .map_err(|e| Trouble::Lasting(format!("{key} does not hold what a semaphore's key does: {e}")))?;
        if document.limit != limit {
            let theirs = document.limit;
            return Err(Trouble::Lasting(format!("-n={limit} does not fit {key}, which others hold with -n={theirs}: all must agree")));
        }
        document.holders.retain(|session, holds| *holds && alive.contains(session.as_str()));
        Ok(Standing { document, modified: row.modify_index })
    }

    fn is_full(&self) -> bool {
        u64::try_from(self.document.holders.len()).is_ok_and(|held| held >= self.document.limit)
    }

    fn holds(&self, session: &str) -> bool {
        self.document.holders.contains_key(session)
    }
}

/// The semaphore as one session sees it.
pub(super) struct Semaphore {
    pub(super) agent: Remote,
    pub(super) prefix: String,
    pub(super) limit: u64,
    /// Who we are, for whoever reads the contender's key.
    pub(super) name: String,
    pub(super) session: String,
    /// Our contender's key, once it is there.
    pub(super) contender: RefCell<Option<Held>>,
}

impl Semaphore {
    /// Takes a place if there is one; with an index only after something below the prefix has changed since, or `wait` has passed.
    pub(super) async fn attempt(&self, mut index: Option<u64>, wait: Duration) -> Result<Attempt, Trouble> {
        let held = self.contend().await?;
        loop {
            let (mut standing, seen) = self.standing(index.take(), wait).await?;
            if standing.holds(&self.session) {
                return Ok(Attempt::Ours(held));
            }
            if standing.is_full() {
                return Ok(Attempt::Full(seen));
            }
            standing.document.holders.insert(self.session.clone(), true);
            if self.replace(&standing).await? {
                return Ok(Attempt::Ours(held));
            }
        }
    }

    /// Whether we hold a place.
    pub(super) async fn look(&self, index: Option<u64>, wait: Duration) -> Result<Seen, Trouble> {
        let (standing, index) = self.standing(index, wait).await?;
        Ok(Seen { ours: standing.holds(&self.session), holder: None, index })
    }

    /// Gives the place back, and takes the document away if nobody is left. The contender's key goes with its session.
    pub(super) async fn release(&self) -> Result<(), Trouble> {
        for _ in 0..TRIES {
            let (mut standing, _) = self.standing(None, Duration::ZERO).await?;
            if standing.document.holders.remove(&self.session).is_none() {
                return Ok(());
            }
            let done = if standing.document.holders.is_empty() {
                let query = Query::default().with("cas", standing.modified);
                took_effect(&self.agent.ask("DELETE", &self.path(".lock"), query, Vec::new()).await?)
            } else {
                self.replace(&standing).await?
            };
            if done {
                return Ok(());
            }
        }
        Err(Trouble::Passing(format!("others changed the semaphore {TRIES} times meanwhile")))
    }

    /// Makes our contender's key: who has none is no holder.
    async fn contend(&self) -> Result<Held, Trouble> {
        if let Some(held) = self.contender.borrow().clone() {
            return Ok(held);
        }
        let query = Query::default().with("acquire", &self.session).with("flags", FLAGS);
        let response = self.agent.ask("PUT", &self.path(&self.session), query, self.name.clone().into_bytes()).await?;
        if !took_effect(&response) {
            return Err(Trouble::Passing("the contender's key was refused".to_owned()));
        }
        let held = Held { key: format!("{}/{}", self.prefix, self.session), token: response.lock_token };
        *self.contender.borrow_mut() = Some(held.clone());
        Ok(held)
    }

    async fn standing(&self, index: Option<u64>, wait: Duration) -> Result<(Standing, u64), Trouble> {
        let query = wait_query(index, wait).with("recurse", "true");
        let response = self.agent.wait("GET", &self.path(""), query, Vec::new(), wait).await?;
        let standing = Standing::of(&rows(&response)?, &format!("{}/.lock", self.prefix), self.limit)?;
        Ok((standing, response.index.unwrap_or(0)))
    }

    /// Writes the document unless somebody else has since it was read.
    async fn replace(&self, standing: &Standing) -> Result<bool, Trouble> {
        let query = Query::default().with("cas", standing.modified).with("flags", FLAGS);
        let body = serde_json::to_vec(&standing.document).expect("the keys of its map are text");
        let response: Response = self.agent.ask("PUT", &self.path(".lock"), query, body).await?;
        Ok(took_effect(&response))
    }

    fn path(&self, key: &str) -> String {
        format!("/v1/kv/{}/{}", path(&self.prefix), path(key))
    }
}

#[cfg(test)]
mod tests {
    use super::{Document, FLAGS, Standing};
    use crate::cli::lock::{mutex, place::Row};
    use crate::cli::remote::Trouble;
    use base64::Engine;

    fn row(key: &str, session: Option<&str>, value: &str) -> Row {
        let value = base64::engine::general_purpose::STANDARD.encode(value);
        Row { key: key.to_owned(), flags: FLAGS, session: session.map(str::to_owned), value: Some(value), modify_index: 9 }
    }

    const HELD: &str = r#"{"Limit":2,"Holders":{"a":true,"b":true}}"#;

    #[test]
    fn holders_whose_sessions_are_over_do_not_count() {
        let rows = |b| vec![row("p/.lock", None, HELD), row("p/a", Some("a"), ""), row("p/b", b, ""), row("p/c", Some("c"), "")];
        let full = Standing::of(&rows(Some("b")), "p/.lock", 2).unwrap();
        assert!(full.is_full() && full.holds("b") && !full.holds("c"));
        let free = Standing::of(&rows(None), "p/.lock", 2).unwrap();
        assert!(!free.is_full() && free.holds("a") && !free.holds("b"));
        assert_eq!(free.modified, 9);
    }

    #[test]
    fn a_semaphore_nobody_holds_is_made_and_never_over_another() {
        let none = Standing::of(&[row("p/a", Some("a"), "")], "p/.lock", 3).unwrap();
        assert_eq!((none.modified, none.is_full()), (0, false));
    }

    #[test]
    fn the_key_of_a_lock_becomes_a_semaphores_once_nobody_holds_it() {
        let lock = |session| Row { flags: mutex::FLAGS, ..row("p/.lock", session, "somebody") };
        let free = Standing::of(&[lock(None)], "p/.lock", 2).unwrap();
        assert_eq!((free.modified, free.document.holders.len(), free.document.limit), (9, 0, 2));
        assert!(Standing::of(&[lock(Some("a"))], "p/.lock", 2).is_err());
    }

    #[test]
    fn the_document_is_consuls() {
        let document: Document = serde_json::from_str(HELD).unwrap();
        assert_eq!(serde_json::to_string(&document).unwrap(), HELD);
    }

    #[test]
    fn what_is_no_semaphore_or_has_another_limit_is_refused_by_name() {
        let why = |rows: &[Row], limit| match Standing::of(rows, "p/.lock", limit) {
            Err(Trouble::Lasting(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why(&[row("p/.lock", None, HELD)], 3), "-n=3 does not fit p/.lock, which others hold with -n=2: all must agree");
        assert!(why(&[row("p/.lock", None, "{}")], 2).contains("does not hold"));
        let foreign = Row { flags: 0, ..row("p/.lock", None, HELD) };
        assert!(why(&[foreign], 2).contains("p/.lock exists and is not a semaphore"));
    }
}
