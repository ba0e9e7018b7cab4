//! How a call can fail, sorted by what the caller may do next.

use std::fmt;

/// A call without a reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The peer has not begun to handle it and never will: safe to repeat, here or elsewhere.
    #[error("not sent: {0}")]
    NotSent(Cause),
    /// It went out and no reply came: it may or may not have had its effect.
    #[error("outcome unknown: {0}")]
    Unknown(Cause),
    /// The peer's handler answered with this text.
    #[error("{0}")]
    Refused(String),
}

/// Why a call was not sent or not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// No connection could be made.
    Dial(String),
    /// The peer did not want us: its own text.
    Hello(String),
    /// The body is longer than a frame may be, in bytes.
    TooLong {
        /// The body's length.
        length: usize,
        /// The longest body there may be.
        limit: usize,
    },
    /// Too many calls, or too many bytes, wait for this peer already.
    QueueFull,
    /// The peer holds as many long waits of ours as it allows.
    Busy,
    /// The caller's time was over.
    Patience,
    /// Nothing was heard from the peer for as long as a live one would stay silent.
    Silent,
    /// The connection was lost.
    Lost(String),
    /// The pool was dropped, or the connection stood idle for so long that it was closed.
    Closed,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Dial(why) => write!(f, "cannot connect: {why}"),
            Cause::Hello(text) => write!(f, "the peer refused the connection: {text}"),
            Cause::TooLong { length, limit } => write!(f, "a body of {length} bytes is longer than {limit}"),
            Cause::QueueFull => f.write_str("too much waits to be sent to this peer"),
            Cause::Busy => f.write_str("the peer holds as many waiting calls as it allows"),
            Cause::Patience => f.write_str("no reply in time"),
            Cause::Silent => f.write_str("the peer fell silent"),
            Cause::Lost(why) => write!(f, "connection lost: {why}"),
            Cause::Closed => f.write_str("connection closed"),
        }
    }
}
