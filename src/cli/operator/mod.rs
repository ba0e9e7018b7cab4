//! `operator`: what looks after the servers.

pub(super) mod autopilot;
pub(super) mod raft;
