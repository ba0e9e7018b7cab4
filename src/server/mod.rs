//! Floor 5: sockets.

pub mod gossip;
