//! Every bound of the calls between agents, and what happens at it.

use std::time::Duration;

/// Bounds of one side. Both sides of a cluster should agree on [`frame`](Limits::frame); the others are each side's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest body of a request in bytes. A longer call is not sent, and a longer frame closes the connection.
    pub frame: usize,
    /// Longest body of a reply in bytes: a reader may ask for everything below a prefix. A longer reply is refused in its stead.
    pub reply: usize,
    /// Calls of one peer without a reply yet. The next is not sent ([`Cause::QueueFull`](super::Cause::QueueFull)).
    pub calls: usize,
    /// Bytes that wait to be written to one peer, beyond the one frame always allowed. The next call is not sent.
    pub queue_bytes: usize,
    /// Requests of one connection being handled, those of long patience apart. No more is read until one is done.
    pub in_flight: usize,
    /// Bytes of bodies of one connection being handled, beyond the one always allowed. No more is read until one is done.
    pub in_flight_bytes: usize,
    /// Requests of one connection with more than [`long_wait`](Limits::long_wait) of patience. The next is answered
    /// [`Cause::Busy`](super::Cause::Busy).
    pub waiting: usize,
    /// The patience from which a request is a wait: it would hold back-pressure on others for too long, so it is counted apart.
    pub long_wait: Duration,
    /// Connections from one address. The next is refused with a text and closed.
    pub connections_per_address: usize,
    /// From a connection's acceptance to its hello. Then it is closed.
    pub handshake: Duration,
    /// From the first SYN to the peer's hello. Then the dial has failed.
    pub dial: Duration,
    /// How long a peer may stay silent while it owes a reply. Then the connection is dropped; a handling side says that it is alive at a
    /// third of this. A stream that sat through a partition goes on only after TCP's long back-off: a new one is faster.
    pub silence: Duration,
    /// How long a connection without calls is kept. The answering side waits twice as long, so that no call meets a closing door.
    pub idle: Duration,
    /// How long written bytes may stay unaccepted by a peer that reads nothing. Then the connection is dropped.
    pub stalled: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            frame: 8 << 20,
            reply: 256 << 20,
            calls: 16_384,
            queue_bytes: 32 << 20,
            in_flight: 1_024,
            in_flight_bytes: 32 << 20,
            waiting: 8_192,
            long_wait: Duration::from_secs(10),
            connections_per_address: 100,
            handshake: Duration::from_secs(5),
            dial: Duration::from_secs(2),
            silence: Duration::from_secs(1),
            idle: Duration::from_secs(120),
            stalled: Duration::from_secs(10),
        }
    }
}
