//! Connecting to `host:port`, with the error texts of Go's `net`, which operators know from Consul.

use crate::runtime::{Runtime, sleep};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

/// How long one family of addresses is tried alone before the other joins (RFC 8305, section 5, with Go's delay).
const HEAD_START: Duration = Duration::from_millis(300);

/// Why there is no connection.
#[derive(Debug)]
pub struct DialError {
    network: &'static str,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    MissingPort(String),
    UnknownPort(String),
    UnknownHost(String),
    NotConnected { to: SocketAddr, cause: io::Error },
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let network = self.network;
        match &self.cause {
            Cause::MissingPort(addr) => write!(f, "dial {network}: address {addr}: missing port in address"),
            Cause::UnknownPort(port) => write!(f, "dial {network}: lookup {network}/{port}: unknown port"),
            Cause::UnknownHost(host) => write!(f, "dial {network}: lookup {host}: no such host"),
            Cause::NotConnected { to, cause } => write!(f, "dial {network} {to}: connect: {}", os_text(cause)),
        }
    }
}

impl std::error::Error for DialError {}

/// What the system says of an error, as Go prints it: `connection refused`. A stream that ends before its time is Go's `unexpected EOF`, in TLS (RFC 8446, section
/// 6.1: without a farewell) as in the clear.
pub fn os_text(cause: &io::Error) -> String {
    if cause.kind() == io::ErrorKind::UnexpectedEof {
        return "unexpected EOF".to_owned();
    }
    let mut text = cause.to_string();
    if let Some(end) = text.find(" (os error ") {
        text.truncate(end);
    }
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    text
}

/// Host and port of `addr`. The host may stand in brackets, which an IPv6 address needs.
pub fn split(addr: &str) -> Option<(&str, &str)> {
    let (host, port) = addr.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(host) => Some((host.strip_suffix(']')?, port)),
        None if host.contains(':') => None,
        None => Some((host, port)),
    }
}

/// A TCP connection to `addr`. It has no timeout of its own.
pub async fn tcp<R: Runtime>(addr: &str) -> Result<R::TcpStream, DialError> {
    let mut addrs = addresses::<R>("tcp", addr).await?;
    let Some(last) = addrs.pop() else {
        return Err(DialError { network: "tcp", cause: Cause::UnknownHost(addr.to_owned()) });
    };
    if addrs.is_empty() {
        return one::<R>(last).await;
    }
    addrs.push(last);
    race::<R>(addrs).await
}

/// The addresses that `addr` means, never none.
pub async fn addresses<R: Runtime>(network: &'static str, addr: &str) -> Result<Vec<SocketAddr>, DialError> {
    if let Ok(addr) = addr.parse::<SocketAddr>() {
        return Ok(vec![addr]);
    }
    let failed = |cause| DialError { network, cause };
    let (host, port) = split(addr).ok_or_else(|| failed(Cause::MissingPort(addr.to_owned())))?;
    let port: u16 = port.parse().map_err(|_| failed(Cause::UnknownPort(port.to_owned())))?;
    if host.is_empty() {
        return Ok(vec![(Ipv4Addr::LOCALHOST, port).into()]);
    }
    let found: Vec<IpAddr> = R::resolve(host).await.unwrap_or_default();
    if found.is_empty() {
        return Err(failed(Cause::UnknownHost(host.to_owned())));
    }
    Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}

async fn one<R: Runtime>(to: SocketAddr) -> Result<R::TcpStream, DialError> {
    R::tcp_connect(to).await.map_err(|cause| DialError { network: "tcp", cause: Cause::NotConnected { to, cause } })
}

/// The addresses in turn. The error is the first.
async fn in_turn<R: Runtime>(addrs: Vec<SocketAddr>) -> Result<R::TcpStream, DialError> {
    let mut first = None;
    for to in addrs {
        match one::<R>(to).await {
            Ok(stream) => return Ok(stream),
            Err(cause) => first = first.or(Some(cause)),
        }
    }
    Err(first.expect("there is an address"))
}

/// The family of the first address, and the other family from [`HEAD_START`] on or when the first has failed.
async fn race<R: Runtime>(addrs: Vec<SocketAddr>) -> Result<R::TcpStream, DialError> {
    let is_first_family = addrs[0].is_ipv6();
    let (first, second): (Vec<SocketAddr>, Vec<SocketAddr>) = addrs.into_iter().partition(|addr| addr.is_ipv6() == is_first_family);
    let mut leading = pin!(in_turn::<R>(first));
    if second.is_empty() {
        return leading.await;
    }
    let failed = tokio::select! {
        biased;
        done = &mut leading => match done {
            Ok(stream) => return Ok(stream),
            Err(cause) => Some(cause),
        },
        () = sleep::<R>(HEAD_START) => None,
    };
    let mut following = pin!(in_turn::<R>(second));
    if let Some(cause) = failed {
        return following.await.map_err(|_| cause);
    }
    tokio::select! {
        biased;
        done = &mut leading => match done {
            Ok(stream) => Ok(stream),
            Err(cause) => following.await.map_err(|_| cause),
        },
        done = &mut following => match done {
            Ok(stream) => Ok(stream),
            Err(_) => leading.await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{os_text, split};
    use std::io;

    #[test]
    fn a_host_may_stand_in_brackets() {
        assert_eq!(split("web:80"), Some(("web", "80")));
        assert_eq!(split("[::1]:80"), Some(("::1", "80")));
        assert_eq!(split(":80"), Some(("", "80")));
        assert_eq!((split("::1:80"), split("web"), split("[::1]")), (None, None, None));
    }

    #[test]
    fn errors_of_the_system_read_as_go_prints_them() {
        assert_eq!(os_text(&io::Error::from_raw_os_error(111)), "connection refused");
        assert_eq!(os_text(&io::ErrorKind::ConnectionRefused.into()), "connection refused");
    }
}
