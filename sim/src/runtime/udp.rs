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
    /// Whom alone it hears, if it is connected.
    peer: Option<SocketAddr>,
    /// Whether its peer's host has said that nobody listens there.
    is_refused: bool,
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
        host.mailboxes.insert(addr, Mailbox { process, unread: VecDeque::new(), held: 0, peer: None, is_refused: false, reader: None });
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

    async fn connect(&self, peer: SocketAddr) -> io::Result<()> {
        world::with(|w| {
            let mailbox = w.host(self.who).mailboxes.get_mut(&self.addr).ok_or(io::ErrorKind::NotConnected)?;
            mailbox.peer = Some(peer);
            Ok(())
        })
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
                if std::mem::take(&mut mailbox.is_refused) {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
                }
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
    let hears = |mailbox: &Mailbox| mailbox.peer.is_none_or(|peer| peer == from);
    let found =
        host.mailboxes.iter_mut().find(|(bound, mailbox)| super::takes(**bound, addr) && hears(mailbox)).map(|(_, mailbox)| mailbox);
    let is_open = found.is_some();
    let Some(mailbox) = found.filter(|mailbox| mailbox.held < MAILBOX_BYTES) else {
        w.record(to, refused);
        if !is_open {
            refuse(w, to, addr, from);
        }
        return;
    };
    mailbox.held += content.len() + OVERHEAD;
    mailbox.unread.push_back((content, from));
    let reader = mailbox.reader.take();
    w.record(to, entry);
    w.wake_any(reader);
}

/// Host `by` tells `from` that nobody listens at `addr`. Only a socket connected to there is told, as by Linux.
fn refuse(w: &mut World, by: Who, addr: SocketAddr, from: SocketAddr) {
    let Some(to) = Who::behind(from.ip(), by) else { return };
    let is_heard = w.hosts.get_mut(&to).is_some_and(|host| connected(host, from, addr).is_some());
    if !is_heard {
        return;
    }
    let now = w.now();
    for at in w.weather.fly(now, by, to).arrivals {
        w.schedule(at, Event::Refusal { to, addr: from, peer: addr });
    }
}

/// A host learns that nobody listens at `peer`, to which `addr` has sent.
pub(crate) fn refusal(w: &mut World, to: Who, addr: SocketAddr, peer: SocketAddr) {
    let Some(mailbox) = w.hosts.get_mut(&to).and_then(|host| connected(host, addr, peer)) else { return };
    mailbox.is_refused = true;
    let reader = mailbox.reader.take();
    w.record(to, Entry::plain("udp.unreachable", u64::from(addr.port()), u64::from(peer.port())));
    w.wake_any(reader);
}

/// The socket at `addr` if it is connected to `peer`.
fn connected(host: &mut Host, addr: SocketAddr, peer: SocketAddr) -> Option<&mut Mailbox> {
    let mut mailboxes = host.mailboxes.iter_mut().filter(|(bound, mailbox)| super::takes(**bound, addr) && mailbox.peer == Some(peer));
    mailboxes.next().map(|(_, mailbox)| mailbox)
}
