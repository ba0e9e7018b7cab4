//! A datagram: any reply passes, and so does silence, for most services do not answer what they do not understand. Only a host that says that
//! nobody listens there is critical.

use super::{Bounds, critical, dial, passing};
use crate::health::Verdict;
use crate::runtime::{Runtime, UdpSocket, timeout};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub async fn run<R: Runtime>(addr: &str, bounds: Bounds) -> Verdict {
    let success = || passing(format!("UDP connect {addr}: Success"));
    let asking = async {
        let to = dial::addresses::<R>("udp", addr).await.map_err(|cause| cause.to_string())?;
        ask::<R>(to[0]).await.map_err(|cause| format!("read udp {}: {}", to[0], dial::os_text(&cause)))
    };
    match timeout::<R, _>(bounds.timeout, asking).await {
        Ok(Ok(())) | Err(_) => success(),
        Ok(Err(cause)) => critical(cause),
    }
}

/// Sends an empty datagram and waits for any.
async fn ask<R: Runtime>(to: SocketAddr) -> io::Result<()> {
    let any = match to.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = R::udp_bind(SocketAddr::new(any, 0)).await?;
    socket.connect(to).await?;
    socket.send_to(&[], to).await?;
    socket.recv_from(&mut [0; 1]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{limit, on_tokio, seconds};
    use crate::model::{CheckStatus, Probe};
    use std::net::UdpSocket;
    use std::time::Duration;

    #[test]
    fn silence_passes_and_a_closed_port_does_not() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("binds");
        let addr = socket.local_addr().expect("bound").to_string();
        let probe = Probe::Udp { addr: addr.clone() };
        let verdict = on_tokio(&probe, Duration::from_millis(100), limit());
        assert_eq!((verdict.status, verdict.output), (CheckStatus::Passing, format!("UDP connect {addr}: Success")));
        // It hears one peer from here on, so to all others the port is closed, and nobody else gets it.
        socket.connect("127.0.0.1:1").expect("connects");
        let verdict = on_tokio(&probe, seconds(20), limit());
        assert_eq!((verdict.status, verdict.output), (CheckStatus::Critical, format!("read udp {addr}: connection refused")));
    }

    #[test]
    fn a_name_nobody_has_is_critical() {
        let verdict = on_tokio(&Probe::Udp { addr: "no-such-host.invalid:1".into() }, seconds(20), limit());
        assert_eq!(
            (verdict.status, verdict.output.as_str()),
            (CheckStatus::Critical, "dial udp: lookup no-such-host.invalid: no such host")
        );
    }
}
