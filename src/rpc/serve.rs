//! The answering side: one task a connection drives its reads, its handlers and its writes.

use super::counters::{Counters, count};
use super::frame::{Frame, Kind};
use super::hello::{self, Hello};
use super::serving::Serving;
use super::wire::Wire;
use super::{Handler, Limits};
use crate::runtime::{Runtime, TcpListener, sleep, timeout};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// Pause after an accept that failed: out of file descriptors, most likely, and that passes only with time.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What every connection of a listener shares.
struct Side<H> {
    hello: Hello,
    handler: H,
    limits: Limits,
    counters: Arc<Counters>,
    addresses: Mutex<BTreeMap<IpAddr, usize>>,
}

/// Serves every connection of `listener` as the agent `hello`. It never ends by itself; when it is dropped, its connections are, too.
pub async fn serve<R: Runtime, H: Handler>(listener: R::TcpListener, hello: Hello, handler: H, limits: Limits, counters: Arc<Counters>) {
    let side = Arc::new(Side { hello, handler, limits, counters, addresses: Mutex::default() });
    let mut tasks = Tasks::<R>(FuturesUnordered::new());
    // The accept under way is kept, not repeated, while tasks end.
    let mut accept = pin!(listener.accept());
    loop {
        tokio::select! {
            biased;
            Some(_) = tasks.0.next() => {}
            accepted = &mut accept => {
                match accepted {
                    Ok((stream, peer)) => admit::<R, H>(&side, stream, peer, &mut tasks),
                    Err(e) => {
                        tracing::warn!(error = %e, "rpc: cannot accept a connection");
                        sleep::<R>(ACCEPT_AGAIN).await;
                    }
                }
                accept.set(listener.accept());
            }
        }
    }
}

/// The tasks of a listener's connections, ended with it.
struct Tasks<R: Runtime>(FuturesUnordered<R::JoinHandle<()>>);

impl<R: Runtime> Drop for Tasks<R> {
    fn drop(&mut self) {
        self.0.iter().for_each(R::abort);
    }
}

fn admit<R: Runtime, H: Handler>(side: &Arc<Side<H>>, stream: R::TcpStream, peer: SocketAddr, tasks: &mut Tasks<R>) {
    match Place::take(side, peer.ip()) {
        Some(place) => tasks.0.push(R::spawn(converse::<R, H, _>(place, stream, peer))),
        None => {
            count(&side.counters.over_limit);
            turn_away(stream, side.limits.connections_per_address);
        }
    }
}

/// One connection's place among those of its address.
struct Place<H> {
    side: Arc<Side<H>>,
    address: IpAddr,
}

impl<H> Place<H> {
    fn take(side: &Arc<Side<H>>, address: IpAddr) -> Option<Place<H>> {
        let mut addresses = side.addresses.lock().expect("no panic while held");
        let taken = addresses.entry(address).or_default();
        if *taken >= side.limits.connections_per_address {
            return None;
        }
        *taken += 1;
        Some(Place { side: side.clone(), address })
    }
}

impl<H> Drop for Place<H> {
    fn drop(&mut self) {
        let mut addresses = self.side.addresses.lock().expect("no panic while held");
        let taken = addresses.get_mut(&self.address).expect("a place is counted while it is taken");
        *taken -= 1;
        if *taken == 0 {
            addresses.remove(&self.address);
        }
    }
}

/// Says why and closes, without waiting: a fresh stream has room for one frame, and if not there is nothing to be done.
fn turn_away<S: AsyncRead + AsyncWrite + Unpin>(stream: S, limit: usize) {
    let mut wire = Wire::new(stream, hello::LONGEST);
    wire.push(&Frame::plain(Kind::Refusal, 0, format!("too many connections from one address (limit {limit})").into()));
    let _ = wire.poll_write(&mut Context::from_waker(Waker::noop()));
}

/// One connection from its hello to its end. This is the place where a stream is wrapped before anything is heard on it.
async fn converse<R: Runtime, H: Handler, S: AsyncRead + AsyncWrite + Unpin>(place: Place<H>, stream: S, peer: SocketAddr) {
    let side = &*place.side;
    let mut wire = Wire::new(stream, hello::LONGEST);
    match timeout::<R, _>(side.limits.handshake, greet(side, &mut wire)).await {
        Ok(Ok(them)) => tracing::debug!(%peer, node = %them.node, role = ?them.role, "rpc: connected"),
        Ok(Err(why)) => {
            count(&side.counters.refused);
            return tracing::warn!(%peer, %why, "rpc: connection refused");
        }
        Err(_) => {
            count(&side.counters.refused);
            return tracing::debug!(%peer, "rpc: no hello in time");
        }
    }
    count(&side.counters.connected);
    wire.set_limit(side.limits.frame);
    let start = |id, method, body| {
        let handler = side.handler.clone();
        async move { (id, handler.handle(peer, method, body).await) }
    };
    let mut serving = Serving::<R, S, _, _>::new(wire, start, &side.limits, &side.counters);
    let why = std::future::poll_fn(|cx| serving.poll(cx)).await;
    if serving.in_flight() > 0 {
        count(&side.counters.lost);
    }
    tracing::debug!(%peer, %why, "rpc: connection ended");
}

/// Hears and answers the hello; the error tells why there will be no conversation.
async fn greet<H, S: AsyncRead + AsyncWrite + Unpin>(side: &Side<H>, wire: &mut Wire<S>) -> Result<Hello, String> {
    let first = wire.receive().await.map_err(|e| {
        if e.kind() == std::io::ErrorKind::InvalidData {
            count(&side.counters.malformed);
        }
        e.to_string()
    })?;
    let met = match first.kind {
        Kind::Hello => side.hello.meet(&first.body),
        Kind::Request | Kind::Reply | Kind::Refusal | Kind::Cancel | Kind::Alive | Kind::Busy => {
            count(&side.counters.malformed);
            return Err(format!("the first frame is of kind {:?}, not a hello", first.kind));
        }
    };
    let answer = match &met {
        Ok(_) => Frame::plain(Kind::Hello, 0, side.hello.encode()),
        Err(text) => Frame::plain(Kind::Refusal, 0, text.clone().into()),
    };
    wire.send(&answer).await.map_err(|e| e.to_string())?;
    if met.is_err() {
        wire.shutdown().await;
    }
    met
}
