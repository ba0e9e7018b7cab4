//! Muster: service discovery, health checking, configuration and coordination in one binary.
//!
//! The floors, from the bottom (`ARCHITECTURE.md` tells why): [`model`] and [`config`]; the machines [`gossip`], [`health`], [`state`] and [`watch`], and [`filter`];
//! [`api`]; [`agent`] and [`dns`]; [`runtime`], [`rpc`] and [`raft`]; [`server`]; [`cli`]. A floor imports only lower ones.

pub mod agent;
pub mod api;
pub mod cli;
pub mod config;
pub mod dns;
pub mod filter;
pub mod gossip;
pub mod health;
pub mod model;
pub mod raft;
pub mod rpc;
pub mod runtime;
pub mod server;
pub mod state;
pub mod watch;

/// This release.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The release of Consul whose surface this one has. Clients look at it to know what they may ask for.
pub const CONSUL_VERSION: &str = "1.10.11";
