//! The running agent: what its sockets share.

use super::archives::{Offers, Scratches};
use super::directory::Directory;
use super::duties::Watchman;
use super::local::LocalAgent;
use super::surroundings::{StartError, Surroundings};
use super::views::{Copies, Sessions};
use crate::agent::reconcile::WAN_ADDR_TAG;
use crate::agent::views::Recent;
use crate::config::Config;
use crate::gossip::Tags;
use crate::model::NodeId;
use crate::raft::Raft;
use crate::rpc;
use crate::runtime::{Runtime, watch};
use crate::server::gossip::Pool;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock};

/// Where an agent is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// It serves.
    Running,
    /// It serves, and is taking its leave of the cluster.
    Leaving,
    /// It has left the cluster, or does not mean to.
    Left,
    /// It finishes what was begun, and lets nobody new in.
    Draining,
    /// It is gone.
    Stopped,
}

/// How an agent goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// It leaves the cluster for good: hands leadership over, asks to be taken out of the configuration, and tells everyone.
    Leave,
    /// It just stops, to come back: others see it fail.
    Vanish,
}

/// A running agent. Clones are the same agent.
pub struct Agent<R: Runtime>(pub(super) Arc<Inner<R>>);

pub(super) struct Inner<R: Runtime> {
    pub config: Config,
    pub node_id: NodeId,
    pub lan: Pool<R>,
    pub wan: Option<Pool<R>>,
    pub raft: Option<Raft<R>>,
    pub calls: rpc::Pool<R>,
    pub rpc_served: Arc<rpc::Counters>,
    pub disk: R::Disk,
    /// Archives while they are made or taken in, and those that client agents fetch.
    pub scratches: Scratches<R::Disk>,
    pub offers: Offers<R::Disk>,
    /// Held while the configuration is read again.
    pub reloads: tokio::sync::Mutex<()>,
    /// Held while a bootstrap claim is judged.
    pub claims: tokio::sync::Mutex<()>,
    pub watchman: Mutex<Watchman>,
    pub surroundings: Surroundings,
    pub directory: Arc<Directory>,
    /// What this agent holds of its views, and which a server was asked for lately.
    pub copies: Copies,
    pub recent: Mutex<Recent>,
    /// The subscriptions that this server keeps.
    pub sessions: Sessions,
    pub local: LocalAgent<R>,
    pub phase: watch::Sender<Phase>,
    /// Attempts to join after which the agent gave up; unset while it has not.
    pub gave_up: OnceLock<u32>,
    /// The HTTP servers, which end when they have drained.
    pub doors: Mutex<Vec<R::JoinHandle<()>>>,
    /// Everything that ends with the agent.
    pub tasks: Mutex<Vec<R::JoinHandle<()>>>,
}

impl<R: Runtime> Clone for Agent<R> {
    fn clone(&self) -> Agent<R> {
        Agent(self.0.clone())
    }
}

impl<R: Runtime> Agent<R> {
    /// What it was started with.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Its node's id.
    pub fn node_id(&self) -> NodeId {
        self.0.node_id
    }

    /// Its Raft, if it is a server.
    pub fn raft(&self) -> Option<&Raft<R>> {
        self.0.raft.as_ref()
    }

    /// Its LAN gossip pool.
    pub fn lan(&self) -> &Pool<R> {
        &self.0.lan
    }

    /// Its WAN gossip pool, if it is a server that has one.
    pub fn wan(&self) -> Option<&Pool<R>> {
        self.0.wan.as_ref()
    }

    pub(super) fn local(&self) -> &LocalAgent<R> {
        &self.0.local
    }

    pub(super) fn calls(&self) -> &rpc::Pool<R> {
        &self.0.calls
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// Completes when this server learns of another leader; never on a client agent.
    pub(super) fn leader_changed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut watch = self.raft().map(Raft::watch_leadership);
        // The handle's own receiver has never looked, so its clones would take the leader of long ago for news.
        if let Some(watch) = &mut watch {
            drop(watch.borrow_and_update());
        }
        async move {
            match watch {
                Some(mut watch) => drop(watch.changed().await),
                None => std::future::pending().await,
            }
        }
    }

    /// Starts a task that ends with the agent.
    pub(super) fn keep(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.tasks.lock().expect("no panic while held");
        tasks.push(R::spawn(task));
    }

    /// Completes when the agent begins to stop: waits should end with what they have.
    pub(super) async fn stopping(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Completes when the agent begins to go, for good or not.
    pub(super) async fn leaving(&self) {
        self.reached(Phase::Leaving).await;
    }

    /// Completes when the agent has stopped.
    pub async fn stopped(&self) {
        self.reached(Phase::Stopped).await;
    }

    /// Why it stopped by itself, if it did.
    pub fn failure(&self) -> Result<(), StartError> {
        match self.0.gave_up.get() {
            Some(attempts) => Err(StartError::GaveUp { attempts: *attempts }),
            None => Ok(()),
        }
    }

    async fn reached(&self, phase: Phase) {
        let mut current = self.0.phase.subscribe();
        while *current.borrow_and_update() < phase {
            if current.changed().await.is_err() {
                return;
            }
        }
    }

    /// Moves on to `phase`; says whether it was not reached before.
    fn enter(&self, phase: Phase) -> bool {
        self.0.phase.send_if_modified(|current| {
            let later = *current < phase;
            *current = phase.max(*current);
            later
        })
    }

    /// Completes when the cluster has been left, or will not be.
    pub(super) async fn left(&self) {
        self.reached(Phase::Left).await;
    }

    /// Stops the agent. Requests under way are finished, blocking queries end with what they have; with [`Farewell::Leave`] the cluster
    /// is left first. Calling it again waits for the first call's end.
    pub async fn shutdown(&self, farewell: Farewell) {
        if !self.enter(Phase::Leaving) {
            return self.stopped().await;
        }
        match farewell {
            Farewell::Leave => self.leave_cluster().await,
            Farewell::Vanish => {}
        }
        self.enter(Phase::Left);
        self.enter(Phase::Draining);
        let doors = std::mem::take(&mut *self.0.doors.lock().expect("no panic while held"));
        for door in doors {
            // The server behind it bounds how long it drains.
            let _ = door.await;
        }
        self.local().rest().await;
        if let Some(raft) = self.raft() {
            raft.shutdown().await;
        }
        self.lan().shutdown().await;
        if let Some(wan) = self.wan() {
            wan.shutdown().await;
        }
        self.enter(Phase::Stopped);
        let tasks = std::mem::take(&mut *self.0.tasks.lock().expect("no panic while held"));
        tasks.iter().for_each(R::abort);
    }

    /// The tags this agent gossips, as Consul names them.
    pub(super) fn tags(config: &Config, node_id: NodeId) -> Tags {
        let mut tags = BTreeMap::new();
        let mut tag = |key: &str, value: String| tags.insert(key.to_owned(), value);
        tag("dc", config.datacenter.to_string());
        tag("id", node_id.to_string());
        tag("build", format!("{}:{}", crate::CONSUL_VERSION, crate::VERSION));
        tag("vsn", "2".to_owned());
        tag("vsn_min", "2".to_owned());
        tag("vsn_max", "3".to_owned());
        tag("segment", String::new());
        tag("acls", "0".to_owned());
        if config.advertise_addr_wan != config.advertise_addr {
            tag(WAN_ADDR_TAG, config.advertise_addr_wan.to_string());
        }
        match &config.listen.rpc {
            Some(rpc) if config.server => {
                tag("role", "consul".to_owned());
                tag("port", rpc.port().to_string());
                tag("raft_vsn", "3".to_owned());
                tag("ft_fs", "1".to_owned());
                tag("ft_si", "1".to_owned());
                tag("wan_join_port", config.listen.serf_wan.map_or_else(|| "-1".to_owned(), |wan| wan.port().to_string()));
                match config.bootstrap_expect {
                    0 => {}
                    1 => drop(tag("bootstrap", "1".to_owned())),
                    more => drop(tag("expect", more.to_string())),
                }
                if config.read_replica {
                    tag("read_replica", "1".to_owned());
                    tag("nonvoter", "1".to_owned());
                }
            }
            Some(_) | None => drop(tag("role", "node".to_owned())),
        }
        Tags::parse(tags).expect("names of datacenters and numbers are short")
    }
}
