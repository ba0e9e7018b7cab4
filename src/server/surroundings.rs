//! What an agent needs from around it, and how starting it can fail.

use super::data_dir::DataDirError;
use super::journal::Journal;
use super::reload::{DefinitionRefused, ScriptsRefused};
use crate::api::agent::Host;
use crate::config::Config;
use crate::dns::DomainError;
use crate::model::{IdError, NodeId};
use crate::raft::wal::OpenWalError;
use crate::raft::{self, Controls, Observer, OnFatal};
use crate::server::http::HeaderRefused;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// What an agent needs from around it that is no part of its configuration.
#[derive(Clone)]
pub struct Surroundings {
    /// Called when the log's disk failed under a server: the agent must not go on.
    pub on_fatal: OnFatal,
    /// Looks at the machine for `/v1/agent/host`.
    pub host: Arc<dyn Fn() -> Host + Send + Sync>,
    /// Looks at the process for `/v1/agent/metrics`.
    pub process: fn() -> Footprint,
    /// Safety measures; anything but [`Controls::SAFE`] is a planted bug.
    pub controls: Controls,
    /// Reads the configuration again, as it was read for the start: files, flags and fragments.
    pub reread: Arc<dyn Fn() -> Result<Config, String> + Send + Sync>,
    /// Where Docker's engine listens (`DOCKER_HOST`), if not where its packages put it.
    pub docker: Option<PathBuf>,
    /// The agent's log and its level.
    pub log: Journal,
    /// Gives the log of a server, by its id, somebody to watch it. Only the simulator does.
    pub observer: Option<Arc<dyn Fn(NodeId) -> Arc<dyn Observer> + Send + Sync>>,
}

/// What the process takes of its machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Memory in use, in bytes.
    pub resident: u64,
    /// Memory it has asked for, in bytes.
    pub mapped: u64,
    /// Threads.
    pub threads: u64,
}

/// Why an agent did not start, or did not go on.
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
    /// The log could not be recovered.
    #[error("{0}")]
    Raft(#[from] raft::OpenError),
    /// None of `start_join` answered.
    #[error("start_join failed: {0}")]
    Join(String),
    /// None of `retry_join` answered, as often as `retry_max` allows.
    #[error("retry_join failed {attempts} times, as often as retry_max allows: check the addresses, or raise it")]
    GaveUp {
        /// How often.
        attempts: u32,
    },
    /// A second signal came before the agent had stopped.
    #[error("stopped at once by a second signal")]
    CutShort,
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
    /// The write-ahead log could not be opened.
    #[error(transparent)]
    Wal(#[from] OpenWalError),
    /// The write-ahead log is gone, but not the rest of a server's folder.
    #[error(
        "raft/wal is missing or empty, but raft holds a snapshot or a bootstrap claim made with it: restore the folder from a backup, or remove \
         this server's whole data_dir and let it join again as a new server"
    )]
    LogGone,
    /// What this server promised while the first cluster was formed cannot be read.
    #[error(
        "data_dir: raft/claim cannot be read: {source}: restore it from a backup; if no cluster was ever formed with this server, remove the whole \
         data_dir and start again"
    )]
    Claim {
        /// What is wrong with it.
        source: io::Error,
    },
    /// What was registered in earlier lives could not be read.
    #[error("data_dir: registrations: {0}: check that services and checks in it are readable and writable for this user")]
    Registrations(io::Error),
    /// A definition of the configuration is refused.
    #[error("definitions: {0}")]
    Definitions(#[from] DefinitionRefused),
    /// Checks of definition files run programs, which is turned off.
    #[error(transparent)]
    Scripts(#[from] ScriptsRefused),
    /// The folder of the log could not be made.
    #[error("{path}: {source}", path = path.display())]
    RaftFolder {
        /// Where.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A header that answers should carry cannot be sent.
    #[error(transparent)]
    Header(#[from] HeaderRefused),
    /// DNS cannot serve such a domain.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// Node name and datacenter together are no name for the WAN pool.
    #[error("the name in the WAN pool: {0}")]
    WanName(IdError),
    /// Nowhere to keep anything.
    #[error("data_dir cannot be empty")]
    NoDataDir,
}
