//! Floor 4: the only door to clock, timers, tasks, chance, network, disk and child processes.
//!
//! Production opens it on tokio ([`tokio::Tokio`]), the simulator on madsim (`sim/src/runtime`). Everything above is written once, for any
//! `R: Runtime`. The functions are associated, so there is no handle to thread through; outside the simulator that means one agent a process.
//!
//! Allowed beside this trait, because they behave the same on both sides: `tokio::sync::{mpsc, oneshot, Mutex, Notify, Semaphore}`, the tokio
//! IO traits and `tokio::select! { biased; .. }`. Not allowed: `tokio::sync::watch` and `broadcast` (they wake waiters in an order drawn from
//! process-wide state), unbiased `select!`, std's clocks, threads, `HashMap` iteration.

mod command;
mod disk;
mod net;
pub mod suite;
mod tail;
mod timeout;
pub mod tokio;
pub mod watch;

pub use command::{Command, Ended, Ran};
pub use disk::{Disk, DiskFile, replace_file};
pub use net::{TcpListener, TcpStream, UdpSocket};
pub use tail::Tail;
pub use timeout::{Elapsed, sleep, timeout};

use crate::model::{Instant, Timestamp};
use ::tokio::io::{AsyncRead, AsyncWrite};
use std::fmt::{Debug, Display};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;

/// One side of the door. A zero-sized type; see the module for what may be used beside it.
pub trait Runtime: Debug + Default + Copy + Ord + Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static {
    /// Why a task gave no result: it panicked or was aborted.
    type JoinError: Debug + Display + Send;
    /// A spawned task. Dropping it lets the task run on.
    type JoinHandle<T: Send + 'static>: Future<Output = Result<T, Self::JoinError>> + Send + Sync + Unpin;
    /// Completes at its deadline.
    type Sleep: Future<Output = ()> + Send + Sync + 'static;
    /// A bound UDP socket.
    type UdpSocket: UdpSocket;
    /// A connected TCP stream.
    type TcpStream: TcpStream;
    /// A listening TCP socket.
    type TcpListener: TcpListener<Stream = Self::TcpStream>;
    /// A connected stream to a Unix socket.
    type UnixStream: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// A folder on a disk.
    type Disk: Disk;

    /// This node's monotonic clock. It never goes back.
    fn now() -> Instant;
    /// This node's wall clock. It may be wrong and may jump.
    fn wall() -> Timestamp;
    /// Waits until the monotonic clock shows `deadline`.
    fn sleep_until(deadline: Instant) -> Self::Sleep;
    /// Starts a task of this node.
    fn spawn<F>(task: F) -> Self::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;
    /// Runs `work` where it may block; in the simulator that is here and now.
    fn spawn_blocking<F, T>(work: F) -> impl Future<Output = io::Result<T>> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;
    /// Cancels a task at its next await.
    fn abort<T: Send + 'static>(task: &Self::JoinHandle<T>);
    /// 64 random bits.
    fn random() -> u64;
    /// Drives `task` to its end from outside any runtime.
    fn block_on<F: Future>(task: F) -> F::Output;

    /// Binds a UDP socket; port 0 picks a free one.
    fn udp_bind(addr: SocketAddr) -> impl Future<Output = io::Result<Self::UdpSocket>> + Send;
    /// Binds up to `most` UDP sockets to one address, each of which hears the datagrams of a part of the senders, so that several tasks can answer
    /// without sharing a socket. Fewer, but one at least, where the system cannot share an address. The address must not be bound by anyone, which
    /// holds for a port whose TCP side the caller listens on. Where `addr` is every address, what is sent by the socket that received a datagram comes
    /// from the address it was sent to.
    fn udp_bind_shared(addr: SocketAddr, most: usize) -> impl Future<Output = io::Result<Vec<Self::UdpSocket>>> + Send {
        let _ = most;
        async move { Ok(vec![Self::udp_bind(addr).await?]) }
    }
    /// Listens for TCP connections; port 0 picks a free one.
    fn tcp_listen(addr: SocketAddr) -> impl Future<Output = io::Result<Self::TcpListener>> + Send;
    /// Connects. Silence on the way is not refused at once: it lasts until the SYN retries end, so callers add a [`timeout`].
    fn tcp_connect(addr: SocketAddr) -> impl Future<Output = io::Result<Self::TcpStream>> + Send;
    /// Connects to the Unix socket at `path`.
    fn unix_connect(path: &Path) -> impl Future<Output = io::Result<Self::UnixStream>> + Send;
    /// The addresses of a host name, in the resolver's order; an IP address is its own.
    fn resolve(host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send {
        let parsed = host.parse::<IpAddr>().map(|ip| vec![ip]);
        let unknown = |_| io::Error::new(io::ErrorKind::NotFound, format!("host {host:?}: this runtime has no resolver"));
        std::future::ready(parsed.map_err(unknown))
    }
    /// Runs a program to its end. Errors are those of starting it (`NotFound`, `PermissionDenied`, ..). Dropping the future kills the
    /// program's process group.
    fn run_command(command: Command) -> impl Future<Output = io::Result<Ran>> + Send;
    /// The certificates of the authorities that this machine trusts, in DER.
    fn trusted_authorities() -> impl Future<Output = Vec<Vec<u8>>> + Send;
    /// The folder `root`, created if it is missing; its own name is durable then.
    fn disk(root: &Path) -> io::Result<Self::Disk>;
}

/// `rand`'s view of [`Runtime::random`], for code that takes a generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chance<R>(std::marker::PhantomData<R>);

impl<R> Chance<R> {
    /// This node's generator.
    pub fn new() -> Chance<R> {
        Chance(std::marker::PhantomData)
    }
}

impl<R: Runtime> rand::TryRng for Chance<R> {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((R::random() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(R::random())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&R::random().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
