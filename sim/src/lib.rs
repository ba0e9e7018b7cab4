//! The simulator: whole agents under a seed, judged by invariants and a linearizability checker.
//!
//! A run is a function of its seed. [`world`] is what the nodes share, [`runtime`] the door they see it through.

#[cfg(not(madsim))]
compile_error!("--cfg madsim is missing: RUSTFLAGS or a [target.*] rustflags line has replaced [build] rustflags in .cargo/config.toml");

pub mod book;
pub mod calm;
pub mod catalog;
pub mod changes;
pub mod chaos;
pub mod checker;
pub mod cli;
pub mod cluster;
pub mod dns;
pub mod draws;
pub mod etcd;
pub mod farm;
pub mod fault;
pub mod gossip_heap;
pub mod hello;
pub mod http;
pub mod invariants;
pub mod locks;
pub mod log;
pub mod nodes;
pub mod plan;
pub mod play;
pub mod regressions;
pub mod report;
pub mod runtime;
pub mod scenario;
pub mod slant;
pub mod storm;
pub mod trace;
pub mod whole_agent;
pub mod workload;
pub mod world;

#[cfg(test)]
mod additions;
