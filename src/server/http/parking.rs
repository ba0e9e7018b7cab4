//! Where a request waits for its news without holding its connection's buffers.
//!
//! hyper keeps two buffers of 8 KiB and its own state for as long as a request is being answered, which for a blocking query is minutes. So a
//! request that turns out to have to wait is parked: its connection is taken apart and only the socket, what was read ahead and the wait remain.
//! When the answer is there, a new hyper connection reads a head that stands for the request's and sends that answer.

use super::reply::Reply;
use super::stream::Watched;
use crate::runtime::Runtime;
use crate::server::connections::{Activity, Order, Phase};
use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::CONNECTION;
use hyper::{Method, Request, Version};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

/// The making of an answer.
type Answering<'a> = Pin<Box<dyn Future<Output = Reply> + Send + 'a>>;

/// The place of a connection's request that may wait, within reach of hyper's service and of the connection's task. A connection answers one
/// request at a time, so one is enough.
pub(super) struct Place<'a>(Mutex<Held<'a>>);

enum Held<'a> {
    /// No request that may wait.
    Nothing,
    /// One whose answer is not there yet.
    Waiting(Waiting<'a>),
    /// The answer to one that was parked; the next request that comes is that one again.
    Answered(Reply),
}

/// A request whose answer is not there yet.
pub(super) struct Waiting<'a> {
    head: Bytes,
    answer: Answering<'a>,
}

/// What a connection has come to.
pub(super) enum Turn<'a> {
    /// It is over.
    Ended(hyper::Result<()>),
    /// Its request waits and everything before it was sent, so it can be taken apart.
    Waits(Waiting<'a>),
}

/// Whether a request may wait for long before it is answered. One with a body may not be taken from its connection.
pub(super) fn may_wait(request: &Request<Incoming>) -> bool {
    let blocks = |query: &str| query.contains("index=") || query.contains("hash=");
    request.method() == Method::GET && request.body().is_end_stream() && request.uri().query().is_some_and(blocks)
}

/// A head that has hyper frame the answer as the request's own would: of all that a GET without a body says, only the version and whether the
/// connection is kept matter for that.
pub(super) fn stand_in(request: &Request<Incoming>) -> Bytes {
    let version: &[u8] = if request.version() == Version::HTTP_10 { b"HTTP/1.0" } else { b"HTTP/1.1" };
    let mut head = [b"GET / ", version, b"\r\n"].concat();
    for value in request.headers().get_all(CONNECTION) {
        head.extend_from_slice(&[b"Connection: ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend_from_slice(b"\r\n");
    head.into()
}

impl<'a> Place<'a> {
    pub(super) fn new() -> Place<'a> {
        Place(Mutex::new(Held::Nothing))
    }

    fn held(&self) -> MutexGuard<'_, Held<'a>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the answer of a request that was parked where the service finds it.
    pub(super) fn bring(&self, reply: Reply) {
        *self.held() = Held::Answered(reply);
    }

    /// Takes the answer that was brought.
    pub(super) fn brought(&self) -> Option<Reply> {
        let mut held = self.held();
        match std::mem::replace(&mut *held, Held::Nothing) {
            Held::Answered(reply) => Some(reply),
            // Of a request that hyper gave up: the next one could not have come before its answer otherwise.
            Held::Waiting(_) | Held::Nothing => None,
        }
    }

    /// Makes the answer of a request that may wait, here, from where it can be parked; `head` stands for the request then.
    pub(super) async fn answer(&self, head: Bytes, answer: impl Future<Output = Reply> + Send + 'a) -> Reply {
        *self.held() = Held::Waiting(Waiting { head, answer: Box::pin(answer) });
        poll_fn(|cx| self.poll_answer(cx)).await
    }

    fn poll_answer(&self, cx: &mut Context<'_>) -> Poll<Reply> {
        let mut held = self.held();
        // Nobody polls the service of a connection that was taken apart.
        let Held::Waiting(waiting) = &mut *held else { return Poll::Pending };
        let reply = ready!(waiting.answer.as_mut().poll(cx));
        *held = Held::Nothing;
        Poll::Ready(reply)
    }

    /// Drives `connection` until it ends or can be taken apart.
    pub(super) async fn drive<C>(&self, connection: &mut C, activity: &Activity) -> Turn<'a>
    where
        C: Future<Output = hyper::Result<()>> + Unpin,
    {
        poll_fn(|cx| match Pin::new(&mut *connection).poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Turn::Ended(ended)),
            Poll::Pending if activity.is_sending() => Poll::Pending,
            Poll::Pending => self.waiting().map_or(Poll::Pending, |waiting| Poll::Ready(Turn::Waits(waiting))),
        })
        .await
    }

    /// Takes the request that waits.
    fn waiting(&self) -> Option<Waiting<'a>> {
        let mut held = self.held();
        match std::mem::replace(&mut *held, Held::Nothing) {
            Held::Waiting(waiting) => Some(waiting),
            other @ (Held::Answered(_) | Held::Nothing) => {
                *held = other;
                None
            }
        }
    }
}

impl Waiting<'_> {
    /// Waits on a connection that was taken apart, whose `stream` then begins with the request's head again; `None` if the client went or the
    /// connection is to be cut.
    pub(super) async fn answer<R: Runtime>(mut self, stream: &mut Watched<R>, activity: &Activity) -> Option<Reply> {
        activity.enter(Phase::Parked, R::now());
        let reply = tokio::select! {
            biased;
            () = stream.gone() => None,
            reply = &mut self.answer => Some(reply),
            () = activity.ordered(Order::Cut) => None,
        }?;
        stream.put_back(&self.head);
        Some(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Turn, Waiting};
    use crate::model::Instant;
    use crate::runtime::tokio::Tokio;
    use crate::runtime::{Runtime, TcpListener};
    use crate::server::connections::{Activity, Admission, Allowed, Connections, Order, Phase, Sending};
    use crate::server::http::reply;
    use crate::server::http::stream::Watched;
    use bytes::Bytes;
    use hyper::StatusCode;
    use std::future::{Future, pending};
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    #[test]
    fn a_connection_that_has_something_to_send_is_not_taken_apart_before_it_was_sent() {
        let (place, activity) = (Place::new(), Activity::new(Instant::ZERO));
        let mut cx = Context::from_waker(Waker::noop());
        let service = async {
            place.answer(Bytes::new(), pending()).await;
            Ok(())
        };
        let mut connection = pin!(service);
        activity.sends(Sending::Begun);
        {
            let mut driven = pin!(place.drive(&mut connection, &activity));
            assert!(driven.as_mut().poll(&mut cx).is_pending());
            activity.sends(Sending::Done);
            assert!(matches!(driven.as_mut().poll(&mut cx), Poll::Ready(Turn::Waits(_))));
        }
        let mut driven = pin!(place.drive(&mut connection, &activity));
        assert!(driven.as_mut().poll(&mut cx).is_pending(), "it was taken once");
    }

    #[test]
    fn an_answer_that_is_there_at_once_takes_nothing_apart() {
        let (place, activity) = (Place::new(), Activity::new(Instant::ZERO));
        let mut cx = Context::from_waker(Waker::noop());
        let service = async {
            let reply = place.answer(Bytes::new(), async { reply::empty(StatusCode::OK) }).await;
            assert_eq!(reply.status(), StatusCode::OK);
            pending().await
        };
        let mut connection = pin!(service);
        let mut driven = pin!(place.drive(&mut connection, &activity));
        assert!(driven.as_mut().poll(&mut cx).is_pending());
        assert!(place.brought().is_none());
    }

    #[test]
    fn a_parked_connection_is_cut_though_its_answer_does_not_come() {
        Tokio::block_on(async {
            let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let listener = Tokio::tcp_listen(SocketAddr::new(here, 0)).await.unwrap();
            let _client = Tokio::tcp_connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, _) = TcpListener::accept(&listener).await.unwrap();
            let connections = Connections::new(Allowed {
                connections: 1,
                per_client: 1,
                idle: Duration::from_secs(120),
                arrival: Duration::from_secs(10),
            });
            let Admission::Admitted(guest) = connections.admit(here, Tokio::now()) else { panic!("there is room") };
            let mut stream = Watched::<Tokio>::new(stream, guest.activity.clone());
            let waiting = Waiting { head: Bytes::new(), answer: Box::pin(pending()) };
            let mut answer = pin!(waiting.answer(&mut stream, &guest.activity));
            connections.order_all(Order::Finish);
            let polled = std::future::poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx).is_pending())).await;
            assert!(polled && guest.activity.phase() == Phase::Parked);
            connections.order_all(Order::Cut);
            assert!(answer.await.is_none());
        });
    }
}
