//! TCP as a kernel does it: ordered, retransmitted, half-closable, with bounded buffers, and silent when the network is.

mod connection;
mod dial;
mod flow;
mod listener;
mod stream;

pub use connection::{ConnectionId, Connections, Segment, SideOf};
pub use dial::connect;
pub use listener::{Listener, Listening};
pub use stream::Stream;

pub(crate) use flow::{arrive, kill_process, lose_power, retransmit};
