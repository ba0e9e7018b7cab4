//! The machine, stepped.

mod critical;
mod outage;
mod random;
mod runs;
mod story;
mod trees;
mod ttl;
pub(in crate::health) mod world;
