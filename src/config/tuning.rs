//! Knobs: `gossip_lan`, `gossip_wan`, `performance`, `raft_*`, `autopilot`, `limits`, `http_config`.

use super::error::Problem;
use super::load::Profile;
use super::network::Network;
use super::reader::Reader;
use super::{AutopilotTuning, CacheTuning, GossipTuning, HttpTuning, Limits, RaftTuning, SessionTuning};
use std::time::Duration;

/// The longest TTL a session can have.
pub const LONGEST_SESSION_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// `gossip_lan` on top of the LAN profile, or the local one with `-dev`.
pub(super) fn gossip_lan(reader: &mut Reader<'_>, profile: Profile) -> GossipTuning {
    let base = match profile {
        Profile::Production => GossipTuning::lan(),
        Profile::Dev => GossipTuning::local(),
    };
    let keys = [
        "gossip_lan.gossip_interval",
        "gossip_lan.gossip_nodes",
        "gossip_lan.probe_interval",
        "gossip_lan.probe_timeout",
        "gossip_lan.retransmit_mult",
        "gossip_lan.suspicion_mult",
    ];
    gossip(reader, base, keys)
}

/// `gossip_wan` on top of the WAN profile.
pub(super) fn gossip_wan(reader: &mut Reader<'_>) -> GossipTuning {
    let keys = [
        "gossip_wan.gossip_interval",
        "gossip_wan.gossip_nodes",
        "gossip_wan.probe_interval",
        "gossip_wan.probe_timeout",
        "gossip_wan.retransmit_mult",
        "gossip_wan.suspicion_mult",
    ];
    gossip(reader, GossipTuning::wan(), keys)
}

fn gossip(reader: &mut Reader<'_>, base: GossipTuning, keys: [&str; 6]) -> GossipTuning {
    let [gossip_interval, gossip_nodes, probe_interval, probe_timeout, retransmit_mult, suspicion_mult] = keys;
    let least = Duration::from_millis(1);
    let tuning = GossipTuning {
        gossip_interval: reader.span(gossip_interval, base.gossip_interval, least),
        gossip_nodes: reader.int(gossip_nodes, base.gossip_nodes as i64, 1, 64) as usize,
        probe_interval: reader.span(probe_interval, base.probe_interval, least),
        probe_timeout: reader.span(probe_timeout, base.probe_timeout, least),
        retransmit_mult: reader.count(retransmit_mult, base.retransmit_mult, 1),
        suspicion_mult: reader.count(suspicion_mult, base.suspicion_mult, 1),
        ..base
    };
    if tuning.probe_timeout > tuning.probe_interval {
        let (timeout, interval) =
            (crate::model::duration::format(tuning.probe_timeout), crate::model::duration::format(tuning.probe_interval));
        reader.warnings.push(format!("{probe_timeout} {timeout} is longer than {probe_interval} {interval} and is cut to it"));
        return GossipTuning { probe_timeout: tuning.probe_interval, ..tuning };
    }
    tuning
}

/// `performance.raft_multiplier` and `raft_*`; a 0 of the latter is the default, as in Consul.
pub(super) fn raft(reader: &mut Reader<'_>) -> RaftTuning {
    let multiplier = reader.settings.int("performance.raft_multiplier").unwrap_or(5);
    if !(1..=10).contains(&multiplier) {
        reader.broken(format!("performance.raft_multiplier cannot be {multiplier}. Must be between 1 and 10"));
    }
    let default_interval = Duration::from_secs(30);
    let interval = reader.span("raft_snapshot_interval", default_interval, Duration::ZERO);
    RaftTuning {
        multiplier: u32::try_from(multiplier.clamp(1, 10)).expect("clamped"),
        snapshot_threshold: u64::from(reader.count_or_default("raft_snapshot_threshold", 16_384)),
        snapshot_interval: if interval.is_zero() { default_interval } else { interval },
        trailing_logs: u64::from(reader.count_or_default("raft_trailing_logs", 10_240)),
    }
}

/// `autopilot`.
pub(super) fn autopilot(reader: &mut Reader<'_>) -> AutopilotTuning {
    let max_trailing_logs = reader.settings.int("autopilot.max_trailing_logs").unwrap_or(250);
    if max_trailing_logs < 0 {
        reader.broken(format!("autopilot.max_trailing_logs cannot be {max_trailing_logs}. Must be greater than or equal to zero"));
    }
    AutopilotTuning {
        cleanup_dead_servers: reader.switch("autopilot.cleanup_dead_servers", true),
        last_contact_threshold: reader.span("autopilot.last_contact_threshold", Duration::from_millis(200), Duration::ZERO),
        max_trailing_logs: u64::try_from(max_trailing_logs).unwrap_or(0),
        min_quorum: reader.count("autopilot.min_quorum", 0, 0),
        server_stabilization_time: reader.span("autopilot.server_stabilization_time", Duration::from_secs(10), Duration::ZERO),
    }
}

/// `cache` and the switches around it; without a rate, or with 0, fetches are not bounded.
pub(super) fn cache(reader: &mut Reader<'_>) -> CacheTuning {
    let key = "cache.entry_fetch_rate";
    let fetch_interval = match reader.settings.float(key).unwrap_or(0.0) {
        0.0 => Duration::ZERO,
        rate => Duration::try_from_secs_f64(rate.recip()).unwrap_or_else(|_| {
            reader.problems.push(Problem::value(key, rate, "must be fetches per second, zero or more"));
            Duration::ZERO
        }),
    };
    CacheTuning {
        http: reader.switch("http_config.use_cache", true),
        streaming: reader.switch("use_streaming_backend", true),
        publish: reader.switch("rpc.enable_streaming", true),
        fetch_interval,
        fetch_burst: reader.count_within("cache.entry_fetch_max_burst", 2, 1, 1_000_000),
    }
}

/// `limits`; 0 connections is no limit, as in Consul.
pub(super) fn limits(reader: &mut Reader<'_>) -> Limits {
    Limits {
        http_max_conns_per_client: connections(reader, "limits.http_max_conns_per_client", 200),
        rpc_max_conns_per_client: connections(reader, "limits.rpc_max_conns_per_client", 100),
        rpc_handshake_timeout: reader.span("limits.rpc_handshake_timeout", Duration::from_secs(5), Duration::ZERO),
        kv_max_value_size: u64::from(reader.count_within("limits.kv_max_value_size", 512 * 1024, 0, LONGEST_VALUE)),
        txn_max_ops: reader.count_within("limits.txn_max_ops", 64, 1, 4_096),
        txn_max_req_len: u64::from(reader.count("limits.txn_max_req_len", 512 * 1024, 0)),
    }
}

/// `session_*`; a TTL of 0 is the default, as in Consul.
pub(super) fn sessions(reader: &mut Reader<'_>) -> SessionTuning {
    let default_min = Duration::from_secs(10);
    let ttl_min = reader.span_within("session_ttl_min", default_min, Duration::ZERO, LONGEST_SESSION_TTL);
    let key = "session_ttl_multiplier";
    let multiplier = reader.settings.float(key).unwrap_or(2.0);
    if !(1.0..=2.0).contains(&multiplier) {
        reader.problems.push(Problem::value(key, multiplier, "must be between 1.0 and 2.0"));
    }
    SessionTuning {
        ttl_min: if ttl_min.is_zero() { default_min } else { ttl_min },
        ttl_permille: (multiplier.clamp(1.0, 2.0) * 1_000.0).round() as u32,
    }
}

/// Longest value an operator can allow: a write travels between servers in one frame of at most 8 MiB, with its key and the frame's own fields.
const LONGEST_VALUE: u32 = 7 << 20;

fn connections(reader: &mut Reader<'_>, path: &str, unless_set: u32) -> usize {
    match reader.count(path, unless_set, 0) {
        0 => usize::MAX,
        n => n as usize,
    }
}

/// `http_config`; 0 header bytes is the default, 1 MiB.
pub(super) fn http(reader: &mut Reader<'_>) -> HttpTuning {
    let mut networks = Vec::new();
    for text in reader.settings.texts("http_config.allow_write_http_from") {
        match Network::parse(text.trim()) {
            Some(network) => networks.push((network.ip, network.length)),
            None => reader.problems.push(Problem::value(
                "http_config.allow_write_http_from",
                format!("{text:?}"),
                "must be a network such as 10.0.0.0/8",
            )),
        }
    }
    let mebibyte = 1024 * 1024;
    let max_header_bytes = match reader.int("http_config.max_header_bytes", 0, 0, 64 * mebibyte) {
        0 => mebibyte,
        bytes => bytes,
    };
    HttpTuning {
        block_endpoints: reader.settings.texts("http_config.block_endpoints").to_vec(),
        response_headers: reader.settings.map("http_config.response_headers"),
        allow_write_http_from: networks,
        max_header_bytes: max_header_bytes as usize,
        allow_unprintable: reader.switch("disable_http_unprintable_char_filter", false),
    }
}
