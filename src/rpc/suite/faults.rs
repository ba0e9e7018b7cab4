//! Laws of calls to peers that die, fall silent or come back.

use super::{ECHO, Frame, GATED, Kind, LONG, Server, Wire, hello, pool, soon, spawn_call};
use crate::rpc::{CallError, Cause, Limits};
use crate::runtime::{Runtime, TcpListener, sleep};
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Where nobody listens nothing is sent.
pub async fn a_refused_dial_was_not_sent<R: Runtime>(host: IpAddr) {
    let nobody = SocketAddr::new(host, 1);
    let reply = soon::<R, _>("an answer", pool::<R>(Limits::default()).call(nobody, ECHO, Bytes::new(), LONG)).await;
    assert!(matches!(reply, Err(CallError::NotSent(Cause::Dial(_)))), "{reply:?}");
}

/// A peer that dies while it handles a call may or may not have done it.
pub async fn a_dead_peer_leaves_the_outcome_unknown<R: Runtime>(host: IpAddr) {
    let mut server = Server::<R>::start(host, Limits::default()).await;
    let pool = pool::<R>(Limits::default());
    let call = spawn_call(&pool, server.addr, GATED, b"", LONG);
    soon::<R, _>("the call begun", server.handler.until(|c| c.running == 1)).await;
    server.stop().await;
    let reply = soon::<R, _>("an answer", call).await.expect("it did not panic");
    assert!(matches!(reply, Err(CallError::Unknown(Cause::Lost(_) | Cause::Silent))), "{reply:?}");
    assert_eq!(pool.tally().lost, 1);
}

/// Accepts one connection, says hello and never anything else.
async fn mute<R: Runtime>(listener: R::TcpListener) {
    let (stream, _) = listener.accept().await.expect("somebody connects");
    let mut wire = Wire::new(stream, 1 << 20);
    wire.receive().await.expect("a hello comes");
    wire.send(&Frame::plain(Kind::Hello, 0, hello("dc1", "mute").encode())).await.expect("the caller is there");
    super::read_to_end(wire).await;
}

async fn start_mute<R: Runtime>(host: IpAddr) -> (SocketAddr, R::JoinHandle<()>) {
    let listener = R::tcp_listen(SocketAddr::new(host, 0)).await.expect("the host is ours");
    let addr = listener.local_addr().expect("it listens");
    (addr, R::spawn(mute::<R>(listener)))
}

/// A peer that owes a reply and says nothing at all is given up long before the caller's patience ends.
pub async fn a_silent_peer_is_dropped<R: Runtime>(host: IpAddr) {
    let (addr, ended) = start_mute::<R>(host).await;
    let pool = pool::<R>(Limits { silence: Duration::from_millis(100), ..Limits::default() });
    let reply = soon::<R, _>("an answer", pool.call(addr, ECHO, Bytes::new(), LONG * 9)).await;
    assert_eq!(reply, Err(CallError::Unknown(Cause::Silent)));
    soon::<R, _>("the connection's end", ended).await.expect("it did not panic");
}

/// Callers with little patience, one after the other, do not keep a dead connection alive.
pub async fn calls_given_up_do_not_hide_silence<R: Runtime>(host: IpAddr) {
    let (addr, ended) = start_mute::<R>(host).await;
    let pool = pool::<R>(Limits { silence: Duration::from_millis(200), ..Limits::default() });
    let impatient = async {
        loop {
            let reply = pool.call(addr, ECHO, Bytes::new(), Duration::from_millis(20)).await;
            assert!(matches!(reply, Err(CallError::NotSent(_) | CallError::Unknown(_))), "{reply:?}");
        }
    };
    tokio::select! {
        biased;
        end = soon::<R, _>("the connection's end", ended) => end.expect("it did not panic"),
        () = impatient => {}
    }
}

/// A peer that is long about a call says that it is there.
pub async fn a_busy_peer_is_not_a_silent_one<R: Runtime>(host: IpAddr) {
    let limits = Limits { silence: Duration::from_millis(300), ..Limits::default() };
    let server = Server::<R>::start(host, limits.clone()).await;
    let pool = pool::<R>(limits);
    let call = spawn_call(&pool, server.addr, GATED, b"late", LONG);
    soon::<R, _>("the call begun", server.handler.until(|c| c.running == 1)).await;
    // The law is about time passing, so time must pass.
    sleep::<R>(Duration::from_millis(900)).await;
    server.handler.open_gate();
    assert_eq!(soon::<R, _>("a reply", call).await.expect("it did not panic"), Ok(Bytes::from_static(b"late")));
    assert_eq!(pool.tally().connected, 1);
}

/// A listener that accepts and says nothing: the caller's patience and the dial's own end it, and nothing was sent.
pub async fn a_hello_that_does_not_come_is_not_waited_for<R: Runtime>(host: IpAddr) {
    let listener = R::tcp_listen(SocketAddr::new(host, 0)).await.expect("the host is ours");
    let addr = listener.local_addr().expect("it listens");
    let pool = pool::<R>(Limits { dial: Duration::from_millis(100), ..Limits::default() });
    let impatient = pool.call(addr, ECHO, Bytes::new(), Duration::from_millis(10));
    assert_eq!(soon::<R, _>("an answer", impatient).await, Err(CallError::NotSent(Cause::Patience)));
    let patient = pool.call(addr, ECHO, Bytes::new(), LONG * 9);
    assert_eq!(soon::<R, _>("an answer", patient).await, Err(CallError::NotSent(Cause::Dial("deadline elapsed".to_owned()))));
    assert_eq!(pool.tally().refused, 1);
}

/// After a peer's restart the next call opens a connection of its own accord.
pub async fn a_restarted_peer_is_reached_again<R: Runtime>(host: IpAddr) {
    let mut server = Server::<R>::start(host, Limits::default()).await;
    let pool = pool::<R>(Limits::default());
    assert!(pool.call(server.addr, ECHO, Bytes::new(), LONG).await.is_ok());
    server.stop().await;
    let again = Server::<R>::start_at(server.addr, Limits::default()).await;
    // The end of the old connection may be met by one call.
    let replies = async {
        while let Err(error) = pool.call(again.addr, ECHO, Bytes::new(), LONG).await {
            assert!(matches!(error, CallError::Unknown(_) | CallError::NotSent(_)), "{error:?}");
        }
    };
    soon::<R, _>("a reply", replies).await;
    assert_eq!(again.counters.tally().connected, 1);
}

/// Connections do not outlive the last clone of their pool, nor does the work they asked for.
pub async fn a_dropped_pool_ends_its_connections<R: Runtime>(host: IpAddr) {
    let server = Server::<R>::start(host, Limits::default()).await;
    let pool = pool::<R>(Limits::default());
    let call = spawn_call(&pool, server.addr, GATED, b"", LONG * 9);
    soon::<R, _>("the call begun", server.handler.until(|c| c.running == 1)).await;
    drop(pool);
    R::abort(&call);
    soon::<R, _>("the handler's end", server.handler.until(|c| c.running == 0)).await;
}
