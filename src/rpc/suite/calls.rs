//! Laws of calls between peers that are well.

use super::{ECHO, GATED, LONG, REFUSE, SWELL, Server, pool, soon, spawn_call};
use crate::rpc::{CallError, Cause, Limits};
use crate::runtime::Runtime;
use bytes::Bytes;
use futures_util::future::join_all;
use std::net::IpAddr;

/// Callers that come together share one dial and one connection, and each gets its own reply.
pub async fn many_calls_share_one_connection<R: Runtime>(host: IpAddr) {
    let server = Server::<R>::start(host, Limits::default()).await;
    let pool = pool::<R>(Limits::default());
    let calls = (0..300usize).map(|i| {
        let body = Bytes::from(vec![i as u8; i * 100]);
        let pool = pool.clone();
        async move { assert_eq!(pool.call(server.addr, ECHO, body.clone(), LONG).await, Ok(body)) }
    });
    soon::<R, _>("300 replies", join_all(calls)).await;
    assert_eq!(server.counters.tally().connected, 1);
    assert_eq!(server.counters.tally().requests, 300);
    assert_eq!(pool.tally().connected, 1);
}

/// A handler's refusal is told from every failure of the connection.
pub async fn refusals_reach_the_caller_as_text<R: Runtime>(host: IpAddr) {
    let server = Server::<R>::start(host, Limits::default()).await;
    let reply = pool::<R>(Limits::default()).call(server.addr, REFUSE, Bytes::from_static(b"not now"), LONG).await;
    assert_eq!(reply, Err(CallError::Refused("not now".to_owned())));
}

/// Requests and replies have a bound each, with an answer on either side of it.
pub async fn a_reply_beyond_the_limit_is_refused_in_its_stead<R: Runtime>(host: IpAddr) {
    let limits = Limits { frame: 2048, reply: 4096, ..Limits::default() };
    let server = Server::<R>::start(host, limits.clone()).await;
    let pool = pool::<R>(limits);
    let call = |method, length| pool.call(server.addr, method, Bytes::from(vec![7; length]), LONG);
    assert_eq!(call(ECHO, 2048).await, Ok(Bytes::from(vec![7; 2048])));
    assert_eq!(call(ECHO, 2049).await, Err(CallError::NotSent(Cause::TooLong { length: 2049, limit: 2048 })));
    assert_eq!(call(SWELL, 5).await, Err(CallError::Refused("the reply of 5120 bytes is longer than 4096".to_owned())));
    assert_eq!(call(SWELL, 4).await, Ok(Bytes::from(vec![0; 4096])));
}

/// A server handles no more of one connection than it said; the rest waits unread and is answered in its turn.
pub async fn handlers_in_flight_are_bounded<R: Runtime>(host: IpAddr) {
    let server = Server::<R>::start(host, Limits { in_flight: 3, ..Limits::default() }).await;
    let pool = pool::<R>(Limits::default());
    let calls: Vec<_> = (0..20).map(|_| spawn_call(&pool, server.addr, GATED, b"x", LONG)).collect();
    soon::<R, _>("three begun", server.handler.until(|c| c.running == 3)).await;
    // A cancel cannot be read either, so what follows has overtaken nothing.
    server.handler.open_gate();
    for call in calls {
        assert_eq!(soon::<R, _>("a reply", call).await.expect("it did not panic"), Ok(Bytes::from_static(b"x")));
    }
    assert_eq!(server.handler.counts().most_running, 3);
    assert_eq!(server.handler.counts().begun, 20);
}

/// Requests that may wait for minutes are bounded apart: they do not stop the reading of others, and one too many is turned away.
pub async fn a_wait_does_not_hold_back_other_calls<R: Runtime>(host: IpAddr) {
    let server = Server::<R>::start(host, Limits { in_flight: 1, waiting: 2, ..Limits::default() }).await;
    let pool = pool::<R>(Limits::default());
    let minutes = LONG * 60;
    let waits = [(); 2].map(|()| spawn_call(&pool, server.addr, GATED, b"w", minutes));
    soon::<R, _>("two waits", server.handler.until(|c| c.running == 2)).await;
    assert_eq!(pool.call(server.addr, GATED, Bytes::new(), minutes).await, Err(CallError::NotSent(Cause::Busy)));
    assert_eq!(pool.call(server.addr, ECHO, Bytes::from_static(b"e"), LONG).await, Ok(Bytes::from_static(b"e")));
    server.handler.open_gate();
    for wait in waits {
        assert_eq!(soon::<R, _>("a reply", wait).await.expect("it did not panic"), Ok(Bytes::from_static(b"w")));
    }
}

/// At the bound of calls under way the next one fails at once and safely.
pub async fn what_cannot_be_queued_was_not_sent<R: Runtime>(host: IpAddr) {
    let server = Server::<R>::start(host, Limits::default()).await;
    let pool = pool::<R>(Limits { calls: 1, ..Limits::default() });
    let held = spawn_call(&pool, server.addr, GATED, b"1", LONG);
    soon::<R, _>("the first begun", server.handler.until(|c| c.running == 1)).await;
    assert_eq!(pool.call(server.addr, ECHO, Bytes::new(), LONG).await, Err(CallError::NotSent(Cause::QueueFull)));
    server.handler.open_gate();
    assert!(soon::<R, _>("a reply", held).await.expect("it did not panic").is_ok());
    assert!(pool.call(server.addr, ECHO, Bytes::new(), LONG).await.is_ok());
}

/// Dropping a call's future stops its handler, and the connection goes on.
pub async fn work_nobody_waits_for_is_dropped<R: Runtime>(host: IpAddr) {
    let server = Server::<R>::start(host, Limits::default()).await;
    let pool = pool::<R>(Limits::default());
    {
        let mut call = std::pin::pin!(pool.call(server.addr, GATED, Bytes::new(), LONG));
        let mut begun = std::pin::pin!(soon::<R, _>("the call begun", server.handler.until(|c| c.running == 1)));
        tokio::select! {
            biased;
            () = &mut begun => {}
            reply = &mut call => panic!("the gate is shut: {reply:?}"),
        }
    }
    soon::<R, _>("the handler's end", server.handler.until(|c| c.running == 0)).await;
    assert!(pool.call(server.addr, ECHO, Bytes::new(), LONG).await.is_ok());
    assert_eq!(server.counters.tally().abandoned, 1);
    assert_eq!(server.counters.tally().connected, 1);
}
