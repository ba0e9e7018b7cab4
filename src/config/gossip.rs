//! SWIM's and Lifeguard's parameters, and the three profiles operators know from memberlist.

use std::time::Duration;

/// Parameters of one gossip pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GossipTuning {
    /// Time between probes of one member.
    pub probe_interval: Duration,
    /// How long a direct probe waits for its ack before others are asked.
    pub probe_timeout: Duration,
    /// How many members are asked to probe indirectly.
    pub indirect_checks: usize,
    /// Shortest suspicion, as a multiple of log10(members) probe intervals.
    pub suspicion_mult: u32,
    /// Longest suspicion, as a multiple of the shortest.
    pub suspicion_max_mult: u32,
    /// Time between rounds of broadcasts.
    pub gossip_interval: Duration,
    /// Members told in each round.
    pub gossip_nodes: usize,
    /// Each broadcast is sent `retransmit_mult * ceil(log10(members + 1))` times.
    pub retransmit_mult: u32,
    /// Time between push/pull syncs; longer in pools above 32 members.
    pub push_pull_interval: Duration,
    /// How long a failed member is still told news.
    pub gossip_to_the_dead: Duration,
    /// Patience with a TCP exchange.
    pub tcp_timeout: Duration,
    /// Highest local health score (Lifeguard).
    pub awareness_max: u32,
    /// Longest datagram in bytes.
    pub udp_buffer: usize,
    /// After this long a failed member's name may be taken by a new address.
    pub dead_node_reclaim: Duration,
}

impl GossipTuning {
    /// For the agents of one datacenter.
    pub const fn lan() -> GossipTuning {
        GossipTuning {
            probe_interval: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(500),
            indirect_checks: 3,
            suspicion_mult: 4,
            suspicion_max_mult: 6,
            gossip_interval: Duration::from_millis(200),
            gossip_nodes: 3,
            retransmit_mult: 4,
            push_pull_interval: Duration::from_secs(30),
            gossip_to_the_dead: Duration::from_secs(30),
            tcp_timeout: Duration::from_secs(10),
            awareness_max: 8,
            udp_buffer: 1400,
            dead_node_reclaim: Duration::from_secs(30),
        }
    }

    /// Between datacenters.
    pub const fn wan() -> GossipTuning {
        GossipTuning {
            probe_interval: Duration::from_secs(5),
            probe_timeout: Duration::from_secs(3),
            suspicion_mult: 6,
            gossip_interval: Duration::from_millis(500),
            gossip_nodes: 4,
            push_pull_interval: Duration::from_secs(60),
            gossip_to_the_dead: Duration::from_secs(60),
            tcp_timeout: Duration::from_secs(30),
            ..GossipTuning::lan()
        }
    }

    /// On one host (`-dev`).
    pub const fn local() -> GossipTuning {
        GossipTuning {
            probe_timeout: Duration::from_millis(200),
            indirect_checks: 1,
            suspicion_mult: 3,
            gossip_interval: Duration::from_millis(100),
            retransmit_mult: 2,
            push_pull_interval: Duration::from_secs(15),
            gossip_to_the_dead: Duration::from_secs(15),
            tcp_timeout: Duration::from_secs(1),
            ..GossipTuning::lan()
        }
    }
}
