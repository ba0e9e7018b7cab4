//! What a reader can wait for, and what a change touched: the words that `state` and `watch` share.

use super::Key;
use std::sync::Arc;

/// One thing to wait for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// This key of the KV store, there or not.
    Key(Key),
    /// Every key with this prefix.
    KeyPrefix(Key),
    /// A node's row and its instances, by its name in lower case ([`crate::state`] compares names without case).
    Node(Arc<str>),
    /// The checks of a node and of its instances, by its name in lower case.
    NodeChecks(Arc<str>),
    /// The instances of a service, by its name in lower case, and their nodes' rows, there or not.
    Service(Arc<str>),
    /// The same and the checks of both.
    ServiceHealth(Arc<str>),
    /// Anything in a table.
    Table(Table),
}

/// The replicated tables that can be waited for as a whole; for the KV store that is the empty [`Topic::KeyPrefix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Nodes of the catalog.
    Nodes,
    /// Instances of services.
    Services,
    /// The names of services with the tags their instances have.
    ServiceNames,
    /// Health checks.
    Checks,
    /// Autopilot's configuration.
    Autopilot,
    /// Sessions.
    Sessions,
    /// What ends by itself when its time is over, which only the leader waits for.
    Timers,
    /// Where nodes lie in the network.
    Coordinates,
    /// Prepared queries.
    Queries,
}

/// What commands changed, in the order they changed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    topics: Vec<Topic>,
    everything: bool,
}

impl Touched {
    /// Everything is different now: whoever waits for anything looks again.
    pub fn add_everything(&mut self) {
        self.everything = true;
    }

    /// Whether everything was touched, whatever the topics say.
    pub fn is_everything(&self) -> bool {
        self.everything
    }

    /// Adds a topic unless the last one added is the same.
    pub fn add(&mut self, topic: Topic) {
        if self.topics.last() != Some(&topic) {
            self.topics.push(topic);
        }
    }

    /// Adds what a later command touched.
    pub fn merge(&mut self, later: Touched) {
        self.everything |= later.everything;
        if self.topics.is_empty() {
            self.topics = later.topics;
        } else {
            self.topics.extend(later.topics);
        }
    }

    /// What was touched, in order. The same topic may come twice after a [`merge`](Touched::merge).
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty() && !self.everything
    }
}
