//! What was seen of the catalog of a run: by the programs that used it, by those who are in it, and from inside the agents. Times are the
//! world's, in nanoseconds.

use crate::checker::Nanos;
use crate::fault::Struck;
use crate::invariants::observation::{Boot, Malformed};
use crate::world::Who;
use muster::model::{CheckStatus, Index, NodeId};
use muster::state::CatalogCommand;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Everything that was seen of the catalog, each list in the order of time.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Server agents.
    pub servers: BTreeSet<Who>,
    /// Commands to the catalog that took effect, by every server that applied them.
    pub applied: Vec<Written>,
    /// The instances that programs registered on agents.
    pub instances: Vec<Instance>,
    /// What became of the endpoints that HTTP checks ask.
    pub turns: Vec<Turn>,
    /// News that services sent to their TTL checks.
    pub heartbeats: Vec<Heartbeat>,
    /// What was asked of agents about their instances.
    pub orders: Vec<Order>,
    /// Writes to the catalog past the agents.
    pub wipes: Vec<Wipe>,
    /// Checks of agents as they changed inside.
    pub inside: Vec<Inside>,
    /// Answered reads.
    pub looks: Vec<Look>,
    /// Answered look-ups by DNS.
    pub namings: Vec<Naming>,
    /// Faults.
    pub struck: Vec<Struck>,
    /// Processes started.
    pub boots: Vec<Boot>,
    /// Answers that no client of Consul would understand.
    pub malformed: Vec<Malformed>,
    /// How the catalog came to agree with the agents.
    pub union: Option<Union>,
    /// When the run was over.
    pub end: Nanos,
}

/// A command to the catalog, applied by one server.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// When.
    pub at: Nanos,
    /// By whom.
    pub server: Who,
    /// Its index.
    pub index: Index,
    /// What it was; `None` if it was no command to the catalog, or was refused.
    pub command: Option<CatalogCommand>,
}

/// An instance of a service, as its program knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The agent it is registered on.
    pub agent: Who,
    /// Its id.
    pub id: Arc<str>,
    /// Its service.
    pub service: Arc<str>,
    /// Its check.
    pub probe: Probe,
}

/// How an instance is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// By HTTP.
    Http {
        /// Time between runs.
        interval: Duration,
        /// How long a run may take.
        timeout: Duration,
    },
    /// It has to say that it is well.
    Ttl(Duration),
}

impl Probe {
    /// The longest that a verdict may take after the truth has changed.
    ///
    /// HTTP: the truth changes right after a run has asked; the next begins an interval after the last, and takes up to the timeout to fail. TTL: the
    /// whole TTL after the last news.
    pub fn verdict_within(self) -> Nanos {
        let longest = match self {
            Probe::Http { interval, timeout } => interval + timeout,
            Probe::Ttl(ttl) => ttl,
        };
        longest.as_nanos() as Nanos
    }
}

/// How an endpoint answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// 200.
    Well,
    /// 429.
    Busy,
    /// 500.
    Broken,
    /// Never.
    Mute,
}

/// An endpoint answers so from now on. Endpoints begin well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// When.
    pub at: Nanos,
    /// Which instance's, by its place in [`Seen::instances`].
    pub instance: usize,
    /// How.
    pub manner: Manner,
}

/// News for a TTL check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Which instance's, by its place in [`Seen::instances`].
    pub instance: usize,
    /// When it was sent.
    pub invoked: Nanos,
    /// When its sender gave up or heard something.
    pub over: Nanos,
    /// What it said.
    pub status: CheckStatus,
    /// What came of it.
    pub told: Told,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It was done.
    Done,
    /// It was refused, so nothing happened.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// What is asked of an agent about an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Register it, with tags of this number.
    Register(u32),
    /// Deregister it.
    Deregister,
    /// Take it out of use.
    MaintenanceOn,
    /// Take it back into use.
    MaintenanceOff,
}

/// A deed, with all its attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Which instance, by its place in [`Seen::instances`].
    pub instance: usize,
    /// What.
    pub deed: Deed,
    /// When it was first asked.
    pub invoked: Nanos,
    /// When it was acknowledged; `None` if it never was.
    pub done: Option<Nanos>,
}

/// Somebody took an instance out of the catalog past its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wipe {
    /// Which instance, by its place in [`Seen::instances`].
    pub instance: usize,
    /// When it was asked.
    pub invoked: Nanos,
}

/// A check inside an agent changed its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// When.
    pub at: Nanos,
    /// Where.
    pub agent: Who,
    /// In which of its processes.
    pub process: u64,
    /// Which check.
    pub check: Arc<str>,
    /// How it stands; `None`: it is gone.
    pub status: Option<CheckStatus>,
}

/// What a read is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// `health/service`.
    Health {
        /// The service.
        service: Arc<str>,
        /// Which of its instances.
        which: Which,
    },
    /// `catalog/service`.
    Instances {
        /// The service.
        service: Arc<str>,
        /// Which of its instances.
        which: Which,
    },
    /// `catalog/services`.
    Services,
    /// `catalog/nodes`.
    Nodes,
}

/// Which instances are asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// All.
    All,
    /// Those that pass (`passing`).
    Passing,
    /// Those with a tag (`tag`).
    Tagged(Arc<str>),
    /// Those with a tag, by an expression (`filter`).
    Filtered(Arc<str>),
}

/// An answered read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Who asked; each asks one thing after the other.
    pub watcher: u32,
    /// The agent asked.
    pub asked: Who,
    /// What was asked.
    pub subject: Subject,
    /// Whether it may be answered from the past.
    pub staleness: Staleness,
    /// `index=`; 0 for one that does not wait.
    pub after: Index,
    /// `wait=`, in nanoseconds.
    pub wait: Nanos,
    /// When it was asked.
    pub invoked: Nanos,
    /// When it was answered.
    pub returned: Nanos,
    /// `X-Consul-Index`.
    pub index: Index,
    /// What was found, as [`super::reference::Catalog::answer`] has it.
    pub lines: Vec<String>,
}

/// An answered look-up of a service by DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// The agent asked.
    pub asked: Who,
    /// The service.
    pub service: Arc<str>,
    /// When it was asked.
    pub invoked: Nanos,
    /// When it was answered.
    pub returned: Nanos,
    /// What was found, as [`super::reference::Catalog::named`] has it.
    pub lines: Vec<String>,
}

/// Whether a read may be answered from the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Staleness {
    /// It may not.
    Fresh,
    /// It may, by any server.
    Stale,
    /// It may, by the agent that is asked, from what it keeps (`cached`).
    Cached,
}

/// How the catalog came to agree with what the agents have registered, once the faults had stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Union {
    /// When the faults had stopped.
    pub from: Nanos,
    /// When they agreed; `None` if they never did.
    pub agreed: Option<Nanos>,
    /// Where they differ at the last look, each in a sentence.
    pub differences: Vec<String>,
    /// What is missing on agents although it was acknowledged, or there although it was taken off.
    pub forgotten: Vec<String>,
}

/// A node as the leader has to keep it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Its agent.
    pub agent: Who,
    /// Its id.
    pub id: NodeId,
}
