//! The HTTP server: sockets in, answers out, bounds on everything between. What it serves stands in `routes`; what it knows comes from a
//! [`Backend`].
//!
//! hyper frames the messages. The paths are Go's `ServeMux`'s and not a router's, because clients of Consul rely on its redirects.

mod answer;
mod authorize;
mod backend;
mod body;
mod endpoints;
mod finish;
mod reply;
mod request;
mod routes;
mod settings;
mod stream;
mod telemetry;
mod turn_away;

pub use backend::{Answered, Backend, Means, Origin, Pool, RequestError, Source, Trace};
pub use settings::{HeaderRefused, Settings};

use crate::runtime::{Runtime, TcpListener, sleep, timeout};
use crate::server::connections::{Admission, Allowed, Connections, Guest, Order};
use finish::DateHeader;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use stream::Watched;
use telemetry::Telemetry;
use turn_away::TurnAway;

/// Connections of all clients together.
const MOST_CONNECTIONS: usize = 20_000;
/// How long a connection may be idle, and an answer wait to be taken.
const IDLE_LIMIT: Duration = Duration::from_secs(300);
/// How long a request may be under way.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(30);
/// How often that is looked at.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// After a failed accept (as a rule: no more file handles) the next is tried this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The server. Clones are the same server; it may serve several sockets.
pub struct Http<R: Runtime, B: Backend> {
    shared: Arc<Shared<B>>,
    runtime: PhantomData<fn() -> R>,
}

struct Shared<B> {
    backend: B,
    settings: Settings,
    connections: Connections,
    turn_away: TurnAway,
    telemetry: Telemetry,
    date: DateHeader,
    wire: http1::Builder,
}

impl<R: Runtime, B: Backend> Clone for Http<R, B> {
    fn clone(&self) -> Http<R, B> {
        Http { shared: self.shared.clone(), runtime: PhantomData }
    }
}

impl<R: Runtime, B: Backend> Http<R, B> {
    /// A server that serves no socket yet.
    pub fn new(settings: Settings, backend: B) -> Http<R, B> {
        let mut wire = http1::Builder::new();
        wire.title_case_headers(true).auto_date_header(false).header_read_timeout(None);
        // hyper needs 8 KiB at least; what is above the header's bound is room for the body.
        wire.max_header_size(settings.max_header_bytes).max_buf_size(settings.max_header_bytes.max(64 * 1024));
        let shared = Shared {
            backend,
            connections: Connections::new(Allowed {
                connections: MOST_CONNECTIONS,
                per_client: settings.max_connections_per_client,
                idle: IDLE_LIMIT,
                arrival: ARRIVAL_LIMIT,
            }),
            turn_away: TurnAway::default(),
            telemetry: Telemetry::new(R::now()),
            date: DateHeader::new(),
            wire,
            settings,
        };
        Http { shared: Arc::new(shared), runtime: PhantomData }
    }

    /// Serves one socket until [`Http::drain`] is called.
    pub async fn serve(&self, listener: R::TcpListener) {
        let mut finish = pin!(self.shared.connections.draining());
        let mut sweep = Box::pin(sleep::<R>(SWEEP_INTERVAL));
        // Kept from one round to the next: dropping it could lose a connection that is just coming in.
        let mut accept = pin!(listener.accept());
        loop {
            tokio::select! {
                biased;
                () = &mut finish => return,
                () = &mut sweep => {
                    self.shared.connections.sweep(R::now());
                    sweep = Box::pin(sleep::<R>(SWEEP_INTERVAL));
                }
                accepted = &mut accept => {
                    accept.set(listener.accept());
                    match accepted {
                        Ok((stream, client)) => self.welcome(stream, client),
                        Err(error) => {
                            tracing::warn!(%error, "http: cannot accept a connection");
                            sleep::<R>(ACCEPT_PAUSE).await;
                        }
                    }
                }
            }
        }
    }

    /// Stops accepting, lets requests under way finish, ends blocking queries with what there is, and closes what is still open after `patience`.
    pub async fn drain(&self, patience: Duration) {
        self.shared.connections.order_all(Order::Finish);
        if timeout::<R, _>(patience, self.shared.connections.emptied()).await.is_err() {
            tracing::warn!(open = self.shared.connections.count(), "http: closing connections that did not finish in time");
            self.shared.connections.order_all(Order::Cut);
            self.shared.connections.emptied().await;
        }
    }

    fn welcome(&self, stream: R::TcpStream, client: SocketAddr) {
        match self.shared.connections.admit(client.ip().to_canonical(), R::now()) {
            Admission::Admitted(guest) => drop(R::spawn(self.clone().converse(stream, client, guest))),
            Admission::TooMany => self.shared.turn_away.answer::<R>(stream),
            Admission::Full => {}
        }
    }

    async fn converse(self, stream: R::TcpStream, client: SocketAddr, guest: Guest) {
        let (shared, activity) = (&*self.shared, &guest.activity);
        let service =
            service_fn(|request| async move { Ok::<_, Infallible>(request::answer::<R, B>(shared, activity, client.ip(), request).await) });
        let stream = TokioIo::new(Watched::<R>::new(stream, guest.activity.clone()));
        let mut connection = pin!(shared.wire.serve_connection(stream, service));
        let ended = tokio::select! {
            biased;
            ended = &mut connection => ended,
            () = activity.ordered(Order::Finish) => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    biased;
                    ended = &mut connection => ended,
                    () = activity.ordered(Order::Cut) => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%client, %error, "http: connection ended");
        }
    }
}

#[cfg(test)]
mod tests;
