//! The laws of calls between agents, for either side of the Runtime: each is a function that panics if the law is broken.
//!
//! A law takes the address of a host to listen on, opens what it needs there and waits only for what must come.

mod calls;
mod faults;
mod hostile;

pub use calls::{
    a_reply_beyond_the_limit_is_refused_in_its_stead, a_wait_does_not_hold_back_other_calls, handlers_in_flight_are_bounded,
    many_calls_share_one_connection, refusals_reach_the_caller_as_text, what_cannot_be_queued_was_not_sent,
    work_nobody_waits_for_is_dropped,
};
pub use faults::{
    a_busy_peer_is_not_a_silent_one, a_dead_peer_leaves_the_outcome_unknown, a_dropped_pool_ends_its_connections,
    a_hello_that_does_not_come_is_not_waited_for, a_refused_dial_was_not_sent, a_restarted_peer_is_reached_again, a_silent_peer_is_dropped,
    calls_given_up_do_not_hide_silence,
};
pub use hostile::{
    a_connection_that_says_nothing_is_closed, a_giant_frame_closes_its_connection, a_request_id_in_use_closes_its_connection,
    another_datacenter_is_refused, connections_of_an_address_are_bounded, expired_work_is_dropped_without_being_told,
    garbage_closes_its_connection_and_no_other,
};

use super::frame::{Frame, Kind};
use super::wire::Wire;
use super::{CallError, Counters, Handler, Hello, Limits, Method, Pool, Role, serve};
use crate::model::{Datacenter, NodeName};
use crate::runtime::{Runtime, TcpListener, timeout};
use bytes::Bytes;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// Far longer than anything here takes, on a busy machine too.
const LONG: Duration = Duration::from_secs(9);

/// Every law, one after the other.
pub async fn every_law<R: Runtime>(host: IpAddr) {
    many_calls_share_one_connection::<R>(host).await;
    refusals_reach_the_caller_as_text::<R>(host).await;
    a_reply_beyond_the_limit_is_refused_in_its_stead::<R>(host).await;
    handlers_in_flight_are_bounded::<R>(host).await;
    a_wait_does_not_hold_back_other_calls::<R>(host).await;
    what_cannot_be_queued_was_not_sent::<R>(host).await;
    work_nobody_waits_for_is_dropped::<R>(host).await;
    a_refused_dial_was_not_sent::<R>(host).await;
    a_dead_peer_leaves_the_outcome_unknown::<R>(host).await;
    a_silent_peer_is_dropped::<R>(host).await;
    calls_given_up_do_not_hide_silence::<R>(host).await;
    a_busy_peer_is_not_a_silent_one::<R>(host).await;
    a_hello_that_does_not_come_is_not_waited_for::<R>(host).await;
    a_restarted_peer_is_reached_again::<R>(host).await;
    a_dropped_pool_ends_its_connections::<R>(host).await;
    another_datacenter_is_refused::<R>(host).await;
    garbage_closes_its_connection_and_no_other::<R>(host).await;
    a_giant_frame_closes_its_connection::<R>(host).await;
    a_request_id_in_use_closes_its_connection::<R>(host).await;
    a_connection_that_says_nothing_is_closed::<R>(host).await;
    connections_of_an_address_are_bounded::<R>(host).await;
    expired_work_is_dropped_without_being_told::<R>(host).await;
}

/// Replies with the body.
const ECHO: Method = Method(1);
/// Refuses with the body as text.
const REFUSE: Method = Method(2);
/// Replies when the gate opens.
const GATED: Method = Method(3);
/// Replies with as many zeros as the body has bytes, times 1024.
const SWELL: Method = Method(4);

/// A handler whose every step a law can watch.
#[derive(Clone, Default)]
struct Watched(Arc<Seen>);

#[derive(Default)]
struct Seen {
    counts: Mutex<Counts>,
    changed: Notify,
}

#[derive(Default, Clone, Copy)]
struct Counts {
    running: usize,
    most_running: usize,
    begun: usize,
    open: bool,
}

impl Watched {
    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.counts.lock().expect("no panic while held"));
        self.0.changed.notify_waiters();
    }

    fn counts(&self) -> Counts {
        *self.0.counts.lock().expect("no panic while held")
    }

    fn open_gate(&self) {
        self.change(|c| c.open = true);
    }

    /// Waits until `condition` holds of what was seen.
    async fn until(&self, condition: impl Fn(Counts) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if condition(self.counts()) {
                return;
            }
            changed.await;
        }
    }
}

struct Running(Watched);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.change(|c| c.running -= 1);
    }
}

impl Handler for Watched {
    async fn handle(&self, _: SocketAddr, method: Method, body: Bytes) -> Result<Bytes, String> {
        self.change(|c| {
            c.begun += 1;
            c.running += 1;
            c.most_running = c.most_running.max(c.running);
        });
        let _running = Running(self.clone());
        match method {
            ECHO => Ok(body),
            GATED => {
                self.until(|c| c.open).await;
                Ok(body)
            }
            SWELL => Ok(vec![0; body.len() << 10].into()),
            REFUSE => Err(String::from_utf8_lossy(&body).into_owned()),
            Method(unknown) => Err(format!("no method {unknown}")),
        }
    }
}

/// A served handler.
struct Server<R: Runtime> {
    addr: SocketAddr,
    handler: Watched,
    counters: Arc<Counters>,
    task: R::JoinHandle<()>,
}

impl<R: Runtime> Server<R> {
    async fn start(host: IpAddr, limits: Limits) -> Server<R> {
        Server::start_at(SocketAddr::new(host, 0), limits).await
    }

    async fn start_at(addr: SocketAddr, limits: Limits) -> Server<R> {
        let listener = R::tcp_listen(addr).await.expect("the host is ours");
        let addr = listener.local_addr().expect("it listens");
        let (handler, counters) = (Watched::default(), Arc::new(Counters::default()));
        let task = R::spawn(serve::<R, _>(listener, hello("dc1", "server"), handler.clone(), limits, counters.clone()));
        Server { addr, handler, counters, task }
    }

    /// Stops the server as a crash would, and waits until it has.
    async fn stop(&mut self) {
        R::abort(&self.task);
        let _ = (&mut self.task).await;
    }
}

fn hello(datacenter: &str, node: &str) -> Hello {
    let (datacenter, node) = (Datacenter::parse(datacenter), NodeName::parse(node));
    Hello { role: Role::Server, datacenter: datacenter.expect("a valid name"), node: node.expect("a valid name") }
}

fn pool<R: Runtime>(limits: Limits) -> Pool<R> {
    Pool::new(hello("dc1", "caller"), limits)
}

/// A call in a task of its own, under way from now on.
fn spawn_call<R: Runtime>(
    pool: &Pool<R>,
    to: SocketAddr,
    method: Method,
    body: &'static [u8],
    patience: Duration,
) -> R::JoinHandle<Result<Bytes, CallError>> {
    let pool = pool.clone();
    R::spawn(async move { pool.call(to, method, Bytes::from_static(body), patience).await })
}

/// A raw connection that has said its hello and heard the other's.
async fn met<R: Runtime>(to: SocketAddr) -> Wire<R::TcpStream> {
    let mut wire = Wire::new(R::tcp_connect(to).await.expect("it listens"), 8 << 20);
    wire.send(&Frame::plain(Kind::Hello, 0, hello("dc1", "raw").encode())).await.expect("it listens");
    assert_eq!(wire.receive().await.expect("a hello comes back").kind, Kind::Hello);
    wire
}

/// Reads to the connection's end, whatever comes before it.
async fn read_to_end<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(mut wire: Wire<S>) {
    while wire.receive().await.is_ok() {}
}

/// What must come within [`LONG`].
async fn soon<R: Runtime, T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout::<R, _>(LONG, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen"),
    }
}
