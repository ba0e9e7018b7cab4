//! A backend without Raft: a state behind a lock, with watches as the running agent has them.

use crate::agent::events::EventRing;
use crate::agent::expiry::Renewed;
use crate::agent::local::{LocalChange, LocalError, LocalView};
use crate::agent::query::{Answer, Query, ReadMode, ReadOptions, Verdict, judge, patience};
use crate::api::agent::{AgentSelf, Host, Member, MemberStatus, Memory, SelfConfig, Version};
use crate::api::coordinate::DatacenterMap;
use crate::api::event::Answers;
use crate::api::metrics::{Metric, Reading};
use crate::api::monitor::Monitor;
use crate::api::operator::{AutopilotState, Peer, RaftConfiguration, ServersHealth};
use crate::gossip::{Ask, UserEvent};
use crate::model::{Datacenter, Index, NodeName, Timestamp};
use crate::runtime::tokio::Tokio;
use crate::runtime::{timeout, watch};
use crate::server::archives::SavedSnapshot;
use crate::server::http::{Answered, Backend, Means, Origin, Pool, RequestError, Source, Trace};
use crate::server::journal::{Journal, Lines};
use crate::state::coordinates::Located;
use crate::state::timers::Timer;
use crate::state::{Command, Reply, Stamped, State};
use crate::watch::{Ticket, Watches};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// How long ago its server heard of the leader.
const AGE: Duration = Duration::from_millis(12);

#[derive(Clone)]
pub(super) struct Local(Arc<Inner>);

struct Inner {
    datacenter: Datacenter,
    node: NodeName,
    registrations: watch::Sender<Arc<LocalView>>,
    rings: watch::Sender<Arc<EventRing>>,
    journal: Journal,
    store: Mutex<Store>,
    /// Somebody began or ceased to wait.
    waiters_changed: Notify,
}

struct Store {
    state: State,
    index: Index,
    watches: Watches<oneshot::Sender<()>>,
    leader: bool,
    healthy: bool,
    calls: Vec<String>,
    change_refused: Option<LocalError>,
}

/// Takes a waiter out when its request is dropped.
struct Waiting<'a>(&'a Inner, Ticket);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.store.lock().unwrap().watches.cancel(self.1);
        self.0.waiters_changed.notify_waiters();
    }
}

impl Local {
    pub(super) fn new() -> Local {
        let watches = Watches::new(1_000);
        let store = Store { state: State::default(), index: 9, watches, leader: true, healthy: true, calls: vec![], change_refused: None };
        let datacenter = Datacenter::parse("dc1").unwrap();
        let node = NodeName::parse("n1").unwrap();
        let (registrations, _) = watch::channel(Arc::default());
        let (rings, _) = watch::channel(Arc::default());
        Local(Arc::new(Inner {
            journal: Journal::new(),
            datacenter,
            node,
            registrations,
            rings,
            store: Mutex::new(store),
            waiters_changed: Notify::new(),
        }))
    }

    /// The log that monitors read.
    pub(super) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.store.lock().unwrap()
    }

    pub(super) fn lose_the_leader(&self) {
        self.store().leader = false;
    }

    pub(super) fn fall_ill(&self) {
        self.store().healthy = false;
    }

    /// From now on the agent's registrations are these.
    pub(super) fn register(&self, view: LocalView) {
        self.0.registrations.send(Arc::new(view));
    }

    /// Completes when so many watch the registrations.
    pub(super) async fn until_watched(&self, count: usize) {
        self.until(|inner| inner.registrations.receivers() == count).await;
    }

    /// Completes when so many watch the events.
    pub(super) async fn until_events_watched(&self, count: usize) {
        self.until(|inner| inner.rings.receivers() == count).await;
    }

    async fn until(&self, done: impl Fn(&Inner) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.0.waiters_changed.notified());
            changed.as_mut().enable();
            if done(&self.0) {
                return;
            }
            changed.await;
        }
    }

    /// Changes of the agent's registrations are refused from now on.
    pub(super) fn refuse_changes(&self, why: LocalError) {
        self.store().change_refused = Some(why);
    }

    /// What was asked of the agent, beside reads and writes.
    pub(super) fn calls(&self) -> Vec<String> {
        self.store().calls.clone()
    }

    fn note(&self, call: impl Into<String>) {
        self.store().calls.push(call.into());
    }

    pub(super) fn apply(&self, command: Command) -> (Index, Reply) {
        let mut store = self.store();
        store.index += 1;
        let index = store.index;
        let (reply, touched) = store.state.apply(index, &Stamped { at: Timestamp::default(), command });
        let woken = store.watches.wake(&touched);
        drop(store);
        for waiter in woken {
            _ = waiter.send(());
        }
        (index, reply)
    }

    /// Completes when so many wait.
    pub(super) async fn until_waiting(&self, count: usize) {
        self.until(|inner| inner.store.lock().unwrap().watches.len() == count).await;
    }

    fn check(&self, dc: Option<&str>) -> Result<(), RequestError> {
        if dc.is_some_and(|dc| dc != self.0.datacenter.as_str()) {
            return Err(RequestError::NoPathToDatacenter);
        }
        if self.store().leader { Ok(()) } else { Err(RequestError::NoLeader) }
    }

    /// The answer, or a registration for the next change, in one step.
    fn look(&self, query: &Query, min_index: Index) -> Result<Answer, (oneshot::Receiver<()>, Ticket)> {
        let mut store = self.store();
        let answer = query.answer(&store.state);
        match judge(min_index, &answer) {
            Verdict::Send => Ok(answer),
            Verdict::Wait => {
                let (waiter, changed) = oneshot::channel();
                let topics = query.topics(&store.state);
                let ticket = store.watches.register(topics, waiter).unwrap();
                Err((changed, ticket))
            }
        }
    }
}

impl Backend for Local {
    async fn read(&self, query: Query, options: ReadOptions) -> Result<Answered, RequestError> {
        self.check(options.dc.as_deref())?;
        let waiting = async {
            loop {
                match self.look(&query, options.min_index) {
                    Ok(answer) => return answer,
                    Err((changed, ticket)) => {
                        let _waiting = Waiting(&self.0, ticket);
                        self.0.waiters_changed.notify_waiters();
                        drop(changed.await);
                    }
                }
            }
        };
        let patience = patience(options.wait, Duration::from_secs(300), Duration::from_secs(600), 0);
        let answer = match timeout::<Tokio, _>(patience, waiting).await {
            Ok(answer) => answer,
            Err(_) => query.answer(&self.store().state),
        };
        Ok(Answered {
            answer,
            known_leader: true,
            last_contact: AGE,
            mode: match options.mode {
                ReadMode::Stale { max_age: Some(max) } if max < AGE => ReadMode::Default,
                mode => mode,
            },
            origin: Origin::Servers,
            means: if options.cached.is_some() { Means::Streaming } else { Means::BlockingQuery },
        })
    }

    async fn write(&self, command: Command, dc: Option<String>) -> Result<(Index, Reply), RequestError> {
        self.check(dc.as_deref())?;
        Ok(self.apply(command))
    }

    /// Without a clock: whatever is there lives anew.
    async fn renew(&self, timer: Timer, dc: Option<String>) -> Result<Renewed, RequestError> {
        self.check(dc.as_deref())?;
        let state = &self.store().state;
        Ok(match &timer {
            Timer::Session(id) => state.sessions().get(*id).cloned().map_or(Renewed::Gone, Renewed::Session),
            Timer::Key(_) if state.timers().rows().contains_key(&timer) => Renewed::Key,
            Timer::Key(_) | Timer::LockDelay(_) => Renewed::Gone,
        })
    }

    async fn leader(&self, dc: Option<String>) -> Result<Option<SocketAddr>, RequestError> {
        match self.check(dc.as_deref()) {
            Ok(()) => Ok(Some(SocketAddr::from(([127, 0, 0, 1], 8300)))),
            Err(RequestError::NoLeader) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn peers(&self, dc: Option<String>) -> Result<Vec<SocketAddr>, RequestError> {
        Ok(self.leader(dc).await?.into_iter().collect())
    }

    async fn raft_configuration(&self, source: Source, dc: Option<String>) -> Result<RaftConfiguration, RequestError> {
        self.note(format!("configuration from {source:?}"));
        self.check(dc.as_deref())?;
        Ok(RaftConfiguration { servers: vec![], index: 3 })
    }

    async fn remove_peer(&self, peer: Peer, _dc: Option<String>) -> Result<(), RequestError> {
        Err(RequestError::Refused(peer.not_found()))
    }

    async fn transfer_leader(&self, to: Option<String>, _dc: Option<String>) -> Result<(), RequestError> {
        self.note(format!("transfer to {to:?}"));
        Ok(())
    }

    async fn autopilot_health(&self, _dc: Option<String>) -> Result<ServersHealth, RequestError> {
        Ok(ServersHealth { healthy: self.store().healthy, failure_tolerance: 0, servers: vec![] })
    }

    async fn autopilot_state(&self, _dc: Option<String>) -> Result<AutopilotState, RequestError> {
        Ok(AutopilotState {
            healthy: true,
            failure_tolerance: 0,
            optimistic_failure_tolerance: 0,
            servers: BTreeMap::new(),
            leader: String::new(),
            voters: vec![],
        })
    }

    async fn save_snapshot(&self, mode: ReadMode, _dc: Option<String>) -> Result<SavedSnapshot, RequestError> {
        self.note(format!("save {mode:?}"));
        let parts = Box::pin(futures_util::stream::iter([Bytes::from_static(b"arch"), Bytes::from_static(b"ive")]));
        Ok(SavedSnapshot { bytes: 7, index: 5, known_leader: true, last_contact: Duration::ZERO, parts })
    }

    async fn restore_snapshot(
        &self,
        body: impl Stream<Item = Result<Bytes, String>> + Send,
        _dc: Option<String>,
    ) -> Result<(), RequestError> {
        let parts: Vec<Result<Bytes, String>> = body.collect().await;
        let bytes = parts.into_iter().collect::<Result<Vec<Bytes>, String>>().map_err(RequestError::Refused)?.concat();
        self.note(format!("restore {}", String::from_utf8_lossy(&bytes)));
        Ok(())
    }

    async fn datacenters(&self) -> Result<Vec<String>, RequestError> {
        Ok(vec!["dc1".to_owned()])
    }

    fn datacenter(&self) -> &Datacenter {
        &self.0.datacenter
    }

    fn node_name(&self) -> &NodeName {
        &self.0.node
    }

    fn watch_local(&self) -> watch::Receiver<Arc<LocalView>> {
        let watching = self.0.registrations.subscribe();
        self.0.waiters_changed.notify_waiters();
        watching
    }

    async fn change_local(&self, change: LocalChange) -> Result<(), LocalError> {
        self.note(format!("{change:?}"));
        self.store().change_refused.clone().map_or(Ok(()), Err)
    }

    fn monitor(&self, wants: Monitor) -> Result<Lines, RequestError> {
        self.0.journal.read(wants).map_err(|e| RequestError::Refused(e.to_string()))
    }

    async fn reload(&self) -> Result<(), RequestError> {
        self.note("reload");
        Ok(())
    }

    async fn fire(&self, event: UserEvent, dc: Option<String>) -> Result<(), RequestError> {
        self.check(dc.as_deref())?;
        self.0.rings.send_if_modified(|ring| {
            Arc::make_mut(ring).push(UserEvent { at: 7, ..event }.into());
            true
        });
        Ok(())
    }

    fn events(&self) -> watch::Receiver<Arc<EventRing>> {
        let watching = self.0.rings.subscribe();
        self.0.waiters_changed.notify_waiters();
        watching
    }

    async fn ask_everybody(&self, ask: Ask, dc: Option<String>) -> Result<Answers, RequestError> {
        self.check(dc.as_deref())?;
        self.note(format!("ask {} until {}", ask.name, ask.until));
        Ok(Answers { members: 1, silent: vec![self.0.node.clone()], ..Answers::default() })
    }

    async fn locate(&self, located: Located, dc: Option<String>) -> Result<(), RequestError> {
        self.check(dc.as_deref())?;
        self.apply(Command::Locate(vec![located]));
        Ok(())
    }

    async fn servers_in_wan(&self) -> Result<Vec<DatacenterMap>, RequestError> {
        Ok(vec![])
    }

    async fn agent_self(&self) -> Result<AgentSelf, RequestError> {
        let config = SelfConfig {
            datacenter: "dc1".to_owned(),
            primary_datacenter: "dc1".to_owned(),
            node_name: "n1".to_owned(),
            node_id: "x".repeat(2_000),
            revision: String::new(),
            server: true,
            version: "1".to_owned(),
            session_ttl_min: 10_000_000_000,
        };
        let (debug_config, stats, meta) = Default::default();
        Ok(AgentSelf { config, debug_config, coord: None, member: member(), stats, meta })
    }

    async fn members(&self, pool: Pool) -> Result<Option<Vec<Member>>, RequestError> {
        Ok(match pool {
            Pool::Lan => Some(vec![member()]),
            Pool::Wan => None,
        })
    }

    async fn join(&self, address: String, pool: Pool) -> Result<(), RequestError> {
        self.note(format!("join {address} {pool:?}"));
        Ok(())
    }

    async fn leave(&self) -> Result<(), RequestError> {
        self.note("leave");
        Ok(())
    }

    async fn force_leave(&self, node: String, pool: Pool, trace: Trace) -> Result<(), RequestError> {
        self.note(format!("force-leave {node} {pool:?} {trace:?}"));
        Ok(())
    }

    async fn host(&self) -> Result<Host, RequestError> {
        let memory = Memory::default();
        Ok(Host { memory, cpu: vec![], host: Default::default(), disk: None, collection_time: 1, errors: None })
    }

    fn version(&self) -> Version {
        Version { sha: "abc".to_owned(), build_date: String::new(), human_version: "1".to_owned(), fips: String::new() }
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![Metric { name: "raft.peers".to_owned(), labels: BTreeMap::new(), reading: Reading::Gauge(1.0) }]
    }
}

fn member() -> Member {
    Member {
        name: "n1".to_owned(),
        addr: "127.0.0.1".to_owned(),
        port: 8301,
        tags: BTreeMap::new(),
        status: MemberStatus::Alive,
        protocol_min: 1,
        protocol_max: 5,
        protocol_cur: 2,
        delegate_min: 2,
        delegate_max: 5,
        delegate_cur: 4,
    }
}
