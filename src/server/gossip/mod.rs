//! A gossip pool on real sockets: drives a [`Gossip`](crate::gossip::Gossip) machine and publishes what it finds.

mod asking;
mod clocks;
mod driver;
mod events;
mod herald;
mod keeper;
mod memory;
mod pool;
mod start;
mod streams;
#[cfg(test)]
mod tests;
mod wire;

pub use asking::{Replies, Reply};
pub use events::{Events, Notice};
pub use pool::{JoinError, Pool, Prune, Public, UnknownMember};
pub use start::{RejoinAfterLeave, Setup, start};
