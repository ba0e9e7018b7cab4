//! What is fuzzed: one function a target, `run`, that takes any bytes and must not panic, and `seeds`, well-formed inputs to start from.
//! The fuzzer's binaries and `tests/malformed.rs` call the same functions.

pub mod catalog_body;
pub mod definition;
pub mod filter_expression;
pub mod gossip_packet;
pub mod http_answer;
pub mod kv_request_line;
pub mod query_template;
pub mod rpc_frame;
pub mod snapshot_archive;
pub mod state_command;
pub mod state_snapshot;
pub mod wal_recovery;
