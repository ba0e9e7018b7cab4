//! Muster: service discovery, health checking, configuration and coordination in one binary.
//!
//! The floors, from the bottom (`ARCHITECTURE.md` tells why): [`model`] and [`config`]; the machines [`gossip`], [`state`] and [`watch`];
//! [`api`]; [`agent`]; [`runtime`], [`rpc`] and [`raft`]; [`server`]; [`cli`]. A floor imports only lower ones.

pub mod agent;
pub mod api;
pub mod cli;
pub mod config;
pub mod gossip;
pub mod model;
pub mod raft;
pub mod rpc;
pub mod runtime;
pub mod server;
pub mod state;
pub mod watch;
