//! Servers for tests: TLS with a certificate of the test authority, and connections that are told what to say.

use super::limit;
use crate::health::Verdict;
use crate::model::{Probe, TlsProbe, Trust};
use crate::runtime::{Runtime, tokio::Tokio};
use crate::server::checks::{ProbeSetting, run};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Vouches for `localhost`, `web.test` and 127.0.0.1.
pub const SERVER: &[u8] = include_bytes!("../../../../tests/tls/server.der");
/// As [`SERVER`], until 2021.
pub const EXPIRED: &[u8] = include_bytes!("../../../../tests/tls/expired.der");
/// Vouches for the two above.
pub const AUTHORITY: &[u8] = include_bytes!("../../../../tests/tls/authority.der");
/// An authority that signed itself: for `localhost` and 127.0.0.1.
pub const SELF_SIGNED: &[u8] = include_bytes!("../../../../tests/tls/self_signed.der");
/// The key of all but the authority.
pub const SERVER_KEY: &[u8] = include_bytes!("../../../../tests/tls/server.key.der");

/// Takes TLS connections with `certificate`.
pub fn acceptor(certificate: &'static [u8], inside: &[&[u8]]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let key = PrivatePkcs8KeyDer::from(SERVER_KEY).into();
    let mut config = builder.with_no_client_auth().with_single_cert(vec![CertificateDer::from(certificate)], key).expect("a certificate");
    config.alpn_protocols = inside.iter().map(|name| name.to_vec()).collect();
    Arc::new(config).into()
}

/// A check that takes what an authority of `setting` vouches for under `server_name`.
pub fn verified(server_name: &str) -> TlsProbe {
    TlsProbe { trust: Trust::Verified, server_name: server_name.to_owned() }
}

/// A check that takes any certificate.
pub fn unverified() -> TlsProbe {
    TlsProbe { trust: Trust::Any, server_name: String::new() }
}

/// A setting whose machine trusts the test authority alone.
pub async fn trusting() -> ProbeSetting {
    let setting = ProbeSetting::default();
    setting.tls.trust::<Tokio>(vec![AUTHORITY.to_vec()]).await;
    setting
}

/// Serves every connection with `serve`, as long as `client` goes on with the address.
pub fn served<S, C, T>(serve: impl Fn(TcpStream) -> S + Send + 'static, client: impl FnOnce(SocketAddr) -> C) -> T
where
    S: Future<Output = ()> + Send + 'static,
    C: Future<Output = T>,
{
    Tokio::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let at = listener.local_addr().expect("bound");
        let serving = Tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(Tokio::spawn(serve(stream)));
            }
        });
        let value = client(at).await;
        Tokio::abort(&serving);
        value
    })
}

/// What a check finds at a server, its address written as `SERVER`.
pub fn found<S>(serve: impl Fn(TcpStream) -> S + Send + 'static, probe: impl FnOnce(SocketAddr) -> Probe, timeout: Duration) -> Verdict
where
    S: Future<Output = ()> + Send + 'static,
{
    served(serve, async |at| {
        let verdict = run::<Tokio>(&probe(at), timeout, limit(), &trusting().await).await;
        Verdict { output: verdict.output.replace(&at.to_string(), "SERVER"), ..verdict }
    })
}
