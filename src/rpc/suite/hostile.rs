//! Laws of connections with strangers, the broken and the malicious.

use super::{ECHO, Frame, GATED, Kind, LONG, Server, Wire, hello, met, pool, read_to_end, soon};
use crate::rpc::{CallError, Cause, Limits, Pool};
use crate::runtime::Runtime;
use bytes::Bytes;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// An agent of another datacenter hears why it is not wanted, and its call was not sent.
pub async fn another_datacenter_is_refused<R: Runtime>(host: IpAddr) {
    let server = Server::<R>::start(host, Limits::default()).await;
    let stranger = Pool::<R>::new(hello("dc2", "stranger"), Limits::default());
    let reply = soon::<R, _>("an answer", stranger.call(server.addr, ECHO, Bytes::new(), LONG)).await;
    let text = "node server is in datacenter \"dc1\", not \"dc2\"".to_owned();
    assert_eq!(reply, Err(CallError::NotSent(Cause::Hello(text))));
    assert_eq!(server.counters.tally().refused, 1);
    assert_eq!(server.handler.counts().begun, 0);
}

/// Bytes of another protocol are counted and end their connection; others do not notice.
pub async fn garbage_closes_its_connection_and_no_other<R: Runtime>(host: IpAddr) {
    let server = Server::<R>::start(host, Limits::default()).await;
    let pool = pool::<R>(Limits::default());
    assert!(pool.call(server.addr, ECHO, Bytes::new(), LONG).await.is_ok());
    let mut stream = R::tcp_connect(server.addr).await.expect("it listens");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: muster\r\n\r\n").await.expect("it listens");
    let mut rest = Vec::new();
    let _ = soon::<R, _>("the connection's end", stream.read_to_end(&mut rest)).await;
    assert_eq!(rest, b"", "a stranger is told nothing");
    assert_eq!(server.counters.tally().malformed, 1);
    assert!(pool.call(server.addr, ECHO, Bytes::new(), LONG).await.is_ok());
    assert_eq!(server.counters.tally().connected, 1);
}

/// A frame that claims more than the limit ends its connection before its bytes come.
pub async fn a_giant_frame_closes_its_connection<R: Runtime>(host: IpAddr) {
    let limits = Limits { frame: 1000, ..Limits::default() };
    let server = Server::<R>::start(host, limits).await;
    let mut wire = met::<R>(server.addr).await;
    let fits = Frame { kind: Kind::Request, method: ECHO, id: 1, patience: 9000, body: vec![1; 1000].into() };
    wire.send(&fits).await.expect("the server reads");
    assert_eq!(soon::<R, _>("a reply", wire.receive()).await.expect("a reply").body.len(), 1000);
    let _ = wire.send(&Frame { id: 2, body: vec![1; 1001].into(), ..fits }).await;
    soon::<R, _>("the connection's end", read_to_end(wire)).await;
    assert_eq!(server.counters.tally().malformed, 1);
    assert_eq!(server.handler.counts().begun, 1);
}

/// Two calls under one id cannot be told apart, so the second ends the connection.
pub async fn a_request_id_in_use_closes_its_connection<R: Runtime>(host: IpAddr) {
    let server = Server::<R>::start(host, Limits::default()).await;
    let mut wire = met::<R>(server.addr).await;
    let twice = Frame { kind: Kind::Request, method: GATED, id: 1, patience: 9000, body: Bytes::new() };
    wire.send(&twice).await.expect("the server reads");
    wire.send(&twice).await.expect("the server reads");
    soon::<R, _>("the connection's end", read_to_end(wire)).await;
    assert_eq!(server.counters.tally().malformed, 1);
    soon::<R, _>("the handler's end", server.handler.until(|c| c.running == 0)).await;
}

/// A connection without a hello is closed when the time for it is over.
pub async fn a_connection_that_says_nothing_is_closed<R: Runtime>(host: IpAddr) {
    let server = Server::<R>::start(host, Limits { handshake: Duration::from_millis(50), ..Limits::default() }).await;
    let stream = R::tcp_connect(server.addr).await.expect("it listens");
    soon::<R, _>("the connection's end", read_to_end(Wire::new(stream, 100))).await;
    assert_eq!(server.counters.tally().refused, 1);
}

/// One address has so many connections and no more, until one of them ends.
pub async fn connections_of_an_address_are_bounded<R: Runtime>(host: IpAddr) {
    let server = Server::<R>::start(host, Limits { connections_per_address: 2, ..Limits::default() }).await;
    let first = met::<R>(server.addr).await;
    let second = pool::<R>(Limits::default());
    assert!(second.call(server.addr, ECHO, Bytes::new(), LONG).await.is_ok());
    // One connection and no more: a pool may dial again when its first refusal comes before the call is queued.
    let one = R::tcp_connect(server.addr).await.expect("it listens");
    soon::<R, _>("the connection's end", read_to_end(Wire::new(one, 100))).await;
    assert_eq!(server.counters.tally().over_limit, 1);
    let third = pool::<R>(Limits::default());
    let reply = soon::<R, _>("an answer", third.call(server.addr, ECHO, Bytes::new(), LONG)).await;
    assert!(matches!(reply, Err(CallError::NotSent(_))), "{reply:?}");
    drop(first);
    let until_there_is_room = async { while third.call(server.addr, ECHO, Bytes::new(), LONG).await.is_err() {} };
    soon::<R, _>("a place", until_there_is_room).await;
}

/// A request's own patience ends it on the server even if its caller never says that it gave up.
pub async fn expired_work_is_dropped_without_being_told<R: Runtime>(host: IpAddr) {
    let server = Server::<R>::start(host, Limits { silence: Duration::from_millis(60), ..Limits::default() }).await;
    let mut wire = met::<R>(server.addr).await;
    wire.send(&Frame { kind: Kind::Request, method: GATED, id: 1, patience: 30, body: Bytes::new() }).await.expect("the server reads");
    soon::<R, _>("the call begun", server.handler.until(|c| c.begun == 1)).await;
    soon::<R, _>("the handler's end", server.handler.until(|c| c.running == 0)).await;
    assert_eq!(server.counters.tally().abandoned, 1);
    wire.send(&Frame { kind: Kind::Request, method: ECHO, id: 2, patience: 9000, body: Bytes::new() }).await.expect("the server reads");
    let reply = async {
        loop {
            let frame = wire.receive().await.expect("the connection is well");
            if frame.kind == Kind::Reply {
                return frame.id;
            }
        }
    };
    assert_eq!(soon::<R, _>("a reply", reply).await, 2);
}
