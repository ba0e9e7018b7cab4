//! One program: it thinks, asks, remembers the versions it saw, and goes to another agent when one fails it.

use super::asking::{Asking, Listing, Went};
use super::connection::Connection;
use super::now;
use super::recording::Recorder;
use super::work::{Deed, Work};
use crate::checker::{Action, Mode, Nanos};
use crate::draws::Draws;
use crate::runtime::Sim;
use muster::model::Index;
use muster::runtime::sleep;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often a program leaves an agent that served it well, in a million requests.
const WANDERS: u32 = 20_000;
/// How often it names another version than the one it saw, in a million conditional requests.
const MISTAKEN: u32 = 200_000;

struct User {
    work: Work,
    draws: Draws,
    asking: Asking,
    /// The last `ModifyIndex` seen of each key, 0 for one that was absent.
    versions: BTreeMap<Arc<str>, Index>,
    /// The last `X-Consul-Index` seen of each key.
    indexes: BTreeMap<Arc<str>, Index>,
    written: u64,
}

/// The life of program `client` until `until`.
pub async fn live(client: u32, work: Work, recorder: Recorder, until: Nanos) {
    let mut draws = Draws::new(work.seed, "user", u64::from(client));
    let connection = Connection::new(*draws.pick(&work.agents));
    let asking = Asking { client, connection, recorder, patience: work.patience };
    let mut user = User { work, draws, asking, versions: BTreeMap::new(), indexes: BTreeMap::new(), written: 0 };
    loop {
        let pause = user.draws.duration(&user.work.think);
        sleep::<Sim>(pause).await;
        if now() >= until {
            return;
        }
        user.act().await;
    }
}

impl User {
    async fn act(&mut self) {
        let key = self.draws.pick(&self.work.keys).clone();
        let deed = self.work.pick(&mut self.draws);
        let went = match self.action(deed, &key) {
            Some(action) => self.asking.single(&key, action).await,
            None => self.look_around(deed, &key).await,
        };
        match went {
            Went::Answered(found, headers) => {
                if headers.index > 0 && !matches!(deed, Deed::List | Deed::Keys) {
                    self.versions.insert(key.clone(), found.map_or(0, |f| f.modify));
                    self.indexes.insert(key, headers.index);
                }
                if self.draws.chance(WANDERS) {
                    self.go_elsewhere();
                }
            }
            Went::Badly => self.go_elsewhere(),
        }
    }

    /// The single-key request of a deed; `None` if it is another kind of request.
    fn action(&mut self, deed: Deed, key: &Arc<str>) -> Option<Action> {
        match deed {
            Deed::Put => Some(Action::Put { value: self.next_value() }),
            Deed::Cas => Some(Action::Cas { value: self.next_value(), expect: self.version(key) }),
            Deed::Get => Some(Action::Get { mode: Mode::Default }),
            Deed::GetConsistent => Some(Action::Get { mode: Mode::Consistent }),
            Deed::GetStale => Some(Action::Get { mode: Mode::Stale }),
            Deed::Delete => Some(Action::Delete),
            Deed::DeleteCas => Some(Action::DeleteCas { expect: self.version(key).max(1) }),
            Deed::List | Deed::Keys | Deed::Watch => None,
        }
    }

    async fn look_around(&mut self, deed: Deed, key: &Arc<str>) -> Went {
        match deed {
            Deed::List => self.asking.list(&self.work.keys, Listing::Entries).await,
            Deed::Keys => self.asking.list(&self.work.keys, Listing::Keys).await,
            Deed::Watch | Deed::Put | Deed::Cas | Deed::Get | Deed::GetConsistent | Deed::GetStale | Deed::Delete | Deed::DeleteCas => {
                let after = self.indexes.get(key).copied().unwrap_or(1);
                let wait = self.draws.duration(&self.work.wait);
                self.asking.watch(key, after, wait).await
            }
        }
    }

    /// Never written before and never again.
    fn next_value(&mut self) -> Arc<str> {
        self.written += 1;
        format!("{}-{}", self.asking.client, self.written).into()
    }

    fn version(&mut self, key: &str) -> Index {
        let seen = self.versions.get(key).copied().unwrap_or(0);
        if self.draws.chance(MISTAKEN) { seen / 2 } else { seen }
    }

    fn go_elsewhere(&mut self) {
        self.asking.connection = Connection::new(*self.draws.pick(&self.work.agents));
    }
}
