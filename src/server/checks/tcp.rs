//! A TCP connection that is accepted, and on which TLS is agreed if asked for.

use super::tls::{self, Inside};
use super::{Bounds, ProbeSetting, critical, passing};
use crate::health::Verdict;
use crate::model::TlsProbe;
use crate::runtime::{Runtime, timeout};

pub async fn run<R: Runtime>(addr: &str, tls: Option<&TlsProbe>, bounds: Bounds, setting: &ProbeSetting) -> Verdict {
    let connecting = tls::connect::<R>(addr, tls, Inside::Unnamed, &setting.tls);
    match timeout::<R, _>(bounds.timeout, connecting).await {
        Ok(Ok(_)) => passing(format!("TCP connect {addr}: Success")),
        Ok(Err(cause)) => critical(cause.to_string()),
        Err(_) => critical(format!("dial tcp {addr}: i/o timeout")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{limit, on_tokio, refusing, seconds};
    use crate::model::{CheckStatus, Probe};
    use std::time::Duration;

    fn tcp(addr: &str) -> Probe {
        Probe::Tcp { addr: addr.to_owned(), tls: None }
    }

    #[test]
    fn a_port_passes_while_somebody_listens_there() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        let addr = listener.local_addr().expect("bound").to_string();
        let verdict = on_tokio(&tcp(&addr), seconds(5), limit());
        assert_eq!((verdict.status, verdict.output), (CheckStatus::Passing, format!("TCP connect {addr}: Success")));
        let (_held, addr) = refusing(rustix::net::SocketType::STREAM);
        let verdict = on_tokio(&tcp(&addr.to_string()), seconds(5), limit());
        assert_eq!((verdict.status, verdict.output), (CheckStatus::Critical, format!("dial tcp {addr}: connect: connection refused")));
    }

    #[test]
    fn a_name_is_resolved_and_a_wrong_address_is_told_in_gos_words() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        let port = listener.local_addr().expect("bound").port();
        for host in ["localhost", ""] {
            assert_eq!(on_tokio(&tcp(&format!("{host}:{port}")), seconds(5), limit()).status, CheckStatus::Passing, "{host}");
        }
        for (addr, said) in [
            ("web", "dial tcp: address web: missing port in address"),
            ("127.0.0.1:none", "dial tcp: lookup tcp/none: unknown port"),
            ("no-such-host.invalid:80", "dial tcp: lookup no-such-host.invalid: no such host"),
        ] {
            assert_eq!(on_tokio(&tcp(addr), seconds(20), limit()).output, said);
        }
    }

    #[test]
    fn silence_is_given_up_at_the_timeout() {
        // A listener that accepts nothing, with a full queue: the next connection gets no answer.
        let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).expect("a socket");
        rustix::net::bind(&socket, &std::net::SocketAddr::from(([127, 0, 0, 1], 0))).expect("binds");
        rustix::net::listen(&socket, 0).expect("listens");
        let name = rustix::net::getsockname(&socket).expect("bound");
        let addr = std::net::SocketAddr::try_from(name).expect("an address");
        let _first = std::net::TcpStream::connect(addr).expect("fills the queue");
        let _second = std::net::TcpStream::connect_timeout(&addr, Duration::from_millis(100));
        let verdict = on_tokio(&tcp(&addr.to_string()), Duration::from_millis(200), limit());
        assert_eq!((verdict.status, verdict.output), (CheckStatus::Critical, format!("dial tcp {addr}: i/o timeout")));
    }
}
