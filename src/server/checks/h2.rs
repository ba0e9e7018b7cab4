//! HTTP/2 as far as a check speaks it: a PING (RFC 9113, section 6.7), or one gRPC call.

use super::tls::{self, Inside, TlsError, Wire};
use super::{Bounds, ProbeSetting, critical, passing};
use crate::health::Verdict;
use crate::model::TlsProbe;
use crate::runtime::{Runtime, timeout};
use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Ping, PingPong};
use std::fmt;
use std::future::Future;
use std::pin::pin;

/// Most bytes of headers that are taken in an answer.
const LONGEST_HEADERS: u32 = 16 * 1024;

/// What a peer may send before we have read it, in bytes.
const WINDOW: u32 = 64 * 1024;

/// A connection that speaks HTTP/2. It lives only while somebody waits in [`Spoken::during`].
pub struct Spoken<S> {
    /// Where requests are sent.
    pub requests: SendRequest<Bytes>,
    connection: Connection<Wire<S>, Bytes>,
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Spoken<S> {
    /// Begins HTTP/2 on a connection.
    pub async fn begin(wire: Wire<S>) -> Result<Spoken<S>, h2::Error> {
        let mut builder = Builder::new();
        builder.enable_push(false).max_header_list_size(LONGEST_HEADERS).initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
        let (requests, connection) = builder.handshake(wire).await?;
        Ok(Spoken { requests, connection })
    }

    fn pings(&mut self) -> PingPong {
        self.connection.ping_pong().expect("asked for once")
    }

    /// Drives the connection while `talk` goes on. `None` when the connection ends before `talk` does.
    pub async fn during<T>(self, talk: impl Future<Output = T>) -> Option<T> {
        let mut talk = pin!(talk);
        let ended = tokio::select! {
            biased;
            done = &mut talk => return Some(done),
            ended = self.connection => ended,
        };
        // What the connection's end means, `talk` knows best.
        drop(ended);
        tokio::select! {
            biased;
            done = &mut talk => Some(done),
            () = std::future::ready(()) => None,
        }
    }
}

/// Why a PING was not answered.
#[derive(Debug)]
enum PingError {
    Connect(TlsError),
    Begin(h2::Error),
    Ping(h2::Error),
    Ended,
}

/// Sends a PING and waits for its acknowledgement.
pub async fn run<R: Runtime>(addr: &str, tls: Option<&TlsProbe>, bounds: Bounds, setting: &ProbeSetting) -> Verdict {
    match timeout::<R, _>(bounds.timeout, ping::<R>(addr, tls, setting)).await {
        Ok(Ok(())) => passing("HTTP2 ping was successful"),
        Ok(Err(PingError::Connect(cause))) => critical(format!("Failed to dial to {addr}: {cause}")),
        Ok(Err(PingError::Begin(cause))) => critical(format!("Failed to create client connection {}", Told(&cause))),
        Ok(Err(PingError::Ping(cause))) => critical(format!("HTTP2 ping failed: {}", Told(&cause))),
        Ok(Err(PingError::Ended)) => critical("HTTP2 ping failed: EOF"),
        Err(_) => critical("HTTP2 ping failed: context deadline exceeded"),
    }
}

async fn ping<R: Runtime>(addr: &str, tls: Option<&TlsProbe>, setting: &ProbeSetting) -> Result<(), PingError> {
    let wire = tls::connect::<R>(addr, tls, Inside::Http2, &setting.tls).await.map_err(PingError::Connect)?;
    let mut spoken = Spoken::begin(wire).await.map_err(PingError::Begin)?;
    let mut pings = spoken.pings();
    match spoken.during(pings.ping(Ping::opaque())).await {
        Some(Ok(_)) => Ok(()),
        Some(Err(cause)) => Err(PingError::Ping(cause)),
        None => Err(PingError::Ended),
    }
}

/// An error of HTTP/2 as an output shows it.
pub struct Told<'a>(pub &'a h2::Error);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get_io() {
            Some(cause) => f.write_str(&super::dial::os_text(cause)),
            None => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::seconds;
    use super::super::tests::servers::{SERVER, acceptor, found, unverified, verified};
    use crate::model::{CheckStatus, Probe, TlsProbe};
    use std::net::SocketAddr;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn ping(tls: Option<TlsProbe>) -> impl FnOnce(SocketAddr) -> Probe {
        move |at| Probe::H2Ping { addr: at.to_string(), tls }
    }

    /// Answers whatever HTTP/2 asks for.
    async fn answer(stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
        let mut connection = h2::server::handshake(stream).await.expect("speaks HTTP/2");
        while connection.accept().await.is_some() {}
    }

    #[test]
    fn an_acknowledged_ping_passes_in_the_clear_and_in_tls() {
        let plain = found(answer, ping(None), seconds(10));
        assert_eq!((plain.status, plain.output.as_str()), (CheckStatus::Passing, "HTTP2 ping was successful"));
        for tls in [verified("localhost"), unverified()] {
            let acceptor = acceptor(SERVER, &[b"h2"]);
            let serve = move |stream| {
                let acceptor = acceptor.clone();
                async move { answer(acceptor.accept(stream).await.expect("agrees")).await }
            };
            assert_eq!(found(serve, ping(Some(tls)), seconds(10)).output, "HTTP2 ping was successful");
        }
    }

    #[test]
    fn no_acknowledgement_is_critical() {
        let garbage = |mut stream: tokio::net::TcpStream| async move { drop(stream.write_all(&[0x55; 64]).await) };
        let verdict = found(garbage, ping(None), seconds(10));
        assert_eq!(verdict.status, CheckStatus::Critical);
        assert!(verdict.output.starts_with("HTTP2 ping failed: "), "{}", verdict.output);
        let hangs_up = found(|stream| async move { drop(stream) }, ping(None), seconds(10));
        assert!(hangs_up.status == CheckStatus::Critical && hangs_up.output.starts_with("HTTP2 ping failed: "), "{}", hangs_up.output);
        let silence = |mut stream: tokio::net::TcpStream| async move { while stream.read(&mut [0; 512]).await.is_ok_and(|n| n > 0) {} };
        let verdict = found(silence, ping(None), Duration::from_millis(200));
        assert_eq!((verdict.status, verdict.output.as_str()), (CheckStatus::Critical, "HTTP2 ping failed: context deadline exceeded"));
        let refused = super::super::tests::on_tokio(&Probe::H2Ping { addr: "127.0.0.1:1".into(), tls: None }, seconds(5), 4096);
        assert_eq!(refused.output, "Failed to dial to 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused");
    }
}
