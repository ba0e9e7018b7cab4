//! The gossip pool on real sockets: drives a [`Gossip`](crate::gossip::Gossip) machine.

mod events;
mod pool;

pub use events::{Events, Notice};
pub use pool::{JoinError, Pool, Prune, UnknownMember};
