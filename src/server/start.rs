//! Starting an agent: identity, sockets, log, then the tasks that keep it in the cluster.

use super::advice::advice;
use super::agent::{Agent, Farewell, Inner, Phase};
use super::archives::{Offers, Scratches};
use super::checks::ProbeSetting;
use super::claim::{CLAIM_NAME, check_claim};
use super::coordinates::Gathered;
use super::data_dir::{self, DataDir, DataDirError};
use super::directory::Directory;
use super::dns::{self, Dns, Sockets};
use super::events::Events;
use super::gossip::{self, RejoinAfterLeave};
use super::http::{Http, Settings};
use super::local::LocalAgent;
use super::reload::check_scripts;
use super::surroundings::{StartError, Surroundings};
use super::views::{Copies, Sessions};
use super::watches::Watching;
use crate::config::Config;
use crate::gossip::Tags;
use crate::model::{NodeId, NodeName};
use crate::raft::wal::{Options, Wal, WalStorage};
use crate::raft::{self, Raft, RpcPeers};
use crate::rpc;
use crate::runtime::{Disk, Runtime, watch};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long requests under way may take once the agent stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Starts an agent and returns once it serves.
pub async fn start<R: Runtime>(config: Config, surroundings: Surroundings) -> Result<Agent<R>, StartError> {
    let path = config.data_dir.clone().ok_or(StartError::NoDataDir)?;
    let settings = Settings::from_config(&config)?;
    let DataDir { disk, node_id } = data_dir::open::<R>(path.clone(), &config).await?;
    check_claim(&disk)?;
    check_scripts(&config, config.check_tuning.scripts)?;
    let scratches = Scratches::open(disk.clone()).map_err(|source| DataDirError::Io { path: path.clone(), source })?;
    let local = LocalAgent::open(&config, node_id, disk.clone(), ProbeSetting::at(surroundings.docker.clone())).await?;
    say_what_to_know(&config, node_id);
    let rpc_listener = listen_for_servers::<R>(&config).await?;
    let http_listeners = listen_for_http::<R>(&config).await?;
    let dns_sockets = listen_for_dns::<R>(&config).await?;
    let dns = Arc::new(dns::Shared::new::<R>(&config)?);
    let hello = hello_of(&config);
    let calls = rpc::Pool::<R>::new(hello.clone(), rpc_limits(&config));
    let directory = Arc::new(Directory::new(R::random()));
    // The log comes before gossip: who is announced as a server must be able to serve.
    let raft = open_raft::<R>(&config, node_id, &path, &calls, &directory, &surroundings).await?;
    let (public, events) = Events::new();
    let (lan, wan) = match start_gossip::<R>(&config, node_id, &disk, public).await {
        Ok(pools) => pools,
        Err(e) => return Err(give_up(raft, e).await),
    };
    let (phase, _) = watch::channel(Phase::Running);
    // Only client agents draw: servers hold no copies.
    let copies = Copies::new(R::now(), &config.cache, if config.server { 0 } else { R::random() });
    let agent = Agent(Arc::new(Inner {
        config,
        node_id,
        lan,
        wan,
        raft,
        calls,
        rpc_served: Arc::default(),
        scratches,
        offers: Offers::default(),
        disk,
        reloads: tokio::sync::Mutex::default(),
        claims: tokio::sync::Mutex::default(),
        watchman: Mutex::default(),
        reign: Mutex::default(),
        surroundings,
        directory,
        copies,
        recent: Mutex::default(),
        sessions: Sessions::default(),
        events,
        gathered: Gathered::default(),
        watching: Watching::default(),
        local,
        dns,
        phase,
        gave_up: OnceLock::new(),
        doors: Mutex::default(),
        tasks: Mutex::default(),
    }));
    if let Some(listener) = rpc_listener {
        let served = agent.0.rpc_served.clone();
        agent.keep(rpc::serve::<R, _>(listener, hello, agent.clone(), rpc_limits(agent.config()), served));
    }
    agent.open_doors(settings, http_listeners);
    let dns = Dns::start(&agent, &agent.0.dns, dns_sockets);
    agent.0.doors.lock().expect("no panic while held").push(dns);
    if let Err(e) = agent.enter_cluster().await {
        agent.shutdown(Farewell::Vanish).await;
        return Err(e);
    }
    Ok(agent)
}

impl<R: Runtime> Agent<R> {
    /// Serves HTTP until the agent drains.
    fn open_doors(&self, settings: Settings, listeners: Vec<R::TcpListener>) {
        let http = Http::<R, Agent<R>>::new(settings, self.clone());
        let mut doors = self.0.doors.lock().expect("no panic while held");
        for listener in listeners {
            let http = http.clone();
            doors.push(R::spawn(async move { http.serve(listener).await }));
        }
        let agent = self.clone();
        doors.push(R::spawn(async move {
            agent.stopping().await;
            http.drain(DRAIN).await;
        }));
    }

    /// Starts what finds the others and what is done for them.
    async fn enter_cluster(&self) -> Result<(), StartError> {
        let agent = self.clone();
        self.keep(async move { agent.follow_members().await });
        let agent = self.clone();
        self.keep(async move { agent.hear_public().await });
        if !self.config().disable_coordinates {
            let agent = self.clone();
            self.keep(async move { agent.say_where_it_lies().await });
        }
        let agent = self.clone();
        self.keep(async move { agent.look_after_registrations().await });
        if self.raft().is_none() {
            let agent = self.clone();
            self.keep(async move { agent.keep_views_current().await });
        }
        if self.raft().is_some() {
            let agent = self.clone();
            self.keep(async move { agent.expire_sessions().await });
            let agent = self.clone();
            self.keep(async move { agent.form_cluster().await });
            let agent = self.clone();
            self.keep(async move { agent.lead_when_elected().await });
            let agent = self.clone();
            self.keep(async move { agent.keep_time().await });
        }
        self.apply_watches(&self.config().watches);
        if !self.config().start_join.is_empty() {
            let joined = self.join_lan(&self.config().start_join).await;
            joined.map_err(|e| StartError::Join(e.to_string()))?;
        }
        if !self.config().retry_join.is_empty() {
            let agent = self.clone();
            self.keep(async move { agent.join_until_it_works().await });
        }
        Ok(())
    }

    /// Keeps the directory of servers as gossip has it.
    async fn follow_members(&self) {
        let mut events = self.lan().events();
        loop {
            self.directory().learn(&self.lan().members(), &self.config().datacenter);
            if events.next().await.is_none() {
                return;
            }
        }
    }
}

fn say_what_to_know(config: &Config, node_id: NodeId) {
    tracing::info!(node = %config.node_name, id = %node_id, datacenter = %config.datacenter, server = config.server, "starting");
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    for advice in advice(&config.services, &config.checks) {
        tracing::warn!("{advice}");
    }
    for key in &config.ignored_keys {
        tracing::warn!(key, "this key has no effect in this release");
    }
}

/// A start that failed ends what it has begun.
async fn give_up<R: Runtime>(raft: Option<Raft<R>>, why: StartError) -> StartError {
    if let Some(raft) = raft {
        raft.shutdown().await;
    }
    why
}

async fn listen_for_servers<R: Runtime>(config: &Config) -> Result<Option<R::TcpListener>, StartError> {
    match config.listen.rpc {
        Some(addr) if config.server => listen::<R>(addr, "RPC between servers", "-server-port or ports.server").await.map(Some),
        Some(_) | None => Ok(None),
    }
}

async fn listen_for_http<R: Runtime>(config: &Config) -> Result<Vec<R::TcpListener>, StartError> {
    let mut listeners = Vec::new();
    for addr in &config.listen.http {
        listeners.push(listen::<R>(*addr, "HTTP", "-http-port or ports.http").await?);
    }
    Ok(listeners)
}

async fn listen<R: Runtime>(addr: SocketAddr, what: &'static str, setting: &'static str) -> Result<R::TcpListener, StartError> {
    R::tcp_listen(addr).await.map_err(|source| StartError::Port { addr, what, setting, source })
}

async fn listen_for_dns<R: Runtime>(config: &Config) -> Result<Vec<Sockets<R>>, StartError> {
    let mut sockets = Vec::new();
    for addr in &config.listen.dns {
        let refused = |source| StartError::Port { addr: *addr, what: "DNS", setting: "-dns-port or ports.dns", source };
        sockets.push(Sockets::<R>::bind(*addr).await.map_err(refused)?);
    }
    Ok(sockets)
}

type Pools<R> = (gossip::Pool<R>, Option<gossip::Pool<R>>);

async fn start_gossip<R: Runtime>(
    config: &Config,
    node_id: NodeId,
    disk: &R::Disk,
    public: mpsc::Sender<gossip::Public>,
) -> Result<Pools<R>, StartError> {
    let rejoin_after_leave = if config.rejoin_after_leave { RejoinAfterLeave::Yes } else { RejoinAfterLeave::No };
    let tags = Agent::<R>::tags(config, node_id);
    let setup = |name: NodeName, tags: Tags, bind: SocketAddr, memory: &str| gossip::Setup::<R> {
        name,
        tags,
        bind,
        advertise: SocketAddr::new(config.advertise_addr, bind.port()),
        datacenter: Some(config.datacenter.clone()),
        tuning: config.gossip_lan.clone(),
        reconnect_timeout: config.reconnect_timeout,
        memory: Some((disk.clone(), memory.to_owned())),
        public: None,
        rejoin_after_leave,
    };
    let bind = config.listen.serf_lan;
    let mut lan = setup(config.node_name.clone(), tags.clone(), bind, "serf/local.snapshot");
    lan.public = Some(public);
    let lan = gossip::start(lan).await;
    let lan =
        lan.map_err(|source| StartError::Port { addr: bind, what: "LAN gossip", setting: "-serf-lan-port or ports.serf_lan", source })?;
    let Some(bind) = config.listen.serf_wan.filter(|_| config.server) else { return Ok((lan, None)) };
    let name = NodeName::parse(&format!("{}.{}", config.node_name, config.datacenter)).map_err(StartError::WanName)?;
    let mut wan = setup(name, tags, bind, "serf/remote.snapshot");
    wan.advertise = SocketAddr::new(config.advertise_addr_wan, bind.port());
    (wan.datacenter, wan.tuning) = (None, config.gossip_wan.clone());
    match gossip::start(wan).await {
        Ok(wan) => Ok((lan, Some(wan))),
        Err(source) => {
            lan.shutdown().await;
            Err(StartError::Port { addr: bind, what: "WAN gossip", setting: "-serf-wan-port or ports.serf_wan", source })
        }
    }
}

fn hello_of(config: &Config) -> rpc::Hello {
    let role = if config.server { rpc::Role::Server } else { rpc::Role::Client };
    rpc::Hello { role, datacenter: config.datacenter.clone(), node: config.node_name.clone() }
}

fn rpc_limits(config: &Config) -> rpc::Limits {
    rpc::Limits {
        connections_per_address: config.limits.rpc_max_conns_per_client,
        handshake: config.limits.rpc_handshake_timeout,
        ..rpc::Limits::default()
    }
}

/// Where gossip says that the servers are: it knows of a new address before the configuration does.
fn whereabouts(directory: &Arc<Directory>) -> raft::Whereabouts {
    let directory = directory.clone();
    Arc::new(move |id| directory.find(id).map(|server| server.addr))
}

/// Opens a server's log; a client agent has none.
async fn open_raft<R: Runtime>(
    config: &Config,
    id: NodeId,
    data_dir: &Path,
    calls: &rpc::Pool<R>,
    directory: &Arc<Directory>,
    surroundings: &Surroundings,
) -> Result<Option<Raft<R>>, StartError> {
    if !config.server {
        return Ok(None);
    }
    let path = data_dir.join("raft");
    let disk = R::disk(&path).map_err(|source| StartError::RaftFolder { path, source })?;
    log_is_there(&disk)?;
    let wal = Wal::<R>::open(disk.clone(), Options::default()).await?;
    let log = WalStorage::new(wal);
    let space = log.space_gauge();
    let setup = raft::Setup {
        id,
        tuning: config.raft.clone(),
        disk,
        log,
        peers: RpcPeers::new(calls.clone(), whereabouts(directory)),
        space,
        on_fatal: surroundings.on_fatal.clone(),
        controls: surroundings.controls,
    };
    Ok(Some(Raft::open_observed(setup, surroundings.observer.as_ref().map(|seat| seat(id))).await?))
}

/// Refuses a folder whose log is gone while what was made with it is still there: without its votes and entries this server could vote twice in
/// a term, or lead without what it acknowledged. A log's first segment is durable before there can be a claim or a snapshot.
fn log_is_there<D: Disk>(disk: &D) -> Result<(), StartError> {
    let missing = |source| StartError::RaftFolder { path: "raft".into(), source };
    let (log, snapshots) = (disk.list("wal").map_err(missing)?, disk.list("snapshots").map_err(missing)?);
    let claimed = disk.list("").map_err(missing)?.iter().any(|name| name == CLAIM_NAME);
    if log.is_empty() && (claimed || !snapshots.is_empty()) { Err(StartError::LogGone) } else { Ok(()) }
}
