//! `/v1/agent/self` and the gauges of `/v1/agent/metrics`.

use super::members::shown;
use crate::agent::antientropy::node_meta;
use crate::api::agent::{AgentSelf, SelfConfig};
use crate::api::coordinate::CoordinateShape;
use crate::api::metrics::{Metric, Reading};
use crate::model::Probe;
use crate::raft::Role;
use crate::runtime::Runtime;
use crate::server::Agent;
use crate::server::gossip::Pool;
use crate::state::State;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

type Numbers = BTreeMap<String, String>;

impl<R: Runtime> Agent<R> {
    pub(super) async fn describe(&self) -> AgentSelf {
        let config = self.config();
        let coordinates = self.lan().coordinates().await;
        let coord = coordinates.get(&config.node_name).filter(|_| !config.disable_coordinates).map(CoordinateShape::from);
        let mut stats = BTreeMap::from([
            ("agent".to_owned(), self.registration_stats()),
            ("build".to_owned(), text([("prerelease", ""), ("revision", ""), ("version", crate::CONSUL_VERSION)])),
            ("consul".to_owned(), self.consul_stats()),
            ("runtime".to_owned(), self.runtime_stats()),
            ("serf_lan".to_owned(), serf_stats(self.lan())),
        ]);
        if let Some(raft) = self.raft_stats() {
            stats.insert("raft".to_owned(), raft);
        }
        if let Some(wan) = self.wan() {
            stats.insert("serf_wan".to_owned(), serf_stats(wan));
        }
        let local = self.lan().local();
        AgentSelf {
            config: SelfConfig {
                datacenter: config.datacenter.to_string(),
                primary_datacenter: config.datacenter.to_string(),
                node_name: config.node_name.to_string(),
                node_id: self.node_id().to_string(),
                revision: String::new(),
                server: config.server,
                version: crate::CONSUL_VERSION.to_owned(),
                session_ttl_min: u64::try_from(config.sessions.ttl_min.as_nanos()).unwrap_or(u64::MAX),
            },
            debug_config: self.debug_config(),
            coord,
            member: shown(&local).expect("this agent knows itself"),
            stats,
            meta: node_meta(config.node_meta.clone()),
        }
    }

    fn debug_config(&self) -> BTreeMap<String, serde_json::Value> {
        let config = self.config();
        let port = |addr: Option<&SocketAddr>| addr.map_or(-1, |addr| i64::from(addr.port()));
        let tcp = |ip: IpAddr, port: u16| format!("tcp://{}", SocketAddr::new(ip, port));
        let wan_address = config.listen.serf_wan.map_or(String::new(), |wan| tcp(config.advertise_addr_wan, wan.port()));
        let entries: [(&str, serde_json::Value); 18] = [
            ("AdvertiseAddrLAN", config.advertise_addr.to_string().into()),
            ("AdvertiseAddrWAN", config.advertise_addr_wan.to_string().into()),
            ("BootstrapExpect", config.bootstrap_expect.into()),
            ("DNSPort", port(config.listen.dns.first()).into()),
            ("Datacenter", config.datacenter.as_str().into()),
            ("DevMode", config.dev.into()),
            ("EnableDebug", config.enable_debug.into()),
            ("GRPCPort", (-1).into()),
            ("HTTPPort", port(config.listen.http.first()).into()),
            ("HTTPSPort", (-1).into()),
            ("NodeName", config.node_name.as_str().into()),
            ("SerfAdvertiseAddrLAN", tcp(config.advertise_addr, config.listen.serf_lan.port()).into()),
            ("SerfAdvertiseAddrWAN", wan_address.into()),
            ("SerfPortWAN", port(config.listen.serf_wan.as_ref()).into()),
            ("SerfPortLAN", config.listen.serf_lan.port().into()),
            ("ServerMode", config.server.into()),
            ("SessionTTLMin", crate::model::duration::format(config.sessions.ttl_min).into()),
            ("ServerPort", port(config.listen.rpc.as_ref()).into()),
        ];
        entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn registration_stats(&self) -> Numbers {
        let view = self.local().view();
        let of_kind = |counts: fn(&Probe) -> bool| view.checks.values().filter(|check| counts(&check.definition.probe)).count();
        numbers([
            ("check_monitors", of_kind(|probe| matches!(probe, Probe::Script { .. }))),
            ("check_ttls", of_kind(|probe| matches!(probe, Probe::Ttl { .. }))),
            ("checks", view.checks.len()),
            ("services", view.services.len()),
        ])
    }

    fn consul_stats(&self) -> Numbers {
        let Some(raft) = self.raft() else {
            let known = self.directory().all().iter().filter(|server| server.is_alive()).count();
            return numbers([("known_servers", known)]).into_iter().chain(text([("server", "false"), ("acl", "disabled")])).collect();
        };
        let leadership = raft.leadership();
        let mut stats = text([("acl", "disabled"), ("known_datacenters", "1"), ("server", "true")]);
        stats.insert("bootstrap".to_owned(), (self.config().bootstrap_expect == 1).to_string());
        stats.insert("leader".to_owned(), leadership.is_us().to_string());
        stats.insert("leader_addr".to_owned(), self.known_leader(raft).map(|leader| leader.addr.to_string()).unwrap_or_default());
        stats
    }

    /// What is known of the process. Consul's `goroutines` has no counterpart.
    fn runtime_stats(&self) -> Numbers {
        let cores = (self.0.surroundings.host)().cpu.len();
        let named = text([("arch", std::env::consts::ARCH), ("os", std::env::consts::OS), ("version", "rust")]);
        numbers([("cpu_count", cores), ("max_procs", cores)]).into_iter().chain(named).filter(|(_, value)| value != "0").collect()
    }

    fn raft_stats(&self) -> Option<Numbers> {
        let stats = self.raft()?.stats();
        let state = match stats.role {
            Role::Leader => "Leader",
            Role::Candidate => "Candidate",
            Role::Follower | Role::NonVoter => "Follower",
            Role::Stopped => "Shutdown",
        };
        let servers: Vec<String> = stats.configuration.servers.iter().map(|(id, s)| format!("{id}@{}", s.server.addr)).collect();
        let mut shown = numbers([
            ("applied_index", stats.applied_index),
            ("commit_index", stats.commit_index),
            ("fsm_pending", stats.commit_index.saturating_sub(stats.applied_index)),
            ("last_log_index", stats.last_log_index),
            ("last_log_term", stats.last_log_term),
            ("last_snapshot_index", stats.snapshot_index),
            ("last_snapshot_term", stats.snapshot_term),
            ("latest_configuration_index", stats.configuration.index),
            ("num_peers", stats.configuration.voters().saturating_sub(1) as u64),
            ("term", stats.term),
        ]);
        shown.extend(text([("protocol_version", "3"), ("protocol_version_min", "0"), ("protocol_version_max", "3")]));
        shown.extend(text([("snapshot_version_min", "0"), ("snapshot_version_max", "1"), ("state", state)]));
        let contact = stats
            .last_contact
            .map_or_else(|| "never".to_owned(), |age| if age.is_zero() { "0".to_owned() } else { crate::model::duration::format(age) });
        shown.insert("last_contact".to_owned(), contact);
        shown.insert("latest_configuration".to_owned(), format!("[{}]", servers.join(" ")));
        Some(shown)
    }

    /// What is registered here, how its checks keep up, and how the catalog follows.
    fn registration_gauges(&self) -> [Metric; 11] {
        let view = self.local().view();
        let (running, waiting) = self.local().run_counts();
        let sync = self.local().sync_status();
        [
            gauge("agent.services", view.services.len() as f64),
            gauge("agent.checks", view.checks.len() as f64),
            gauge("agent.checks.running", running as f64),
            gauge("agent.checks.waiting", waiting as f64),
            gauge("agent.sync.full", sync.full as f64),
            gauge("agent.sync.failed", sync.failed as f64),
            gauge("agent.sync.writes", sync.writes as f64),
            gauge("agent.sync.waiting", (sync.waiting + sync.under_way) as f64),
            gauge("agent.sync.refused", sync.refused as f64),
            gauge("cache.entries_count", self.0.copies.len() as f64),
            gauge("views.subscriptions", self.0.sessions.len() as f64),
        ]
    }

    /// Numbers of everything but the HTTP server.
    pub(super) fn gauges(&self) -> Vec<Metric> {
        let mut gauges = vec![gauge("serf.lan.members", self.lan().members().len() as f64)];
        let (made, served) = (self.calls().tally(), self.0.rpc_served.tally());
        gauges.push(gauge("rpc.client.abandoned", made.abandoned as f64));
        gauges.push(gauge("rpc.server.malformed", served.malformed as f64));
        gauges.push(gauge("rpc.server.refused", served.refused as f64));
        let pooled = self.lan().stats();
        gauges.push(gauge("serf.lan.malformed", pooled.malformed as f64));
        gauges.push(gauge("serf.lan.refused", pooled.refused as f64));
        gauges.push(gauge("serf.lan.dropped", pooled.datagrams_dropped as f64));
        gauges.push(gauge("serf.events", pooled.events as f64));
        gauges.push(gauge("serf.events.unheard", pooled.unheard as f64));
        gauges.push(gauge("serf.events.early", pooled.events_early as f64));
        gauges.push(gauge("serf.events.sought", pooled.events_sought as f64));
        gauges.push(gauge("serf.queries", pooled.questions as f64));
        gauges.push(gauge("serf.queries.words_lost", pooled.words_lost as f64));
        gauges.push(gauge("serf.lan.streams_overrun", pooled.streams_overrun as f64));
        gauges.push(gauge("serf.queue.Event", pooled.shout_queue as f64));
        gauges.push(gauge("serf.queue.Event.dropped", pooled.shouts_dropped as f64));
        gauges.extend(self.registration_gauges());
        gauges.extend(self.footprint_gauges());
        if let Some(raft) = self.raft() {
            let stats = raft.stats();
            gauges.push(gauge("raft.applied_index", stats.applied_index as f64));
            gauges.push(gauge("raft.commit_index", stats.commit_index as f64));
            gauges.push(gauge("raft.last_index", stats.last_log_index as f64));
            gauges.push(gauge("raft.term", stats.term as f64));
            gauges.push(gauge("raft.peers", stats.configuration.voters() as f64));
            gauges.push(gauge("server.isLeader", if raft.leadership().is_us() { 1.0 } else { 0.0 }));
            gauges.extend(self.state_gauges(&raft.view().state));
        }
        gauges
    }

    /// What the process takes, by the names that Consul has for the same of Go's runtime.
    fn footprint_gauges(&self) -> [Metric; 3] {
        let process = (self.0.surroundings.process)();
        [
            gauge("runtime.alloc_bytes", process.resident as f64),
            gauge("runtime.sys_bytes", process.mapped as f64),
            gauge("runtime.num_threads", process.threads as f64),
        ]
    }

    /// How much the replicated state holds, as this server has it.
    fn state_gauges(&self, state: &State) -> [Metric; 6] {
        let labels = BTreeMap::from([("datacenter".to_owned(), self.config().datacenter.to_string())]);
        let held = [
            ("state.kv_entries", state.kv().len()),
            ("state.nodes", state.nodes().len()),
            ("state.services", state.services().names().count()),
            ("state.service_instances", state.services().len()),
            ("state.sessions", state.sessions().len()),
            ("session_ttl.active", state.sessions().iter().filter(|session| session.spec.ttl.is_some()).count()),
        ];
        held.map(|(name, value)| Metric { labels: labels.clone(), ..gauge(name, value as f64) })
    }
}

fn gauge(name: &str, value: f64) -> Metric {
    Metric { name: name.to_owned(), labels: BTreeMap::new(), reading: Reading::Gauge(value) }
}

fn numbers<T: ToString, const N: usize>(pairs: [(&str, T); N]) -> Numbers {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_string())).collect()
}

fn text<const N: usize>(pairs: [(&str, &str); N]) -> Numbers {
    numbers(pairs)
}

/// The pool in numbers. Questions are what Consul calls queries; intents have no queue of their own.
fn serf_stats<R: Runtime>(pool: &Pool<R>) -> Numbers {
    let members = pool.members();
    let count = |status| members.iter().filter(|member| member.status == status).count();
    let stats = pool.stats();
    numbers([
        ("members", members.len()),
        ("failed", count(crate::gossip::MemberStatus::Failed)),
        ("left", count(crate::gossip::MemberStatus::Left)),
        ("health_score", stats.health_score as usize),
    ])
    .into_iter()
    .chain(numbers([("malformed", stats.malformed), ("refused", stats.refused), ("dropped", stats.datagrams_dropped)]))
    .chain(numbers([("event_time", stats.event_time), ("query_time", stats.question_time), ("coordinate_resets", stats.coordinate_resets)]))
    .chain(numbers([("event_queue", stats.shout_queue)]))
    .chain(text([("encrypted", "false")]))
    .collect()
}
