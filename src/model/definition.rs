//! What a client or a definition file asks an agent to look after: services and checks, parsed and judged once.

use super::{CheckStatus, ServiceSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A service and its checks, to be registered on an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDefinition {
    /// The instance.
    pub spec: ServiceSpec,
    /// Its checks, their ids chosen.
    pub checks: Vec<CheckDefinition>,
    /// The token its registration in the catalog uses; empty for the agent's.
    pub token: String,
}

/// A check, to be run by an agent. A valid one: whoever makes it has applied Consul's rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckDefinition {
    /// Unique on the agent.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it is about.
    pub notes: String,
    /// The service instance it belongs to; empty for a check of the node.
    pub service_id: String,
    /// How it stands before its first result; critical if nobody says.
    pub initial: Option<CheckStatus>,
    /// What is done.
    pub probe: Probe,
    /// Time from one run to the next; zero for what is not run.
    pub interval: Duration,
    /// How long a run may take; `None` leaves it to the kind of probe.
    pub timeout: Option<Duration>,
    /// How many results in a row it takes to change the status.
    pub thresholds: Thresholds,
    /// A service whose check is critical for so long is deregistered.
    pub deregister_after: Option<Duration>,
    /// The most output kept, in bytes; `None` is the agent's setting.
    pub output_limit: Option<usize>,
    /// The token its registration in the catalog uses; empty for the service's or the agent's.
    pub token: String,
}

/// How many results of a kind in a row it takes to change a check's status; 0 and 1 mean at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Successes (passing or warning) before a critical check is one.
    pub success_before_passing: u32,
    /// Failures before a passing check warns; `None` is as `failures_before_critical`.
    pub failures_before_warning: Option<u32>,
    /// Failures before it is critical.
    pub failures_before_critical: u32,
}

/// What a check does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// Waits to be told; critical after this long without news.
    Ttl {
        /// The longest silence.
        ttl: Duration,
    },
    /// Runs a program; its exit code decides.
    Script {
        /// The program and its arguments.
        args: Vec<String>,
    },
    /// Runs a program in a container.
    Docker {
        /// Which container.
        container: String,
        /// The shell that runs it; empty runs `args` without one.
        shell: String,
        /// The program and its arguments.
        args: Vec<String>,
    },
    /// Makes an HTTP request.
    Http(HttpProbe),
    /// Connects over TCP.
    Tcp {
        /// `host:port`.
        addr: String,
        /// Whether TLS is spoken, and how.
        tls: Option<TlsProbe>,
    },
    /// Sends a datagram: any reply, or none, is good; an ICMP error is not.
    Udp {
        /// `host:port`.
        addr: String,
    },
    /// Asks gRPC's health service.
    Grpc {
        /// `host:port`, with `/service` behind it if one is meant.
        target: String,
        /// Whether TLS is spoken, and how.
        tls: Option<TlsProbe>,
    },
    /// Sends an HTTP/2 PING.
    H2Ping {
        /// `host:port`.
        addr: String,
        /// Whether TLS is spoken, and how.
        tls: Option<TlsProbe>,
    },
    /// Stands as the worst check of another service or node.
    Alias {
        /// The node; empty for this agent's.
        node: String,
        /// The service's id; empty for the node's own checks.
        service: String,
    },
    /// Speaks a protocol far enough to see that work is done (ours).
    Native(NativeProbe),
    /// Joins other probes (ours).
    Tree(Tree),
    /// Does nothing: the check stands as the agent itself set it (maintenance). No client and no file defines one.
    Maintenance,
}

/// Where a check has its verdicts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictSource<'a> {
    /// From whoever tells it, at least once in its TTL.
    News {
        /// The longest silence.
        ttl: Duration,
    },
    /// From how something else stands.
    Others,
    /// From programs that it runs, here or in a container.
    Program,
    /// From what it asks over the network.
    Network,
    /// From its parts.
    Parts(&'a Tree),
}

impl Probe {
    /// Where its verdicts come from: the one place that knows all kinds, for all that goes by no more than this.
    pub const fn source(&self) -> VerdictSource<'_> {
        match self {
            Probe::Ttl { ttl } => VerdictSource::News { ttl: *ttl },
            Probe::Alias { .. } | Probe::Maintenance => VerdictSource::Others,
            Probe::Script { .. } | Probe::Docker { .. } => VerdictSource::Program,
            Probe::Http(_) | Probe::Tcp { .. } | Probe::Udp { .. } | Probe::Grpc { .. } | Probe::H2Ping { .. } | Probe::Native(_) => {
                VerdictSource::Network
            }
            Probe::Tree(tree) => VerdictSource::Parts(tree),
        }
    }

    /// How long a check that waits to be told bears silence; `None` for every other kind.
    pub const fn ttl(&self) -> Option<Duration> {
        match self.source() {
            VerdictSource::News { ttl } => Some(ttl),
            VerdictSource::Others | VerdictSource::Program | VerdictSource::Network | VerdictSource::Parts(_) => None,
        }
    }
}

/// An HTTP request and what its answer must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpProbe {
    /// `http` or `https`.
    pub url: String,
    /// `GET` if empty.
    pub method: String,
    /// Headers with their values, names as given.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The request's body.
    pub body: String,
    /// How TLS is spoken if the address is `https`.
    pub tls: TlsProbe,
    /// What happens to a redirect.
    pub redirects: Redirects,
    /// What else the answer must be (ours).
    pub expect: Option<HttpExpectation>,
}

/// What an HTTP answer must be to pass (ours, `http-body`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpExpectation {
    /// The status; `None` takes any 2xx.
    pub status: Option<u16>,
    /// A regular expression that must be found in the body; empty asks nothing.
    pub body: String,
}

/// What a check does with a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Redirects {
    /// Follows up to ten.
    Follow,
    /// Takes it for the answer.
    Refuse,
}

/// How a check speaks TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsProbe {
    /// Which certificates are taken.
    pub trust: Trust,
    /// The name the certificate must have; empty is that of the address.
    pub server_name: String,
}

/// Which certificates a check takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trust {
    /// Those an authority of this machine vouches for.
    #[default]
    Verified,
    /// Any (`tls_skip_verify`).
    Any,
}

/// A protocol spoken far enough to see that work is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeProbe {
    /// Which.
    pub protocol: Protocol,
    /// `host:port`; the protocol's own port if none is given.
    pub addr: String,
    /// What is asked, by the protocol's own parameters (`user`, `password`, `database`, `query`, `name`, `type`, `from`, ..).
    pub params: BTreeMap<String, String>,
}

/// The protocols of [`NativeProbe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// PostgreSQL: a query is answered.
    Postgres,
    /// Redis: `PING` is answered, or `ROLE` is as asked.
    Redis,
    /// MySQL and MariaDB: a query is answered.
    Mysql,
    /// DNS: a name has an answer.
    Dns,
    /// SMTP: the server greets and takes a sender.
    Smtp,
}

/// How several probes make one status (ours). Leaves are run as checks of their own that only the tree sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tree {
    /// As bad as the worst.
    All(Vec<Tree>),
    /// As good as the best.
    Any(Vec<Tree>),
    /// One check, with the tree's interval and timeout unless it has its own.
    Leaf(Box<CheckDefinition>),
}
