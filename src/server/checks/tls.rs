//! TLS 1.2 and 1.3 as a check speaks them: rustls over ring, on the Runtime's streams, clock and list of authorities.

mod fault;
mod verifier;

use self::fault::handshake_text;
use self::verifier::TakeAny;
use super::dial::{self, DialError};
use crate::model::{TlsProbe, Trust};
use crate::runtime::Runtime;
use rustls::client::Resumption;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What is spoken inside (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// Nothing that has a name here.
    Unnamed,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// The settings of clients, made when they are first used: reading the machine's authorities takes milliseconds.
#[derive(Debug, Default)]
pub struct TlsClients {
    made: tokio::sync::Mutex<Vec<(Trust, Inside, Arc<ClientConfig>)>>,
}

/// A connection in the clear or in TLS.
#[derive(Debug)]
pub enum Wire<S> {
    /// In the clear.
    Plain(S),
    /// In TLS.
    Tls(Box<TlsStream<S>>),
}

/// Why there is no connection in TLS.
#[derive(Debug)]
pub enum TlsError {
    /// There is no connection at all.
    Dial(DialError),
    /// The server's name can be in no certificate.
    Name(String),
    /// The handshake failed.
    Handshake(io::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Dial(cause) => cause.fmt(f),
            TlsError::Name(name) => write!(f, "tls: {name:?} is not a server's name"),
            TlsError::Handshake(cause) => f.write_str(&handshake_text(cause)),
        }
    }
}

impl std::error::Error for TlsError {}

impl From<DialError> for TlsError {
    fn from(cause: DialError) -> TlsError {
        TlsError::Dial(cause)
    }
}

/// Connects to `addr` and, if `tls` says so, agrees on TLS there.
pub async fn connect<R: Runtime>(
    addr: &str,
    tls: Option<&TlsProbe>,
    inside: Inside,
    clients: &TlsClients,
) -> Result<Wire<R::TcpStream>, TlsError> {
    let stream = dial::tcp::<R>(addr).await?;
    match tls {
        None => Ok(Wire::Plain(stream)),
        Some(tls) => secure::<R, _>(stream, addr, tls, inside, clients).await,
    }
}

/// Agrees on TLS on a connection to `addr`.
pub async fn secure<R: Runtime, S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    addr: &str,
    tls: &TlsProbe,
    inside: Inside,
    clients: &TlsClients,
) -> Result<Wire<S>, TlsError> {
    let host = if tls.server_name.is_empty() { dial::split(addr).map_or(addr, |(host, _)| host) } else { &tls.server_name };
    let host = if host.is_empty() { "localhost" } else { host };
    let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name(host.to_owned()))?;
    let connector = TlsConnector::from(clients.config::<R>(tls.trust, inside).await);
    let stream = connector.connect(name, stream).await.map_err(TlsError::Handshake)?;
    Ok(Wire::Tls(Box::new(stream)))
}

impl TlsClients {
    async fn config<R: Runtime>(&self, trust: Trust, inside: Inside) -> Arc<ClientConfig> {
        let mut made = self.made.lock().await;
        if let Some((_, _, config)) = made.iter().find(|one| (one.0, one.1) == (trust, inside)) {
            return config.clone();
        }
        let authorities = match trust {
            Trust::Verified => R::trusted_authorities().await,
            Trust::Any => Vec::new(),
        };
        let config = Arc::new(new_config::<R>(trust, inside, authorities));
        made.push((trust, inside, config.clone()));
        config
    }

    /// Trusts these authorities instead of the machine's.
    #[cfg(test)]
    pub async fn trust<R: Runtime>(&self, authorities: Vec<Vec<u8>>) {
        let mut made = self.made.lock().await;
        for inside in [Inside::Unnamed, Inside::Http1, Inside::Http2] {
            made.push((Trust::Verified, inside, Arc::new(new_config::<R>(Trust::Verified, inside, authorities.clone()))));
        }
    }
}

fn new_config<R: Runtime>(trust: Trust, inside: Inside, authorities: Vec<Vec<u8>>) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_details(provider.clone(), Arc::new(WallClock::<R>(PhantomData)));
    let builder = builder.with_safe_default_protocol_versions().expect("ring's suites cover both versions");
    let mut config = match trust {
        Trust::Verified => {
            match verifier::verified(provider, authorities) {
                Some(verifier) => builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth(),
                // There is no authority, and so nothing to be trusted.
                None => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
            }
        }
        Trust::Any => builder.dangerous().with_custom_certificate_verifier(Arc::new(TakeAny(provider))).with_no_client_auth(),
    };
    // A resumed session shows no certificate: a check would not see that it has expired.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = match inside {
        Inside::Unnamed => vec![],
        Inside::Http1 => vec![b"http/1.1".to_vec()],
        Inside::Http2 => vec![b"h2".to_vec()],
    };
    config
}

/// The node's wall clock, against which certificates are held.
struct WallClock<R>(PhantomData<fn() -> R>);

impl<R> fmt::Debug for WallClock<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

impl<R: Runtime> TimeProvider for WallClock<R> {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_nanos(R::wall().as_unix_nanos())))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Wire::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Wire::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::seconds;
    use super::super::tests::servers::{AUTHORITY, EXPIRED, SELF_SIGNED, SERVER, acceptor, found, unverified, verified};
    use crate::health::Verdict;
    use crate::model::{CheckStatus, Probe, TlsProbe};
    use crate::runtime::tokio::Tokio;
    use tokio::io::AsyncWriteExt;

    fn agreed(certificate: &'static [u8], tls: TlsProbe) -> Verdict {
        let acceptor = acceptor(certificate, &[]);
        let serve = move |stream| {
            let acceptor = acceptor.clone();
            async move { drop(acceptor.accept(stream).await) }
        };
        found(serve, |at| Probe::Tcp { addr: at.to_string(), tls: Some(tls) }, seconds(10))
    }

    #[test]
    fn a_certificate_of_a_trusted_authority_for_the_right_name_passes() {
        for name in ["", "web.test", "localhost", "127.0.0.1"] {
            assert_eq!(agreed(SERVER, verified(name)).output, "TCP connect SERVER: Success", "{name}");
        }
        assert_eq!(agreed(EXPIRED, unverified()).status, CheckStatus::Passing);
    }

    #[test]
    fn a_certificate_that_is_not_good_is_told_in_gos_words() {
        let said = |certificate, name| agreed(certificate, verified(name)).output;
        assert_eq!(said(EXPIRED, ""), "x509: certificate has expired or is not yet valid");
        let wrong = said(SERVER, "other.test");
        assert!(wrong.starts_with("x509: certificate is valid for ") && wrong.ends_with(", not other.test"), "{wrong}");
        let verdict = super::super::tests::servers::served(
            {
                let acceptor = acceptor(SERVER, &[]);
                move |stream| {
                    let acceptor = acceptor.clone();
                    async move { drop(acceptor.accept(stream).await) }
                }
            },
            async |at| {
                let probe = Probe::Tcp { addr: at.to_string(), tls: Some(verified("")) };
                let setting = super::super::ProbeSetting::default();
                super::super::run::<crate::runtime::tokio::Tokio>(&probe, seconds(10), 4096, &setting).await
            },
        );
        assert_eq!((verdict.status, verdict.output.as_str()), (CheckStatus::Critical, "x509: certificate signed by unknown authority"));
    }

    #[test]
    fn an_authority_that_shows_itself_is_taken_if_it_is_trusted_and_has_the_name() {
        for (trusted, name, said) in [
            (SELF_SIGNED, "", "TCP connect SERVER: Success"),
            (SELF_SIGNED, "localhost", "TCP connect SERVER: Success"),
            (SELF_SIGNED, "other.test", "x509: certificate is valid for localhost, 127.0.0.1, not other.test"),
            (AUTHORITY, "", "x509: the certificate is that of an authority, not of a server"),
        ] {
            let acceptor = acceptor(SELF_SIGNED, &[]);
            let serve = move |stream| {
                let acceptor = acceptor.clone();
                async move { drop(acceptor.accept(stream).await) }
            };
            let output = super::super::tests::servers::served(serve, async |at| {
                let setting = super::super::ProbeSetting::default();
                setting.tls.trust::<Tokio>(vec![trusted.to_vec()]).await;
                let probe = Probe::Tcp { addr: at.to_string(), tls: Some(verified(name)) };
                super::super::run::<Tokio>(&probe, seconds(10), 4096, &setting).await.output.replace(&at.to_string(), "SERVER")
            });
            assert_eq!(output, said, "{name}");
        }
    }

    #[test]
    fn what_does_not_speak_tls_is_critical() {
        let serve = |mut stream: tokio::net::TcpStream| async move { drop(stream.write_all(b"220 mail.test ESMTP\r\n").await) };
        let verdict = found(serve, |at| Probe::Tcp { addr: at.to_string(), tls: Some(unverified()) }, seconds(10));
        assert_eq!(verdict.output, "tls: first record does not look like a TLS handshake");
        let silent =
            found(|stream| async move { drop(stream) }, |at| Probe::Tcp { addr: at.to_string(), tls: Some(unverified()) }, seconds(10));
        assert_eq!(silent.status, CheckStatus::Critical);
    }
}
