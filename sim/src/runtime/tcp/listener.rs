//! Listening sockets and their backlog.

use super::connection::{ConnectionId, SideOf};
use super::{Stream, flow};
use crate::runtime::udp::free_address;
use crate::trace::Entry;
use crate::world::{self, Who};
use muster::runtime::TcpListener;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::task::{Poll, Waker};

/// Connections that wait to be accepted. When as many wait, further SYNs are ignored, so the dialer sends them again.
pub const BACKLOG: usize = 1024;

/// What the kernel keeps of a listening socket.
pub struct Listening {
    /// The process it belongs to.
    process: u64,
    /// Made and not accepted.
    pub backlog: VecDeque<ConnectionId>,
    /// The accepting task.
    pub waiting: Option<Waker>,
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    who: Who,
    process: u64,
    addr: SocketAddr,
}

impl Listener {
    /// Listens on the running task's host.
    pub fn bind(addr: SocketAddr) -> io::Result<Listener> {
        let who = world::me();
        world::with(|w| {
            let host = w.host(who);
            let process = host.process;
            let addr = free_address(host, addr, |host, addr| host.listeners.keys().any(|bound| crate::world::collide(*bound, addr)))?;
            host.listeners.insert(addr, Listening { process, backlog: VecDeque::new(), waiting: None });
            w.record(who, Entry::plain("tcp.listen", u64::from(addr.port()), 0));
            Ok(Listener { who, process, addr })
        })
    }
}

impl TcpListener for Listener {
    type Stream = Stream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }

    async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        std::future::poll_fn(|cx| {
            world::with(|w| {
                let Some(listening) = w.host(self.who).listeners.get_mut(&self.addr) else {
                    return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
                };
                let Some(id) = listening.backlog.pop_front() else {
                    let old = listening.waiting.replace(cx.waker().clone());
                    w.discard(old);
                    return Poll::Pending;
                };
                let stream = Stream::new(w, id, SideOf::Acceptor).ok_or(io::ErrorKind::ConnectionAborted)?;
                w.record(self.who, Entry::plain("tcp.accept", id, 0));
                let peer = muster::runtime::TcpStream::peer_addr(&stream)?;
                Poll::Ready(Ok((stream, peer)))
            })
        })
        .await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        world::try_with(|w| {
            let listeners = &mut w.host(self.who).listeners;
            if listeners.get(&self.addr).is_some_and(|listening| listening.process == self.process) {
                let Some(listening) = listeners.remove(&self.addr) else { return };
                w.discard(listening.waiting);
                for id in listening.backlog {
                    flow::close(w, id, SideOf::Acceptor);
                }
            }
        });
    }
}
