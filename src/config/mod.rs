//! Floor 0: what the operator asked for, parsed once. Raw JSON, HCL and flags become a [`Config`]; nothing above sees the raw shapes.

mod addresses;
mod assemble;
mod cluster;
pub mod definition;
mod dns;
mod error;
mod flags;
mod given;
mod gossip;
mod hcl;
mod hcl_lexer;
mod host;
mod keys;
mod load;
mod nearest;
mod network;
mod place;
mod reader;
mod registration;
mod settings;
mod template;
mod tree;
mod tuning;
mod watch;

#[cfg(test)]
mod tests;

pub use error::{ConfigError, Problem};
pub use flags::Flag;
pub use given::{Changes, Given};
pub use gossip::GossipTuning;
pub use host::{Host, HostAddress};
pub use load::{Format, Profile, Source, Sources, load};
pub use nearest::nearest;
pub use place::{Place, Places};
pub use registration::{CheckTuning, ScriptChecks, runs_programs};
pub use tuning::LONGEST_SESSION_TTL;
pub use watch::{Contract, Handler, Target, Watch};

use crate::model::{CheckDefinition, Datacenter, NodeId, NodeName, ServiceDefinition};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Everything an agent needs to know to start.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `node_name`: unique in the datacenter; the host's name unless set.
    pub node_name: NodeName,
    /// `node_id`: fixed by the operator; otherwise drawn once and kept in `data_dir/node-id`.
    pub node_id: Option<NodeId>,
    /// `node_meta`: free key/value pairs of the node.
    pub node_meta: BTreeMap<String, String>,
    /// `datacenter`.
    pub datacenter: Datacenter,
    /// `data_dir`: where everything durable lives. `None` only with `-dev`: a temporary folder, removed at exit.
    pub data_dir: Option<PathBuf>,
    /// `-dev`: a single throw-away server on loopback; answers are pretty-printed JSON.
    pub dev: bool,
    /// `server`: take part in Raft.
    pub server: bool,
    /// `bootstrap_expect`: form the first cluster when this many servers see one another; 0 waits to be added. `bootstrap` is 1.
    pub bootstrap_expect: u32,
    /// `read_replica` (`non_voting_server`): replicate but never vote.
    pub read_replica: bool,
    /// Where to listen.
    pub listen: Listen,
    /// `advertise_addr`: what other agents are told to connect to.
    pub advertise_addr: IpAddr,
    /// `advertise_addr_wan`: what servers of other datacenters are told to connect to.
    pub advertise_addr_wan: IpAddr,
    /// `retry_join`: `host` or `host:port`, tried for ever.
    pub retry_join: Vec<String>,
    /// `retry_interval`.
    pub retry_interval: Duration,
    /// `retry_max`: attempts before giving up; 0 is never.
    pub retry_max: u32,
    /// `start_join`: one attempt, whose failure ends the agent.
    pub start_join: Vec<String>,
    /// `rejoin_after_leave`: join the remembered members even after a graceful leave.
    pub rejoin_after_leave: bool,
    /// `leave_on_terminate`: SIGTERM leaves gracefully; by default on clients only.
    pub leave_on_terminate: bool,
    /// `skip_leave_on_interrupt`: SIGINT does not leave; by default on servers only.
    pub skip_leave_on_interrupt: bool,
    /// `reconnect_timeout`: failed members are forgotten after this long.
    pub reconnect_timeout: Duration,
    /// `gossip_lan`.
    pub gossip_lan: GossipTuning,
    /// `gossip_wan`.
    pub gossip_wan: GossipTuning,
    /// Raft's timing and log bounds.
    pub raft: RaftTuning,
    /// `autopilot`: the first values; afterwards the replicated ones win.
    pub autopilot: AutopilotTuning,
    /// The agent's own copies of what it is asked often.
    pub cache: CacheTuning,
    /// `limits`.
    pub limits: Limits,
    /// `session_*`.
    pub sessions: SessionTuning,
    /// `http_config`.
    pub http: HttpTuning,
    /// `dns_config`, `domain`, `alt_domain`, `recursors`.
    pub dns: DnsTuning,
    /// `discovery_max_stale`: how old an answer about catalog and health may be where a request does not say; zero asks the leader.
    pub discovery_max_stale: Duration,
    /// `default_query_time`: how long a blocking query without `wait` waits.
    pub default_query_time: Duration,
    /// `max_query_time`: longest `wait`; more is cut to this.
    pub max_query_time: Duration,
    /// `performance.leave_drain_time`: how long a leaving agent goes on answering.
    pub leave_drain_time: Duration,
    /// `performance.rpc_hold_timeout`: how long a request waits for a leader.
    pub rpc_hold_timeout: Duration,
    /// `log_level`: `trace`, `debug`, `info`, `warn` or `error`, lower case.
    pub log_level: String,
    /// `log_json`.
    pub log_json: bool,
    /// `service`, `services`: what files define, in the order of the sources.
    pub services: Vec<ServiceDefinition>,
    /// `watches`: what files define, in the order of the sources.
    pub watches: Vec<Watch>,
    /// `check`, `checks`: the checks that stand outside a service's definition.
    pub checks: Vec<CheckDefinition>,
    /// Where those definitions stand.
    pub places: Places,
    /// How checks are run and told.
    pub check_tuning: CheckTuning,
    /// `disable_coordinates`: this agent says to nobody where it lies.
    pub disable_coordinates: bool,
    /// `enable_debug`.
    pub enable_debug: bool,
    /// `telemetry`.
    pub telemetry: TelemetryTuning,
    /// `pid_file`.
    pub pid_file: Option<PathBuf>,
    /// All that was given, to compare another reading with.
    pub given: Given,
    /// Accepted keys that have no effect here yet, each said in the log at start.
    pub ignored_keys: Vec<String>,
    /// What the operator should hear at start (`bootstrap_expect` even, name not DNS-safe, ...).
    pub warnings: Vec<String>,
}

/// `telemetry` block: how numbers are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryTuning {
    /// `prometheus_retention_time` above zero: the prometheus format is served.
    pub prometheus: bool,
    /// `metrics_prefix`: what every name begins with.
    pub prefix: String,
    /// What the names of gauges have after the prefix, unless `disable_hostname`: Consul has it as soon as numbers leave it in another way than as
    /// JSON, but never in the prometheus format.
    pub hostname: Option<String>,
}

/// Socket addresses. `None` is a port of -1: not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// RPC between agents (`ports.server`, 8300), on `bind_addr`; servers only.
    pub rpc: Option<SocketAddr>,
    /// LAN gossip, UDP and TCP (`ports.serf_lan`, 8301).
    pub serf_lan: SocketAddr,
    /// WAN gossip (`ports.serf_wan`, 8302), servers only.
    pub serf_wan: Option<SocketAddr>,
    /// HTTP (`ports.http`, 8500), one socket for each client address.
    pub http: Vec<SocketAddr>,
    /// DNS (`ports.dns`, 8600), one for each client address.
    pub dns: Vec<SocketAddr>,
}

/// Raft's knobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftTuning {
    /// `performance.raft_multiplier`, 1..=10. Up to 5 the timing is one and the same; above, times m/5.
    pub multiplier: u32,
    /// `raft_snapshot_threshold`: entries since the last snapshot before the next one is made.
    pub snapshot_threshold: u64,
    /// `raft_snapshot_interval`: how often the threshold is looked at.
    pub snapshot_interval: Duration,
    /// `raft_trailing_logs`: entries kept behind a snapshot, for followers that lag.
    pub trailing_logs: u64,
}

impl RaftTuning {
    /// Time between heartbeats: 75 ms, times m/5 above a multiplier of 5.
    pub fn heartbeat(&self) -> Duration {
        Duration::from_millis(75) * self.multiplier.max(5) / 5
    }

    /// Shortest and longest election timeout: 250 ms and 400 ms, times m/5 above a multiplier of 5.
    pub fn election_timeout(&self) -> (Duration, Duration) {
        let scale = |millis| Duration::from_millis(millis) * self.multiplier.max(5) / 5;
        (scale(250), scale(400))
    }
}

/// `autopilot` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutopilotTuning {
    /// `cleanup_dead_servers`.
    pub cleanup_dead_servers: bool,
    /// `last_contact_threshold`: a server silent for longer is unhealthy.
    pub last_contact_threshold: Duration,
    /// `max_trailing_logs`: a server further behind is unhealthy.
    pub max_trailing_logs: u64,
    /// `min_quorum`: never shrink below this many voters by cleaning up.
    pub min_quorum: u32,
    /// `server_stabilization_time`: how long a server must be healthy before it votes.
    pub server_stabilization_time: Duration,
}

/// `limits` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `http_max_conns_per_client`: TCP connections from one address; the next is answered 429 and closed.
    /// `usize::MAX` (0 in the file) is no limit.
    pub http_max_conns_per_client: usize,
    /// `rpc_max_conns_per_client`.
    pub rpc_max_conns_per_client: usize,
    /// `rpc_handshake_timeout`.
    pub rpc_handshake_timeout: Duration,
    /// `kv_max_value_size`: longest value in bytes.
    pub kv_max_value_size: u64,
    /// `txn_max_ops`: most operations of a transaction.
    pub txn_max_ops: u32,
    /// `txn_max_req_len`: longest transaction body in bytes.
    pub txn_max_req_len: u64,
}

/// How long sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTuning {
    /// `session_ttl_min`: the shortest TTL a session can have.
    pub ttl_min: Duration,
    /// `session_ttl_multiplier` in thousandths, 1000..=2000: a session ends after its TTL times this. Clients of Consul reckon with twice.
    pub ttl_permille: u32,
}

/// The agent's own copies of what it is asked often: `cache` and the switches around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheTuning {
    /// `http_config.use_cache`: whether `cached` has an effect.
    pub http: bool,
    /// `use_streaming_backend`: whether waits for a service that may be stale are answered from a copy, too.
    pub streaming: bool,
    /// `rpc.enable_streaming`: whether a server keeps the copies of others current.
    pub publish: bool,
    /// `cache.entry_fetch_rate`, as the least time between two fetches once the burst is over; zero is no bound.
    pub fetch_interval: Duration,
    /// `cache.entry_fetch_max_burst`: fetches made without a pause between them.
    pub fetch_burst: u32,
}

/// `http_config` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTuning {
    /// `block_endpoints`: path prefixes answered 403.
    pub block_endpoints: Vec<String>,
    /// `response_headers`: added to every answer.
    pub response_headers: BTreeMap<String, String>,
    /// `allow_write_http_from`: networks that may write, as `(address, prefix length)`; empty is everyone.
    pub allow_write_http_from: Vec<(IpAddr, u8)>,
    /// `max_header_bytes`.
    pub max_header_bytes: usize,
    /// `disable_http_unprintable_char_filter`.
    pub allow_unprintable: bool,
}

/// `dns_config` block, and the keys around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsTuning {
    /// `domain`: the zone that is answered, in lower case without its final dot.
    pub domain: String,
    /// `alt_domain`: a second name of the zone.
    pub alt_domain: Option<String>,
    /// `recursors`: who is asked for names outside of the zone, each once, in this order.
    pub recursors: Vec<SocketAddr>,
    /// `dns_config.recursor_strategy`.
    pub recursor_strategy: RecursorStrategy,
    /// `dns_config.recursor_timeout`: how long one recursor is waited for.
    pub recursor_timeout: Duration,
    /// `dns_config.allow_stale`: any server may answer; otherwise the leader does.
    pub allow_stale: bool,
    /// `dns_config.max_stale`: an answer that is older is asked of the leader instead.
    pub max_stale: Duration,
    /// `dns_config.use_cache`: answers may be as old as `cache_max_age` allows even without `allow_stale`.
    pub use_cache: bool,
    /// `dns_config.cache_max_age`: an older copy is asked for anew; zero takes any age.
    pub cache_max_age: Duration,
    /// `dns_config.node_ttl`.
    pub node_ttl: Duration,
    /// `dns_config.service_ttl`: by the name of the service, or by a prefix before a `*`.
    pub service_ttl: BTreeMap<String, Duration>,
    /// `dns_config.only_passing`: instances that warn are left out, too.
    pub only_passing: bool,
    /// `dns_config.enable_truncate`: an answer of which records were left out says so (TC).
    pub enable_truncate: bool,
    /// `dns_config.udp_answer_limit`: most answers over UDP without EDNS.
    pub udp_answer_limit: u32,
    /// `dns_config.a_record_limit`: most addresses of an answer; 0 is no limit.
    pub a_record_limit: u32,
    /// `dns_config.disable_compression`: names are written in full.
    pub disable_compression: bool,
    /// `dns_config.enable_additional_node_meta_txt`: metadata of nodes goes with their addresses.
    pub additional_node_meta_txt: bool,
    /// `dns_config.soa`.
    pub soa: SoaTuning,
    /// `dns_config.srv_weight_factor` (not in Consul): SRV weights are multiplied by it, up to 65535. HAProxy divides them by 256.
    pub srv_weight_factor: u16,
    /// `dns_config.response_rate_limit` (not in Consul): most answers a second to one network (/24 or /56) over UDP; 0 is no limit.
    pub response_rate_limit: u32,
}

/// Which recursor is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecursorStrategy {
    /// The first of the list.
    Sequential,
    /// Any, anew for each question.
    Random,
}

/// Numbers of the zone's SOA record, in seconds (RFC 1035 section 3.3.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoaTuning {
    /// `refresh`.
    pub refresh: u32,
    /// `retry`.
    pub retry: u32,
    /// `expire`.
    pub expire: u32,
    /// `min_ttl`: how long others may remember that there is no such name (RFC 2308).
    pub min_ttl: u32,
}
