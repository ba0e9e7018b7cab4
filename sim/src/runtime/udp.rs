//! UDP: a datagram may be lost, doubled, late or overtaken, and nobody tells.

use crate::trace::{Entry, digest};
use crate::world::{self, Event, Host, Who, World};
use bytes::Bytes;
use muster::runtime::UdpSocket;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::task::{Poll, Waker};

/// Longest content of a datagram (RFC 768, with IPv4's 20 and UDP's 8 bytes of header).
const LONGEST: usize = 65_507;

/// Bytes a socket holds unread, as Linux's `net.core.rmem_default`. Beyond, datagrams are dropped.
const MAILBOX_BYTES: usize = 212_992;

/// What a datagram costs of that beyond its content.
const OVERHEAD: usize = 512;

/// EMSGSIZE.
const MESSAGE_TOO_LONG: i32 = 90;

/// What the kernel keeps of a bound socket.
pub struct Mailbox {
    process: u64,
    unread: VecDeque<(Bytes, SocketAddr)>,
    held: usize,
    reader: Option<Waker>,
}

/// A bound UDP socket.
#[derive(Debug)]
pub struct Socket {
    who: Who,
    process: u64,
    addr: SocketAddr,
}

/// Binds a socket of the running task's host.
pub fn bind(addr: SocketAddr) -> io::Result<Socket> {
    let who = world::me();
    world::with(|w| {
        let host = w.host(who);
        let process = host.process;
        let addr = free_address(host, addr, |host, addr| host.mailboxes.keys().any(|bound| super::collide(*bound, addr)))?;
        host.mailboxes.insert(addr, Mailbox { process, unread: VecDeque::new(), held: 0, reader: None });
        w.record(who, Entry::plain("udp.bind", u64::from(addr.port()), 0));
        Ok(Socket { who, process, addr })
    })
}

/// `addr` with a port, if a socket of `host` can be bound there.
pub(super) fn free_address(host: &mut Host, mut addr: SocketAddr, taken: impl Fn(&Host, SocketAddr) -> bool) -> io::Result<SocketAddr> {
    if !host.owns(addr.ip()) {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    }
    if addr.port() != 0 {
        return if taken(host, addr) { Err(io::ErrorKind::AddrInUse.into()) } else { Ok(addr) };
    }
    for _ in 0..u16::MAX {
        addr.set_port(host.ephemeral_port());
        if !taken(host, addr) {
            return Ok(addr);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

impl UdpSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }

    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        if bytes.len() > LONGEST {
            return Err(io::Error::from_raw_os_error(MESSAGE_TOO_LONG));
        }
        world::with(|w| self.send(w, bytes, to));
        Ok(())
    }

    async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (content, from) = std::future::poll_fn(|cx| {
            world::with(|w| {
                let Some(mailbox) = w.host(self.who).mailboxes.get_mut(&self.addr) else {
                    return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
                };
                let Some(datagram) = mailbox.unread.pop_front() else {
                    let old = mailbox.reader.replace(cx.waker().clone());
                    w.discard(old);
                    return Poll::Pending;
                };
                mailbox.held -= datagram.0.len() + OVERHEAD;
                Poll::Ready(Ok::<_, io::Error>(datagram))
            })
        })
        .await?;
        let n = content.len().min(buf.len());
        buf[..n].copy_from_slice(&content[..n]);
        Ok((n, from))
    }
}

impl Socket {
    fn send(&self, w: &mut World, bytes: &[u8], addr: SocketAddr) {
        let Some(to) = Who::behind(addr.ip(), self.who) else { return };
        w.record(self.who, Entry::with("udp.send", u64::from(to.0), u64::from(addr.port()), bytes));
        let now = w.now();
        let flight = w.weather.fly(now, self.who, to);
        if flight.arrivals.is_empty() {
            w.record(self.who, Entry::plain("udp.lost", u64::from(to.0), u64::from(addr.port())));
            return;
        }
        let content = Bytes::copy_from_slice(bytes);
        let ip = if addr.ip().is_loopback() { addr.ip() } else { self.who.ip() };
        let from = SocketAddr::new(if self.addr.ip().is_unspecified() { ip } else { self.addr.ip() }, self.addr.port());
        for at in flight.arrivals {
            w.schedule(at, Event::Datagram { to, addr, from, content: content.clone() });
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        world::try_with(|w| {
            let mailboxes = &mut w.host(self.who).mailboxes;
            if mailboxes.get(&self.addr).is_some_and(|mailbox| mailbox.process == self.process) {
                let mailbox = mailboxes.remove(&self.addr);
                w.discard(mailbox.and_then(|mailbox| mailbox.reader));
            }
        });
    }
}

/// A datagram comes to a host: into the mailbox bound there, if there is one with room.
pub(crate) fn arrive(w: &mut World, to: Who, addr: SocketAddr, from: SocketAddr, content: Bytes) {
    let entry = Entry { kind: "udp.arrive", numbers: [u64::from(addr.port()), 0], len: content.len(), digest: digest(&content) };
    let refused = Entry { kind: "udp.refused", ..entry };
    let Some(host) = w.hosts.get_mut(&to).filter(|host| host.power == crate::world::Power::On) else { return };
    let mailbox = host.mailboxes.iter_mut().find(|(bound, _)| super::takes(**bound, addr)).map(|(_, mailbox)| mailbox);
    let Some(mailbox) = mailbox.filter(|mailbox| mailbox.held < MAILBOX_BYTES) else {
        w.record(to, refused);
        return;
    };
    mailbox.held += content.len() + OVERHEAD;
    mailbox.unread.push_back((content, from));
    let reader = mailbox.reader.take();
    w.record(to, entry);
    w.wake_any(reader);
}
