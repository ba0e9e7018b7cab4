//! Sockets, as little of them as an agent needs.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};

/// A bound UDP socket.
pub trait UdpSocket: Send + Sync + 'static {
    /// Where it is bound.
    fn local_addr(&self) -> io::Result<SocketAddr>;
    /// Talks to `peer` alone from now on: nobody else is heard, and receiving fails with `ConnectionRefused` when its host answered a datagram
    /// that nobody listens there (RFC 1122, section 4.1.3.3). Send to `peer` only.
    fn connect(&self, peer: SocketAddr) -> impl Future<Output = io::Result<()>> + Send;
    /// Sends one datagram. No error says that it arrived; none is given for a host that is unreachable.
    fn send_to(&self, bytes: &[u8], to: SocketAddr) -> impl Future<Output = io::Result<()>> + Send;
    /// Receives one datagram into `buf`, cut off at its end. Not cancel-safe: call it from a task of its own, in a loop.
    fn recv_from(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send;
}

/// A connected TCP stream.
pub trait TcpStream: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static {
    /// Our end.
    fn local_addr(&self) -> io::Result<SocketAddr>;
    /// The other end.
    fn peer_addr(&self) -> io::Result<SocketAddr>;
}

/// A listening TCP socket.
pub trait TcpListener: Send + Sync + 'static {
    /// What it hands out.
    type Stream: TcpStream;
    /// Where it listens.
    fn local_addr(&self) -> io::Result<SocketAddr>;
    /// The next connection.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
}
