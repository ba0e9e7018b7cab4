//! What is fuzzed: one function a target, `run`, that takes any bytes and must not panic, and `seeds`, well-formed inputs to start from.
//! The fuzzer's binaries and `tests/malformed.rs` call the same functions.

pub mod definition;
pub mod gossip_packet;
pub mod kv_request_line;
pub mod rpc_frame;
pub mod wal_recovery;
