//! Whole servers in one process: real openraft, real snapshot files, real time; a log in memory and a network that a test can cut.

mod cluster;
mod consistency;
mod elections;
pub(in crate::raft) mod folder;
mod inbound;
mod membership;
pub(in crate::raft) mod memory_log;
mod over_rpc;
mod restart;
mod snapshots;
mod storage;
pub(in crate::raft) mod suite;
