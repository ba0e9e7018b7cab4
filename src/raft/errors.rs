//! How a proposal, a read or a change of the configuration can fail, sorted by what the caller may do next.

use crate::model::{Index, NodeId};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Who leads, as far as a server that does not lead knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderHint {
    /// Its id.
    pub id: NodeId,
    /// Where its RPC listens.
    pub addr: SocketAddr,
}

/// What a caller may do about a refusal. Waiting and trying again is bounded by `rpc_hold_timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Nothing happened: ask this server, which leads.
    At(LeaderHint),
    /// Nothing happened, and it passes by itself: wait a moment and ask again.
    Soon,
    /// Do not repeat it.
    Never,
}

/// Why a proposal has no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// This server does not lead. Certainly not proposed.
    #[error("this server does not lead the cluster")]
    NotLeader {
        /// Who does, if that is known.
        leader: Option<LeaderHint>,
    },
    /// This server leads but hears too few others, or is handing leadership over. Certainly not proposed.
    #[error("this leader does not hear a quorum of its servers, or is handing over")]
    Unsettled,
    /// The disk has no room for the log. Certainly not proposed.
    #[error("no space left on the disk that holds the log: free some; reads go on, writes resume by themselves")]
    NoSpace,
    /// As many proposals are under way as this server takes. Certainly not proposed.
    #[error("{limit} proposals are under way, the most this server takes")]
    Busy {
        /// The bound.
        limit: usize,
    },
    /// Leadership was lost on the way: the command may or may not take effect.
    #[error("leadership was lost before the outcome was known")]
    Unknown,
    /// This server's log has stopped; the text says why. The command may or may not take effect.
    #[error("the log of this server has stopped: {0}")]
    Stopped(String),
}

impl ProposeError {
    /// What the caller may do.
    pub fn retry(&self) -> Retry {
        match self {
            ProposeError::NotLeader { leader } => Retry::by_hint(*leader),
            ProposeError::Unsettled => Retry::Soon,
            ProposeError::NoSpace | ProposeError::Busy { .. } | ProposeError::Unknown | ProposeError::Stopped(_) => Retry::Never,
        }
    }
}

/// Why a linearizable read was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// This server does not lead.
    #[error("this server does not lead the cluster")]
    NotLeader {
        /// Who does, if that is known.
        leader: Option<LeaderHint>,
    },
    /// This server leads but cannot prove it now: it hears too few others, or is handing leadership over.
    #[error("this leader does not hear a quorum of its servers, or is handing over")]
    Unsettled,
    /// This server's log has stopped; the text says why.
    #[error("the log of this server has stopped: {0}")]
    Stopped(String),
}

impl ReadError {
    /// What the caller may do.
    pub fn retry(&self) -> Retry {
        match self {
            ReadError::NotLeader { leader } => Retry::by_hint(*leader),
            ReadError::Unsettled => Retry::Soon,
            ReadError::Stopped(_) => Retry::Never,
        }
    }
}

impl Retry {
    fn by_hint(leader: Option<LeaderHint>) -> Retry {
        leader.map_or(Retry::Soon, Retry::At)
    }
}

/// Why the configuration (the voters and non-voters) was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// This server does not lead. Certainly not proposed.
    #[error("this server does not lead the cluster")]
    NotLeader {
        /// Who does, if that is known.
        leader: Option<LeaderHint>,
    },
    /// This server leads but hears too few others, or is handing leadership over. Certainly not proposed.
    #[error("this leader does not hear a quorum of its servers, or is handing over")]
    Unsettled,
    /// Another change is under way, at this index. Certainly not proposed.
    #[error("the configuration of index {index} is not committed yet")]
    InProgress {
        /// The entry of the change under way.
        index: Index,
    },
    /// No server of the configuration has this id.
    #[error("server {id} is not in the configuration")]
    NoSuchServer {
        /// The id asked for.
        id: NodeId,
    },
    /// The change is not a step this cluster can take; the text says why.
    #[error("the configuration cannot change like this: {0}")]
    Refused(String),
    /// Leadership was lost on the way: the change may or may not take effect.
    #[error("leadership was lost before the outcome was known")]
    Unknown,
    /// This server's log has stopped; the text says why.
    #[error("the log of this server has stopped: {0}")]
    Stopped(String),
}

/// Why leadership was not handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// This server does not lead.
    #[error("this server does not lead the cluster")]
    NotLeader {
        /// Who does, if that is known.
        leader: Option<LeaderHint>,
    },
    /// There is no other voter, or the one named is none.
    #[error("there is no voter to hand leadership to")]
    NoCandidate,
    /// Nobody took over in time. This server has given its leadership up, so that the voters elect.
    #[error("{target} did not take over in time")]
    TimedOut {
        /// Whom it was offered to.
        target: NodeId,
    },
    /// This server's log has stopped; the text says why.
    #[error("the log of this server has stopped: {0}")]
    Stopped(String),
}

/// Why the first configuration was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BootstrapError {
    /// This server has voted or holds entries: it belongs to a cluster already.
    #[error("this server belongs to a cluster already")]
    AlreadyMember,
    /// The servers named do not include this one.
    #[error("server {id} is not among those to form the cluster")]
    NotIncluded {
        /// This server's id.
        id: NodeId,
    },
    /// This server's log has stopped; the text says why.
    #[error("the log of this server has stopped: {0}")]
    Stopped(String),
}

/// Why a server's log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No valid snapshot reaches back to where the log begins.
    #[error(
        "{dir}: the log begins after index {purged}, but the newest snapshot that can be read ends at {snapshot} ({broken}). \
         Restore the snapshot file from a backup, or remove this server's data directory and let it join again as a new server"
    )]
    SnapshotMissing {
        /// The folder of the snapshots.
        dir: String,
        /// The last entry that is only in a snapshot.
        purged: Index,
        /// The last entry of the newest readable snapshot; 0 if there is none.
        snapshot: Index,
        /// What is wrong with the others.
        broken: String,
    },
    /// The disk failed.
    #[error("{what}: {source}")]
    Disk {
        /// What was being done.
        what: String,
        /// The operating system's account.
        source: std::io::Error,
    },
    /// openraft refused what it read, or its settings.
    #[error("{0}")]
    Refused(String),
}
