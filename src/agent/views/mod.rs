//! Views: answers that an agent holds and a server keeps current, so that reads which may be a moment old cost nothing but memory.
//!
//! An agent has one subscription, whatever the number of its views. [`Views`] is the agent's side, a [`Machine`](crate::model::Machine):
//! which views are wanted, what each holds, when one is dropped, when to try again. [`Publisher`] is a server's account of one subscription: what was
//! sent, hence what to send. [`Board`] holds the newest answer of every view that anybody subscribes to, so that a change is evaluated, compared and
//! encoded once for all of them.
//!
//! The agent asks for the next [`Batch`] and the server answers when there is one; with the next [`Ask`] the agent says that it took it. So there is
//! back-pressure by itself, what changes meanwhile adds up to one batch, and nothing needs to be kept to be sent again: if a batch is lost, so is the
//! subscription, and the agent begins another with what it holds ([`Holding`]).
//!
//! **Indexes never go back.** An agent tells the highest index it has [`seen`](Ask::seen); a server answers when it has applied that much. Only a leader
//! that proved itself and has less may say that the cluster began anew ([`Lineage::Anew`]).

mod board;
mod delta;
mod edit;
mod pace;
mod publisher;
mod recent;
mod scope;
mod subscriber;
#[cfg(test)]
mod tests;
mod wire;

pub use board::Board;
pub use delta::{Delta, Holding};
pub use publisher::{Found, Publisher};
pub use recent::{Recent, Use};
pub use subscriber::{Contact, Input, Output, Tuning, Views};
pub use wire::{Ask, Batch, Changes, Lineage, News, Told, Verdict, Wanted};

use std::time::Duration;

/// The encoding of deltas.
const VERSION: u8 = 1;

/// Most views of one agent. The reads that would need one more are answered by the servers.
pub const MOST_VIEWS: usize = 8_192;
/// Longest query that becomes a view, in encoded bytes.
const LONGEST_NAME: usize = 4_096;
/// Most views named in one request.
const NAMES_IN_REQUEST: usize = 1_024;
/// Most digests in one request: 256 KiB. Views beyond are named in further requests.
pub const MOST_DIGESTS: usize = 32_768;
/// Bytes of deltas from which on no further one goes into a batch: what computing and sending it costs the others who share the connection.
pub const BATCH_BYTES: usize = 256 << 10;
/// How long an agent that takes no batch keeps its subscription.
pub const SESSION_LIFE: Duration = Duration::from_secs(30);
/// A server with nothing to tell says so after this long.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// Batches of one subscription follow one another by at least this: a burst of changes makes one.
pub const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// What a server sent does not fit what it sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a delta does not fit: {0}")]
pub struct Malformed(pub(super) &'static str);
