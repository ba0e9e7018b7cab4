//! openraft's settings.

use crate::config::RaftTuning;
use std::time::Duration;

/// Safety measures that the simulator turns off to see its checker notice. All on outside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Controls {
    /// Whether a restarted server keeps out of elections for as long as it may have promised a leader to.
    pub vote_fence: Guard,
    /// Whether a restarted leader has to be elected again. Without it one that lost the end of its log goes on in its old term.
    pub election_after_restart: Guard,
    /// Whether a default read asks for proof of leadership. Without it a deposed leader answers from what it has.
    pub read_proof: Guard,
    /// Whether a leader waits until its pool has settled before it believes a death. Without it a server that was cut off and is then elected
    /// hides everybody it had found dead. Not Raft's own: the leader's duties ask for it.
    pub death_doubt: Guard,
}

/// Whether a safety measure is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// As it must be.
    On,
    /// Planted fault.
    Off,
}

impl Controls {
    /// Everything in force.
    pub const SAFE: Controls =
        Controls { vote_fence: Guard::On, election_after_restart: Guard::On, read_proof: Guard::On, death_doubt: Guard::On };
}

impl Default for Controls {
    fn default() -> Controls {
        Controls::SAFE
    }
}

/// Entries of one append. Its bytes are bounded apart (`wire`).
const APPEND_ENTRIES: u64 = 512;
/// Messages waiting for openraft's one task. Whoever sends the next waits.
const CHANNEL: u64 = 8192;

/// The leader's lease: for so long after a follower heard from it, that follower votes for nobody else.
pub(super) fn lease(tuning: &RaftTuning) -> Duration {
    tuning.election_timeout().1
}

/// How old a quorum's word may be for a default read: the lease with a margin for clocks whose rates differ by 5 %.
pub(super) fn read_lease(tuning: &RaftTuning) -> Duration {
    lease(tuning) * 9 / 10
}

/// openraft's settings for `tuning`.
pub(super) fn openraft_config(tuning: &RaftTuning, controls: &Controls) -> Result<openraft::Config, openraft::ConfigError> {
    let millis = |d: Duration| d.as_millis() as u64;
    let (least, longest) = tuning.election_timeout();
    let config = openraft::Config {
        cluster_name: "muster".to_owned(),
        heartbeat_interval: millis(tuning.heartbeat()),
        election_timeout_min: millis(least),
        election_timeout_max: millis(longest),
        // The threshold is looked at every `snapshot_interval`, not at every entry: see `upkeep`.
        snapshot_policy: openraft::SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: tuning.trailing_logs,
        max_payload_entries: APPEND_ENTRIES,
        api_channel_size: Some(CHANNEL),
        notification_channel_size: Some(CHANNEL),
        backoff: "50ms 100ms 200ms ...500ms".to_owned(),
        enable_pre_vote: Some(true),
        enable_leader_restore: Some(controls.election_after_restart == Guard::Off),
        // Until the fence is lifted.
        enable_elect: controls.vote_fence == Guard::Off,
        ..openraft::Config::default()
    };
    config.validate()
}
