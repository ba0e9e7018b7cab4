//! Starting an agent: identity, sockets, log, then the tasks that keep it in the cluster.

use super::agent::{Agent, Inner, Phase};
use super::data_dir::{self, DataDir, DataDirError};
use super::directory::Directory;
use super::{http, leader};
use crate::api::agent::Host;
use crate::config::{Config, GossipTuning};
use crate::gossip::Member;
use crate::model::{NodeId, NodeName};
use crate::raft::wal::{Wal, WalError};
use crate::raft::{self, Controls, OnFatal, Raft, RpcPeers};
use crate::rpc;
use crate::runtime::{Runtime, TcpListener, watch};
use crate::server::gossip;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What an agent needs from around it that is no part of its configuration.
#[derive(Clone)]
pub struct Surroundings {
    /// Called when the log's disk failed under a server: the agent must not go on.
    pub on_fatal: OnFatal,
    /// Looks at the machine for `/v1/agent/host`.
    pub host: Arc<dyn Fn() -> Host + Send + Sync>,
    /// Safety measures; anything but [`Controls::SAFE`] is a planted bug.
    pub controls: Controls,
}

/// Why an agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A socket could not be bound.
    #[error("cannot listen on {addr} for {what}: {source}: is another agent running? {setting} changes it")]
    Port {
        /// The address.
        addr: SocketAddr,
        /// What it is for.
        what: &'static str,
        /// The flag or key that changes it.
        setting: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The log could not be opened.
    #[error("{0}")]
    Wal(#[from] WalError),
    /// The log could not be recovered.
    #[error("{0}")]
    Raft(#[from] raft::OpenError),
    /// None of `start_join` answered.
    #[error("start_join failed: {0}")]
    Join(String),
    /// The pid file could not be written.
    #[error("pid_file {path}: {source}", path = path.display())]
    PidFile {
        /// Where.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Signals could not be caught.
    #[error("cannot catch signals: {0}")]
    Signals(io::Error),
    /// The configuration lacks something only a test can leave out.
    #[error("{0}")]
    Config(&'static str),
}

/// Starts an agent and returns once it serves.
pub async fn start<R: Runtime>(config: Config, surroundings: Surroundings) -> Result<Agent<R>, StartError> {
    let path = config.data_dir.clone().ok_or(StartError::Config("data_dir cannot be empty"))?;
    let DataDir { disk, node_id } = data_dir::open::<R>(path, &config).await?;
    say_what_to_know(&config, node_id);
    let rpc_listener = match config.listen.rpc {
        Some(addr) if config.server => Some(listen::<R>(addr, "RPC between servers", "-server-port (ports.server)").await?),
        Some(_) | None => None,
    };
    let mut http_listeners = Vec::new();
    for addr in &config.listen.http {
        http_listeners.push(listen::<R>(*addr, "HTTP", "-http-port (ports.http)").await?);
    }
    let lan = start_lan::<R>(&config, node_id, &disk).await?;
    let wan = start_wan::<R>(&config, node_id, &disk).await?;
    let hello = hello_of(&config);
    let calls = rpc::Pool::<R>::new(hello.clone(), rpc_limits(&config));
    let directory = Arc::new(Directory::new(R::random()));
    let raft = match config.server {
        true => Some(open_raft::<R>(&config, node_id, &disk, &calls, &surroundings).await?),
        false => None,
    };
    let (phase, _) = watch::channel(Phase::Running);
    let agent = Agent(Arc::new(Inner {
        config,
        node_id,
        lan,
        wan,
        raft,
        calls,
        rpc_served: Arc::default(),
        disk,
        claims: tokio::sync::Mutex::default(),
        directory,
        surroundings,
        autopilot: Mutex::default(),
        phase,
        tasks: Mutex::default(),
    }));
    if let Some(listener) = rpc_listener {
        agent.keep(rpc::serve::<R, _>(listener, hello, agent.clone(), rpc_limits(agent.config()), agent.0.rpc_served.clone()));
    }
    for listener in http_listeners {
        agent.serve_http(listener);
    }
    agent.enter_cluster().await?;
    Ok(agent)
}
