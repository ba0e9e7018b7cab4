//! The laws on real loopback sockets, and what only real sockets have.

use super::frame::{Frame, Kind};
use super::wire::Wire;
use super::{CallError, Counters, Handler, Hello, Limits, Method, Pool, Role, serve, suite};
use crate::model::{Datacenter, NodeName};
use crate::runtime::tokio::Tokio;
use crate::runtime::{Runtime, TcpListener};
use bytes::Bytes;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

macro_rules! laws {
    ($($law:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $law() {
            suite::$law::<Tokio>(HOST).await;
        }
    )* };
}

laws! {
    many_calls_share_one_connection
    refusals_reach_the_caller_as_text
    a_reply_beyond_the_limit_is_refused_in_its_stead
    handlers_in_flight_are_bounded
    a_wait_does_not_hold_back_other_calls
    what_cannot_be_queued_was_not_sent
    work_nobody_waits_for_is_dropped
    a_refused_dial_was_not_sent
    a_dead_peer_leaves_the_outcome_unknown
    a_silent_peer_is_dropped
    calls_given_up_do_not_hide_silence
    a_busy_peer_is_not_a_silent_one
    a_hello_that_does_not_come_is_not_waited_for
    a_restarted_peer_is_reached_again
    a_dropped_pool_ends_its_connections
    another_datacenter_is_refused
    garbage_closes_its_connection_and_no_other
    a_giant_frame_closes_its_connection
    a_request_id_in_use_closes_its_connection
    a_connection_that_says_nothing_is_closed
    connections_of_an_address_are_bounded
    expired_work_is_dropped_without_being_told
}

fn hello() -> Hello {
    Hello { role: Role::Server, datacenter: Datacenter::parse("dc1").unwrap(), node: NodeName::parse("n1").unwrap() }
}

/// Replies with 256 KiB and counts how many it made.
#[derive(Clone, Default)]
struct Generous(Arc<AtomicUsize>);

impl Handler for Generous {
    async fn handle(&self, _: SocketAddr, _: Method, _: Bytes) -> Result<Bytes, String> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(vec![0; 256 << 10].into())
    }
}

#[tokio::test]
async fn a_peer_that_reads_nothing_costs_a_bounded_amount_of_replies_and_then_its_connection() {
    let listener = Tokio::tcp_listen(SocketAddr::new(HOST, 0)).await.unwrap();
    let addr = TcpListener::local_addr(&listener).unwrap();
    let handler = Generous::default();
    let limits = Limits { stalled: Duration::from_millis(200), ..Limits::default() };
    let _server = Tokio::spawn(serve::<Tokio, _>(listener, hello(), handler.clone(), limits, Arc::default()));
    let mut wire = Wire::new(Tokio::tcp_connect(addr).await.unwrap(), 1 << 20);
    wire.send(&Frame::plain(Kind::Hello, 0, hello().encode())).await.unwrap();
    for id in 1..=1000 {
        wire.push(&Frame { kind: Kind::Request, method: Method(1), id, patience: 9000, body: Bytes::new() });
    }
    let pushed = std::future::poll_fn(|cx| wire.poll_write(cx)).await;
    assert!(pushed.is_ok());
    // The server closes once nothing was taken for `stalled`: only then does a write meet an end.
    let refused = async { while wire.send(&Frame::plain(Kind::Cancel, 1, Bytes::new())).await.is_ok() {} };
    crate::runtime::timeout::<Tokio, _>(Duration::from_secs(9), refused).await.expect("the server closes");
    let made = handler.0.load(Ordering::Relaxed);
    assert!((4..200).contains(&made), "{made} of 1000 replies were made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_outcome_of_a_peer_that_dies_under_load_is_told() {
    let (pool, counters) = (Pool::<Tokio>::new(hello(), Limits::default()), Arc::new(Counters::default()));
    for _ in 0..5 {
        let listener = Tokio::tcp_listen(SocketAddr::new(HOST, 0)).await.unwrap();
        let addr = TcpListener::local_addr(&listener).unwrap();
        let handler = Generous::default();
        let server = Tokio::spawn(serve::<Tokio, _>(listener, hello(), handler.clone(), Limits::default(), counters.clone()));
        let calls: Vec<_> = (0..200)
            .map(|_| {
                let pool = pool.clone();
                Tokio::spawn(async move { pool.call(addr, Method(1), Bytes::new(), Duration::from_secs(9)).await })
            })
            .collect();
        while handler.0.load(Ordering::Relaxed) < 20 {
            tokio::task::yield_now().await;
        }
        server.abort();
        let mut replies = 0;
        for call in calls {
            match call.await.unwrap() {
                Ok(body) => replies += usize::from(body.len() == 256 << 10),
                Err(CallError::NotSent(_) | CallError::Unknown(_)) => {}
                Err(CallError::Refused(text)) => panic!("nobody refused: {text}"),
            }
        }
        let made = handler.0.load(Ordering::Relaxed);
        assert!(replies <= made, "{replies} replies of {made} made");
    }
}
