//! Binding, remembering, and starting the tasks of a pool.

use super::clocks::ClockFile;
use super::driver::{Driver, Inbox};
use super::herald::{WAITING, herald};
use super::keeper::{Keeper, Request};
use super::memory::{Left, Memory};
use super::pool::{COMMAND_QUEUE, Pool, Public, Published};
use super::streams::{Line, accept};
use super::wire::{MAX_DATAGRAM, receive_datagram};
use crate::config::GossipTuning;
use crate::gossip::{self, Clocks, Gossip, Homecoming, Input, Tags};
use crate::model::{Datacenter, Machine, NodeName};
use crate::runtime::{Runtime, TcpListener, sleep};
use arc_swap::ArcSwap;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Datagrams waiting for the machine. At the bound newer ones are dropped, as the operating system does with its own buffer.
const DATAGRAM_QUEUE: usize = 1024;

/// Stream events waiting for the machine; streams wait for room.
const ARRIVAL_QUEUE: usize = 256;

/// How often a free port is looked for that both UDP and TCP can have.
const PORT_ATTEMPTS: usize = 16;

/// A pause after a receive that failed, so that a broken socket does not spin.
const RECEIVE_PAUSE: Duration = Duration::from_millis(10);

/// How long a left member's tombstone is kept (Serf's tombstone timeout).
const TOMBSTONE: Duration = Duration::from_secs(24 * 3600);

/// How long a leave travels before the agent may go (Serf's leave propagation delay).
const LEAVE_PROPAGATION: Duration = Duration::from_secs(3);

/// Whether a node that had left looks for its old pool when it starts (`rejoin_after_leave`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejoinAfterLeave {
    /// It waits to be joined.
    No,
    /// It does.
    Yes,
}

/// What a pool is started with.
#[derive(Debug, Clone)]
pub struct Setup<R: Runtime> {
    /// Our name in this pool.
    pub name: NodeName,
    /// Our tags.
    pub tags: Tags,
    /// Where to listen, UDP and TCP; port 0 picks one that is free for both.
    pub bind: SocketAddr,
    /// What others are told to send to; port 0 is the one bound.
    pub advertise: SocketAddr,
    /// Members of another datacenter are refused; `None` lets everybody in (WAN).
    pub datacenter: Option<Datacenter>,
    /// SWIM's and Lifeguard's parameters.
    pub tuning: GossipTuning,
    /// Failed members are forgotten after this long.
    pub reconnect_timeout: Duration,
    /// Where members are remembered: a disk and the file's name on it (`serf/local.snapshot`). `None` remembers nothing.
    pub memory: Option<(R::Disk, String)>,
    /// Who hears events and questions. With a memory it is noted there up to when it was told, so that a restart tells it nothing twice.
    pub public: Option<mpsc::Sender<Public>>,
    /// See [`RejoinAfterLeave`].
    pub rejoin_after_leave: RejoinAfterLeave,
}

/// Opens the sockets and starts the pool's tasks. Errors name the socket or file that is at fault.
pub async fn start<R: Runtime>(setup: Setup<R>) -> io::Result<Pool<R>> {
    let (listener, udp) = bind::<R>(setup.bind).await?;
    let addr = listener.local_addr()?;
    let (keeper, memory) = match setup.memory.clone() {
        None => (None, Memory::default()),
        Some((disk, name)) => {
            let opened = Keeper::open(disk, name.clone()).map_err(|e| named(&e, &format!("gossip snapshot {name}")))?;
            (Some(opened.0), opened.1)
        }
    };
    let memory = sought(memory, setup.rejoin_after_leave);
    let (public, clocks) = tell_agent(&setup)?;
    let mut machine = Gossip::new(R::now(), machine_setup(&setup, addr, &memory, clocks));
    machine.handle(R::now(), Input::Remember { addrs: memory.members.values().copied().collect() });
    assert!(machine.poll_output().is_none(), "remembering says nothing");
    let published = Arc::new(Published {
        members: ArcSwap::from_pointee(machine.members().collect()),
        local: ArcSwap::from_pointee(machine.local()),
        stats: ArcSwap::from_pointee(machine.stats()),
        dropped: AtomicU64::new(0),
        unheard: AtomicU64::new(0),
        words_lost: AtomicU64::new(0),
        streams_overrun: AtomicU64::new(0),
        subscribers: Default::default(),
    });
    let keeper = keeper.map(|keeper| {
        let (requests, inbox) = mpsc::channel::<Request>(1);
        drop(R::spawn(keeper.run::<R>(inbox, published.clone(), memory)));
        requests
    });
    let sockets = Sockets::<R> { listener, udp, patience: setup.tuning.tcp_timeout };
    let commands = run(machine, sockets, published.clone(), keeper, public);
    Ok(Pool { commands, published, addr, runtime: std::marker::PhantomData })
}

/// Starts the task that tells the agent of events and questions, and finds up to when it was told of them.
fn tell_agent<R: Runtime>(setup: &Setup<R>) -> io::Result<(Option<mpsc::Sender<Public>>, Clocks)> {
    let Some(agent) = setup.public.clone() else { return Ok((None, Clocks::default())) };
    let file = match &setup.memory {
        None => None,
        Some((disk, name)) => {
            let name = format!("{name}.clocks");
            Some(ClockFile::open(disk, &name).map_err(|error| named(&error, &format!("gossip clocks {name}")))?)
        }
    };
    let clocks = file.as_ref().map_or_else(Clocks::default, ClockFile::clocks);
    let (public, waiting) = mpsc::channel(WAITING);
    drop(R::spawn(herald(waiting, agent, file)));
    Ok((Some(public), clocks))
}

/// A pool's sockets, and its patience with streams.
struct Sockets<R: Runtime> {
    listener: R::TcpListener,
    udp: R::UdpSocket,
    patience: Duration,
}

fn run<R: Runtime>(
    machine: Gossip,
    sockets: Sockets<R>,
    published: Arc<Published>,
    keeper: Option<mpsc::Sender<Request>>,
    public: Option<mpsc::Sender<Public>>,
) -> mpsc::Sender<super::pool::Command> {
    let Sockets { listener, udp, patience } = sockets;
    let (sender, commands) = mpsc::channel(COMMAND_QUEUE);
    let (datagram_sender, datagrams) = mpsc::channel(DATAGRAM_QUEUE);
    let (arrival_sender, arrivals) = mpsc::channel(ARRIVAL_QUEUE);
    let (udp, line) = (Arc::new(udp), Line { arrivals: arrival_sender, patience });
    let ears = vec![R::spawn(listen::<R>(udp.clone(), datagram_sender, published.clone())), R::spawn(accept::<R>(line.clone(), listener))];
    let driver = Driver::<R> { keeper, ears, public, ..Driver::new(machine, udp, line, published) };
    drop(R::spawn(driver.run(Inbox { commands, datagrams, arrivals })));
    sender
}

pub(super) fn machine_setup<R: Runtime>(setup: &Setup<R>, bound: SocketAddr, memory: &Memory, clocks: Clocks) -> gossip::Setup {
    let port = if setup.advertise.port() == 0 { bound.port() } else { setup.advertise.port() };
    gossip::Setup {
        name: setup.name.clone(),
        addr: SocketAddr::new(setup.advertise.ip(), port),
        tags: setup.tags.clone(),
        incarnation: memory.incarnation.map_or(0, |last| last.saturating_add(1).min(gossip::packet::MAX_INCARNATION)),
        clocks,
        // Whoever remembers nobody was alone, or has left: its clock goes on, but what others fired meanwhile is nothing to it.
        homecoming: if memory.members.is_empty() { Homecoming::New } else { Homecoming::Back },
        datacenter: setup.datacenter.clone(),
        tuning: setup.tuning.clone(),
        reconnect_timeout: setup.reconnect_timeout,
        tombstone_timeout: TOMBSTONE,
        leave_propagation: LEAVE_PROPAGATION,
        seed: R::random(),
    }
}

/// What of the last life this one goes by: whoever left does not come back by itself, unless told so.
fn sought(memory: Memory, rejoin: RejoinAfterLeave) -> Memory {
    let members = match (memory.left, rejoin) {
        (Some(Left), RejoinAfterLeave::No) => BTreeMap::new(),
        (Some(Left), RejoinAfterLeave::Yes) | (None, RejoinAfterLeave::No | RejoinAfterLeave::Yes) => memory.members,
    };
    Memory { members, incarnation: memory.incarnation, left: None }
}

/// TCP and UDP on one port.
async fn bind<R: Runtime>(addr: SocketAddr) -> io::Result<(R::TcpListener, R::UdpSocket)> {
    let attempts = if addr.port() == 0 { PORT_ATTEMPTS } else { 1 };
    let mut failure = None;
    for _ in 0..attempts {
        let listener = R::tcp_listen(addr).await.map_err(|e| named(&e, &format!("gossip TCP {addr}")))?;
        match R::udp_bind(listener.local_addr()?).await {
            Ok(udp) => return Ok((listener, udp)),
            Err(error) => failure = Some(error),
        }
    }
    let error = failure.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrInUse));
    Err(named(&error, &format!("gossip UDP {addr}")))
}

fn named(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Receives for ever: no error of one datagram is the end of the next.
async fn listen<R: Runtime>(udp: Arc<R::UdpSocket>, datagrams: mpsc::Sender<(SocketAddr, Bytes)>, published: Arc<Published>) {
    let mut buf = vec![0; MAX_DATAGRAM];
    loop {
        match receive_datagram(&*udp, &mut buf).await {
            Ok((bytes, from)) => {
                if datagrams.try_send((from, bytes)).is_err() {
                    published.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "gossip datagram not received");
                sleep::<R>(RECEIVE_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Left, Memory, RejoinAfterLeave, sought};
    use crate::model::NodeName;

    #[test]
    fn who_left_seeks_nobody_unless_told_to_but_keeps_its_incarnation() {
        let members = [(NodeName::parse("a").unwrap(), ([127, 0, 0, 1], 8301).into())].into();
        let left = Memory { members, incarnation: Some(7), left: Some(Left) };
        let waits = sought(left.clone(), RejoinAfterLeave::No);
        assert!(waits.members.is_empty() && waits.incarnation == Some(7));
        assert_eq!(sought(left.clone(), RejoinAfterLeave::Yes).members, left.members);
        let crashed = Memory { left: None, ..left };
        assert_eq!(sought(crashed.clone(), RejoinAfterLeave::No).members, crashed.members);
    }
}
