//! DNS: sockets in, answers out. What an answer says is made by [`crate::dns`], from what this agent has at hand: the published view on a server, the
//! subscribed copy on a client agent.

mod answer;
mod counters;
mod held;
mod limiter;
mod look;
mod prepared;
mod recursor;
mod setting;
mod tcp;
mod udp;

use super::agent::Agent;
use super::connections::{Allowed, Connections, Order};
use crate::api::metrics::Metric;
use crate::config::Config;
use crate::dns::{CookieSecret, DomainError};
use crate::runtime::Runtime;
use arc_swap::ArcSwap;
use counters::Counters;
use held::Held;
use limiter::Limiter;
use setting::Setting;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Tasks that answer datagrams for each address. More than processors that can answer are of no use.
const MOST_WORKERS: usize = 4;
/// Questions that wait for a server or a recursor, of all askers together.
const LONGEST_WAIT_LIST: usize = 1_024;
/// TCP connections of all askers together, and of one address: resolvers on this host share one.
const MOST_CONNECTIONS: usize = 4_096;
const MOST_OF_ONE: usize = 512;
/// A TCP connection on which nothing is asked, whose answers are not taken, or whose question is not whole, is closed after this long
/// (RFC 7766 section 6.2.3 asks for seconds).
const IDLE_LIMIT: Duration = Duration::from_secs(10);

/// What all tasks that answer share. It lives as long as the agent.
pub(super) struct Shared {
    current: ArcSwap<Setting>,
    secret: CookieSecret,
    counters: Box<[Counters]>,
    limiter: Mutex<Limiter>,
    waiting: Arc<Semaphore>,
    connections: Connections,
    held: Mutex<Held>,
}

impl Shared {
    /// As the configuration has it.
    ///
    /// # Errors
    /// A domain that is none.
    pub(super) fn new<R: Runtime>(config: &Config) -> Result<Shared, DomainError> {
        let [high, low] = [R::random().to_le_bytes(), R::random().to_le_bytes()];
        let secret = std::array::from_fn(|at| if at < 8 { high[at] } else { low[at - 8] });
        let allowed = Allowed { connections: MOST_CONNECTIONS, per_client: MOST_OF_ONE, idle: IDLE_LIMIT, arrival: IDLE_LIMIT };
        Ok(Shared {
            current: ArcSwap::from_pointee(Setting::of(config, config)?),
            secret: CookieSecret::new(secret),
            counters: (0..MOST_WORKERS).map(|_| Counters::default()).collect(),
            limiter: Mutex::default(),
            waiting: Arc::new(Semaphore::new(LONGEST_WAIT_LIST)),
            connections: Connections::new(allowed),
            held: Mutex::default(),
        })
    }

    /// Takes over `dns_config` and `recursors` of another reading of the configuration; the domains stay those of `started`.
    pub(super) fn reload(&self, started: &Config, reread: &Config) {
        match Setting::of(started, reread) {
            Ok(setting) => self.current.store(Arc::new(setting)),
            Err(error) => tracing::error!(%error, "dns_config is not taken over"),
        }
    }

    /// What happened so far.
    pub(super) fn metrics(&self) -> Vec<Metric> {
        counters::metrics(self.counters.iter())
    }

    fn counters(&self, seat: usize) -> &Counters {
        &self.counters[seat % self.counters.len()]
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().expect("no panic while held")
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().expect("no panic while held")
    }
}

/// The DNS server of an agent. Clones are the same server.
pub(super) struct Dns<R: Runtime> {
    agent: Agent<R>,
    shared: Arc<Shared>,
}

impl<R: Runtime> Clone for Dns<R> {
    fn clone(&self) -> Dns<R> {
        Dns { agent: self.agent.clone(), shared: self.shared.clone() }
    }
}

/// The sockets of one address.
pub(super) struct Sockets<R: Runtime> {
    tcp: R::TcpListener,
    udp: Vec<R::UdpSocket>,
}

impl<R: Runtime> Sockets<R> {
    /// Listens at `addr`. TCP comes first: its port is never shared, so whoever has it has the other, too.
    pub(super) async fn bind(addr: SocketAddr) -> std::io::Result<Sockets<R>> {
        let tcp = R::tcp_listen(addr).await?;
        Ok(Sockets { tcp, udp: R::udp_bind_shared(addr, MOST_WORKERS).await? })
    }
}

impl<R: Runtime> Dns<R> {
    /// Serves `sockets` until `agent` drains.
    pub(super) fn start(agent: &Agent<R>, shared: &Arc<Shared>, sockets: Vec<Sockets<R>>) -> R::JoinHandle<()> {
        let dns = Dns { agent: agent.clone(), shared: shared.clone() };
        let mut workers = Vec::new();
        for (seat, sockets) in sockets.into_iter().enumerate() {
            workers.push(R::spawn(dns.clone().serve_tcp(sockets.tcp, seat)));
            workers.extend(sockets.udp.into_iter().enumerate().map(|(seat, socket)| R::spawn(dns.clone().serve_udp(socket, seat))));
        }
        R::spawn(async move {
            dns.agent.stopping().await;
            dns.shared.connections.order_all(Order::Finish);
            // A datagram that is not answered is asked again, of another agent.
            workers.iter().for_each(R::abort);
            for worker in workers {
                drop(worker.await);
            }
        })
    }
}
