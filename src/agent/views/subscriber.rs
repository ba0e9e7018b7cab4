//! The agent's side: which views are wanted, and what each holds.

use super::delta::{Delta, Holding};
use super::pace::{Pace, pause};
use super::wire::{Ask, Batch, Changes, Lineage, News, Told, Verdict, Wanted};
use super::{LONGEST_NAME, MOST_DIGESTS, MOST_VIEWS, NAMES_IN_REQUEST};
use crate::agent::query::{Answer, Query};
use crate::model::codec;
use crate::model::{Deadline, Index, Instant, Machine};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// A view that was used less than this ago does not make room for another.
const WARM: Duration = Duration::from_secs(60);
/// How long a view that a server refused is not asked for again.
const REFUSED: Duration = Duration::from_secs(60);

/// Bounds of an agent's views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// The least time between two batches once the burst is over; zero is no bound.
    pub fetch_interval: Duration,
    /// Batches taken without a pause between them.
    pub fetch_burst: u32,
    /// Most views.
    pub most: usize,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning { fetch_interval: Duration::ZERO, fetch_burst: 2, most: MOST_VIEWS }
    }
}

/// What can happen to an agent's views.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A reader uses this view: one of those that [`Query::view`] names.
    Want(Query),
    /// A client of this agent saw this index: views that come to be from now on are not older.
    Seen(Index),
    /// The server's answer to the [`Output::Ask`] under way.
    Told(Told),
    /// There was none.
    Failed,
    /// The server took an [`Output::Change`].
    Changed,
    /// It did not.
    NotChanged,
    /// Another server is to be asked from now on.
    Move,
}

/// What an agent's views decide.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Ask a server for the next batch. Without a session that is any server, and whatever else is under way is given up.
    Ask(Ask),
    /// Tell the server of this session what changed, beside the question that waits there.
    Change(Ask),
    /// Give up what is under way: the subscription ends.
    HangUp,
    /// A view has a new answer.
    Fill(Query, Arc<Answer>),
    /// There is no room for this view, here or at the server: readers ask the servers themselves.
    Refuse(Query),
    /// A view is no longer held.
    Drop(Query),
    /// The server broke the rules; for the log.
    Fault(String),
}

/// An agent's views. Deterministic: chance is the seed's.
#[derive(Debug)]
pub struct Views {
    tuning: Tuning,
    rng: ChaCha8Rng,
    pace: Pace,
    views: BTreeMap<Query, View>,
    queries: BTreeMap<u64, Query>,
    last_number: u64,
    seen: Index,
    /// What the question under way says of it.
    floor: Index,
    link: Link,
    /// Numbers of views that the session does not know of, and of dropped ones that it does.
    unknown: BTreeSet<u64>,
    dropped: Vec<u64>,
    /// A change is under way.
    changing: bool,
    failures: u32,
    contact: Contact,
    /// No view can be too old before this.
    sweep: Option<Instant>,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
struct View {
    number: u64,
    used: Instant,
    answer: Option<Arc<Answer>>,
    refused: Option<Instant>,
}

/// Where the subscription is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Nothing is wanted.
    Idle,
    /// A question waits at a server; without a session it is the first.
    Asking { session: Option<u64> },
    /// It is not time yet to ask.
    Resting { session: Option<u64>, until: Instant },
}

/// What the servers vouched for last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contact {
    /// When.
    pub at: Instant,
    /// Whether the server knew a leader then.
    pub known_leader: bool,
    /// How long before it had heard from it.
    pub last_contact: Duration,
}

impl Views {
    /// None yet.
    pub fn new(now: Instant, tuning: Tuning, seed: u64) -> Views {
        Views {
            pace: Pace::new(tuning.fetch_interval, tuning.fetch_burst),
            tuning,
            rng: ChaCha8Rng::seed_from_u64(seed),
            views: BTreeMap::new(),
            queries: BTreeMap::new(),
            last_number: 0,
            seen: 0,
            floor: 0,
            link: Link::Idle,
            unknown: BTreeSet::new(),
            dropped: Vec::new(),
            changing: false,
            failures: 0,
            contact: Contact { at: now, ..Contact::default() },
            sweep: None,
            outputs: VecDeque::new(),
        }
    }

    /// What is held of a view.
    pub fn answer(&self, view: &Query) -> Option<&Arc<Answer>> {
        self.views.get(view)?.answer.as_ref()
    }

    /// How many are wanted.
    pub fn len(&self) -> usize {
        self.views.len()
    }

    /// Whether none are.
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// How long no server has vouched for what is held: zero while one would tell what changes.
    pub fn age(&self, now: Instant) -> Duration {
        match self.link {
            Link::Asking { session: Some(_) } => Duration::ZERO,
            Link::Asking { session: None } | Link::Resting { .. } | Link::Idle => now.since(self.contact.at),
        }
    }

    /// What the servers vouched for last.
    pub fn contact(&self) -> Contact {
        self.contact
    }

    fn want(&mut self, now: Instant, query: Query) {
        if let Some(view) = self.views.get_mut(&query) {
            view.used = now;
            if view.refused.is_some_and(|until| until > now) {
                return self.outputs.push_back(Output::Refuse(query));
            }
            if view.refused.take().is_some() {
                self.unknown.insert(view.number);
                self.tell(now);
            }
            return;
        }
        let too_long = codec::encode(0, &query).len() > LONGEST_NAME;
        if too_long || (self.views.len() >= self.tuning.most && !self.make_room(now)) {
            return self.outputs.push_back(Output::Refuse(query));
        }
        self.last_number += 1;
        let number = self.last_number;
        let drop_at = now + query.view_life();
        self.sweep = Some(self.sweep.map_or(drop_at, |sweep| sweep.min(drop_at)));
        self.queries.insert(number, query.clone());
        self.views.insert(query, View { number, used: now, answer: None, refused: None });
        self.unknown.insert(number);
        self.tell(now);
    }

    /// Drops the view that was not used for the longest time, unless that is not long.
    fn make_room(&mut self, now: Instant) -> bool {
        let oldest = self.views.iter().min_by_key(|(_, view)| (view.used, view.number));
        match oldest.filter(|(_, view)| now.since(view.used) >= WARM).map(|(query, _)| query.clone()) {
            Some(query) => {
                self.remove(&query);
                true
            }
            None => false,
        }
    }

    fn remove(&mut self, query: &Query) {
        let Some(view) = self.views.remove(query) else { return };
        self.queries.remove(&view.number);
        if !self.unknown.remove(&view.number) {
            self.dropped.push(view.number);
        }
        self.outputs.push_back(Output::Drop(query.clone()));
    }

    /// Sees to it that the server learns what it does not know.
    fn tell(&mut self, now: Instant) {
        match self.link {
            Link::Idle => self.ask_when_due(now, None),
            Link::Asking { session: Some(session) } if !self.changing && !self.unknown.is_empty() => {
                self.changing = true;
                let changes = self.next_changes();
                self.outputs.push_back(Output::Change(Ask { session: Some(session), seen: self.seen, changes }));
            }
            Link::Asking { .. } | Link::Resting { .. } => {}
        }
    }

    fn ask_when_due(&mut self, now: Instant, session: Option<u64>) {
        let until = self.pace.next(now);
        if until > now {
            self.link = Link::Resting { session, until };
        } else {
            self.ask(now, session);
        }
    }

    fn ask(&mut self, now: Instant, session: Option<u64>) {
        if session.is_none() {
            self.unknown = self.views.values().filter(|view| view.refused.is_none()).map(|view| view.number).collect();
            self.dropped.clear();
            self.changing = false;
        }
        self.pace.spend(now);
        self.link = Link::Asking { session };
        // What a change under way tells is not told twice.
        let changes = if self.changing { Changes::default() } else { self.next_changes() };
        self.floor = self.seen;
        self.outputs.push_back(Output::Ask(Ask { session, seen: self.seen, changes }));
    }

    /// As much of what the session does not know as goes into one request.
    fn next_changes(&mut self) -> Changes {
        let mut changes = Changes { add: Vec::new(), remove: std::mem::take(&mut self.dropped) };
        let salt = self.rng.random();
        let mut digests = 0;
        while let Some(number) = self.unknown.first().copied()
            && changes.add.len() < NAMES_IN_REQUEST
        {
            let query = &self.queries[&number];
            let answer = self.views[query].answer.as_deref();
            let size = answer.map_or(0, Holding::size);
            let holding = answer.filter(|_| size <= MOST_DIGESTS);
            if holding.is_some() && digests + size > MOST_DIGESTS {
                break;
            }
            digests += holding.map_or(0, |_| size);
            changes.add.push(Wanted { number, query: query.clone(), holding: holding.map(|answer| Holding::of(salt, answer)) });
            self.unknown.remove(&number);
        }
        changes
    }

    fn told(&mut self, now: Instant, told: Told) {
        let Link::Asking { session } = self.link else { return };
        match told {
            Told::Batch(batch) => match self.take(now, session, batch) {
                Ok(session) => {
                    self.failures = 0;
                    self.ask_when_due(now, Some(session));
                    self.tell(now);
                }
                Err(fault) => {
                    self.outputs.push_back(Output::Fault(fault));
                    self.fail(now);
                }
            },
            Told::Unknown | Told::Behind | Told::Full => self.fail(now),
        }
    }

    /// Takes a batch; the session to go on with.
    fn take(&mut self, now: Instant, session: Option<u64>, batch: Batch) -> Result<u64, String> {
        if session.is_some_and(|session| session != batch.session) {
            return Err(format!("session {session:?} was answered as {}", batch.session));
        }
        match batch.lineage {
            Lineage::Same if batch.index < self.floor => {
                return Err(format!("index {} was sent to an agent that has seen {}", batch.index, self.floor));
            }
            Lineage::Same => self.seen = self.seen.max(batch.index),
            Lineage::Anew => self.seen = batch.index,
        }
        for News { number, verdict } in batch.news {
            // One that was dropped meanwhile is none of ours.
            let Some(query) = self.queries.get(&number) else { continue };
            let view = self.views.get_mut(query).expect("a number belongs to a view");
            match verdict {
                Verdict::Changed(delta) => {
                    let delta = Delta::decode(&delta).map_err(|e| e.to_string())?;
                    let answer = Arc::new(delta.apply(view.answer.as_deref()).map_err(|e| e.to_string())?);
                    view.answer = Some(answer.clone());
                    self.outputs.push_back(Output::Fill(query.clone(), answer));
                }
                Verdict::Refused => {
                    (view.refused, view.answer) = (Some(now + REFUSED), None);
                    self.outputs.push_back(Output::Refuse(query.clone()));
                }
            }
        }
        self.contact = Contact { at: now, known_leader: batch.known_leader, last_contact: batch.last_contact };
        Ok(batch.session)
    }

    /// The subscription is lost: another begins after a pause.
    fn fail(&mut self, now: Instant) {
        if let Link::Asking { session: Some(_) } = self.link {
            // Until a moment ago somebody would have told of changes.
            self.contact.at = now;
        }
        self.failures += 1;
        self.changing = false;
        let until = self.pace.next(now + pause(self.failures, &mut self.rng));
        self.link = if self.views.is_empty() { Link::Idle } else { Link::Resting { session: None, until } };
    }

    /// Ends the subscription if there is one, and goes on with `next`.
    fn not_changed(&mut self, now: Instant) {
        if !self.changing {
            return;
        }
        self.changing = false;
        if self.link != Link::Idle {
            self.outputs.push_back(Output::HangUp);
            self.fail(now);
        }
    }

    fn changed(&mut self, now: Instant) {
        if std::mem::take(&mut self.changing) {
            self.tell(now);
        }
    }

    fn move_on(&mut self, now: Instant) {
        match self.link {
            Link::Asking { session: Some(_) } | Link::Resting { session: Some(_), .. } => {
                self.contact.at = now;
                self.outputs.push_back(Output::HangUp);
                self.changing = false;
                self.ask_when_due(now, None);
            }
            Link::Asking { session: None } | Link::Resting { session: None, .. } | Link::Idle => {}
        }
    }

    /// Drops what was not used for too long.
    fn drop_unused(&mut self, now: Instant) {
        let over = |query: &Query, view: &View| view.used + query.view_life() <= now;
        let unused: Vec<Query> = self.views.iter().filter(|(query, view)| over(query, view)).map(|(query, _)| query.clone()).collect();
        unused.iter().for_each(|query| self.remove(query));
        self.sweep = self.views.iter().map(|(query, view)| view.used + query.view_life()).min();
        if self.views.is_empty() && self.link != Link::Idle {
            self.link = Link::Idle;
            self.changing = false;
            self.dropped.clear();
            self.outputs.push_back(Output::HangUp);
        }
    }

    fn assert_drained(&self) {
        assert!(self.outputs.is_empty(), "outputs were not drained");
    }
}

impl Machine for Views {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        self.assert_drained();
        match input {
            Input::Want(query) => self.want(now, query),
            Input::Seen(index) => self.seen = self.seen.max(index),
            Input::Told(told) => self.told(now, told),
            Input::Failed => {
                if let Link::Asking { .. } = self.link {
                    self.fail(now);
                }
            }
            Input::Changed => self.changed(now),
            Input::NotChanged => self.not_changed(now),
            Input::Move => self.move_on(now),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.assert_drained();
        if self.sweep.is_some_and(|sweep| sweep <= now) {
            self.drop_unused(now);
        }
        if let Link::Resting { session, until } = self.link
            && until <= now
        {
            self.ask(now, session);
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let resting = match self.link {
            Link::Resting { until, .. } => Some(Deadline { at: until, reason: "ask a server" }),
            Link::Idle | Link::Asking { .. } => None,
        };
        let sweep = self.sweep.map(|at| Deadline { at, reason: "drop what is not used" });
        resting.into_iter().chain(sweep).min_by_key(|deadline| deadline.at)
    }

    fn check_invariants(&self) {
        assert!(self.views.len() <= self.tuning.most, "more than {} views", self.tuning.most);
        assert_eq!(self.views.len(), self.queries.len(), "each view has one number");
        for (query, view) in &self.views {
            assert_eq!(self.queries.get(&view.number), Some(query), "a number leads back to its view");
        }
        assert!(self.unknown.iter().all(|number| self.queries.contains_key(number)), "only views that are there are told of");
        assert_eq!(self.sweep.is_some(), !self.views.is_empty(), "views are dropped in time, and nothing else is waited for");
        assert!(self.link != Link::Idle || self.views.is_empty(), "somebody is asked as long as anything is wanted");
    }
}
