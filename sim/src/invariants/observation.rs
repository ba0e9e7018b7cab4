//! What can be seen of a run from outside and from the servers' own accounts. Times are the world's, in nanoseconds.

use super::catalog::observed::Written;
use crate::checker::{Found, Headers, Nanos};
use crate::world::Who;
use muster::model::{Index, NodeId};
use muster::state::{CatalogCommand, Command, Reply};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything that was seen, each list in the order of time.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Servers taking up and laying down leadership.
    pub roles: Vec<RoleChange>,
    /// Votes that were granted.
    pub votes: Vec<Granted>,
    /// Entries applied, by every server.
    pub applied: Vec<Applied>,
    /// Snapshots installed instead of entries.
    pub installed: Vec<Installed>,
    /// Progress of servers' logs.
    pub gauges: Vec<Gauge>,
    /// Processes started.
    pub boots: Vec<Boot>,
    /// Answered reads of prefixes.
    pub listings: Vec<Listed>,
    /// Answered blocking reads of one key.
    pub watches: Vec<Watched>,
    /// Answers that no client of Consul would understand.
    pub malformed: Vec<Malformed>,
    /// What came after the faults; `None` if the run ended before.
    pub calm: Option<Calm>,
}

impl Record {
    /// From when on promises about time are held against the cluster: the faults have stopped, it has a leader again, and what was under
    /// way has had [`SETTLING`] to arrive. The end of time if that never came.
    pub fn settled_from(&self) -> Nanos {
        let one_leader = |calm: &Calm| Some(calm.from.max(calm.one_leader?) + SETTLING);
        self.calm.as_ref().and_then(one_leader).unwrap_or(Nanos::MAX)
    }

    /// Who answers stale reads itself: every server seen applying entries.
    pub fn servers(&self) -> BTreeSet<Who> {
        self.applied.iter().map(|entry| entry.server).collect()
    }
}

/// What late retransmissions and a follower that catches up may take after the faults.
pub const SETTLING: Nanos = 2_000_000_000;

/// A server was seen leading a term for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleChange {
    /// When.
    pub at: Nanos,
    /// Who.
    pub server: Who,
    /// Leader of which term.
    pub term: u64,
    /// The last entry of its log then, perhaps already one of its own: term and index.
    pub last: (u64, Index),
}

/// A vote was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// When the answer left.
    pub at: Nanos,
    /// By whom.
    pub voter: Who,
    /// How often the voter's disk had been wiped: a wiped disk is another voter.
    pub disk: u32,
    /// In which term.
    pub term: u64,
    /// To whom.
    pub candidate: NodeId,
}

/// An entry was applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// When.
    pub at: Nanos,
    /// By whom.
    pub server: Who,
    /// How often the server's process had been started before.
    pub process: u64,
    /// The entry's index.
    pub index: Index,
    /// The entry's term.
    pub term: u64,
    /// Digest of the command, stamp included.
    pub command: u128,
    /// Digest of the state after it, `None` where it was not taken.
    pub state: Option<u128>,
    /// The tables after it, where archives are judged.
    pub tables: Option<Tables>,
    /// The whole command, if it was one that changes something.
    pub whole: Option<Arc<Command>>,
    /// What the state answered.
    pub reply: Reply,
}

/// What an archive of a state would hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tables {
    /// The last change in it.
    pub last_change: Index,
    /// Digest of its bytes.
    pub digest: u128,
}

impl Applied {
    /// The change to the catalog, if it was one and was not refused.
    pub fn catalog(&self) -> Option<&CatalogCommand> {
        if matches!(self.reply, Reply::Refused(_) | Reply::Superseded { .. }) {
            return None;
        }
        match self.whole.as_deref()? {
            Command::Catalog(catalog) | Command::Ordered { command: catalog, .. } => Some(catalog),
            Command::Nothing | Command::Kv(_) | Command::Autopilot { .. } | Command::Locate(_) => None,
            Command::Session(_) | Command::Expire(_) | Command::Txn(_) | Command::Fenced { .. } => None,
            Command::Restore(_) | Command::Query(_) => None,
        }
    }

    /// What the judges of the catalog need of it.
    pub fn to_catalog(&self) -> Written {
        Written { at: self.at, server: self.server, index: self.index, command: self.catalog().cloned() }
    }
}

/// A snapshot took the place of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installed {
    /// When.
    pub at: Nanos,
    /// By whom.
    pub server: Who,
    /// How often the server's process had been started before.
    pub process: u64,
    /// The last entry in it.
    pub index: Index,
    /// That entry's term.
    pub term: u64,
    /// Digest of the state.
    pub state: u128,
}

/// How far a server's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauge {
    /// When it was read.
    pub at: Nanos,
    /// Whose.
    pub server: Who,
    /// Of which of its processes.
    pub process: u64,
    /// Current term; it outlives the process.
    pub term: u64,
    /// Last index of its newest snapshot.
    pub snapshot: Index,
    /// Last index applied.
    pub applied: Index,
    /// Last index known to be committed.
    pub committed: Index,
}

/// A process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    /// When.
    pub at: Nanos,
    /// Where.
    pub agent: Who,
}

/// A prefix was read, in default or consistent mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The prefix.
    pub prefix: Arc<str>,
    /// When it was asked.
    pub invoked: Nanos,
    /// When it was answered.
    pub returned: Nanos,
    /// What was found, in the order of the answer. With `?keys` the entries are not told.
    pub keys: Vec<(Arc<str>, Option<Found>)>,
    /// The answer's headers.
    pub headers: Headers,
}

/// A blocking read of one key was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The agent asked.
    pub asked: Who,
    /// The key.
    pub key: Arc<str>,
    /// `index=`.
    pub after: Index,
    /// `wait=`, in nanoseconds.
    pub wait: Nanos,
    /// When it was asked.
    pub invoked: Nanos,
    /// When it was answered.
    pub returned: Nanos,
    /// What was found.
    pub found: Option<Found>,
    /// The answer's headers.
    pub headers: Headers,
}

/// An answer that is not Consul's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// When it came.
    pub at: Nanos,
    /// Who answered, and what is wrong with it.
    pub says: String,
}

/// What happened once all faults had stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calm {
    /// When they had.
    pub from: Nanos,
    /// Ten times the longest election timeout of the configuration.
    pub election_bound: Nanos,
    /// When every server agreed on one leader that led, and stayed so.
    pub one_leader: Option<Nanos>,
    /// When all servers had the same applied index and state digest.
    pub equal_states: Option<Nanos>,
    /// Trial writes and reads made at the end.
    pub trials: Vec<Trial>,
    /// Agents whose process ran at the end.
    pub running: BTreeSet<Who>,
    /// Each running agent's view of everyone at the end.
    pub views: BTreeMap<Who, BTreeMap<Who, Liveness>>,
}

/// One request of the proof that the cluster serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The request in a few words.
    pub what: String,
    /// When it was first sent.
    pub invoked: Nanos,
    /// When it succeeded.
    pub succeeded: Option<Nanos>,
}

/// What an agent thinks of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Liveness {
    /// It is there; suspects are.
    Alive,
    /// It is not.
    Failed,
    /// It said goodbye.
    Left,
}
