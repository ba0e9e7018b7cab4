//! One agent, three servers of one cluster, and whatever happens to them.

use crate::agent::query::{Answer, Choice, Query};
use crate::agent::views::{Ask, Batch, Board, Changes, Input, Lineage, Output, Publisher, Told, Tuning, Views};
use crate::model::{CheckStatus, Index, Instant, Key, Machine, NodeName, ServiceSpec, Timestamp};
use crate::state::checks::CheckSpec;
use crate::state::nodes::NodeSpec;
use crate::state::{CatalogCommand, Command, Condition, KvCommand, NodeUpdate, Stamped, State};
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const SERVICES: [&str; 3] = ["a", "b", "c"];
/// How many different views [`view`] names.
pub(super) const VIEWS: usize = 7;

pub(super) fn health(service: &str) -> Query {
    Query::HealthService { service: service.to_owned(), choice: Choice::default() }
}

fn view(number: usize) -> Query {
    match number {
        0..3 => health(SERVICES[number]),
        3..6 => Query::CatalogService { service: SERVICES[number - 3].to_owned(), choice: Choice::default() },
        _ => Query::CatalogServices { choice: Choice::default() },
    }
}

/// One change of the catalog.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Service { node: usize, service: usize, port: i64, tag: usize },
    Check { node: usize, service: usize, status: CheckStatus },
    NodeCheck { node: usize, status: CheckStatus },
    Deregister { node: usize, service: usize },
    Forget { node: usize },
    Key,
}

pub(super) fn change() -> impl Strategy<Value = Change> {
    let status = || select(vec![CheckStatus::Passing, CheckStatus::Warning, CheckStatus::Critical]);
    let (node, service) = (|| 0..4usize, || 0..3usize);
    prop_oneof![
        5 => (node(), service(), 0..3i64, 0..3usize).prop_map(|(node, service, port, tag)| Change::Service { node, service, port, tag }),
        4 => (node(), service(), status()).prop_map(|(node, service, status)| Change::Check { node, service, status }),
        2 => (node(), status()).prop_map(|(node, status)| Change::NodeCheck { node, status }),
        2 => (node(), service()).prop_map(|(node, service)| Change::Deregister { node, service }),
        1 => node().prop_map(|node| Change::Forget { node }),
        1 => Just(Change::Key),
    ]
}

fn name(node: usize) -> NodeName {
    // Names of mixed case: rows are in the order of the lower-case ones.
    NodeName::parse(&format!("{}{node}", if node.is_multiple_of(2) { 'n' } else { 'N' })).unwrap()
}

fn node_spec(node: usize) -> NodeSpec {
    let meta = BTreeMap::from([("rack".to_owned(), (node % 2).to_string())]);
    NodeSpec { id: None, name: name(node), address: format!("10.0.0.{node}"), tagged_addresses: BTreeMap::new(), meta }
}

impl Change {
    /// Applies it; one that the state refuses changes nothing.
    pub(super) fn apply(&self, state: &mut State, index: Index) {
        let register =
            |node, service, checks| CatalogCommand::Register { node: node_spec(node), update: NodeUpdate::Apply, service, checks };
        let command = match self {
            Change::Service { node, service, port, tag } => {
                let mut spec = ServiceSpec::new(SERVICES[*service], SERVICES[*service]);
                (spec.port, spec.tags) = (*port, vec![format!("t{tag}")]);
                register(*node, Some(spec), vec![])
            }
            Change::Check { node, service, status } => {
                let id = SERVICES[*service];
                let mut check = CheckSpec::of_node(&format!("check-{id}"), "Check", *status, "");
                check.service_id = id.to_owned();
                register(*node, None, vec![check])
            }
            Change::NodeCheck { node, status } => register(*node, None, vec![CheckSpec::of_node("alive", "Alive", *status, "")]),
            Change::Deregister { node, service } => {
                CatalogCommand::DeregisterService { node: name(*node), service: SERVICES[*service].to_owned() }
            }
            Change::Forget { node } => CatalogCommand::DeregisterNode { node: name(*node), only_id: None },
            Change::Key => {
                let value = index.to_string().into();
                let put = KvCommand::Put { key: Key::from("k"), value, flags: 0, condition: Condition::Always };
                state.apply(index, &Stamped { at: Timestamp::default(), command: Command::Kv(put) });
                return;
            }
        };
        state.apply(index, &Stamped { at: Timestamp::default(), command: Command::Catalog(command) });
    }
}

/// A state with so many instances of `service`, each with a check, and the index of its last change.
pub(super) fn state_of(instances: usize, service: &str) -> (State, Index) {
    let (mut state, mut index) = (State::default(), 0);
    let service = SERVICES.iter().position(|name| *name == service).expect("one of SERVICES");
    for node in 0..instances {
        index += 1;
        Change::Service { node, service, port: 80, tag: 0 }.apply(&mut state, index);
        index += 1;
        Change::Check { node, service, status: CheckStatus::Passing }.apply(&mut state, index);
    }
    (state, index)
}

/// What can happen.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    /// The leader commits.
    Change(Change),
    /// A reader uses a view.
    Want(usize),
    /// The server answers the question that waits.
    Publish,
    /// The server takes the change that waits.
    PublishChange,
    /// A server applies all that is committed.
    Replicate(usize),
    /// Milliseconds.
    Pass(u64),
    /// A server forgets its subscriptions: it restarted, or the agent was away for too long.
    Lose(usize),
    /// The agent is to keep to another server.
    MoveTo(usize),
    /// The cluster is set up anew, without its past.
    BeginAnew,
    /// Views go out of use.
    LongSilence,
}

#[derive(Default)]
struct Server {
    state: State,
    index: Index,
    board: Board,
    sessions: BTreeMap<u64, Publisher>,
}

pub(super) struct World {
    now: Instant,
    /// The leader is the first.
    servers: [Server; 3],
    log: Vec<Change>,
    views: Views,
    /// The server the agent keeps to, and the one that its subscription is at.
    preferred: usize,
    at: usize,
    question: Option<Ask>,
    change: Option<Ask>,
    issued: u64,
    shown: BTreeMap<Query, Index>,
    wanted: Vec<usize>,
}

impl World {
    pub(super) fn new(seed: u64) -> World {
        let now = Instant::ZERO + Duration::from_secs(1);
        World {
            now,
            servers: Default::default(),
            log: Vec::new(),
            views: Views::new(now, Tuning { most: VIEWS, ..Tuning::default() }, seed),
            preferred: (seed % 3) as usize,
            at: 0,
            question: None,
            change: None,
            issued: 0,
            shown: BTreeMap::new(),
            wanted: Vec::new(),
        }
    }

    pub(super) fn meet(&mut self, happening: Happening) {
        match happening {
            Happening::Change(change) => {
                self.log.push(change);
                self.replicate(0);
            }
            Happening::Want(number) => {
                self.wanted.retain(|wanted| *wanted != number);
                self.wanted.push(number);
                self.feed(Input::Want(view(number)));
            }
            Happening::Publish => self.publish(),
            Happening::PublishChange => self.publish_change(),
            Happening::Replicate(server) => self.replicate(server),
            Happening::Pass(millis) => self.pass(Duration::from_millis(millis)),
            Happening::Lose(server) => self.servers[server].sessions.clear(),
            Happening::MoveTo(server) => {
                self.preferred = server;
                self.feed(Input::Move);
            }
            Happening::BeginAnew => self.begin_anew(),
            Happening::LongSilence => {
                self.wanted.clear();
                self.pass(Duration::from_secs(73 * 3_600));
            }
        }
    }

    fn replicate(&mut self, server: usize) {
        let (server, log) = (&mut self.servers[server], &self.log);
        for (index, change) in (1..).zip(log).skip(server.index as usize) {
            change.apply(&mut server.state, index);
            server.index = index;
        }
    }

    fn begin_anew(&mut self) {
        // Whether an agent can tell depends on how far the new one has come.
        self.shown.clear();
        self.log.clear();
        self.servers = Default::default();
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.views.poll_timeout().filter(|deadline| deadline.at <= until) {
            self.now = self.now.max(due.at);
            self.views.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn feed(&mut self, input: Input) {
        self.views.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.views.poll_output() {
            match output {
                Output::Ask(ask) => {
                    if ask.session.is_none() {
                        self.hang_up();
                        self.at = self.preferred;
                    }
                    self.question = Some(ask);
                }
                Output::Change(ask) => self.change = Some(ask),
                Output::HangUp => self.hang_up(),
                Output::Fill(query, answer) => self.judge(query, &answer),
                Output::Drop(query) => drop(self.shown.remove(&query)),
                Output::Refuse(query) => panic!("{query:?} was refused"),
                Output::Fault(why) => panic!("{why}"),
            }
        }
        self.views.check_invariants();
    }

    /// A question that is given up takes its session with it.
    fn hang_up(&mut self) {
        if let Some(session) = self.question.take().and_then(|ask| ask.session) {
            self.servers[self.at].sessions.remove(&session);
        }
        self.change = None;
    }

    fn judge(&mut self, query: Query, answer: &Answer) {
        let last = self.shown.insert(query.clone(), answer.marks.index);
        assert!(last.is_none_or(|last| last <= answer.marks.index), "{query:?} went back from {last:?} to {}", answer.marks.index);
    }

    fn lineage(&self, seen: Index) -> Option<Lineage> {
        match self.servers[self.at].index >= seen {
            true => Some(Lineage::Same),
            false if self.at == 0 => Some(Lineage::Anew),
            false => None,
        }
    }

    /// What [`crate::server`] does with a question, without the waiting.
    fn publish(&mut self) {
        let Some(ask) = self.question.clone() else { return };
        let Some(lineage) = self.lineage(ask.seen) else {
            // As the driver does: it turns to another.
            (self.question, self.preferred) = (None, (self.preferred + 1) % 3);
            return self.feed(Input::Told(Told::Behind));
        };
        let server = &mut self.servers[self.at];
        let session = ask.session.unwrap_or_else(|| {
            self.issued += 1;
            server.sessions.insert(self.issued, Publisher::default());
            self.issued
        });
        let Some(publisher) = server.sessions.get_mut(&session) else {
            self.question = None;
            return self.feed(Input::Told(Told::Unknown));
        };
        publisher.change(ask.changes);
        // The question may have to wait: its changes are taken, and not taken again.
        self.question = Some(Ask { session: ask.session, seen: ask.seen, changes: Changes::default() });
        let found = publisher.look(&mut server.board, server.index, &server.state);
        if found.news.is_empty() && ask.session.is_some() && lineage == Lineage::Same {
            return;
        }
        if lineage == Lineage::Anew {
            self.shown.clear();
        }
        self.question = None;
        let batch = Batch { session, index: found.index, lineage, known_leader: true, last_contact: Duration::ZERO, news: found.news };
        self.feed(Input::Told(Told::Batch(batch)));
    }

    fn publish_change(&mut self) {
        let Some(ask) = self.change.take() else { return };
        let taken = self.lineage(ask.seen) == Some(Lineage::Same);
        let publisher = self.servers[self.at].sessions.get_mut(&ask.session.expect("a change is of a session"));
        match publisher.filter(|_| taken) {
            Some(publisher) => {
                publisher.change(ask.changes);
                self.feed(Input::Changed);
            }
            None => self.feed(Input::NotChanged),
        }
    }

    /// Everything is applied, and everybody is heard.
    pub(super) fn settle(&mut self) {
        for _ in 0..60 {
            (0..3).for_each(|server| self.replicate(server));
            self.publish_change();
            self.publish();
            self.pass(Duration::from_secs(11));
        }
    }

    pub(super) fn assert_views_are_current(&self) {
        let leader = &self.servers[0];
        for number in &self.wanted {
            let query = view(*number);
            let (held, answer) = (self.views.answer(&query), query.answer(&leader.state));
            let held = held.unwrap_or_else(|| panic!("{query:?} was never filled"));
            assert_eq!(held.rows, answer.rows, "{query:?}");
            // The index of what is not there moves with others, of which nobody is told.
            assert_eq!(held.marks.changed, answer.marks.changed, "{query:?}");
        }
    }
}
