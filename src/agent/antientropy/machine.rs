//! The machine: what goes in, what comes out, and what is under way.

use super::CONFIRMED;
use super::belief::{Belief, Beliefs};
use super::compare::service_of;
use super::deferred::Deferred;
use super::due::Due;
use super::order::Numbers;
use super::pace::{Pace, part};
use super::plan::{MAX_UNDER_WAY, Sent};
use super::words::{Fetch, Input, Output, Setup, Subject, Write};
use crate::agent::local::{LocalView, Touched};
use crate::agent::query::WholeNode;
use crate::model::{Deadline, Instant, Machine, TagAuthority};
use crate::state::checks::SERF_HEALTH;
use crate::state::nodes::NodeSpec;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Has the catalog follow one agent. What it remembers is bounded by what is registered here and what the catalog has of the node.
#[derive(Debug)]
pub struct AntiEntropy {
    pub(super) node: NodeSpec,
    check_update_interval: Duration,
    pub(super) rng: ChaCha8Rng,
    pub(super) view: LocalView,
    /// Checks of the view by the service they belong to.
    pub(super) owned: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    pub(super) beliefs: Beliefs,
    /// What is written as soon as there is room.
    pub(super) due: Due,
    /// What could not be written and waits for the next full sync.
    pub(super) held: Due,
    /// Services whose tags the catalog decides about and that have changed here: it is asked before they are written.
    unsure: BTreeSet<Arc<str>>,
    pub(super) under_way: BTreeMap<Write, Vec<Sent>>,
    pub(super) busy: BTreeSet<Subject>,
    /// What was written while the catalog was being read.
    pub(super) tainted: BTreeSet<Subject>,
    pub(super) refused: BTreeMap<Subject, String>,
    pub(super) deferred: Deferred,
    pub(super) pace: Pace,
    pub(super) numbers: Numbers,
    last_full: Option<Instant>,
    counts: Counts,
    pub(super) outputs: VecDeque<Output>,
}

/// What has been done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    full: u64,
    failed: u64,
    writes: u64,
}

/// How far the catalog follows, for metrics and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// When the catalog was last compared with everything here.
    pub last_full: Option<Instant>,
    /// Full syncs so far.
    pub full: u64,
    /// Full syncs that failed.
    pub failed: u64,
    /// Writes begun so far.
    pub writes: u64,
    /// Writes under way.
    pub under_way: usize,
    /// Things that wait to be written, or to be tried again.
    pub waiting: usize,
    /// Checks whose output the catalog will learn later.
    pub deferred: usize,
    /// Things that the catalog refuses.
    pub refused: usize,
}

impl AntiEntropy {
    /// Nothing is registered yet, and the first full sync is due at once.
    pub fn new(now: Instant, setup: Setup) -> AntiEntropy {
        AntiEntropy {
            node: setup.node,
            check_update_interval: setup.check_update_interval,
            rng: ChaCha8Rng::seed_from_u64(setup.seed),
            view: LocalView::default(),
            owned: BTreeMap::new(),
            beliefs: Beliefs::default(),
            due: Due::default(),
            held: Due::default(),
            unsure: BTreeSet::new(),
            under_way: BTreeMap::new(),
            busy: BTreeSet::new(),
            tainted: BTreeSet::new(),
            refused: BTreeMap::new(),
            deferred: Deferred::default(),
            pace: Pace::new(now),
            numbers: Numbers::new(setup.id, setup.life),
            last_full: None,
            counts: Counts::default(),
            outputs: VecDeque::new(),
        }
    }

    /// How far the catalog follows.
    pub fn status(&self) -> Status {
        Status {
            last_full: self.last_full,
            full: self.counts.full,
            failed: self.counts.failed,
            writes: self.counts.writes,
            under_way: self.under_way.len(),
            waiting: self.due.len() + self.held.len(),
            deferred: self.deferred.len(),
            refused: self.refused.len(),
        }
    }

    /// Whether the catalog was told of this, or that was tried: there is nothing left that whoever made the change could wait for.
    pub fn is_attempted(&self, touched: &Touched) -> bool {
        match touched {
            Touched::Service(id) => {
                !self.due.services.contains_key(id) && !self.unsure.contains(id) && !self.is_busy(&Subject::Service(id.clone()))
            }
            Touched::Check(id) | Touched::Output(id) => {
                let service = self.view.checks.get(id).map(|check| check.definition.service_id.as_str());
                let checks = service.and_then(|service| self.due.services.get(service));
                let waits = self.due.checks.contains(id) || checks.is_some_and(|checks| checks.contains(id));
                !waits && !self.is_busy(&Subject::Check(id.clone()))
            }
        }
    }

    pub(super) fn is_busy(&self, subject: &Subject) -> bool {
        self.busy.contains(subject)
    }

    fn local(&mut self, now: Instant, view: LocalView, touched: Vec<Touched>) {
        let before = std::mem::replace(&mut self.view, view);
        for touched in touched {
            match touched {
                Touched::Service(id) => self.service_touched(now, id),
                Touched::Check(id) => self.check_touched(now, &before, id),
                Touched::Output(id) if self.check_update_interval.is_zero() => self.check_touched(now, &before, id),
                Touched::Output(id) => {
                    let wait = self.check_update_interval / 2 + part(self.check_update_interval, &mut self.rng);
                    self.deferred.add(&id, now + wait);
                }
            }
        }
    }

    fn service_touched(&mut self, now: Instant, id: Arc<str>) {
        let belief = self.beliefs.service(&id);
        let fresh = matches!(belief, Belief::Is { since, .. } if now.since(*since) < CONFIRMED);
        match self.view.services.get(&id) {
            Some(service) if fresh && belief.is(&service.spec) => return,
            Some(service) if service.spec.tag_authority == TagAuthority::Catalog => {
                self.unsure.insert(id);
                self.pace.by(now);
                return;
            }
            Some(_) | None => {}
        }
        if !fresh && belief.row().is_some() {
            self.beliefs.services.insert(id.clone(), Belief::Unknown);
        }
        self.due.add_service(&id);
    }

    fn check_touched(&mut self, now: Instant, before: &LocalView, id: Arc<str>) {
        self.deferred.remove(&id);
        let was = before.checks.get(&id).map(|check| check.definition.service_id.as_str());
        let is = self.view.checks.get(&id).map(|check| check.definition.service_id.as_str());
        if was != is {
            if let Some(was) = was
                && let Some(owned) = self.owned.get_mut(was)
            {
                owned.remove(&id);
                if owned.is_empty() {
                    self.owned.remove(was);
                }
            }
            if let Some(is) = is {
                self.owned.entry(is.into()).or_default().insert(id.clone());
            }
        }
        if matches!(self.beliefs.check(&id), Belief::Is { since, .. } if now.since(*since) >= CONFIRMED) {
            self.beliefs.checks.insert(id.clone(), Belief::Unknown);
        }
        match (was, is) {
            (_, Some(service)) => {
                let service = service_of(service);
                self.due.add_check(&id, service);
            }
            // With its service it goes anyway.
            (Some(service), None) if !service.is_empty() && !self.view.services.contains_key(service) => {}
            (_, None) => self.due.add_check(&id, None),
        }
    }

    fn fetched(&mut self, now: Instant, found: Option<WholeNode>) {
        self.counts.full += 1;
        self.last_full = Some(now);
        self.pace.usual(now, &mut self.rng);
        self.tainted.extend(self.busy.iter().cloned());
        self.unsure.clear();
        self.compare(now, found);
        let (due, view) = (&self.due, &self.view);
        self.refused.retain(|subject, _| match subject {
            Subject::Node => due.node,
            Subject::Service(id) => due.services.contains_key(id),
            Subject::Check(id) => due.checks.contains(id) || view.checks.contains_key(id),
        });
    }

    /// Reads the catalog, behind a barrier if a write that was given up could still change what is read.
    pub(super) fn begin_fetch(&mut self, fetch: Fetch) {
        self.tainted.clear();
        if !self.numbers.is_adrift() {
            self.outputs.push_back(Output::Fetch(fetch));
            return;
        }
        let (write, order) = self.numbers.next(self.under_way.keys());
        self.numbers.set_barrier(write, fetch);
        self.counts.writes += 1;
        self.under_way.insert(write, Vec::new());
        self.outputs.push_back(Output::Write { write, order, command: self.barrier(), token: String::new() });
    }

    pub(super) fn fetch_failed(&mut self, now: Instant, fetch: Fetch) {
        if self.pace.end(fetch) {
            self.counts.failed += 1;
            self.tainted.clear();
            let unsure = std::mem::take(&mut self.unsure);
            unsure.iter().for_each(|id| self.held.add_service(id));
            self.pace.retry(now, &mut self.rng);
        }
    }

    /// Whether no check of the service is being written.
    pub(super) fn is_quiet(&self, service: &str) -> bool {
        let of_service = |sent: &Sent| match sent {
            Sent::Check(_, Some(spec)) => spec.service_id == service,
            Sent::Check(_, None) | Sent::Node(_) | Sent::Service(..) => false,
        };
        !self.under_way.values().flatten().any(of_service)
    }

    /// Begins what there is room for. While something is held back, one write at a time tries whether the catalog is there again.
    fn pump(&mut self) {
        let room = if self.held.is_empty() { MAX_UNDER_WAY } else { 1 };
        while self.under_way.len() < room {
            let Some(plan) = self.plan() else { return };
            let (write, order) = self.numbers.next(self.under_way.keys());
            self.counts.writes += 1;
            self.busy.extend(plan.sent.iter().map(Sent::subject));
            for id in plan.sent.iter().filter_map(|sent| if let Sent::Check(id, _) = sent { Some(id) } else { None }) {
                self.deferred.remove(id);
            }
            self.under_way.insert(write, plan.sent);
            self.outputs.push_back(Output::Write { write, order, command: plan.command, token: plan.token });
        }
    }
}

impl Machine for AntiEntropy {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        assert!(self.outputs.is_empty(), "outputs were not drained");
        match input {
            Input::Local { view, touched } => self.local(now, view, touched),
            Input::Node(node) => {
                self.due.node |= self.node != node;
                self.node = node;
            }
            Input::Fetched { fetch, found } => {
                if self.pace.end(fetch) {
                    self.fetched(now, found);
                }
            }
            Input::FetchFailed(fetch) => self.fetch_failed(now, fetch),
            Input::Written { write, outcome } => self.written(now, write, outcome),
            Input::Members(members) => self.pace.set_members(members),
            Input::ServerFound => self.pace.found(now, &mut self.rng),
        }
        self.pump();
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some(check) = self.deferred.pop(now) {
            let service = self.view.checks.get(&check).and_then(|check| service_of(&check.definition.service_id));
            self.due.add_check(&check, service);
        }
        if let Some(fetch) = self.pace.begin(now) {
            self.begin_fetch(fetch);
        }
        self.pump();
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let full = self.pace.due().map(|at| Deadline { at, reason: "full sync" });
        let output = self.deferred.first().map(|at| Deadline { at, reason: "output" });
        full.into_iter().chain(output).min_by_key(|deadline| deadline.at)
    }

    fn check_invariants(&self) {
        assert!(self.under_way.len() <= MAX_UNDER_WAY + 1, "few writes are under way, and a barrier");
        let busy: Vec<Subject> = self.under_way.values().flatten().map(Sent::subject).collect();
        assert_eq!(busy.len(), self.busy.len(), "nothing is written twice at once");
        assert!(busy.iter().all(|subject| self.busy.contains(subject)), "what is under way is known to be");
        assert!(!self.due.checks.contains(SERF_HEALTH) || self.view.checks.contains_key(SERF_HEALTH), "the leader's check is not ours");
        self.deferred.check_invariants();
    }
}
