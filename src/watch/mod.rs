//! Floor 1: who waits for what. Readers register topics; a change wakes exactly those whose topics it touched.
//!
//! A waiter that sleeps costs memory only: a write looks up the key it wrote, one prefix for each length of prefix that somebody waits for, and
//! the names and tables it touched. What a waiter is, the caller decides (a channel's sender, as a rule).

mod keys;

use crate::model::{Table, Topic, Touched};
use keys::Prefixes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names one registration. Tickets grow in the order of registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// No more waiters are taken. The caller answers the request without waiting, or refuses it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} requests are waiting, the most this server holds")]
pub struct Full<W> {
    /// The waiter that was not registered.
    pub waiter: W,
    /// The bound.
    pub limit: usize,
}

/// Waiters and the topics they wait for.
#[derive(Debug)]
pub struct Watches<W> {
    limit: usize,
    issued: u64,
    waiting: BTreeMap<Ticket, Waiting<W>>,
    index: TopicIndex,
}

#[derive(Debug)]
struct Waiting<W> {
    topics: Box<[Topic]>,
    waiter: W,
}

impl<W> Watches<W> {
    /// Room for `limit` waiters.
    pub fn new(limit: usize) -> Watches<W> {
        Watches { limit, issued: 0, waiting: BTreeMap::new(), index: TopicIndex::default() }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Registers `waiter` until a change touches one of `topics`, or [`cancel`](Watches::cancel). Topics named twice count once.
    ///
    /// A change between the caller's read and this call is not seen: register first and read then, or hold the lock that applies changes.
    pub fn register(&mut self, topics: Vec<Topic>, waiter: W) -> Result<Ticket, Full<W>> {
        if self.waiting.len() >= self.limit {
            return Err(Full { waiter, limit: self.limit });
        }
        self.issued += 1;
        let ticket = Ticket(self.issued);
        let topics = if topics.len() > 1 { topics.into_iter().collect::<BTreeSet<_>>().into_iter().collect() } else { topics };
        for topic in &topics {
            self.index.add(topic, ticket);
        }
        self.waiting.insert(ticket, Waiting { topics: topics.into(), waiter });
        Ok(ticket)
    }

    /// Takes a waiter out again; `None` if it was woken already.
    pub fn cancel(&mut self, ticket: Ticket) -> Option<W> {
        let Waiting { topics, waiter } = self.waiting.remove(&ticket)?;
        for topic in &topics {
            self.index.remove(topic, ticket);
        }
        Some(waiter)
    }

    /// Takes out everyone whose topics were touched, in the order of registration.
    pub fn wake(&mut self, touched: &Touched) -> Vec<W> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let mut tickets = Vec::new();
        for topic in touched.topics() {
            self.index.find(topic, &mut tickets);
        }
        tickets.sort_unstable();
        tickets.dedup();
        tickets.into_iter().filter_map(|ticket| self.cancel(ticket)).collect()
    }

    /// Takes out everyone, in the order of registration: the state was replaced as a whole.
    pub fn wake_all(&mut self) -> Vec<W> {
        self.index = TopicIndex::default();
        std::mem::take(&mut self.waiting).into_values().map(|waiting| waiting.waiter).collect()
    }
}

/// From topics to the tickets that wait for them.
#[derive(Debug, Default)]
struct TopicIndex {
    keys: BTreeMap<crate::model::Key, Tickets>,
    prefixes: Prefixes,
    nodes: BTreeMap<Arc<str>, Tickets>,
    node_checks: BTreeMap<Arc<str>, Tickets>,
    services: BTreeMap<Arc<str>, Tickets>,
    service_health: BTreeMap<Arc<str>, Tickets>,
    tables: BTreeMap<Table, Tickets>,
}

impl TopicIndex {
    fn add(&mut self, topic: &Topic, ticket: Ticket) {
        match topic {
            Topic::Key(key) => self.keys.entry(key.clone()).or_default().add(ticket),
            Topic::KeyPrefix(prefix) => self.prefixes.add(prefix, ticket),
            Topic::Node(name) => self.nodes.entry(name.clone()).or_default().add(ticket),
            Topic::NodeChecks(name) => self.node_checks.entry(name.clone()).or_default().add(ticket),
            Topic::Service(name) => self.services.entry(name.clone()).or_default().add(ticket),
            Topic::ServiceHealth(name) => self.service_health.entry(name.clone()).or_default().add(ticket),
            Topic::Table(table) => self.tables.entry(*table).or_default().add(ticket),
        }
    }

    fn remove(&mut self, topic: &Topic, ticket: Ticket) {
        match topic {
            Topic::Key(key) => remove_from(&mut self.keys, key, ticket),
            Topic::KeyPrefix(prefix) => self.prefixes.remove(prefix, ticket),
            Topic::Node(name) => remove_from(&mut self.nodes, name, ticket),
            Topic::NodeChecks(name) => remove_from(&mut self.node_checks, name, ticket),
            Topic::Service(name) => remove_from(&mut self.services, name, ticket),
            Topic::ServiceHealth(name) => remove_from(&mut self.service_health, name, ticket),
            Topic::Table(table) => remove_from(&mut self.tables, table, ticket),
        }
    }

    /// Adds the tickets of all who wait for what `touched` names, some perhaps twice.
    fn find(&self, touched: &Topic, found: &mut Vec<Ticket>) {
        match touched {
            Topic::Key(key) => {
                extend_from(&self.keys, key, found);
                self.prefixes.find(key, found);
            }
            Topic::KeyPrefix(prefix) => {
                let below = self.keys.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(prefix));
                found.extend(below.flat_map(|(_, tickets)| &tickets.0));
                self.prefixes.find_around(prefix, found);
            }
            Topic::Node(name) => extend_from(&self.nodes, name, found),
            Topic::NodeChecks(name) => extend_from(&self.node_checks, name, found),
            Topic::Service(name) => extend_from(&self.services, name, found),
            Topic::ServiceHealth(name) => extend_from(&self.service_health, name, found),
            Topic::Table(table) => extend_from(&self.tables, table, found),
        }
    }
}

/// The tickets on one topic, ascending.
#[derive(Debug, Default)]
struct Tickets(Vec<Ticket>);

impl Tickets {
    fn add(&mut self, ticket: Ticket) {
        debug_assert!(self.0.last() < Some(&ticket), "tickets grow");
        self.0.push(ticket);
    }

    fn remove(&mut self, ticket: Ticket) {
        if let Ok(at) = self.0.binary_search(&ticket) {
            self.0.remove(at);
        }
    }
}

fn remove_from<T: Ord>(index: &mut BTreeMap<T, Tickets>, topic: &T, ticket: Ticket) {
    if let Some(tickets) = index.get_mut(topic) {
        tickets.remove(ticket);
        if tickets.0.is_empty() {
            index.remove(topic);
        }
    }
}

fn extend_from<T: Ord>(index: &BTreeMap<T, Tickets>, topic: &T, found: &mut Vec<Ticket>) {
    found.extend(index.get(topic).into_iter().flat_map(|tickets| &tickets.0));
}

#[cfg(test)]
mod tests;
