//! Datagrams.

use crate::runtime::UdpSocket;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// How many of this machine's addresses get sockets of their own where all are asked for.
const MOST_ADDRESSES: usize = 64;

/// Up to `most` sockets at `addr`. Where that is every address of the machine, each that it has now gets as many of its own beside: the kernel hands a
/// datagram to the socket with the closest address, and sends the answer from there. From a socket at every address it would choose the source by the
/// way back, and an asker takes no answer from whom he did not ask. Addresses that come later are served by the sockets at every address.
pub(super) fn bind_shared(addr: SocketAddr, most: usize) -> io::Result<Vec<tokio::net::UdpSocket>> {
    // Whoever has the address without sharing it is met here; whoever shares it would go unnoticed below.
    drop(std::net::UdpSocket::bind(addr)?);
    let first = shared_socket(addr)?;
    let addr = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..most {
        sockets.push(shared_socket(addr)?);
    }
    if addr.ip().is_unspecified() {
        for ip in addresses(addr.ip()) {
            match (0..most).map(|_| shared_socket(SocketAddr::new(ip, addr.port()))).collect::<io::Result<Vec<_>>>() {
                Ok(own) => sockets.extend(own),
                Err(error) => tracing::debug!(%ip, %error, "no socket of its own: answers from here may bear another address"),
            }
        }
    }
    Ok(sockets)
}

/// The addresses of this machine that a socket at `all` hears, as far as they are said without an interface.
fn addresses(all: IpAddr) -> BTreeSet<IpAddr> {
    let ips = if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(|interface| interface.ip());
    let said = |ip: &IpAddr| match ip {
        IpAddr::V4(_) => true,
        IpAddr::V6(ip) => all.is_ipv6() && !ip.is_unicast_link_local(),
    };
    ips.filter(said).take(MOST_ADDRESSES).collect()
}

/// A socket that lets others have its address, among which the kernel spreads the senders (`SO_REUSEPORT` of Linux 3.9).
fn shared_socket(addr: SocketAddr) -> io::Result<tokio::net::UdpSocket> {
    let family = if addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, flags, None)?;
    rustix::net::sockopt::set_socket_reuseport(&socket, true)?;
    rustix::net::bind(&socket, &addr)?;
    tokio::net::UdpSocket::from_std(socket.into())
}

impl UdpSocket for tokio::net::UdpSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    async fn connect(&self, peer: SocketAddr) -> io::Result<()> {
        self.connect(peer).await
    }

    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        self.send_to(bytes, to).await.map(drop)
    }

    async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_from(buf).await
    }
}

#[cfg(test)]
mod tests {
    use super::{addresses, bind_shared};
    use crate::runtime::{Runtime, timeout, tokio::Tokio};
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::time::Duration;

    #[test]
    fn at_every_address_the_answer_comes_from_the_one_that_was_asked() {
        Tokio::block_on(async {
            let all = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            let sockets = bind_shared(SocketAddr::new(all, 0), 2).expect("binds");
            let port = sockets[0].local_addr().expect("bound").port();
            let addresses = addresses(all);
            assert!(addresses.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)));
            for socket in sockets {
                drop(Tokio::spawn(async move {
                    let mut buf = [0; 8];
                    while let Ok((length, from)) = socket.recv_from(&mut buf).await {
                        socket.send_to(&buf[..length], from).await.expect("sent");
                    }
                }));
            }
            for ip in addresses {
                // Hears only whom it asks, from an address to which another way leads back.
                let asker = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("binds");
                asker.connect((ip, port)).await.expect("this machine has it");
                asker.send(b"?").await.expect("sent");
                let heard = timeout::<Tokio, _>(Duration::from_secs(10), asker.recv(&mut [0; 8])).await;
                assert_eq!(heard.unwrap_or_else(|_| panic!("no answer from {ip}")).expect("received"), 1);
            }
        });
    }
}
