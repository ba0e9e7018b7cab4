//! Floor 4: calls between agents. Frames over one TCP stream a peer, many calls at once.
//!
//! [`Pool`] is the calling side: it opens a connection when one is first needed, shares it between all callers and throws it away when it has
//! gone quiet. [`serve`] is the answering side: one task a connection, which reads requests, drives their [`Handler`] futures and writes the
//! replies, so that whatever became ready together leaves in one write. Neither side spawns a task for a call.
//!
//! What a [`Method`] means and what its body holds belongs to whoever owns the method. Here a body is opaque bytes with a length.
//!
//! The wire format stands in `frame.rs`; what a connection says first in [`Hello`].

mod conn;
mod counters;
mod error;
mod frame;
mod hello;
mod limits;
mod pool;
mod queue;
mod serve;
mod serving;
pub mod suite;
#[cfg(test)]
mod tests;
mod wire;

pub use counters::{Counters, Tally};
pub use error::{CallError, Cause};
pub use frame::{Frame, FrameError, Kind, read_frame};
pub use hello::{Hello, Role};
pub use limits::Limits;
pub use pool::Pool;
pub use serve::serve;

use bytes::Bytes;
use std::future::Future;
use std::net::SocketAddr;

/// Which procedure a call is for. Opaque here: numbers are given out by the rooms that own the procedures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(pub u16);

/// Answers calls.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one call from `peer`. `Err` reaches the caller as [`CallError::Refused`].
    ///
    /// The future is driven by the connection's own task, between its reads and writes: work that computes for longer than about a
    /// millisecond between two awaits delays every other call of that peer and belongs in a task of its own. It is dropped when the caller
    /// gives up, its patience is over or the connection is lost; what must then still happen belongs in a task of its own, too.
    fn handle(&self, peer: SocketAddr, method: Method, body: Bytes) -> impl Future<Output = Result<Bytes, String>> + Send;
}
