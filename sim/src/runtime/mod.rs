//! The simulator's side of [`muster::runtime::Runtime`]: madsim's tasks and virtual time, and a kernel of our own.
//!
//! Clock, sleep, UDP, TCP and disk are built here on the world's event queue rather than on madsim's, because the faults that matter live in
//! what a kernel does: a SYN that is sent again, an end of file that cannot get through a partition, a reset from a machine that has forgotten
//! us, a half-closed stream, a full buffer, a write that is visible and not durable.

pub mod disk;
mod kernel_wait;
pub mod meter;
mod program;
mod sleep;
mod task;
pub mod tcp;
#[cfg(test)]
mod tests;
pub mod udp;

pub use kernel_wait::KernelWait;
pub use program::{Program, UnixStream};
pub use sleep::Sleep;
pub use task::{JoinError, JoinHandle};

use crate::world::{self, World};
use muster::model::{Instant, Timestamp};
use muster::runtime::{Command, Ran, Runtime};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

pub(crate) use crate::world::{collide, takes};

/// [`Runtime`] in the simulator: that of the node whose task is running.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sim;

/// Looks at the world and the number of the node whose task is running.
fn here<T>(f: impl FnOnce(&mut World, world::Who) -> T) -> T {
    let id = madsim::plugin::node();
    world::with(|w| {
        let who = w.who(id);
        f(w, who)
    })
}

impl Runtime for Sim {
    type JoinError = JoinError;
    type JoinHandle<T: Send + 'static> = JoinHandle<T>;
    type Sleep = Sleep;
    type UdpSocket = udp::Socket;
    type TcpStream = tcp::Stream;
    type TcpListener = tcp::Listener;
    type UnixStream = UnixStream;
    type Disk = disk::SimDisk;

    fn now() -> Instant {
        here(|w, who| {
            let now = w.now();
            Instant::from_nanos(w.host(who).clock.monotonic(now))
        })
    }

    fn wall() -> Timestamp {
        here(|w, who| {
            let now = w.now();
            Timestamp::from_unix_nanos(w.host(who).clock.wall(now))
        })
    }

    fn sleep_until(deadline: Instant) -> Sleep {
        Sleep::until(deadline)
    }

    fn spawn<F>(task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        JoinHandle::spawn(task)
    }

    #[expect(clippy::manual_async_fn, reason = "the trait wants a future that outlives what it borrows")]
    fn spawn_blocking<F, T>(work: F) -> impl Future<Output = io::Result<T>> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        async move { Ok(work()) }
    }

    fn abort<T: Send + 'static>(task: &JoinHandle<T>) {
        task.abort();
    }

    fn random() -> u64 {
        here(|w, who| w.host(who).draws.bits())
    }

    fn block_on<F: Future>(task: F) -> F::Output {
        let runtime = madsim::runtime::Runtime::with_seed_and_config(1, madsim::Config::default());
        let value = runtime.block_on(async {
            world::begin(1, None);
            task.await
        });
        drop(world::end());
        value
    }

    async fn udp_bind(addr: SocketAddr) -> io::Result<udp::Socket> {
        udp::bind(addr)
    }

    async fn tcp_listen(addr: SocketAddr) -> io::Result<tcp::Listener> {
        tcp::Listener::bind(addr)
    }

    async fn tcp_connect(addr: SocketAddr) -> io::Result<tcp::Stream> {
        tcp::connect(addr).await
    }

    async fn unix_connect(_: &Path) -> io::Result<UnixStream> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }

    async fn run_command(command: Command) -> io::Result<Ran> {
        program::run(command).await
    }

    async fn trusted_authorities() -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn disk(root: &Path) -> io::Result<disk::SimDisk> {
        disk::SimDisk::mount(root)
    }
}
