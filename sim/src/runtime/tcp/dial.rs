//! Connecting: a SYN, sent again while the network is silent.

use super::Stream;
use super::connection::{ConnectionId, SideOf};
use super::listener::BACKLOG;
use crate::runtime::kernel_wait::KernelWait;
use crate::trace::Entry;
use crate::world::{self, Power, Who, World};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// First wait for an answer to a SYN; it doubles each time (RFC 6298 section 2).
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Longest wait: with it seven SYNs take 127 s, as Linux's tcp_syn_retries of 6.
const LAST_WAIT: Duration = Duration::from_secs(64);

/// How long an address nobody has is asked for (ARP) before the dialer is told.
const NEIGHBOUR_WAIT: Duration = Duration::from_secs(3);

/// What a SYN met.
enum Met {
    Connection(ConnectionId),
    Refusal,
    Silence,
}

/// Connects from the running task's host. A living host without a listener refuses after a round trip; silence lasts 127 s.
pub async fn connect(addr: SocketAddr) -> io::Result<Stream> {
    let me = world::me();
    let port = u64::from(addr.port());
    let known = Who::behind(addr.ip(), me).filter(|to| world::with(|w| w.hosts.contains_key(to)));
    let Some(to) = known else {
        KernelWait::after(NEIGHBOUR_WAIT).await;
        return Err(io::ErrorKind::HostUnreachable.into());
    };
    let ip = if addr.ip().is_loopback() { addr.ip() } else { me.ip() };
    let from = SocketAddr::new(ip, world::with(|w| w.host(me).ephemeral_port()));
    let mut wait = FIRST_WAIT;
    loop {
        world::record(Entry::plain("tcp.syn", u64::from(to.0), port));
        let there = world::with(|w| w.reaches(me, to).then(|| w.weather.segment_latency(me, to)));
        let mut met = Met::Silence;
        let mut spent = Duration::ZERO;
        if let Some(latency) = there {
            spent = Duration::from_nanos(latency);
            KernelWait::after(spent).await;
            met = world::with(|w| knock(w, (me, from), (to, addr)));
        }
        match met {
            Met::Connection(id) => return established(id, me, to).await,
            Met::Refusal => {
                answer_time(to, me).await;
                world::record(Entry::plain("tcp.refused", u64::from(to.0), port));
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            Met::Silence => KernelWait::after(wait.saturating_sub(spent)).await,
        }
        if wait == LAST_WAIT {
            world::record(Entry::plain("tcp.syn-timeout", u64::from(to.0), port));
            return Err(io::ErrorKind::TimedOut.into());
        }
        wait *= 2;
    }
}

/// A SYN is at its host. The handshake counts as done when the answer can get back.
fn knock(w: &mut World, dialer: (Who, SocketAddr), acceptor: (Who, SocketAddr)) -> Met {
    let (to, addr) = acceptor;
    if w.host(to).power == Power::Off || !w.reaches(to, dialer.0) {
        return Met::Silence;
    }
    let listening = w.host(to).listeners.iter_mut().find(|(bound, _)| crate::world::takes(**bound, addr));
    let Some((bound, listening)) = listening else { return Met::Refusal };
    if listening.backlog.len() >= BACKLOG {
        return Met::Silence;
    }
    let bound = *bound;
    let id = w.connections.open(dialer, acceptor);
    if let Some(listening) = w.host(to).listeners.get_mut(&bound) {
        listening.backlog.push_back(id);
        let waiting = listening.waiting.take();
        w.wake_any(waiting);
    }
    Met::Connection(id)
}

/// The dialer's side exists from here on: a dropped dial closes it.
async fn established(id: ConnectionId, me: Who, to: Who) -> io::Result<Stream> {
    let stream = world::with(|w| Stream::new(w, id, SideOf::Dialer)).ok_or(io::ErrorKind::ConnectionReset)?;
    answer_time(to, me).await;
    world::record(Entry::plain("tcp.connected", id, u64::from(to.0)));
    Ok(stream)
}

async fn answer_time(from: Who, to: Who) {
    let latency = world::with(|w| w.weather.latency(from, to));
    KernelWait::after(Duration::from_nanos(latency)).await;
}
